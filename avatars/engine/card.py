"""The card: a model speaks a test sentence, and what it drew is measured like anybody's footage."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from avatars import faces
from avatars.ahead import ahead
from avatars.engine.base import BaseWindow
from avatars.engine.contract import AvatarCard, Engine
from avatars.engine.drive import commanded_lips
from avatars.engine.errors import FramingImpossible
from avatars.engine.footage import STORED_SIDE, Footage, mouth_patch
from avatars.engine.geometry import Complex, Reals, stable_points
from avatars.engine.package import load_model
from avatars.media import Encoding, constant_rate_frames, planes_of, rgb_of, write_mp4
from avatars.speech import INVENTORY, Phone, Speech, Voice, speak

# Many lips that meet (p, b, m), every vowel height, rounding and spreading.
TEST_TEXT = "Maybe Bob bought a warm apple pie before we moved. My mother paints a beautiful blue map."
TEST_LANGUAGE = "en"
_LAGS = range(-3, 4)
_SPOKEN = 0.25  # of the range: less is hardly speech
_CLOSED_SHARE, _CLOSED_FLOOR = 0.2, 0.015


@dataclass(frozen=True)
class Bar:
    """Least or most that a card may show."""

    opening_r: float
    lag: int
    closure: float
    sharpness: float
    flicker: float
    silence: float

    def shortcomings(self, card: AvatarCard) -> tuple[str, ...]:
        """Codes of what falls short."""
        checks = (
            ("opening_does_not_follow", card.opening_r < self.opening_r),
            ("mouth_late_or_early", abs(card.lag_frames) > self.lag),
            ("lips_do_not_close", card.closure_share < self.closure),
            ("mouth_blurred", card.sharpness_ratio < self.sharpness),
            ("mouth_flickers", card.flicker_ratio > self.flicker),
            ("silence_not_still", not card.silence_opening <= self.silence),
        )
        return tuple(code for code, failed in checks if failed)


FLOOR = Bar(opening_r=0.88, lag=1, closure=0.9, sharpness=0.7, flicker=1.4, silence=0.04)
"""Below this a model is not usable at all."""
GOOD = Bar(opening_r=0.95, lag=1, closure=0.93, sharpness=0.85, flicker=1.0, silence=0.02)
"""What a model of a recording made on purpose should show; the card names what does not."""

_SILENCE_S = 1.2
_OWN_WORDS_S = 8.0
_RATE = 16000
_DELIVERED = {False: (1280, 720), True: (720, 1280)}  # what takes are ordered in, by whether the footage is upright

DRAFT = AvatarCard(
    engine="",
    version="",
    usable=False,
    reasons=("not_measured",),
    below_good=(),
    opening_r=0.0,
    lag_frames=0,
    closure_share=0.0,
    sharpness_ratio=0.0,
    flicker_ratio=0.0,
    silence_opening=0.0,
    habits_learnt=False,
    opening_range=0.0,
    base_s=0.0,
    bank_frames=0,
    footage_frames=0,
    width=0,
    height=0,
    fps=0,
)


def judge(
    engine: Engine,
    model: Path,
    footage: Footage,
    window: BaseWindow,
    draft: AvatarCard,
    sounds: tuple[Phone, ...],
    progress: Callable[[float], None],
) -> AvatarCard:
    """Complete `draft` with the measured figures and the verdict.

    Lips are read from an encoded file of the size takes are delivered in; texture is compared at the footage's size,
    and where it is known when the person says what (`sounds`), in a stretch of their own words said again.
    """
    speech = _with_silence(speak(TEST_TEXT, TEST_LANGUAGE, Voice()))
    habits = load_model(model).habits
    commanded = commanded_lips(speech, footage.fps, habits).opening
    opening = _delivered_opening(engine, model, speech, footage, lambda share: progress(0.5 * share))
    start, texture = _own_words(sounds, footage.fps) if sounds else (None, speech)
    patches = _patches(engine, model, texture, footage, lambda share: progress(0.5 + 0.5 * share))
    moving = commanded_lips(texture, footage.fps, habits).opening > _SPOKEN
    r, lag = best_lag(commanded, opening)
    silent = opening[-round((_SILENCE_S - 0.3) * footage.fps) :]
    card = replace(
        draft,
        opening_r=round(r, 3),
        lag_frames=lag,
        closure_share=round(closure_share(speech, opening, footage.fps, draft.opening_range), 3),
        silence_opening=round(float(np.nanpercentile(silent, 90)), 4),
        habits_learnt=habits.learnt,
        sharpness_ratio=round(sharpness_ratio(patches, moving, footage, draft.opening_range), 3),
        flicker_ratio=round(
            flicker_ratio(patches, moving, footage, window, draft.opening_range)
            if start is None
            else flicker_beside(patches, start, footage, draft.opening_range),
            3,
        ),
    )
    reasons = FLOOR.shortcomings(card)
    return replace(card, usable=not reasons, reasons=reasons, below_good=GOOD.shortcomings(card))


def _with_silence(speech: Speech) -> Speech:
    """The speech, then a pause in which the mouth has to be still."""
    end = speech.duration_s
    samples = np.concatenate([speech.samples, np.zeros(round(_SILENCE_S * speech.rate), np.float32)])
    return replace(speech, samples=samples, phones=(*speech.phones, Phone("sil", end, end + _SILENCE_S)))


def _own_words(sounds: tuple[Phone, ...], fps: int) -> tuple[int, Speech]:
    """The stretch of the footage in which most is said: its first frame, and the same sounds as a speech."""
    spoken = np.zeros(max(1, math.ceil(sounds[-1].end_s * fps)))
    for phone in sounds:
        if phone.symbol != "sil":
            spoken[round(phone.start_s * fps) : round(phone.end_s * fps)] = 1
    length = min(len(spoken), round(_OWN_WORDS_S * fps))
    start = int(np.argmax(np.convolve(spoken, np.ones(length), mode="valid")))
    begin_s, end_s = start / fps, (start + length) / fps
    phones = tuple(
        replace(one, start_s=max(one.start_s, begin_s) - begin_s, end_s=min(one.end_s, end_s) - begin_s)
        for one in sounds
        if one.end_s > begin_s and one.start_s < end_s
    )
    silent = np.zeros(round(length / fps * _RATE), np.float32)  # the engine is driven by phones alone
    return start, Speech(silent, _RATE, phones, (), "", TEST_LANGUAGE)


def _delivered_opening(
    engine: Engine, model: Path, speech: Speech, footage: Footage, progress: Callable[[float], None]
) -> Reals:
    """Lip opening float64 [n] read from the encoded file of a performance, NaN where no face is found."""
    size = _DELIVERED[footage.height > footage.width]
    try:
        frames = _frames(engine, model, speech, size, footage.fps)
    except FramingImpossible:
        frames = _frames(engine, model, speech, (footage.width, footage.height), footage.fps)
    with tempfile.TemporaryDirectory(prefix=".card-", dir=model.parent) as folder:
        film = Path(folder) / "delivered.mp4"
        count = write_mp4(
            film, _told(ahead(frames), speech, footage.fps, progress), fps=footage.fps, encoding=Encoding()
        )
        return read_opening(film, footage.fps)[:count]


def read_opening(film: Path, fps: int) -> Reals:
    """Lip opening of every frame of a file, in eye distances; NaN where no face is found."""
    opening = []
    with faces.FaceReader(tracking=True) as reader:
        for picture in ahead(map(rgb_of, constant_rate_frames(film, fps=fps, max_side=STORED_SIDE))):
            found = reader.read(picture)
            opening.append(faces.lip_opening(found[0]) if found else np.nan)
    return np.asarray(opening)


def _patches(
    engine: Engine, model: Path, speech: Speech, footage: Footage, progress: Callable[[float], None]
) -> NDArray[np.uint8]:
    """Pictures of the mouth, uint8 [n, h, w], drawn at the footage's own size."""
    patches = []
    with faces.FaceReader(tracking=True) as reader:
        frames = ahead(_frames(engine, model, speech, (footage.width, footage.height), footage.fps))
        for frame in _told(frames, speech, footage.fps, progress):
            found = reader.read(rgb_of(frame))
            stable: Complex = stable_points(found[0]) if found else footage.stable[np.argmax(footage.seen)]
            patches.append(mouth_patch(planes_of(frame)[0], stable, footage.reference))
    return np.stack(patches)


