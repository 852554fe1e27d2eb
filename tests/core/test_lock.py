"""The lock is installed without resolving, so it must name all that any Python we admit asks for."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
# Every virtual environment has them, or PyTorch brings them itself, or mediapipe declares and never imports them.
ELSEWHERE = {"pip", "setuptools"}
NOT_RESOLVED = {"mediapipe"}


def locked(environment: dict[str, str]) -> set[str]:
    lines = [line for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate(environment)}


def asked_for(names: set[str], environment: dict[str, str]) -> set[str]:
    """What the installed packages of these names need in `environment`."""
    of_lock = [d for d in distributions() if canonicalize_name(d.metadata["Name"]) in names - NOT_RESOLVED]
    wanted = [Requirement(line) for distribution in of_lock for line in distribution.requires or ()]
    return {canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate(environment)}


@pytest.mark.parametrize("version", ["3.11.0", "3.11.2", "3.11.3", "3.12.0", "3.12.12"])
def test_what_is_installed_asks_for_nothing_that_the_lock_leaves_out(version: str) -> None:
    """Debian 12 has 3.11.2, where redis needs a package that it does not from 3.11.3 on."""
    short = version.rpartition(".")[0]
    environment = {**default_environment(), "python_version": short, "python_full_version": version, "extra": ""}
    names = locked(environment)
    assert asked_for(names, environment) <= names | ELSEWHERE
