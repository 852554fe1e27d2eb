"""Adding a mark to frames: a keyless step that needs only a `MarkPattern`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from watermark.errors import BadMedia
from watermark.frames import eight_bit_copy, luma_view, readable_size, upright_turns
from watermark.lattice import REFERENCE_SHORT_SIDE, TILE_AT_REFERENCE, frequencies
from watermark.mask import strength_map
from watermark.pattern import MarkPattern

FADE_S = 0.48
"""Seconds over which one position of the tile gives way to the next, so that the change is not seen as a
flash.
"""

_MASK_ROWS = 180
_GRID = 8  # mask pixels per point of the strength map


class Embedder:
    """Marks frames of one size.

    pattern: the mark; width, height: of the stored frame in pixels, 64 .. 8192; quarter_turns: how often the
    stored frame must be turned counter-clockwise by 90 degrees to stand upright (from the rotation metadata);
    the tile stands upright on the screen. Raises `BadMedia` for another size. CPU or CUDA by `device`.
    """

    def __init__(
        self,
        pattern: MarkPattern,
        width: int,
        height: int,
        *,
        quarter_turns: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        if not readable_size(width, height):
            raise BadMedia(
                "frame_size", f"Frames of {width}x{height} cannot be marked; sides go from 64 to 8192 pixels."
            )
        self.width, self.height = width, height
        self._pattern = pattern
        self._turns = quarter_turns % 4
        self._device = torch.device(device)
        self._step = max(1, round(min(width, height) / _MASK_ROWS))
        self._spacing = self._step * _GRID
        self._planes: dict[int, Tensor] = {}

    def embed(self, luma: npt.NDArray[np.uint8], t_s: float) -> None:
        """Adds the mark to uint8[height, width] luma in place; `t_s` is the frame's time in seconds, any
        sign.
        """
        if luma.shape != (self.height, self.width):
            raise BadMedia("frame_size", "The frame changed its size; make an embedder for the new size.")
        plane = torch.from_numpy(luma).to(self._device)
        marked = self.embed_tensor(plane, t_s)
        luma[:] = marked.cpu().numpy()

    def embed_tensor(self, luma: Tensor, t_s: float) -> Tensor:
        """The marked copy of uint8[height, width] luma on the embedder's device."""
        change = self._strength(luma).mul_(self._plane_at(t_s))
        # Adding a half before truncation rounds; float32 holds every value exactly enough.
        return change.add_(luma.float()).add_(0.5).clamp_(0, 255).to(torch.uint8)

    def _strength(self, luma: Tensor) -> Tensor:
        """float[height, width]: the strength map between its points, linear in both directions."""
        coarse = strength_map(luma[:: self._step, :: self._step].float())
        padded = torch.cat([coarse[:1], coarse, coarse[-1:]])
        padded = torch.cat([padded[:, :1], padded, padded[:, -1:]], dim=1)
        # Columns first: they are stretched while there are few rows, so only one pass touches every pixel.
        wide = self._stretch(padded.T.contiguous(), self.width).T.contiguous()
        return self._stretch(wide, self.height)

    def _stretch(self, points: Tensor, length: int) -> Tensor:
        """Linear interpolation along the first axis of points of which the first lies half a spacing out."""
        ramp = torch.arange(self._spacing, device=points.device, dtype=torch.float32) / self._spacing
        low, step = points[:-1], points[1:] - points[:-1]
        fine = torch.addcmul(low[:, None, :], step[:, None, :], ramp[None, :, None])
        start = self._spacing // 2
        return fine.reshape(-1, points.shape[1])[start : start + length]

    def _plane_at(self, t_s: float) -> Tensor:
        slot_s = self._pattern.slot_s
        slot = math.floor(t_s / slot_s)
        left = (slot + 1) * slot_s - t_s
        fade = min(FADE_S, slot_s / 2)
        if left >= fade:
            return self._plane(slot)
        return torch.lerp(self._plane(slot + 1), self._plane(slot), left / fade)

    def _plane(self, slot: int) -> Tensor:
        """float[height, width] of RMS 1: the tile of a slot over the frame; the last two are kept."""
        index = slot % len(self._pattern.hops)
        if index not in self._planes:
            if len(self._planes) > 1:
                self._planes.pop(next(iter(self._planes)))
            upright = (self.height, self.width) if self._turns % 2 == 0 else (self.width, self.height)
            plane = tile_plane(self._pattern, index, *upright)
            self._planes[index] = torch.rot90(plane, -self._turns).contiguous().to(self._device)
        return self._planes[index]


def tile_plane(pattern: MarkPattern, slot: int, height: int, width: int) -> Tensor:
    """float32[height, width] of RMS about 1: the sum of all carriers as they stand in a slot."""
    tile = TILE_AT_REFERENCE * min(height, width) / REFERENCE_SHORT_SIDE
    lattice = frequencies()
    x_shift, y_shift = pattern.hops[slot].astype(np.float64) / 64
    turns = pattern.phases / 65536 + lattice[:, 0] * x_shift + lattice[:, 1] * y_shift
    reach = int(np.abs(lattice).max())
    spectrum = np.zeros((reach + 1, 2 * reach + 1), dtype=np.complex64)
    spectrum[lattice[:, 1], lattice[:, 0] + reach] = np.exp(2j * np.pi * turns) * math.sqrt(2 / len(lattice))
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