def _frames(engine: Engine, model: Path, speech: Speech, size: tuple[int, int], fps: int) -> Iterator[av.VideoFrame]:
    return engine.perform(model, speech, width=size[0], height=size[1], fps=fps)


def _told(
    frames: Iterable[av.VideoFrame], speech: Speech, fps: int, progress: Callable[[float], None]
) -> Iterator[av.VideoFrame]:
    """The frames, and how many of them have passed; told by the caller's thread, as the engine may draw in another."""
    expected = max(1.0, speech.duration_s * fps)
    for number, frame in enumerate(frames, 1):
        yield frame
        progress(min(1.0, number / expected))


def sharpness_ratio(
    patches: NDArray[np.uint8], moving: NDArray[np.bool_], footage: Footage, opening_range: float
) -> float:
    """Detail of the drawn mouth while speaking over that of the footage while speaking."""
    return _detail(patches[moving]) / _detail(footage.patches[_talking(footage, opening_range)])


def flicker_beside(patches: NDArray[np.uint8], start: int, footage: Footage, opening_range: float) -> float:
    """Unrest of the drawn mouth over that of the footage from frame `start` on, where the same words are said.

    Only where the person's lips are apart, and the same frames on both sides: a mouth that moves more changes its
    picture more, so another sentence would compare sentences.
    """
    count = min(len(patches), len(footage.seen) - start)
    part = slice(start, start + count)
    talking, shot = _talking(footage, opening_range)[part], footage.shot[part]
    return _flicker(patches[:count], talking, shot) / _flicker(footage.patches[part], talking, shot)


