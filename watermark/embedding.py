"""Adding a mark to frames: a keyless step that needs only a `MarkPattern`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.errors import BadMedia
from watermark.frames import MAX_SIDE, MIN_SIDE, eight_bit_copy, luma_view, readable_size, upright_turns
from watermark.lattice import REFERENCE_SHORT_SIDE, TILE_AT_REFERENCE, amplitudes, block_share, frequencies
from watermark.mask import SIMILARITY_BLOCK, SIMILARITY_ROWS, strength_map, uniform_strength
from watermark.pattern import MarkPattern

FADE_S = 0.48
"""Seconds over which one position of the tile gives way to the next, so that the change is not seen as a
flash.
"""

_MASK_ROWS = 180
_GRID = 8  # mask pixels per point of the strength map
_BANDS = 4  # rows of one strength between two points; from one to the next it changes by less than the eye sees
_PLANE_ONE, _STRENGTH_ONE = 32, 64  # fixed point; their product with 2.4 grey steps at 6 sigma fits 16 bits
_PLANE_MAX = 6 * _PLANE_ONE
_WEIGHT_BITS = 6
_WEIGHT_ONE = 1 << _WEIGHT_BITS
_SHIFT = (_PLANE_ONE * _STRENGTH_ONE).bit_length() - 1


class _Plane(NamedTuple):
    """The tile of one slot over a frame: int16[rows, width] in 1/32, and its mean square in each mask block."""

    pattern: Tensor
    power: Tensor


class Embedder:
    """Marks frames of one size.

    pattern: the mark; width, height: of the stored frame in pixels, 64 .. 8192; quarter_turns: how often the
    stored frame must be turned counter-clockwise by 90 degrees to stand upright (from the rotation metadata);
    the tile stands upright on the screen. mask: follow the texture of each frame; without it every pixel is
    marked alike, at a third of the cost. Raises `BadMedia` for another size. CPU or CUDA by `device`.
    """

    def __init__(
        self,
        pattern: MarkPattern,
        width: int,
        height: int,
        *,
        quarter_turns: int = 0,
        mask: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        if not readable_size(width, height):
            raise BadMedia(
                "frame_size",
                f"Frames of {width}x{height} cannot be marked; sides go from {MIN_SIDE} to {MAX_SIDE} pixels.",
            )
        self.width, self.height = width, height
        self._pattern = pattern
        self._turns = quarter_turns % 4
        self._device = torch.device(device)
        self._step = max(1, round(min(width, height) / _MASK_ROWS))
        self._band = self._step * _GRID // _BANDS
        self._share = _share_in_squares(min(width, height))
        even = round(uniform_strength(self._share) * _STRENGTH_ONE)
        self._even = None if mask else torch.full((1, 1, width), even, dtype=torch.int16, device=self._device)
        # Added before the shift it rounds to nearest.
        self._half = torch.tensor(1 << (_SHIFT - 1), dtype=torch.int16, device=self._device)
        self._across, self._down = (_ramp(n, self._device) for n in (self._step * _GRID, _BANDS))
        self._planes: dict[int, _Plane] = {}
        # Kept from frame to frame: fresh pages for every frame would cost as much as the arithmetic.
        self._scratch = [torch.empty(0, dtype=torch.int16, device=self._device) for _ in range(2)]

    def embed(self, luma: npt.NDArray[np.uint8], t_s: float) -> None:
        """Adds the mark to uint8[height, width] luma in place; `t_s` is the frame's time in seconds, any
        sign.
        """
        if luma.shape != (self.height, self.width):
            raise BadMedia("frame_size", "The frame changed its size; make an embedder for the new size.")
        plane = torch.from_numpy(luma)[None]
        plane.copy_(self._sum(plane.to(self._device), *self._place(t_s)))

    def embed_tensor(self, luma: Tensor, times: Sequence[float]) -> Tensor:
        """The marked copy of uint8[n, height, width] luma on the embedder's device; `times` in seconds, one a frame.

        Frames that share a place of the tile are marked in one go.
        """
        marked = torch.empty_like(luma)
        start = 0
        for place, group in itertools.groupby(self._place(t) for t in times):
            end = start + len(list(group))
            marked[start:end] = self._sum(luma[start:end], *place)
            start = end
        return marked

    @torch.inference_mode()
    def _sum(self, luma: Tensor, slot: int, weight: int) -> Tensor:
        """int16[n, height, width]: the frames with their mark, within 0 .. 255; overwritten by the next call."""
        plane = self._blend(slot, weight)
        strength = self._strength(luma, plane.power) if self._even is None else self._even
        lines = plane.pattern.reshape(-1, self._band, self.width).expand(len(luma), -1, -1, -1)
        change = self._scratch[0].resize_(lines.shape)
        torch.addcmul(self._half, lines, strength, out=change).bitwise_right_shift_(_SHIFT)
        # 16 bits hold every sum; clamping instead of wrapping keeps black black.
        total = self._scratch[1].resize_(luma.shape).copy_(luma)
        return total.add_(change.reshape(len(luma), -1, self.width)[:, : self.height]).clamp_(0, 255)

    def _strength(self, luma: Tensor, power: Tensor) -> Tensor:
        """int16[n, bands, 1, width] in 1/64: the strength map between its points."""
        coarse = strength_map(luma[:, :: self._step, :: self._step].float(), power, self._share)
        coarse.mul_(_STRENGTH_ONE).add_(0.5)  # the conversion to whole numbers cuts off
        padded = F.pad(coarse[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
        # Columns first, while there are few rows; the last axis stays contiguous where most of the work is.
        wide = _stretched(padded.transpose(1, 2).contiguous(), self._across, self.width)
        bands = -(-self.height // self._band)
        tall = _stretched(wide.transpose(1, 2).contiguous(), self._down, bands)
        return tall.to(torch.int16)[:, :, None]

    def _place(self, t_s: float) -> tuple[int, int]:
        """The slot that is left at a time, and its weight in 1/64: below 64 while it gives way to the next."""
        slot_s = self._pattern.slot_s
        slot = math.floor(t_s / slot_s)
        left = (slot + 1) * slot_s - t_s
        return slot, min(_WEIGHT_ONE, math.ceil(_WEIGHT_ONE * left / min(FADE_S, slot_s / 2)))

    def _blend(self, slot: int, weight: int) -> _Plane:
        plane = self._plane(slot)
        if weight == _WEIGHT_ONE:
            return plane
        after, rest = self._plane(slot + 1), _WEIGHT_ONE - weight
        pattern = (plane.pattern * weight).add_(after.pattern * rest)
        # The square of a mean is at most the mean of the squares, so the budgets hold.
        power = (plane.power * weight + after.power * rest) / _WEIGHT_ONE
        return _Plane(pattern.bitwise_right_shift_(_WEIGHT_BITS), power)

    def _plane(self, slot: int) -> _Plane:
        """The tile of a slot over the frame; the last two are kept."""
        index = slot % len(self._pattern.hops)
        if index not in self._planes:
            if len(self._planes) > 1:
                self._planes.pop(next(iter(self._planes)))
            upright = (self.height, self.width) if self._turns % 2 == 0 else (self.width, self.height)
            plane = torch.rot90(tile_plane(self._pattern, index, *upright), -self._turns).to(self._device)
            square = plane.square()[None, None]
            power = F.avg_pool2d(square, self._step * _GRID, ceil_mode=True, count_include_pad=False)[0, 0]
            fixed = (plane * _PLANE_ONE).round_().clamp_(-_PLANE_MAX, _PLANE_MAX).to(torch.int16)
            self._planes[index] = _Plane(F.pad(fixed, (0, 0, 0, -self.height % self._band)), power)
        return self._planes[index]


def _ramp(spacing: int, device: torch.device) -> Tensor:
    """float[1, 1, spacing, 1]: from 0 up to 1, which it does not reach."""
    return torch.arange(spacing, device=device, dtype=torch.float32)[None, None, :, None] / spacing


def _stretched(points: Tensor, ramp: Tensor, length: int) -> Tensor:
    """float[n, length, m]: linear interpolation of float[n, k, m] along k; the first point lies half a spacing out."""
    low, step = points[:, :-1, None], (points[:, 1:] - points[:, :-1])[:, :, None]
    fine = torch.addcmul(low, step, ramp).reshape(len(points), -1, points.shape[2])
    return fine[:, ramp.shape[2] // 2 :][:, :length]


def _share_in_squares(short_side: int) -> float:
    """The share of the mark's energy that the measure of structural similarity sees."""
    rows = max(short_side, SIMILARITY_ROWS)
    return block_share(_tile_side(rows, rows), SIMILARITY_BLOCK)


