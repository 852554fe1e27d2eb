"""Read a file's ``AIGC`` label in the sandbox: ``python -m compliance.provenance.aigc PATH``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from compliance.provenance.aigc.files import read
from compliance.sandbox import child_main


def _work(arguments: list[str]) -> dict[str, Any]:
    (path,) = map(Path, arguments)
    return asdict(read(path))


child_main(_work)
