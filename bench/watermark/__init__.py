"""What the watermark costs and what it survives, in one run: `python -m bench.watermark`."""

import os

# Before anything loads torch or NumPy: all figures are those of one core.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
