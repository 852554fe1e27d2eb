"""What performing is for every engine of ours, whoever draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av

from avatars.engine.contract import Performer, Progress, unwatched
from avatars.speech import Manner, MannerTrack, Speech


class Performs(ABC):
    """An engine whose `perform` is its performer's first speech."""

    @abstractmethod
    def performer(self, model: Path, *, width: int, height: int, fps: int) -> Performer:
        """See `contract.Engine.performer`."""

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
        """See `contract.Engine.perform`. Memory does not grow with the length of the speech's picture."""
        return self.performer(model, width=width, height=height, fps=fps).perform(speech, progress, manner)


class Numbering:
    """Counts the frames of one double through everything it says."""

    def __init__(self, fps: int) -> None:
        self._fps, self._count = fps, 0

    def __call__(self, frames: Iterable[av.VideoFrame], expected: int, progress: Progress) -> Iterator[av.VideoFrame]:
        """The frames of one speech, `expected` in number, with their pts; each is told to `progress`."""
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
            self._count += 1
            progress(number / expected, "Performing")
            yield frame
