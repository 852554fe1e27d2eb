"""A fresh key store per test, and custodies over it for any role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance.keys import services
from compliance.keys.custody import FileCustody
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ProcessRole
from compliance.keys.rolesecrets import secret_path


@dataclass(frozen=True)
class Places:
    secrets: Path
    keys: Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "secrets", tmp_path / "keys")
    services.initialise(secrets_dir=made.secrets, keys_dir=made.keys)
    return made


@pytest.fixture
def custody_of(places: Places) -> Callable[[ProcessRole], FileCustody]:
    return lambda role: FileCustody(role, KeyStore(places.keys), secret_path(places.secrets, role))