def flicker_ratio(
    patches: NDArray[np.uint8],
    moving: NDArray[np.bool_],
    footage: Footage,
    window: BaseWindow,
    opening_range: float,
) -> float:
    """Unrest of the drawn mouth in a sentence of ours over the livelier of the footage's speech and idle parts.

    For footage whose words nobody knows; a sentence livelier than the person's own makes it larger.
    """
    number = np.arange(len(footage.seen))
    in_base = footage.seen & (number >= window.start) & (number < window.stop)
    real = max(_flicker(footage.patches, part, footage.shot) for part in (_talking(footage, opening_range), in_base))
    return _flicker(patches, moving, np.zeros(len(patches), np.int64)) / real


def _talking(footage: Footage, opening_range: float) -> NDArray[np.bool_]:
    return np.asarray(footage.seen & (footage.opening > _SPOKEN * opening_range))


def best_lag(commanded: Reals, measured: Reals) -> tuple[float, int]:
    """Highest correlation over lags of -3..3 frames and that lag; positive when the picture is late."""
    best = (-1.0, 0)
    for lag in _LAGS:
        there = np.roll(measured, -lag)
        inside = slice(max(0, -lag), len(measured) - max(0, lag))
        a, b = commanded[inside], there[inside]
        known = np.isfinite(b)
        if np.count_nonzero(known) < 10 or b[known].std() == 0 or a[known].std() == 0:
            continue
        best = max(best, (float(np.corrcoef(a[known], b[known])[0, 1]), lag))
    return best


def closure_share(speech: Speech, opening: Reals, fps: int, opening_range: float) -> float:
    """Share of the sounds made with closed lips in which a frame shows them closed; 1 when there are none."""
    limit = max(_CLOSED_FLOOR, _CLOSED_SHARE * opening_range)
    centres = (np.arange(len(opening)) + 0.5) / fps
    closed = []
    for phone in speech.phones:
        if INVENTORY[phone.symbol].mouth.closed:
            near = (centres > phone.start_s - 0.5 / fps) & (centres < phone.end_s + 0.5 / fps)
            closed.append(bool(np.nanmin(opening[near], initial=np.inf) <= limit))
    return float(np.mean(closed)) if closed else 1.0


def _detail(patches: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian over pictures of the mouth, after one pixel of smoothing against noise."""
    if len(patches) == 0:
        return 1e-6
    chosen = patches[:: max(1, len(patches) // 200)].astype(np.float32)
    return 1e-6 + float(
        np.mean([np.abs(cv2.Laplacian(cv2.GaussianBlur(one, (0, 0), 1.0), cv2.CV_32F)).mean() for one in chosen])
    )


def _flicker(patches: NDArray[np.uint8], chosen: NDArray[np.bool_], shot: NDArray[np.int64]) -> float:
    """Mean absolute second difference over time where three frames of one shot are all `chosen`."""
    three = chosen[:-2] & chosen[1:-1] & chosen[2:] & (shot[:-2] == shot[2:])
    at = np.flatnonzero(three)[:2000]
    if len(at) == 0:
        return 1e-6
    before, now, after = (patches[at + offset].astype(np.int16) for offset in range(3))
    return 1e-6 + float(np.abs(before - 2 * now + after).mean())
