"""Marking decoded frames in the format in which they will be encoded, at 8 bits and above."""

from __future__ import annotations

import av
import numpy as np

from watermark.embedding import Embedder
from watermark.frames import copy_as, deep_luma_view, depth, luma_view, upright_turns
from watermark.pattern import MarkPattern


class FrameMarker:
    """Marks frames one after the other; depth, chroma and transparency stay as `pixel_format` has them.

    pattern: the mark; pixel_format: planar YUV of 8 to 16 bits. A frame without a time follows its predecessor by
    1/25 s. Raises `BadMedia` for sizes that cannot be marked.
    """

    def __init__(self, pattern: MarkPattern, pixel_format: str) -> None:
        self._pattern = pattern
        self._format = pixel_format
        self._embedder: Embedder | None = None
        self._shape: tuple[int, int, int] | None = None
        self._clock = -1 / 25

    def mark(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A marked copy; the given frame stays as it was."""
        self._clock = frame.time if frame.time is not None else self._clock + 1 / 25
        embedder = self._embedder_for(frame)
        marked = copy_as(frame, self._format)
        bits = depth(marked.format)
        if bits == 8:
            embedder.embed(luma_view(marked), self._clock)
        else:
            self._mark_deep(marked, bits, embedder)
        return marked

    def _embedder_for(self, frame: av.VideoFrame) -> Embedder:
        shape = (frame.width, frame.height, upright_turns(frame))
        if self._embedder is None or self._shape != shape:
            self._shape = shape
            self._embedder = Embedder(self._pattern, frame.width, frame.height, quarter_turns=shape[2])
        return self._embedder

    def _mark_deep(self, frame: av.VideoFrame, bits: int, embedder: Embedder) -> None:
        """The change that the upper eight bits get is added to all bits, so that no fine gradation is lost."""
        luma = deep_luma_view(frame)
        before = (luma >> (bits - 8)).astype(np.uint8)
        after = before.copy()
        embedder.embed(after, self._clock)
        change = (after.astype(np.int32) - before) << (bits - 8)
        luma[:] = np.clip(luma + change, 0, (1 << bits) - 1).astype(np.uint16)
