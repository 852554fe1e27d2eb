"""An engine that is not ours, behind the `Engine` protocol: it gets pictures, sound and times, and gives pictures.

The person's model stays here: the engine sees frames of this one performance and nothing else. What it returns is
checked (count, size, one face, lips in time with the sound) and then takes the same road as any other frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from avatars import faces
from avatars.engine.card import best_lag
from avatars.engine.contract import AvatarCard, ConsentEvidence, Progress, Spoken, unwatched
from avatars.engine.drive import commanded_lips
from avatars.engine.errors import OutsideEngineFailed
from avatars.engine.lines import Line
from avatars.engine.performing import Numbering, Performs
from avatars.engine.stages import NoStages, Stages
from avatars.engine.warp_engine import Drawing, WarpEngine, WarpPerformer
from avatars.engine.wire import PROTOCOL, job_messages
from avatars.media import frame_of, rgb_of
from avatars.speech import Manner, MannerTrack, Speech

JOB_FRAMES = 50
_CONTEXT_S = 0.5  # sound before and after the frames of a job, for engines that look around
_SOUND_RATE = 16000
_MEASURED_S = 12.0  # of speech in which lips are compared with the sound
_LATEST, _LEAST_R = 1, 0.3
_FACES_EVERY = 12


@dataclass(frozen=True)
class OutsideEngine(Performs):
    """`gets`: "idle", the person's idle footage, or "performed", the built-in engine's performance to be refined.

    Performing raises OutsideEngineFailed, at the latest after the last frame.
    """

    name: str
    version: str
    line: Line
    gets: str = "idle"
    seed: int = 7

    def build(
        self,
        clip: Path,
        consent: ConsentEvidence,
        out: Path,
        progress: Progress = unwatched,
        spoken: Spoken | None = None,
        stages: Stages = NoStages(),  # noqa: B008 (it holds no state)
    ) -> AvatarCard:
        """The built-in engine keeps the footage; what the card measures is what the outside engine drew."""
        builder = WarpEngine(seed=self.seed, name=self.name, version=self.version, drawn_by=self)
        return builder.build(clip, consent, out, progress, spoken, stages)

    def performer(self, model: Path, *, width: int, height: int, fps: int) -> OutsidePerformer:
        """See `contract.Engine.performer`."""
        inner = WarpEngine(seed=self.seed).performer(model, width=width, height=height, fps=fps)
        return OutsidePerformer(self, inner, fps)


class OutsidePerformer:
    """See `contract.Performer`."""

    def __init__(self, engine: OutsideEngine, inner: WarpPerformer, fps: int) -> None:
        self._engine, self._inner, self._fps = engine, inner, fps
        self._numbered = Numbering(fps)

    def perform(
        self, speech: Speech, progress: Progress = unwatched, manner: Manner | MannerTrack = Manner.NEUTRAL
    ) -> Iterator[av.VideoFrame]:
        drawings = self._inner.drawings(speech, MannerTrack.of(manner))
        check = _Check(speech, self._fps, len(drawings))
        try:
            yield from self._numbered(check.passing(self._frames(speech, drawings)), len(drawings), progress)
        finally:
            check.close()
            self._engine.line.close()

    def _frames(self, speech: Speech, drawings: list[Drawing]) -> Iterator[av.VideoFrame]:
        starts = range(0, len(drawings), JOB_FRAMES)
        return chain.from_iterable(self._job(speech, first, drawings[first : first + JOB_FRAMES]) for first in starts)

    def _job(self, speech: Speech, first: int, drawings: list[Drawing]) -> Iterator[av.VideoFrame]:
        pictures = (one.performed() if self._engine.gets == "performed" else one.idle() for one in drawings)
        width, height = drawings[0].size
        header = _header(speech, first, drawings, self._fps, self._engine.gets)
        sound = _sound(speech, first / self._fps - _CONTEXT_S, (first + len(drawings)) / self._fps + _CONTEXT_S)
        messages = job_messages(header, sound, (_raw(planes) for planes in pictures))
        for payload in self._engine.line.ask(messages, width * height * 3 // 2, len(drawings)):
            yield _picture(payload, width, height)


class _Check:
    """What came back: one face, and lips in time with the sound."""

    def __init__(self, speech: Speech, fps: int, frames: int) -> None:
        self._commanded = commanded_lips(speech, fps).opening
        self._spoken = bool((self._commanded > 0.3).sum() >= fps)
        self._until = min(frames, round(_MEASURED_S * fps))
        self._opening: list[float] = []
        self._all = faces.FaceReader(most=2)
        self._one = faces.FaceReader(tracking=True)

    def passing(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames, each looked at before it goes on. Raises OutsideEngineFailed."""
        for number, frame in enumerate(frames):
            self._look(number, frame)
            yield frame

    def _look(self, number: int, frame: av.VideoFrame) -> None:
        """Raises OutsideEngineFailed: outside_face_count."""
        if number % _FACES_EVERY == 0 and (count := len(self._all.read(rgb_of(frame)))) != 1:
            raise OutsideEngineFailed.of("outside_face_count", f"{count} in frame {number}")
        if self._spoken and number < self._until:
            found = self._one.read(rgb_of(frame))
            self._opening.append(faces.lip_opening(found[0]) if found else np.nan)
            if number + 1 == self._until:
                self._judge()

    def close(self) -> None:
        """Give the readers' threads back."""
        for reader in (self._all, self._one):
            reader.__exit__(None, None, None)

    def _judge(self) -> None:
        r, lag = best_lag(self._commanded[: self._until], np.asarray(self._opening))
        if r < _LEAST_R:
            raise OutsideEngineFailed.of("outside_lips_unrelated", f"correlation {r:.2f}")
        if abs(lag) > _LATEST:
            raise OutsideEngineFailed.of("outside_lips_late", f"{lag:+d} frames")


def _header(speech: Speech, first: int, drawings: list[Drawing], fps: int, gets: str) -> dict[str, Any]:
    """What a job is about; times are seconds from the beginning of the speech."""
    until = (first + len(drawings)) / fps + _CONTEXT_S
    since = first / fps - _CONTEXT_S
    return {
        "protocol": PROTOCOL,
        "frames": len(drawings),
        "first": first,
        "fps": fps,
        "width": drawings[0].size[0],
        "height": drawings[0].size[1],
        "pixels": "yuv420p bt709 limited",
        "pictures": gets,
        "language": speech.language,
        "sound": {"rate": _SOUND_RATE, "start_s": round(max(0.0, since), 6)},
        "phones": [
            [phone.symbol, round(phone.start_s, 4), round(phone.end_s, 4)]
            for phone in speech.phones
            if phone.end_s > since and phone.start_s < until
        ],
        "mouths": [[round(side, 1) for side in one.mouth_box()] for one in drawings],
    }


def _sound(speech: Speech, start_s: float, end_s: float) -> bytes:
    part = speech.samples[max(0, round(start_s * speech.rate)) : max(0, round(end_s * speech.rate))]
    at_rate = resample_poly(part, _SOUND_RATE, speech.rate) if len(part) else part
    return bytes(np.round(np.clip(at_rate, -1, 1) * 32767).astype("<i2").tobytes())


def _raw(planes: tuple[NDArray[np.uint8], ...]) -> bytes:
    return b"".join(plane.tobytes() for plane in planes)


def _picture(payload: bytes, width: int, height: int) -> av.VideoFrame:
    y, chroma = width * height, width * height // 4
    flat = np.frombuffer(payload, np.uint8)
    parts = flat[:y], flat[y : y + chroma], flat[y + chroma :]
    shapes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
    return frame_of(tuple(part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)))  # type: ignore[arg-type]
