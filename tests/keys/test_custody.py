"""Custody: who may sign, what the signatures are, and what an attacker meets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.keys import services
from compliance.keys.custody import FileCustody, key_id, open_custody, public_key, seal_for
from compliance.keys.errors import KeyAccessDenied, KeyCorrupt, KeyMissing
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ALGORITHMS, HOLDERS, KeyAlgorithm, KeyPurpose, ProcessRole
from compliance.keys.rolesecrets import secret_path
from tests.keys.conftest import Places

CustodyOf = Callable[[ProcessRole], FileCustody]
_SIGNATURES = (KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.ED25519)
SIGNING = [purpose for purpose in KeyPurpose if ALGORITHMS[purpose] in _SIGNATURES]


def check_signature(custody: FileCustody, purpose: KeyPurpose, signature: bytes, data: bytes) -> None:
    key = custody.public_key(purpose)
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
        return
    half = len(signature) // 2
    der = encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:half], signature[half:])))
    key.verify(der, data, ec.ECDSA(hashes.SHA256() if half == 32 else hashes.SHA384()))


@pytest.mark.parametrize("purpose", SIGNING)
def test_the_holder_signs_and_the_public_key_verifies(custody_of: CustodyOf, purpose: KeyPurpose) -> None:
    (holder,) = HOLDERS[purpose]
    custody = custody_of(holder)
    check_signature(custody, purpose, custody.sign(purpose, b"statement"), b"statement")


@pytest.mark.parametrize("role", list(ProcessRole))
def test_no_role_but_a_holder_can_use_a_key(custody_of: CustodyOf, role: ProcessRole) -> None:
    custody = custody_of(role)
    for purpose in KeyPurpose:
        if role in HOLDERS[purpose]:
            continue
        with pytest.raises(KeyAccessDenied) as refusal:
            custody.sign(purpose, b"please")
        assert refusal.value.code == "key_not_for_role"
        with pytest.raises(KeyAccessDenied):
            custody.secret(purpose)


def held_by(role: ProcessRole) -> set[KeyPurpose]:
    return {purpose for purpose, holders in HOLDERS.items() if role in holders}


def test_the_scheduler_holds_nothing_and_has_no_secret(places: Places) -> None:
    assert held_by(ProcessRole.SCHEDULER) == set()
    assert not secret_path(places.secrets, ProcessRole.SCHEDULER).exists()


def test_worker_and_web_hold_nothing_that_signs_or_marks() -> None:
    assert held_by(ProcessRole.WORKER) == {KeyPurpose.LIKENESS}
    assert held_by(ProcessRole.WEB) == {KeyPurpose.WEBHOOK, KeyPurpose.LIKENESS}


def test_what_signs_for_the_public_cannot_open_a_person_s_files() -> None:
    for role in (ProcessRole.GATE, ProcessRole.OUTPUTS, ProcessRole.SEQUENCER, ProcessRole.TSA, ProcessRole.SETUP):
        assert KeyPurpose.LIKENESS not in held_by(role)


def test_what_web_seals_for_outputs_it_cannot_read_again(custody_of: CustodyOf, keystore: object) -> None:
    sealed = seal_for(KeyPurpose.OUTPUT, b"stream key", b"room 1")
    assert b"stream key" not in sealed and seal_for(KeyPurpose.OUTPUT, b"stream key", b"room 1") != sealed
    with pytest.raises(KeyAccessDenied, match="key_not_for_role"):
        open_custody().open_sealed(KeyPurpose.OUTPUT, sealed, b"room 1")


def test_what_is_sealed_opens_for_its_holder_and_its_place_only(
    as_role: Callable[[str], AbstractContextManager[None]],
) -> None:
    sealed = seal_for(KeyPurpose.OUTPUT, b"stream key", b"room 1")
    with as_role("outputs"):
        outputs = open_custody()
        assert outputs.open_sealed(KeyPurpose.OUTPUT, sealed, b"room 1") == b"stream key"
        for changed, about in ((sealed, b"room 2"), (sealed[:-1] + b"x", b"room 1"), (sealed[:40], b"room 1")):
            with pytest.raises(KeyCorrupt, match="sealed_corrupt"):
                outputs.open_sealed(KeyPurpose.OUTPUT, changed, about)
        with pytest.raises(KeyAccessDenied, match="key_cannot_sign"):
            outputs.sign(KeyPurpose.OUTPUT, b"anything")


def test_gate_and_inspector_share_the_watermark_secret(custody_of: CustodyOf) -> None:
    secret = custody_of(ProcessRole.GATE).secret(KeyPurpose.WATERMARK)
    assert len(secret) == 32
    assert custody_of(ProcessRole.INSPECTOR).secret(KeyPurpose.WATERMARK) == secret


def test_a_signing_key_is_never_given_out(custody_of: CustodyOf) -> None:
    with pytest.raises(KeyAccessDenied) as refusal:
        custody_of(ProcessRole.GATE).secret(KeyPurpose.CLAIM)
    assert refusal.value.code == "key_not_exportable"


def test_attack_stolen_key_files_without_the_secret(places: Places) -> None:
    thief = FileCustody(ProcessRole.GATE, KeyStore(places.keys), None)
    with pytest.raises(KeyAccessDenied) as refusal:
        thief.sign(KeyPurpose.CLAIM, b"forged claim")
    assert refusal.value.code == "role_secret_not_set"


def test_attack_worker_pretends_to_be_the_gate_with_another_roles_secret(places: Places) -> None:
    stolen = secret_path(places.secrets, ProcessRole.INSPECTOR)
    with pytest.raises(KeyAccessDenied) as refusal:
        FileCustody(ProcessRole.GATE, KeyStore(places.keys), stolen).sign(KeyPurpose.CLAIM, b"forged")
    assert refusal.value.code == "role_secret_of_another_role"


def test_attack_secret_file_relabelled_for_another_role_opens_nothing(places: Places) -> None:
    stolen = secret_path(places.secrets, ProcessRole.INSPECTOR)
    stolen.write_text(stolen.read_text().replace("inspector", "gate"))
    with pytest.raises(KeyCorrupt):
        FileCustody(ProcessRole.GATE, KeyStore(places.keys), stolen).sign(KeyPurpose.CLAIM, b"forged")


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o604, 0o660, 0o610])
def test_attack_secret_open_to_others_is_refused(places: Places, custody_of: CustodyOf, mode: int) -> None:
    secret_path(places.secrets, ProcessRole.GATE).chmod(mode)
    with pytest.raises(KeyAccessDenied) as refusal:
        custody_of(ProcessRole.GATE).sign(KeyPurpose.CLAIM, b"x")
    assert refusal.value.code == "role_secret_exposed"


def test_attack_key_file_renamed_to_another_purpose(places: Places, custody_of: CustodyOf) -> None:
    gate = custody_of(ProcessRole.GATE)
    permit, receipt = gate.key_id(KeyPurpose.PERMIT), gate.key_id(KeyPurpose.RECEIPT)
    shutil.copy(places.keys / "permit" / f"{permit}.key", places.keys / "receipt" / f"{receipt}.key")
    with pytest.raises(KeyCorrupt) as refusal:
        gate.sign(KeyPurpose.RECEIPT, b"x")
    assert refusal.value.code == "key_misplaced"


def test_attack_header_edited_to_match_the_wrong_place(places: Places, custody_of: CustodyOf) -> None:
    gate = custody_of(ProcessRole.GATE)
    permit, receipt = gate.key_id(KeyPurpose.PERMIT), gate.key_id(KeyPurpose.RECEIPT)
    document = json.loads((places.keys / "permit" / f"{permit}.key").read_text())
    document["header"] |= {"purpose": "receipt", "key_id": receipt}
    (places.keys / "receipt" / f"{receipt}.key").write_text(json.dumps(document))
    with pytest.raises(KeyCorrupt) as refusal:
        gate.sign(KeyPurpose.RECEIPT, b"x")
    assert refusal.value.code == "key_corrupt"


def test_attack_public_key_replaced(places: Places, custody_of: CustodyOf) -> None:
    gate = custody_of(ProcessRole.GATE)
    permit, receipt = gate.key_id(KeyPurpose.PERMIT), gate.key_id(KeyPurpose.RECEIPT)
    shutil.copy(places.keys / "receipt" / f"{receipt}.pem", places.keys / "permit" / f"{permit}.pem")
    with pytest.raises(KeyCorrupt) as refusal:
        gate.public_key(KeyPurpose.PERMIT)
    assert refusal.value.code == "public_key_replaced"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "CLAIM", "0" * 15, "0" * 16 + "/x"])
def test_attack_path_in_a_key_id(custody_of: CustodyOf, name: str) -> None:
    with pytest.raises(KeyMissing):
        KeyStore(custody_of(ProcessRole.GATE).store.directory).public_key(KeyPurpose.PERMIT, name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_key_file_yields_another_secret(custody_of: CustodyOf, data: st.DataObject) -> None:
    gate = custody_of(ProcessRole.GATE)
    secret, current = gate.secret(KeyPurpose.WATERMARK), gate.key_id(KeyPurpose.WATERMARK)
    path = gate.store.directory / "watermark" / f"{current}.key"
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = data.draw(st.integers(0, 255).filter(lambda value: value != good[at]))
    path.write_bytes(good[:at] + bytes([bad]) + good[at + 1 :])
    try:
        assert gate.secret(KeyPurpose.WATERMARK) == secret  # white space, or the wrap of the other role
    except (KeyCorrupt, KeyAccessDenied):
        pass
    finally:
        path.write_bytes(good)


def test_rotation_keeps_the_former_key_for_verification(places: Places, custody_of: CustodyOf) -> None:
    gate = custody_of(ProcessRole.GATE)
    before, signature = gate.key_id(KeyPurpose.PERMIT), gate.sign(KeyPurpose.PERMIT, b"old permit")
    after = services.rotate(purpose=KeyPurpose.PERMIT, secrets_dir=places.secrets, keys_dir=places.keys)
    assert gate.key_id(KeyPurpose.PERMIT) == after != before
    assert set(gate.key_ids(KeyPurpose.PERMIT)) == {before, after}
    former = gate.public_key(KeyPurpose.PERMIT, before)
    assert isinstance(former, ed25519.Ed25519PublicKey)
    former.verify(signature, b"old permit")
    check_signature(gate, KeyPurpose.PERMIT, gate.sign(KeyPurpose.PERMIT, b"new"), b"new")


def test_a_former_watermark_secret_still_opens_by_id(places: Places, custody_of: CustodyOf) -> None:
    inspector = custody_of(ProcessRole.INSPECTOR)
    before, secret = inspector.key_id(KeyPurpose.WATERMARK), inspector.secret(KeyPurpose.WATERMARK)
    services.rotate(purpose=KeyPurpose.WATERMARK, secrets_dir=places.secrets, keys_dir=places.keys)
    assert inspector.secret(KeyPurpose.WATERMARK) != secret
    assert inspector.secret(KeyPurpose.WATERMARK, before) == secret


def test_settings_choose_the_custody_of_the_process(places: Places, settings) -> None:  # type: ignore[no-untyped-def]
    settings.AVOW_KEYS_DIR, settings.AVOW_ROLE = places.keys, "sequencer"
    settings.AVOW_SECRET_FILE = secret_path(places.secrets, ProcessRole.SEQUENCER)
    signature = open_custody().sign(KeyPurpose.CHECKPOINT, b"tree head")
    key = public_key(KeyPurpose.CHECKPOINT, key_id(KeyPurpose.CHECKPOINT))
    assert isinstance(key, ed25519.Ed25519PublicKey)
    key.verify(signature, b"tree head")
