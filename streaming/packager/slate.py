"""The picture that stands in when the host may not or cannot be shown.

A slate is a short loop of pictures and sound that were made beforehand. It takes the same road as a performance:
each picture it hands out is a copy that may be labelled and marked in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import av
import numpy as np
from numpy.typing import NDArray

from avatars.media import frame_of, planes_of
from streaming.clock import MediaClock
from streaming.packager.errors import MediaRefused

LONGEST_S = 30
"""A loop is held in memory: 30 s of 720p25 are one GB, so pictures should be few and sound may be longer."""


class SlateSource:
    """Loops pictures and sound independently of each other, for as long as it is asked.

    Raises:
        MediaRefused: slate_invalid, when there is no picture, more than `LONGEST_S` of them, or no sound.
    """

    def __init__(
        self, pictures: Iterable[av.VideoFrame], sound: NDArray[np.float32], *, fps: int, rate: int
    ) -> None:
        """`pictures`: yuv420p frames at `fps`. `sound`: float32 [n] or [channels, n] in -1..1 at `rate` Hz."""
        planes = [planes_of(picture) for picture in islice(pictures, LONGEST_S * fps + 1)]
        if not 0 < len(planes) <= LONGEST_S * fps:
            raise MediaRefused("slate_invalid", f"A slate needs between one picture and {LONGEST_S} s of them.")
        self._planes = planes
        self._sound = np.atleast_2d(np.asarray(sound, np.float32))
        if self._sound.shape[1] == 0:
            raise MediaRefused("slate_invalid", "A slate needs sound; a moment of silence is sound too.")
        self._clock = MediaClock(fps, rate)

    def take(self, frames: int = 1) -> tuple[av.VideoFrame, NDArray[np.float32]]:
        """The next picture, to be shown for `frames` frame intervals, and its sound [channels, n]."""
        slot = self._clock.advance(frames)
        y, u, v = self._planes[slot.first % len(self._planes)]
        places = np.arange(slot.sample, slot.sample + slot.samples) % self._sound.shape[1]
        return frame_of((y, u, v)), self._sound[:, places]

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, NDArray[np.float32]]]:
        """`take()` without end."""
        while True:
            yield self.take()
