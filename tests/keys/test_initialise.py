"""First run, second run, two runs at once, and a lost secret."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from compliance.keys import services
from compliance.keys.errors import KeyCorrupt, KeyMissing
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ROLES_WITH_SECRET, KeyPurpose, ProcessRole
from compliance.keys.rolesecrets import read_secret, secret_path
from tests.keys.conftest import Places


def snapshot(places: Places) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() for root in (places.keys, places.secrets) for path in root.rglob("*") if path.is_file()
    }


def test_secrets_are_for_their_owner_only(places: Places) -> None:
    assert stat.S_IMODE(places.secrets.stat().st_mode) == 0o700
    for role in ROLES_WITH_SECRET:
        assert stat.S_IMODE(secret_path(places.secrets, role).stat().st_mode) == 0o600


def test_no_private_material_lies_in_clear(places: Places) -> None:
    for path in places.keys.rglob("*.key"):
        assert b"PRIVATE KEY" not in path.read_bytes()
    assert not [path for path in places.keys.rglob("*") if path.name.startswith(".new-")]


def test_a_second_run_changes_nothing(places: Places) -> None:
    before = snapshot(places)
    made = services.initialise(secrets_dir=places.secrets, keys_dir=places.keys)
    assert (made.secrets, made.keys) == ((), ())
    assert snapshot(places) == before


def test_runs_at_the_same_time_agree_on_one_set_of_keys(tmp_path: Path) -> None:
    def run(_: int) -> services.Initialisation:
        return services.initialise(secrets_dir=tmp_path / "secrets", keys_dir=tmp_path / "keys")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(run, range(4)))
    assert sorted(purpose for one in made for purpose in one.keys) == sorted(KeyPurpose)
    assert all(len(KeyStore(tmp_path / "keys").ids(purpose)) == 1 for purpose in KeyPurpose)


def test_an_interrupted_first_run_is_completed(places: Places) -> None:
    (places.keys / "permit" / "current").unlink()
    made = services.initialise(secrets_dir=places.secrets, keys_dir=places.keys)
    assert made.keys == (KeyPurpose.PERMIT,)


def test_a_lost_secret_is_not_silently_replaced(places: Places) -> None:
    secret_path(places.secrets, ProcessRole.GATE).unlink()
    with pytest.raises(KeyMissing) as refusal:
        services.initialise(secrets_dir=places.secrets, keys_dir=places.keys)
    assert refusal.value.code == "role_secret_lost"
    assert not secret_path(places.secrets, ProcessRole.GATE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "avow-role-secret-1 gate !!!!",
        "avow-role-secret-1 gate c2hvcnQ=",
        "avow-role-secret-2 gate AAAA",
        "é",
    ],
)
def test_a_damaged_secret_file_is_named(places: Places, text: str) -> None:
    path = secret_path(places.secrets, ProcessRole.GATE)
    path.write_text(text)
    with pytest.raises(KeyCorrupt) as refusal:
        read_secret(path, ProcessRole.GATE)
    assert refusal.value.code == "role_secret_corrupt"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"header":{},"wrapped":{},"body":""}', b"[" * 100_000]
)
def test_a_damaged_key_file_is_named(places: Places, content: bytes) -> None:
    store = KeyStore(places.keys)
    key_id = store.current_id(KeyPurpose.CLAIM)
    (places.keys / "claim" / f"{key_id}.key").write_bytes(content)
    with pytest.raises(KeyCorrupt):
        store.sealed(KeyPurpose.CLAIM, key_id)


def test_the_command_creates_shows_and_rotates(tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.AVOW_KEYS_DIR, settings.AVOW_SECRETS_DIR = tmp_path / "keys", tmp_path / "secrets"
    out = StringIO()
    with pytest.raises(CommandError, match="key_missing"):
        call_command("keys", "show", stdout=StringIO())
    call_command("keys", "init", stdout=out)
    call_command("keys", "rotate", "permit", stdout=out)
    call_command("keys", "show", stdout=out)
    text = out.getvalue()
    assert "created key claim" in text and text.count("permit ") >= 2 and "former" in text
    assert "PRIVATE" not in text
