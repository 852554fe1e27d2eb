"""What counts as a block of sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from watermark.errors import BadMedia

RATES_HZ = (8_000, 192_000)


def checked_rate(sample_rate: int) -> int:
    """The rate; raises `BadMedia` outside 8 .. 192 kHz."""
    if not RATES_HZ[0] <= sample_rate <= RATES_HZ[1]:
        raise BadMedia("sample_rate", f"Sound of {sample_rate} Hz cannot be marked or read; 8 to 192 kHz can.")
    return sample_rate


def checked_block(samples: npt.NDArray[np.floating], channels: int | None = None) -> npt.NDArray[np.float32]:
    """float32[channels, n] of a block; one dimension counts as one channel.

    Raises `BadMedia` for integers, other shapes, another number of channels, and values that are not finite.
    """
    block = np.atleast_2d(np.asarray(samples))
    if block.ndim != 2 or not np.issubdtype(block.dtype, np.floating):
        raise BadMedia("sample_format", "Sound is given as floating-point numbers of shape (channels, samples).")
    if channels is not None and len(block) != channels:
        raise BadMedia("channels_change", f"A block has {len(block)} channels where {channels} are expected.")
    block = block.astype(np.float32, copy=False)
    if not np.isfinite(block).all():
        raise BadMedia("samples_not_finite", "The sound holds samples that are not numbers; decode it again.")
    return block
