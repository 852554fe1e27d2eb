"""Rules on the steps of a recorded minute: long enough, silent where silence is due, spoken where words are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avatars.capture.report import Finding, error
from avatars.capture.sound import SoundRecord, part, speech_seconds

_SETTLING_S = 0.5  # the button's own click, and the first breath
_SPOKEN_SHARE = 0.25  # of a step's least length: voiced sounds are about half of speech, pauses another part
_SILENCE_BROKEN_S = 0.6
_ROOM_S = 1.0


@dataclass(frozen=True)
class StepTime:
    """Where a step lies in the joined recording; `least_s`: how long it must be; `silent`: no speech is due."""

    key: str
    start_s: float
    end_s: float
    least_s: float
    silent: bool

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def check_minute(steps: Sequence[StepTime], sound: SoundRecord) -> list[Finding]:
    """One finding at most for each step."""
    floor = _room_noise(steps, sound)
    return [finding for step in steps if (finding := _check(step, sound, floor)) is not None]


def _room_noise(steps: Sequence[StepTime], sound: SoundRecord) -> float:
    """Level of the room, dB: the quiet tenth of the quietest silent step, so that words in one do not raise it."""
    silent = [part(sound, step.start_s + _SETTLING_S, step.end_s) for step in steps if step.silent]
    levels = [float(np.percentile(one.level_db, 10)) for one in silent if len(one.level_db) >= 100 * _ROOM_S]
    return min(levels, default=float(np.percentile(sound.level_db, 10)))


def _check(step: StepTime, sound: SoundRecord, floor_db: float) -> Finding | None:
    if step.seconds < step.least_s - 0.3:
        return error(
            "step_too_short",
            at_s=step.start_s,
            step=step.key,
            seconds=round(step.seconds, 1),
            limit=round(step.least_s),
        )
    start = step.start_s + _SETTLING_S
    spoken = speech_seconds(part(sound, start, step.end_s), floor_db)
    if step.silent:
        if spoken <= _SILENCE_BROKEN_S:
            return None
        return error("not_silent", at_s=_loudest_second(sound, start, step.end_s), step=step.key)
    wanted = _SPOKEN_SHARE * step.least_s
    if spoken >= wanted:
        return None
    return error(
        "step_without_speech",
        at_s=step.start_s,
        step=step.key,
        seconds=round(spoken, 1),
        limit=round(max(1.0, wanted)),
    )


def _loudest_second(sound: SoundRecord, start_s: float, end_s: float) -> float:
    levels = part(sound, start_s, end_s).level_db
    whole = levels[: len(levels) // 100 * 100].reshape(-1, 100)
    return start_s + float(np.argmax(whole.mean(axis=1))) if len(whole) else start_s
