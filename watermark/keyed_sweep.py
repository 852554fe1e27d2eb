"""Looking for the tile under thousands of geometries with the key's synchronisation carriers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from watermark.carriers import Carriers
from watermark.geometry import Geometry, cycles_per_pixel
from watermark.lattice import SHIFT_GRID, frequencies
from watermark.residual import View
from watermark.spectrum import FreeSpectrum

_BATCH = 128


class KeyedSweep:
    """Scores geometries against one residual, whose transform serves all of them.

    A score is that of the synchronisation carriers at their best shift and in the better of both polarities, see
    `watermark.bounds`. Perspective is left aside.
    """

    def __init__(self, view: View, carriers: Carriers) -> None:
        self._spectrum, self._tile = FreeSpectrum(view.residual), view.tile
        self._device = view.residual.device
        lattice = frequencies()[carriers.sync]
        self._lattice = torch.from_numpy(lattice.astype(np.float32)).to(self._device)
        # The inverse real transform turns the other way round than `best_shift`, hence the conjugate phases.
        carrier = np.exp(1j * carriers.theta[carriers.sync]).astype(np.complex64)
        self._carrier = torch.from_numpy(carrier).to(self._device)
        cells = (lattice[:, 0] % SHIFT_GRID) * (SHIFT_GRID // 2 + 1) + lattice[:, 1]
        self._cells = torch.from_numpy(cells).to(self._device)

    def scores(self, geometries: Sequence[Geometry]) -> npt.NDArray[np.float64]:
        """float64[N]: how well each geometry explains the residual."""
        parts = [self._batch(geometries[start : start + _BATCH]) for start in range(0, len(geometries), _BATCH)]
        return torch.cat(parts).cpu().numpy().astype(np.float64)

    def _batch(self, geometries: Sequence[Geometry]) -> Tensor:
        matrices = cycles_per_pixel(self._tile, geometries).astype(np.float32)
        points = torch.einsum("kc,ndc->nkd", self._lattice, torch.from_numpy(matrices).to(self._device))
        return self._peaks(self._spectrum.at(points).conj() * self._carrier)

    def _peaks(self, turned: Tensor) -> Tensor:
        """float[N]: the best score over all shifts of complex64[N, sync] amplitudes, conjugate and turned."""
        half_size = SHIFT_GRID, SHIFT_GRID // 2 + 1
        grid = torch.zeros(len(turned), math.prod(half_size), dtype=torch.complex64, device=self._device)
        grid[:, self._cells] = turned
        # With "forward" the inverse transform is a plain sum; a real one counts each carrier twice.
        sums = torch.fft.irfft2(grid.reshape(-1, *half_size), s=(SHIFT_GRID, SHIFT_GRID), norm="forward")
        norm = (turned.abs().square().sum(dim=1) / 2).sqrt().clamp_(min=1e-12)
        peaks: Tensor = sums.reshape(len(turned), -1).abs().amax(dim=1) / (2 * norm)
        return peaks
