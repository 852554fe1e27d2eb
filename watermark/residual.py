"""From frames to what is left of them when the picture is taken away: scaling, host suppression, windows of
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av
import numpy as np
import torch
import torch.nn.functional as F
from av.video.reformatter import VideoReformatter
from torch import Tensor

from watermark.errors import BadMedia
from watermark.frames import luma_view, readable_size, upright_turns
from watermark.lattice import REFERENCE_SHORT_SIDE
from watermark.neighbourhood import mean_of_nine

MAX_LONG_SIDE = 960
"""Longest side in pixels that is read at the reference scale; longer frames are cut around their centre."""

WINDOW_S = 1.0
"""Seconds that are averaged before anything else; much less than a time slot."""

_FRAME_GAP_S = 0.195  # five frames a second: neighbours of one group of pictures add cost, hardly evidence
_FLOOR = 1.0  # grey levels of residual below which a place counts as flat
_CLIP = 2.5


@dataclass(frozen=True)
class Window:
    """The mean residual of some frames: float32[h, w] at the reference scale, and the time they cover."""

    from_s: float
    to_s: float
    residual: Tensor
    tile: tuple[float, float]
    """Width and height in pixels of a tile that was embedded in this very frame size and only resized."""


def windows(
    frames: Iterable[av.VideoFrame], *, device: torch.device | str = "cpu", tile_at_reference: float
) -> Iterator[Window]:
    """Windows of about `WINDOW_S` over the frames; few frames are read, memory does not grow.

    Raises `BadMedia` for frame sizes outside 64 .. 8192. Time comes from the frames, else 1/25 s a frame.
    """
    gatherer: _Gatherer | None = None
    scaler = VideoReformatter()  # one for all: to set up a scaler costs more than to scale
    clock, duration = -1 / 25, 1 / 25
    for frame in frames:
        before = clock
        clock = frame.time if frame.time is not None else clock + 1 / 25
        if 0 < clock - before < 1:
            duration = clock - before
        shape = (frame.width, frame.height, upright_turns(frame))
        if gatherer is not None and (gatherer.shape != shape or not gatherer.takes(clock)):
            yield gatherer.window(clock if gatherer.shape == shape else before + duration)
            gatherer = None
        if gatherer is None:
            gatherer = _Gatherer(shape, clock, tile_at_reference, torch.device(device), scaler)
        gatherer.add(frame, clock)
    if gatherer is not None:
        yield gatherer.window(clock + duration)


class _Gatherer:
    def __init__(
        self,
        shape: tuple[int, int, int],
        from_s: float,
        tile_at_reference: float,
        device: torch.device,
        scaler: VideoReformatter,
    ) -> None:
        self.shape = shape
        self._from_s = from_s
        self._last_read = -float("inf")
        self._tile_at_reference = tile_at_reference
        self._device = device
        self._scaler = scaler
        self._sum: Tensor | None = None
        self._tile = (0.0, 0.0)

    def takes(self, clock: float) -> bool:
        return self._from_s <= clock < self._from_s + WINDOW_S

    def add(self, frame: av.VideoFrame, clock: float) -> None:
        if clock - self._last_read < _FRAME_GAP_S:
            return
        self._last_read = clock
        luma, self._tile = reference_luma(frame, self._tile_at_reference, self._scaler)
        residual = suppress_host(luma.to(self._device))
        self._sum = residual if self._sum is None else self._sum.add_(residual)

    def window(self, to_s: float) -> Window:
        assert self._sum is not None
        return Window(self._from_s, to_s, self._sum, self._tile)


def reference_luma(
    frame: av.VideoFrame, tile_at_reference: float, scaler: VideoReformatter
) -> tuple[Tensor, tuple[float, float]]:
    """The upright luma float32[h, w] (0..255) with a short side of 360, and the tile's width and height in
    it.
    """
    if not readable_size(frame.width, frame.height):
        raise BadMedia("frame_size", f"Frames of {frame.width}x{frame.height} cannot be read for a mark.")
    short = min(frame.width, frame.height)
    scale = REFERENCE_SHORT_SIDE / short
    width, height = round(frame.width * scale), round(frame.height * scale)
    grey = scaler.reformat(frame, width=width, height=height, format="gray", interpolation="AREA", threads=1)
    x_tile = tile_at_reference * short / REFERENCE_SHORT_SIDE * width / frame.width
    y_tile = tile_at_reference * short / REFERENCE_SHORT_SIDE * height / frame.height
    turns = upright_turns(frame)
    upright = np.rot90(luma_view(grey), turns)
    rows, columns = upright.shape
    top, left = max(0, (rows - MAX_LONG_SIDE) // 2), max(0, (columns - MAX_LONG_SIDE) // 2)
    cut = upright[top : top + MAX_LONG_SIDE, left : left + MAX_LONG_SIDE]
    luma = torch.from_numpy(np.ascontiguousarray(cut)).float()
    return luma, ((x_tile, y_tile) if turns % 2 == 0 else (y_tile, x_tile))


def suppress_host(luma: Tensor) -> Tensor:
    """What the picture does not explain, in units of its local spread: float[h, w] -> float[h, w] within
    +-2.5.

    The slow part is taken off and the rest divided by its local deviation: a Wiener weight for a mark whose
    strength follows the texture. It keeps an edge or a caption from outweighing the whole wall.
    """
    rows, columns = luma.shape
    padded = F.pad(luma[None, None], (0, -columns % 4, 0, -rows % 4), mode="replicate")
    detail = padded - _smooth(padded)
    detail = mean_of_nine(F.pad(detail, (1, 1, 1, 1), mode="replicate"))
    spread = _smooth(detail * detail).clamp_(min=0).sqrt_()
    return (detail / (spread + _FLOOR)).clamp_(-_CLIP, _CLIP)[0, 0, :rows, :columns]


def _smooth(plane: Tensor) -> Tensor:
    """A local mean over about 20 pixels, by way of a quarter of the resolution."""
    coarse = F.avg_pool2d(plane, 4)
    coarse = F.avg_pool2d(F.pad(coarse, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return F.interpolate(coarse, size=plane.shape[-2:], mode="bilinear", align_corners=False)
