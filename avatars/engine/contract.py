"""What every avatar engine promises, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import av

from avatars.engine.stages import Stages
from avatars.speech import Manner, MannerTrack, Speech, Word

Progress = Callable[[float, str], None]


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """The progress of a part, 0..1, as progress of the whole from `start` to `end`."""
    return lambda share, step: progress(start + (end - start) * share, step)


def unwatched(_fraction: float, _step: str) -> None:
    """The progress of work that nobody watches."""


@dataclass(frozen=True)
class ConsentEvidence:
    """The grant a model is made under; it is written into the model package.

    `modalities`: what the person agreed to have copied, for example ("face", "voice").
    """

    grant_id: str
    grant_digest: str
    modalities: tuple[str, ...]


@dataclass(frozen=True)
class Spoken:
    """What the person says in the footage, in order, in `language`; its sounds are timed by alignment.

    `words`, where somebody has timed them by hand, are used instead. `from_s`, `to_s`: the part of the footage in which
    exactly this is said; nothing is learnt from the rest.
    """

    text: str
    language: str
    words: tuple[Word, ...] = ()
    from_s: float = 0.0
    to_s: float = math.inf


@dataclass(frozen=True)
class AvatarCard:
    """What a model can do, measured on pictures it drew itself.

    `opening_r`: correlation of commanded and measured lip opening at `lag_frames` (positive: the picture is
    late). `closure_share`: share of p, b, m that close. `sharpness_ratio`: mouth of the model over that of
    the footage. `flicker_ratio`: the same for its unrest, where the person's own words are said again or, when nobody
    knows them, against the livelier of speech and idle footage.
    `silence_opening`: how far the lips are apart in a pause, in distances between the outer eye corners.
    `habits_learnt`: the person's own way of forming sounds is known. `opening_range`: widest opening used, in the same
    unit. `base_s`: seconds of footage the idle motion is made of. `reasons`: codes why it is not `usable`;
    `below_good`: what falls short of a good model. `refined`: what a network leaves of the difference between pasted
    mouths and the person's, in moments that it has not seen, as a share; None for a model without one.
    """

    engine: str
    version: str
    usable: bool
    reasons: tuple[str, ...]
    below_good: tuple[str, ...]
    opening_r: float
    lag_frames: int
    closure_share: float
    sharpness_ratio: float
    flicker_ratio: float
    silence_opening: float
    habits_learnt: bool
    opening_range: float
    base_s: float
    bank_frames: int
    footage_frames: int
    width: int
    height: int
    fps: int
    refined: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"reasons": list(self.reasons), "below_good": list(self.below_good)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back `to_json`. Raises TypeError for a missing or foreign field."""
        return cls(**(data | {name: tuple(data[name]) for name in ("reasons", "below_good")}))


class Performer(Protocol):
    """One double that speaks again and again without a jump between what it says: what a live room needs."""

    def perform(
        self, speech: Speech, progress: Progress = unwatched, manner: Manner | MannerTrack = Manner.NEUTRAL
    ) -> Iterator[av.VideoFrame]:
        """The next frames: as many as cover the sound, as `Engine.perform` gives them, pts counting on.

        `manner`: the expression of the face; `speak` takes the same for the voice.
        """
        ...


class Engine(Protocol):
    """From a consented clip to a model, from a model and speech to frames."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def build(
        self,
        clip: Path,
        consent: ConsentEvidence,
        out: Path,
        progress: Progress = unwatched,
        spoken: Spoken | None = None,
        stages: Stages = ...,
    ) -> AvatarCard:
        """Write one model file to `out`; with `spoken` the person's own way of forming sounds is learnt.

        With `stages` a build that was interrupted goes on after the last stage it finished. The same inputs give the
        same bytes, interrupted or not. Raises FootageUnsuitable, ModalityRefused, MediaError.
        """
        ...

    def perform(
        self,
        model: Path,
        speech: Speech,
        *,
        width: int,
        height: int,
        fps: int,
        progress: Progress = unwatched,
        manner: Manner | MannerTrack = Manner.NEUTRAL,
    ) -> Iterator[av.VideoFrame]:
        """Frames of the person speaking: yuv420p, BT.709 limited, pts counting frames from 0.

        The same model, speech and size give the same frames. Raises ModelDamaged, FramingImpossible.
        """
        ...

    def performer(self, model: Path, *, width: int, height: int, fps: int) -> Performer:
        """A double to speak many times. Raises ModelDamaged, FramingImpossible."""
        ...
