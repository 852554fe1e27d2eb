"""Sound on air with its mark. Marking holds a little sound back, so pictures wait until theirs is complete."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from streaming.packager.spec import StreamSpec
from watermark.sound import SoundEmbedder, SoundPattern

Samples = NDArray[np.float32]


class SoundMarker:
    """Keeps pictures and marked sound in step."""

    def __init__(self, spec: StreamSpec, pattern: SoundPattern) -> None:
        self._spec = spec
        self._step = spec.sample_rate // spec.fps
        self._embedder = SoundEmbedder(pattern, spec.sample_rate, spec.channels)
        self._pictures: deque[tuple[VideoFrame, int]] = deque()
        self._marked: Samples = np.zeros((spec.channels, 0), np.float32)

    @property
    def waiting(self) -> int:
        """Frame intervals of pictures that wait for their sound."""
        return sum(frames for _picture, frames in self._pictures)

    def change(self, pattern: SoundPattern) -> None:
        """What is taken from now on carries another mark."""
        self._keep(self._embedder.flush())
        self._embedder = SoundEmbedder(pattern, self._spec.sample_rate, self._spec.channels)

    def take(self, picture: VideoFrame, sound: Samples) -> Iterator[tuple[VideoFrame, Samples]]:
        """Give one picture with its sound [channels, n], n for a whole number of frames; get those that are complete,
        in order.
        """
        self._pictures.append((picture, sound.shape[1] // self._step))
        self._keep(self._embedder.process(sound))
        while self._pictures and self._marked.shape[1] >= (length := self._pictures[0][1] * self._step):
            yield self._pictures.popleft()[0], self._marked[:, :length]
            self._marked = self._marked[:, length:]

    def _keep(self, samples: Samples) -> None:
        self._marked = np.concatenate([self._marked, samples], axis=1)
