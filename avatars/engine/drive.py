"""From timed speech to what is drawn at each frame: lips, mouths of the bank, idle motion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from avatars.engine.bank import pick_mouths
from avatars.engine.base import IdleWalk, Pace
from avatars.engine.expression import NO_FEELING, Feeling, felt, smile_of
from avatars.engine.geometry import MODES, Reals
from avatars.engine.habits import Habits
from avatars.engine.package import AvatarModel, BaseTrack
from avatars.speech import MannerTrack, Speech, mouth_track

_SILENCE_S = 0.16  # a pause shorter than this is part of the speech
_EASE_S = 0.08
_BREATH_S, _AFTER_S = 0.4, 0.2  # how long before and after a speech the lips that were learnt from are not at rest
_ARTICULATION = 0.92  # of the widest opening seen: people laugh wider than they speak
_FASTEST_PER_S = 11.0  # of the opening range; lips need about 90 ms from closed to wide
_DISSOLVE = (0.25, 0.5, 0.25)  # shares of the last, this and the next frame's mouths
_ALIKE = 0.3  # mouths further apart in opening than this are not mixed
_SETTLED, _PARTED = 0.04, 0.12  # own opening of a base frame, in shares of the range


@dataclass(frozen=True)
class Command:
    """One frame: `base` frame; `mouths` of the bank with their shares (sum 1); `opening` to draw, 0..1.2; `width`
    -1.6..1.6; `presence` 0 (the base as it is) .. 1 (the mouth is ours); `modes` of the shape, standard deviations;
    `feeling`: the expression laid over it.
    """

    base: int
    mouths: tuple[tuple[int, float], ...]
    opening: float
    width: float
    presence: float
    modes: tuple[float, ...] = (0.0,) * MODES
    feeling: Feeling = NO_FEELING


@dataclass(frozen=True)
class Lips:
    """What the mouth is told to do, per frame: `opening` 0..1, `width` -1..1, float64 [n]; `modes` [n, MODES]."""

    opening: Reals
    width: Reals
    modes: Reals


def commanded_lips(speech: Speech, fps: int, habits: Habits | None = None) -> Lips:
    """The lips at every frame that the sound covers, at a speed lips can follow, as this person would move them.

    Sounds with closed lips stay at zero; what lies around them gives way. Whose habits are known draws breath before a
    speech as they do; else every pause is closed.
    """
    habits = habits or Habits.none()
    count = max(1, math.ceil(speech.duration_s * fps - 1e-6))
    closed = mouth_track(speech.phones, fps, count).closed
    opening, width, modes = habits.lips(speech.phones, fps, count)
    if habits.learnt:
        closed &= ~_pausing(speech, fps, count)
    else:
        opening = _ARTICULATION * gaussian_filter1d(np.clip(opening, 0, 1), 0.024 * fps, mode="nearest")
        width = gaussian_filter1d(width, 0.04 * fps, mode="nearest")
    opening = np.where(closed, 0.0, np.clip(opening, 0, 1) * _speaking(speech, fps, count, habits.learnt))
    return Lips(_at_a_speed(opening, fps), np.clip(width, -1, 1), modes)


def _at_a_speed(opening: Reals, fps: int) -> Reals:
    """Take away what lips could not reach in time, before and after each closure."""
    count, opening = len(opening), opening.copy()
    step = _FASTEST_PER_S / fps
    for now in range(1, count):
        opening[now] = min(opening[now], opening[now - 1] + step)
    for now in range(count - 2, -1, -1):
        opening[now] = min(opening[now], opening[now + 1] + step)
    return opening


class Choreography:
    """Plans one speech after another; the idle motion goes on between them without a jump."""

    def __init__(self, model: AvatarModel, fps: int, seed: int) -> None:
        """Same model, rate and seed, same motion."""
        self._model, self._fps = model, fps
        self._own_opening = _own_opening(model)
        self._smile = smile_of(model.shape)
        self._pace = Pace(IdleWalk(len(model.base.points), _motion(model.base), seed), model.base.fps, fps)

    def plan(self, speech: Speech, manner: MannerTrack) -> list[Command]:
        """What to draw at each frame of a speech: as many frames as cover its sound."""
        lips = commanded_lips(speech, self._fps, self._model.habits)
        count = len(lips.opening)
        faces = manner.faces(self._fps, count)
        opening = np.minimum(lips.opening * faces[:, 3], 1.0)
        shown = self._pace.take(count)
        speaking = _speaking(speech, self._fps, count, self._model.habits.learnt)
        presence = np.maximum(speaking, self._own_opening[shown])
        drawn = [
            self._model.response.to_draw(float(one), float(wide)) for one, wide in zip(opening, lips.width, strict=True)
        ]
        # the mouth for what is drawn, as it was when the response was measured
        mouths = pick_mouths(self._model.bank, *(np.array(part) for part in zip(*drawn, strict=True)))
        return [
            Command(
                base=int(shown[now]),
                mouths=_mixed(self._model, mouths, now),
                opening=drawn[now][0],
                width=drawn[now][1],
                presence=float(presence[now]),
                modes=tuple(map(float, lips.modes[now])),
                feeling=felt(faces[now], self._smile, self._model.shape),
            )
            for now in range(count)
        ]


def _mixed(model: AvatarModel, mouths: NDArray[np.int64], now: int) -> tuple[tuple[int, float], ...]:
    """The mouth of a frame with some of its neighbours', so that a change takes three frames; the frame's own first.

    Mouths that open very differently are not mixed: lips would show through teeth.
    """
    own = int(mouths[now])
    shares = {own: _DISSOLVE[1]}
    for offset in (-1, 1):
        other = int(mouths[min(max(now + offset, 0), len(mouths) - 1)])
        apart = abs(float(model.bank.opening[own] - model.bank.opening[other]))
        taken = other if apart <= _ALIKE else own
        shares[taken] = shares.get(taken, 0.0) + _DISSOLVE[1 + offset]
    return tuple(shares.items())


def _speaking(speech: Speech, fps: int, count: int, learnt: bool) -> Reals:
    """1 while speaking, easing to 0 in pauses, where the person's own closed mouth shows; float64 [count].

    Where habits are `learnt`, the breath before a speech and the closing after it are part of it.
    """
    before_s, after_s = (_BREATH_S, _AFTER_S) if learnt else (_EASE_S, _EASE_S)
    speaking = np.zeros(count)
    for phone in speech.phones:
        if phone.symbol != "sil" or phone.end_s - phone.start_s < _SILENCE_S:
            speaking[max(0, int((phone.start_s - before_s) * fps)) : math.ceil((phone.end_s + after_s) * fps)] = 1
    eased = gaussian_filter1d(speaking, _EASE_S * fps, mode="nearest")
    return np.where(speaking > 0, 1.0, np.where(eased < 0.02, 0.0, eased))


def _pausing(speech: Speech, fps: int, count: int) -> NDArray[np.bool_]:
    """Frames whose middle lies in a pause, bool [count]."""
    centres = (np.arange(count) + 0.5) / fps
    pausing = np.zeros(count, np.bool_)
    for phone in speech.phones:
        if phone.symbol == "sil":
            pausing |= (centres >= phone.start_s) & (centres < phone.end_s)
    return pausing


def _own_opening(model: AvatarModel) -> Reals:
    """How much of each base frame's own mouth must be covered because it is not closed: 0..1."""
    opening = model.faces.opening / model.shape.opening_max
    return np.asarray(np.clip((opening - _SETTLED) / (_PARTED - _SETTLED), 0, 1))


def _motion(base: BaseTrack) -> NDArray[np.float64]:
    """Speed of the head at each base frame, pixels per frame."""
    steps = np.abs(np.diff(base.stable.mean(axis=1)))
    return np.concatenate([steps[:1], steps]) if len(steps) else np.zeros(1)
