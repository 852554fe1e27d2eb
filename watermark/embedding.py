"""Adding a mark to frames: a keyless step that needs only a `MarkPattern`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.errors import BadMedia
from watermark.frames import MAX_SIDE, MIN_SIDE, eight_bit_copy, luma_view, readable_size, upright_turns
from watermark.lattice import REFERENCE_SHORT_SIDE, TILE_AT_REFERENCE, amplitudes, block_share, frequencies
from watermark.mask import SIMILARITY_BLOCK, SIMILARITY_ROWS, Blocks, strength_map, uniform_strength
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
_HALF = 1 << (_SHIFT - 1)  # added before the shift it rounds to nearest
_STRIP_PIXELS = 1 << 18  # worked on at a time, so that what is between two steps stays in the processor's cache
_SIGN = np.uint8(0x80)

Luma = npt.NDArray[np.uint8]
Strength = npt.NDArray[np.int16]


class _Plane(NamedTuple):
    """The tile of one slot over a frame: int16[bands, rows, width] in 1/32, and float32[h, w], its mean square in
    each mask block.
    """

    pattern: npt.NDArray[np.int16]
    power: Blocks


class Embedder:
    """Marks frames of one size.

    pattern: the mark; width, height: of the stored frame in pixels, 64 .. 8192; quarter_turns: how often the
    stored frame must be turned counter-clockwise by 90 degrees to stand upright (from the rotation metadata);
    the tile stands upright on the screen. mask: follow the texture of each frame; without it every pixel is
    marked alike, at a quarter of the cost. Raises `BadMedia` for another size.
    """

    def __init__(
        self,
        pattern: MarkPattern,
        width: int,
        height: int,
        *,
        quarter_turns: int = 0,
        mask: bool = True,
    ) -> None:
        if not readable_size(width, height):
            raise BadMedia(
                "frame_size",
                f"Frames of {width}x{height} cannot be marked; sides go from {MIN_SIDE} to {MAX_SIDE} pixels.",
            )
        self.width, self.height = width, height
        self._pattern = pattern
        self._turns = quarter_turns % 4
        self._step = max(1, round(min(width, height) / _MASK_ROWS))
        self._band = self._step * _GRID // _BANDS
        self._share = _share_in_squares(min(width, height))
        even = round(uniform_strength(self._share) * _STRENGTH_ONE)
        self._even = None if mask else np.full((-(-height // self._band), 1, width), even, np.int16)
        self._planes: dict[int, _Plane] = {}
        # Kept from frame to frame: fresh pages for every frame would cost as much as the arithmetic.
        bands = max(1, _STRIP_PIXELS // (self._band * width))
        self._product = np.empty((bands, self._band, width), np.int16)
        self._signed = np.empty((bands * self._band, width), np.uint8)
        self._change = np.empty((-(-height // self._band) * self._band, width), np.int8)
        self._changed_for: tuple[int, int] | None = None

    def embed(self, luma: Luma, t_s: float) -> None:
        """Adds the mark to uint8[height, width] luma in place; `t_s` is the frame's time in seconds, any
        sign.
        """
        if luma.shape != (self.height, self.width):
            raise BadMedia("frame_size", "The frame changed its size; make an embedder for the new size.")
        place = self._place(t_s)
        if self._even is None:
            plane = self._blend(*place)
            seen = luma[:: self._step, :: self._step]
            self._multiply(plane, self._strength(seen, plane.power))
        elif self._changed_for != place:
            self._multiply(self._blend(*place), self._even)
            self._changed_for = place
        self._add(luma)

    def embed_tensor(self, luma: Tensor, times: Sequence[float]) -> Tensor:
        """The marked copy of uint8[n, height, width] luma on any device; `times` in seconds, one a frame.

        For frames that lie on a GPU: only what the mask looks at leaves it.
        """
        marked = torch.empty_like(luma)
        for place, group in itertools.groupby(range(len(times)), lambda index: self._place(times[index])):
            plane = self._blend(*place)
            pattern = torch.from_numpy(plane.pattern).to(luma.device)
            for index in group:
                seen = luma[index, :: self._step, :: self._step].cpu().numpy()
                strength = torch.from_numpy(self._strength(seen, plane.power)).to(luma.device)
                change = (pattern * strength + _HALF) >> _SHIFT
                total = luma[index] + change.reshape(-1, self.width)[: self.height]
                marked[index] = total.clamp_(0, 255)
        return marked

    def _multiply(self, plane: _Plane, strength: Strength) -> None:
        """Puts the change of every pixel, in whole grey steps, into `_change`."""
        size = len(self._product)
        for start in range(0, len(strength), size):
            pattern = plane.pattern[start : start + size]
            product = np.multiply(pattern, strength[start : start + size], out=self._product[: len(pattern)])
            product += _HALF
            product >>= _SHIFT
            change = self._change[start * self._band :][: len(pattern) * self._band]
            np.copyto(change.reshape(product.shape), product, casting="unsafe")

    def _add(self, luma: Luma) -> None:
        """Adds `_change`. With the top bit turned over a grey value is a signed byte, and those are added at once, with
        black kept black instead of wrapping around.
        """
        size = len(self._signed)
        for start in range(0, self.height, size):
            lines = luma[start : start + size]
            signed = np.bitwise_xor(lines, _SIGN, out=self._signed[: len(lines)])
            total = signed.view(np.int8)
            cv2.add(total, self._change[start : start + len(lines)], total)
            np.bitwise_xor(signed, _SIGN, out=lines)

    def _strength(self, seen: Luma, power: Blocks) -> Strength:
        """int16[bands, 1, width] in 1/64: the strength map between its points, from what the mask sees of a frame."""
        if self._even is not None:
            return self._even
        coarse = strength_map(seen, power, self._share)
        rows, columns = coarse.shape
        rounding = coarse * np.float32(_STRENGTH_ONE) + np.float32(0.5)  # the conversion to whole numbers cuts off
        wide = np.asarray(cv2.resize(rounding, (columns * self._step * _GRID, rows * _BANDS)), np.float32)
        return wide[: -(-self.height // self._band), None, : self.width].astype(np.int16)

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
        pattern = plane.pattern * np.int16(weight)
        pattern += after.pattern * np.int16(rest)
        pattern >>= _WEIGHT_BITS
        # The square of a mean is at most the mean of the squares, so the budgets hold.
        power = plane.power * np.float32(weight / _WEIGHT_ONE) + after.power * np.float32(rest / _WEIGHT_ONE)
        return _Plane(pattern, power)

    def _plane(self, slot: int) -> _Plane:
        """The tile of a slot over the frame; the last two are kept."""
        index = slot % len(self._pattern.hops)
        if index not in self._planes:
            if len(self._planes) > 1:
                self._planes.pop(next(iter(self._planes)))
            upright = (self.height, self.width) if self._turns % 2 == 0 else (self.width, self.height)
            plane = torch.rot90(tile_plane(self._pattern, index, *upright), -self._turns)
            square = plane.square()[None, None]
            power = F.avg_pool2d(square, self._step * _GRID, ceil_mode=True, count_include_pad=False)[0, 0]
            fixed = (plane * _PLANE_ONE).round_().clamp_(-_PLANE_MAX, _PLANE_MAX).to(torch.int16)
            bands = F.pad(fixed, (0, 0, 0, -self.height % self._band)).reshape(-1, self._band, self.width)
            self._planes[index] = _Plane(bands.numpy(), power.numpy())
        return self._planes[index]


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


def embed_frames(frames: Iterable[av.VideoFrame], pattern: MarkPattern) -> Iterator[av.VideoFrame]:
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
            embedder = Embedder(pattern, frame.width, frame.height, quarter_turns=turns)
        marked = eight_bit_copy(frame)
        embedder.embed(luma_view(marked), clock)
        yield marked
