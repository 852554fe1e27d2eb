"""What is left of a frame when the picture is taken away."""

from __future__ import annotations

import pytest
import torch

from watermark import residual


@pytest.mark.parametrize("shape", [(360, 640), (640, 360), (20, 8), (4, 4)])
def test_a_processor_and_a_gpu_smooth_alike(shape: tuple[int, int]) -> None:
    picture = 255 * torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(residual._smooth_on_cpu(picture), residual._smooth_anywhere(picture), atol=1e-3)
