"""A small convolutional network that tells the mark from the picture: the better, slower host suppression.

`suppress_host` divides what is left of a picture by its local spread, whatever it is. The network has learned what
pictures and codecs leave behind and estimates the mark itself: trained to the least squared error, it returns about
the expected value of the tile given the picture, which is the weight that a locally most powerful test of a weak
Gaussian signal gives each pixel (the score function; Tweedie's formula, Robbins 1956). Where a codec left nothing
of the mark it returns nothing.

One network serves all keys: it was trained with phases drawn anew for every clip, and since it does not depend on
the key, the bounds of `watermark.bounds` hold for it as for any other weighting of the picture. How it was made:
`docs/watermark-network.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from watermark.motion_compensation import compensated

WEIGHTS = Path(__file__).parent / "weights" / "host_network.npz"

STRIDE = 8
"""Sides of what the layers see are multiples of this."""

_FINE, _COARSE = 16, 48  # channels at half and at a quarter of the resolution
_DILATIONS = (1, 2, 4, 1, 2, 1)
_INPUTS = 6
_MIDDLE_GREY = 128.0
_FLOOR = 2.0  # grey levels of spread below which a place counts as flat
_CLIP = 6.0


class HostNetwork:
    """The trained network on one device.

    bfloat16: whether the layers compute in 16 bits, twice as fast where the processor knows how and exact enough for
    residuals of a few bits.
    """

    def __init__(self, layers: MarkEstimator, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self.bfloat16 = self._device.type == "cuda" or _cpu_knows_bfloat16()
        dtype = torch.bfloat16 if self.bfloat16 else torch.float32
        self._layers = layers.eval().to(self._device, dtype)

    def residual(self, luma: Tensor) -> Tensor:
        """The estimated tile, in units of its RMS and smaller where less sure: float32[h, w] -> float32[h, w].

        luma: on 0..255 at the reference scale (`watermark.lattice.REFERENCE_SHORT_SIDE`).
        """
        return self.residuals(luma[None])[0]

    def suppressed(self, frames: Sequence[Tensor], beside: Sequence[Tensor]) -> Tensor:
        """float32[h, w]: the sum of the tiles estimated of some frames (at least one), as `residual`; where their
        picture moves, also of what is left once motion is compensated: the network cleans that as it does a picture.

        frames, beside: lumas [h, w] of one second, those beside only there to foretell the frames.
        """
        foreign = compensated(frames, beside)
        moving = (part.moved * self.residual(part.rest + _MIDDLE_GREY) for part in foreign)
        first, *others = chain((self.residual(frame.float()) for frame in frames), moving)
        return sum(others, first)

    @torch.inference_mode()
    def residuals(self, lumas: Tensor) -> Tensor:
        """The same for a batch: float32[n, h, w] -> float32[n, h, w] on the network's device."""
        rows, columns = lumas.shape[-2:]
        padded = F.pad(lumas.to(self._device)[:, None], (0, -columns % STRIDE, 0, -rows % STRIDE), mode="replicate")
        entry = features(padded).to(self._layers.dtype, memory_format=torch.channels_last)
        estimate: Tensor = self._layers(entry).float()
        return estimate[:, 0, :rows, :columns]


def _cpu_knows_bfloat16() -> bool:
    present = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return present and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def load_network(device: torch.device | str = "cpu", path: Path = WEIGHTS) -> HostNetwork | None:
    """The trained network, or None where its weights are not installed: then `suppress_host` has to do.

    Raises ValueError for weights that do not fit these layers.
    """
    return HostNetwork(read_weights(path), device) if path.is_file() else None


def read_weights(path: Path) -> MarkEstimator:
    """The layers with weights written by `save_weights`; raises ValueError when they do not fit."""
    layers = MarkEstimator()
    with np.load(path, allow_pickle=False) as stored:
        weights = {name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}
    try:
        layers.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} holds the weights of another network.") from error
    return layers


def save_weights(layers: MarkEstimator, path: Path) -> None:
    """Writes the weights in 16 bits, readable by `load_network`."""
    weights = {name: value.detach().cpu().numpy().astype(np.float16) for name, value in layers.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **weights)


class MarkEstimator(nn.Module):
    """The layers: `features` of pictures float[n, 6, h/2, w/2] -> the tile float[n, 1, h, w].

    Two at half the resolution, where every frequency of the tile still fits; six dilated ones in residual pairs at a
    quarter, which see 100 pixels each way; two at half again, beside what the first two saw.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(_INPUTS, _FINE, 3, padding=1)
        self.fine = nn.Conv2d(_FINE, _FINE, 3, padding=1)
        self.down = nn.Conv2d(4 * _FINE, _COARSE, 1)
        self.body = nn.ModuleList(nn.Conv2d(_COARSE, _COARSE, 3, padding=d, dilation=d) for d in _DILATIONS)
        self.up = nn.Conv2d(_COARSE, 4 * _FINE, 1)
        self.join = nn.Conv2d(_FINE, _FINE, 3, padding=1)
        self.leave = nn.Conv2d(_FINE, 4, 3, padding=1)

    @property
    def dtype(self) -> torch.dtype:
        """The type in which the layers compute."""
        return self.enter.weight.dtype

    def forward(self, entry: Tensor) -> Tensor:
        fine = F.relu(self.fine(F.relu(self.enter(entry))))
        coarse = self.down(F.pixel_unshuffle(fine, 2))
        for first, second in list(pairwise(self.body))[::2]:
            coarse = coarse + second(F.relu(first(F.relu(coarse))))
        fine = fine + F.pixel_shuffle(self.up(F.relu(coarse)), 2)
        out: Tensor = F.pixel_shuffle(self.leave(F.relu(self.join(F.relu(fine)))), 2)
        return out


def features(luma: Tensor) -> Tensor:
    """What the layers see: float[n, 1, h, w] on 0..255, sides multiples of 8 -> float[n, 6, h/2, w/2].

    The four pixels of each block without their local mean, in units of the local spread; the spread itself, which says
    how strong a mark to expect; and how bright the place is. The mean is taken so widely that the slowest waves of a
    tile that was doubled by cutting stay.
    """
    mean = _smooth(luma, 8)
    detail = luma - _stretched(mean, luma.shape[-2:])
    spread = _smooth(detail * detail, 4).clamp_(min=0).sqrt_().add_(_FLOOR)
    pixels = (detail / _stretched(spread, luma.shape[-2:])).clamp_(-_CLIP, _CLIP)
    half = torch.Size((luma.shape[-2] // 2, luma.shape[-1] // 2))
    light = [_stretched(spread.log(), half), _stretched(mean / 128 - 1, half)]
    return torch.cat([F.pixel_unshuffle(pixels, 2), *light], dim=1)


def _smooth(plane: Tensor, cell: int) -> Tensor:
    """The local mean over nine cells of `cell` pixels each way, one value per cell."""
    return F.avg_pool2d(F.avg_pool2d(plane, cell), 9, stride=1, padding=4, count_include_pad=False)


def _stretched(coarse: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
