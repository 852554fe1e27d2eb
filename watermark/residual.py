"""From frames to what is left of them when the picture is taken away: scaling, host suppression, windows of
time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import zip_longest

import av
import cv2
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

DETAILED = 3
"""So many windows at the beginning keep all their frames at the fine scale too, for a short clip has no others."""

_EVERY = 1000  # more frames than a window has
_FRAME_GAP_S = 0.195  # five frames a second: neighbours of one group of pictures add cost, hardly evidence
_BESIDE_GAP_S = 0.095  # between a frame that is read and one beside it
_FLOOR = 1.0  # grey levels of residual below which a place counts as flat
_CLIP = 2.5


@dataclass(frozen=True)
class View:
    """A residual float32[h, w] at some scale, and in it the width and height in pixels of a tile that was embedded in a
    frame of this very size and only resized.
    """

    residual: Tensor
    tile: tuple[float, float]


class Level(Enum):
    """At which resolution a picture is looked at: a tile is read best where it measures 90 to 190 pixels."""

    FINE = 2.0
    REFERENCE = 1.0
    COARSE = 0.5


Suppression = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
"""From lumas [h, w] of some frames (at least one), and of more of the same second beside them, to float32[h, w]: the
sum of what of the frames is not their picture. `suppress_hosts`, or what does the same better.
"""


@dataclass(frozen=True, eq=False)
class Window:
    """Some frames of a stretch of time, and what they show beside their pictures.

    lumas: uint8[h, w] upright luma of each frame read, at the reference scale; beside: more frames of the same second,
    if it has any; fine: some at twice that scale, key frames first; tile: width and height in pixels of a tile that was
    embedded in this very frame size, at the reference scale.
    """

    from_s: float
    to_s: float
    lumas: tuple[Tensor, ...]
    beside: tuple[Tensor, ...]
    fine: tuple[Tensor, ...]
    tile: tuple[float, float]
    suppress: Suppression

    def view(self, level: Level = Level.REFERENCE) -> View:
        """The sum of the frames' residuals at a level; at the fine one, of those kept in detail. Made on demand."""
        # What is kept must not refer back to the window: in a circle its pictures would wait for the collector.
        if level not in self._views:
            self._views[level] = self._view(level)
        return self._views[level]

    def seen_with(self, suppress: Suppression, most: int) -> Window:
        """At most so many frames, spread over the window, with another suppression; the others are beside them."""
        in_turn = [luma for pair in zip_longest(self.lumas, self.beside) for luma in pair if luma is not None]
        step = -(-len(in_turn) // most)
        others = tuple(luma for place, luma in enumerate(in_turn) if place % step)
        return replace(self, suppress=suppress, lumas=tuple(in_turn[::step]), beside=others)

    def in_less_detail(self, most: int) -> Window:
        """The same with at most so many frames at the fine scale."""
        return self if len(self.fine) <= most else replace(self, fine=self.fine[:most])

    @functools.cached_property
    def _views(self) -> dict[Level, View]:
        return {}

    def _view(self, level: Level) -> View:
        if level is Level.FINE:
            ratio = self.fine[0].shape[0] / self.lumas[0].shape[0]
            return View(self.suppress(self.fine, ()), (self.tile[0] * ratio, self.tile[1] * ratio))
        if level is Level.REFERENCE:
            return View(self.suppress(self.lumas, self.beside), self.tile)
        halves = self.suppress([_halved(luma) for luma in self.lumas], [_halved(luma) for luma in self.beside])
        return View(halves, (self.tile[0] / 2, self.tile[1] / 2))


def _halved(luma: Tensor) -> Tensor:
    """float32[h/2, w/2]."""
    return F.avg_pool2d(luma.float()[None, None], 2)[0, 0]


def suppress_hosts(frames: Sequence[Tensor], _beside: Sequence[Tensor]) -> Tensor:
    """The sum of what `suppress_host` leaves of each frame; it needs no others."""
    first, *others = (suppress_host(luma.float()) for luma in frames)
    return sum(others, first)


def windows(
    frames: Iterable[av.VideoFrame],
    *,
    device: torch.device | str = "cpu",
    tile_at_reference: float,
    fine: bool = True,
) -> Iterator[Window]:
    """Windows of about `WINDOW_S` over the frames; few frames are read, memory does not grow.

    fine: whether to keep frames for the fine level, which takes a fifth of the time of a window.

    Raises `BadMedia` for frame sizes outside 64 .. 8192. Time comes from the frames, else 1/25 s a frame.
    """
    sampler = WindowSampler(device=device, tile_at_reference=tile_at_reference, fine=fine)
    for frame in frames:
        yield from sampler.feed(frame)
    yield from sampler.rest()


class WindowSampler:
    """Gathers frames, fed one by one, into windows; without those for the fine level if `fine` is False."""

    def __init__(self, *, device: torch.device | str = "cpu", tile_at_reference: float, fine: bool = True) -> None:
        self._device = torch.device(device)
        self._tile_at_reference = tile_at_reference
        self._scaler = VideoReformatter()  # one for all: to set up a scaler costs more than to scale
        self._clock, self._duration = -1 / 25, 1 / 25
        self._gatherer: _Gatherer | None = None
        self._begun = 0
        self._fine = fine

    def feed(self, frame: av.VideoFrame) -> list[Window]:
        """Takes the next frame; returns the window that it ends, if it does."""
        before = self._clock
        self._clock = frame.time if frame.time is not None else before + 1 / 25
        if 0 < self._clock - before < 1:
            self._duration = self._clock - before
        shape = (frame.width, frame.height, upright_turns(frame))
        ended: list[Window] = []
        gatherer = self._gatherer
        if gatherer is not None and (gatherer.shape != shape or not gatherer.takes(self._clock)):
            ended = [gatherer.window(self._clock if gatherer.shape == shape else before + self._duration)]
            gatherer = None
        if gatherer is None:
            most_fine = (_EVERY if self._begun < DETAILED else 1) if self._fine else 0
            self._begun += 1
            gatherer = _Gatherer(shape, self._clock, self._tile_at_reference, self._device, self._scaler, most_fine)
        gatherer.add(frame, self._clock)
        self._gatherer = gatherer
        return ended

    def rest(self) -> list[Window]:
        """The window that was begun last, if any."""
        if self._gatherer is None:
            return []
        ended = [self._gatherer.window(self._clock + self._duration)]
        self._gatherer = None
        return ended


class _Gatherer:
    def __init__(
        self,
        shape: tuple[int, int, int],
        from_s: float,
        tile_at_reference: float,
        device: torch.device,
        scaler: VideoReformatter,
        most_fine: int,
    ) -> None:
        self.shape = shape
        self._from_s = from_s
        self._last_read = self._last_key = -float("inf")
        self._tile_at_reference = tile_at_reference
        self._device = device
        self._scaler = scaler
        self._lumas: list[Tensor] = []
        self._beside: list[Tensor] = []
        self._most_fine = most_fine
        self._fine: dict[bool, list[Tensor]] = {True: [], False: []}
        self._tile = (0.0, 0.0)

    def takes(self, clock: float) -> bool:
        return self._from_s <= clock < self._from_s + WINDOW_S

    def add(self, frame: av.VideoFrame, clock: float) -> None:
        # A frame that an encoder coded by itself keeps most of the mark; what follows may only repeat it.
        last = self._last_key if frame.key_frame else self._last_read
        if clock - last < _FRAME_GAP_S:
            if self._wants_beside(clock):
                self._beside.append(self._seen(frame))
            return
        self._last_read = clock
        if frame.key_frame:
            self._last_key = clock
        self._lumas.append(self._seen(frame))
        if self._wants_fine(frame):
            self._fine[frame.key_frame].append(fine_luma(frame, self._scaler).to(self._device))

    def _seen(self, frame: av.VideoFrame) -> Tensor:
        luma, self._tile = reference_luma(frame, self._tile_at_reference, self._scaler)
        return luma.to(self._device, torch.uint8)

    def _wants_beside(self, clock: float) -> bool:
        """Where all frames are kept in detail, one between two that are read."""
        between = clock - self._last_read >= _BESIDE_GAP_S and len(self._beside) < len(self._lumas)
        return self._most_fine > 1 and between

    def _wants_fine(self, frame: av.VideoFrame) -> bool:
        if self._most_fine != 1:
            return self._most_fine > 1
        return not self._fine[True] and (frame.key_frame or not self._fine[False])

    def window(self, to_s: float) -> Window:
        kept = tuple((self._fine[True] + self._fine[False])[: self._most_fine])
        return Window(self._from_s, to_s, tuple(self._lumas), tuple(self._beside), kept, self._tile, suppress_hosts)


def reference_luma(
    frame: av.VideoFrame, tile_at_reference: float, scaler: VideoReformatter
) -> tuple[Tensor, tuple[float, float]]:
    """The upright luma float32[h, w] (0..255) with a short side of 360, and the tile's width and height in it."""
    if not readable_size(frame.width, frame.height):
        raise BadMedia("frame_size", f"Frames of {frame.width}x{frame.height} cannot be read for a mark.")
    short = min(frame.width, frame.height)
    scale = REFERENCE_SHORT_SIDE / short
    width, height = round(frame.width * scale), round(frame.height * scale)
    x_tile = tile_at_reference * short / REFERENCE_SHORT_SIDE * width / frame.width
    y_tile = tile_at_reference * short / REFERENCE_SHORT_SIDE * height / frame.height
    luma = _scaled_luma(frame, width, height, MAX_LONG_SIDE, scaler)
    return luma.float(), ((x_tile, y_tile) if upright_turns(frame) % 2 == 0 else (y_tile, x_tile))


def fine_luma(frame: av.VideoFrame, scaler: VideoReformatter) -> Tensor:
    """The upright luma uint8[h, w] with a short side of exactly twice the reference, enlarged if need be."""
    scale = REFERENCE_SHORT_SIDE / min(frame.width, frame.height)
    width, height = round(frame.width * scale), round(frame.height * scale)
    return _scaled_luma(frame, 2 * width, 2 * height, 2 * MAX_LONG_SIDE, scaler)


def _scaled_luma(frame: av.VideoFrame, width: int, height: int, longest: int, scaler: VideoReformatter) -> Tensor:
    how = "AREA" if width <= frame.width else "BICUBIC"
    grey = scaler.reformat(frame, width=width, height=height, format="gray", interpolation=how, threads=1)
    upright = np.rot90(luma_view(grey), upright_turns(frame))
    rows, columns = upright.shape
    top, left = max(0, (rows - longest) // 2), max(0, (columns - longest) // 2)
    return torch.from_numpy(np.ascontiguousarray(upright[top : top + longest, left : left + longest]))


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
    """float[1, 1, h, w], sides multiples of four: a local mean over about 20 pixels, by way of a quarter of the
    resolution.
    """
    return _smooth_on_cpu(plane) if plane.device.type == "cpu" else _smooth_anywhere(plane)


def _smooth_anywhere(plane: Tensor) -> Tensor:
    coarse = F.avg_pool2d(plane, 4)
    coarse = F.avg_pool2d(F.pad(coarse, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return F.interpolate(coarse, size=plane.shape[-2:], mode="bilinear", align_corners=False)


def _smooth_on_cpu(plane: Tensor) -> Tensor:
    """The same sums, five times as fast: pooling and stretching are not torch's strength there."""
    rows, columns = plane.shape[-2:]
    coarse = cv2.resize(plane[0, 0].numpy(), (columns // 4, rows // 4), interpolation=cv2.INTER_AREA)
    even = cv2.blur(coarse, (5, 5), borderType=cv2.BORDER_REPLICATE)
    stretched = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(np.asarray(stretched, np.float32))[None, None]
