"""What every avatar engine promises, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import av

from avatars.engine.stages import Stages
from avatars.speech import Speech

Progress = Callable[[float, str], None]


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
class AvatarCard:
    """What a model can do, measured on pictures it drew itself.

    `opening_r`: correlation of commanded and measured lip opening at `lag_frames` (positive: the picture is
    late). `closure_share`: share of p, b, m that close. `sharpness_ratio`: mouth of the model over that of
    the footage. `flicker_ratio`: the same for its unrest, against the livelier of speech and idle footage.
    `opening_range`: widest opening used, in distances between the outer eye corners. `base_s`: seconds of
    footage the idle motion is made of. `reasons`: codes why it is not `usable`.
    """

    engine: str
    version: str
    usable: bool
    reasons: tuple[str, ...]
    opening_r: float
    lag_frames: int
    closure_share: float
    sharpness_ratio: float
    flicker_ratio: float
    opening_range: float
    base_s: float
    bank_frames: int
    footage_frames: int
    width: int
    height: int
    fps: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"reasons": list(self.reasons)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back `to_json`. Raises TypeError for a missing or foreign field."""
        return cls(**(data | {"reasons": tuple(data["reasons"])}))


class Performer(Protocol):
    """One double that speaks again and again without a jump between what it says: what a live room needs."""

    def perform(self, speech: Speech, progress: Progress = unwatched) -> Iterator[av.VideoFrame]:
        """The next frames: as many as cover the sound, as `Engine.perform` gives them, pts counting on."""
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
        stages: Stages = ...,
    ) -> AvatarCard:
        """Write one model file to `out`. Raises FootageUnsuitable, ModalityRefused, MediaError.

        With `stages` a build that was interrupted goes on after the last stage it finished. The same clip gives the
        same bytes, interrupted or not.
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
    ) -> Iterator[av.VideoFrame]:
        """Frames of the person speaking: yuv420p, BT.709 limited, pts counting frames from 0.

        The same model, speech and size give the same frames. Raises ModelDamaged, FramingImpossible.
        """
        ...

    def performer(self, model: Path, *, width: int, height: int, fps: int) -> Performer:
        """A double to speak many times. Raises ModelDamaged, FramingImpossible."""
        ...