def _tile_side(height: int, width: int) -> float:
    """Side of the tile in pixels."""
    return TILE_AT_REFERENCE * min(height, width) / REFERENCE_SHORT_SIDE


def tile_plane(pattern: MarkPattern, slot: int, height: int, width: int) -> Tensor:
    """float32[height, width] of RMS about 1: the sum of all carriers as they stand in a slot."""
    tile = _tile_side(height, width)
    lattice = frequencies()
    x_shift, y_shift = pattern.hops[slot].astype(np.float64) / 64
    turns = pattern.phases / 65536 + lattice[:, 0] * x_shift + lattice[:, 1] * y_shift
    strength = amplitudes() * math.sqrt(2 / len(lattice))
    reach = int(np.abs(lattice).max())
    spectrum = np.zeros((reach + 1, 2 * reach + 1), dtype=np.complex64)
    spectrum[lattice[:, 1], lattice[:, 0] + reach] = strength * np.exp(2j * np.pi * turns)
    x = np.outer(np.arange(-reach, reach + 1), (np.arange(width) + 0.5) / tile)
    y = np.outer((np.arange(height) + 0.5) / tile, np.arange(reach + 1))
    across = spectrum @ np.exp(2j * np.pi * x).astype(np.complex64)
    down = np.exp(2j * np.pi * y).astype(np.complex64)
    # Only the real part of the product is wanted: two real products instead of four.
    plane = down.real @ across.real - down.imag @ across.imag
    return torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))


def embed_frames(
    frames: Iterable[av.VideoFrame], pattern: MarkPattern, *, device: torch.device | str = "cpu"
) -> Iterator[av.VideoFrame]:
    """Marked copies of `frames` as 8-bit yuv420p (or yuvj420p if they came so); chroma, pts, time base and
    colour tags are kept and the given frames stay as they were. A frame without a time follows its
    predecessor by 1/25 s.

    The size may change between frames. Raises `BadMedia` for a size that cannot be marked.
    """
    embedder: Embedder | None = None
    shape: tuple[int, int, int] | None = None
    clock = -1 / 25
    for frame in frames:
        clock = frame.time if frame.time is not None else clock + 1 / 25
        turns = upright_turns(frame)
        if embedder is None or shape != (frame.width, frame.height, turns):
            shape = (frame.width, frame.height, turns)
            embedder = Embedder(pattern, frame.width, frame.height, quarter_turns=turns, device=device)
        marked = eight_bit_copy(frame)
        embedder.embed(luma_view(marked), clock)
        yield marked
