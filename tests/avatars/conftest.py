"""A recording of nobody: the drawn presenter, so that these tests need no real person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def presenter_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven seconds of the drawn presenter speaking: 640 x 360, 25 frames/s, sound that fits the lips."""
    path = tmp_path_factory.mktemp("presenter") / "presenter.mp4"
    script = ROOT / "scripts" / "make_presenter.py"
    options = ["--seconds", "11", "--width", "640", "--height", "360"]
    subprocess.run([sys.executable, str(script), str(path), *options], check=True, capture_output=True)
    return path
