"""Signing: what a released file carries, that two independent validators accept it, and how signing fails."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import encypher_c2pa
import pytest

from compliance.keys.errors import KeyAccessDenied
from compliance.keys.purposes import ProcessRole
from compliance.provenance import aigc, assemble, finisher, jumbf, manifest, sign
from compliance.provenance.errors import CertificateProblem, ContainerInvalid, SigningFailed, TsaUnavailable
from compliance.provenance.manifest import ManifestInput
from compliance.provenance.pki import to_pem
from compliance.provenance.read import read_file
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.provenance.sign import SignedFile, sign_file
from compliance.provenance.store import locate_store
from compliance.provenance.tsa import TimeStamp
from tests.provenance.conftest import MARK, Installation
from tests.provenance.test_aigc_label import EXACT

NO_TSA = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def at_the_installation(installation: Installation, settings: Any) -> None:
    settings.AVOW_KEYS_DIR = installation.keys


def read(path: Path, installation: Installation) -> Any:
    return read_file(path, installation.pki.anchor_paths())


def test_a_signed_file_reads_back_as_ours(signed: tuple[Path, SignedFile], given: ManifestInput) -> None:
    path, made = signed
    report = read_provenance(path)
    assert (report.state, report.codes, report.ingredient_codes) == ("trusted", (), ())
    assert (report.intact, report.signer_known, report.in_date) == (True, True, True)
    assert report.manifest_label == made.manifest_label
    assert report.mark == MARK.hex()
    assert (report.receipt_id, report.receipt_hash) == (given.receipt.receipt_id, given.receipt.receipt_hash)
    assert report.signer and report.signer.common_name == "Avow claim signer"
    assert datetime.fromisoformat(report.time) == made.tsa_time
    assert made.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_actions_say_how_the_take_was_made(signed: tuple[Path, SignedFile], installation: Installation) -> None:
    actions = read(signed[0], installation).actions
    assert [one["action"] for one in actions] == ["c2pa.created", "c2pa.edited", "c2pa.watermarked.bound"]
    assert actions[0]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


def test_the_generator_states_the_version_of_the_project(signed: tuple[Path, SignedFile]) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert read_provenance(signed[0]).claim_generator == f"Avow {project['version']}"


def test_a_validator_not_built_on_c2pa_rs_accepts_file_and_time_stamp(
    signed: tuple[Path, SignedFile], installation: Installation
) -> None:
    anchors = to_pem(installation.pki.anchors()).decode()
    verdict = encypher_c2pa.verify(
        str(signed[0]),
        trust_pem=anchors,
        tsa_trust_pem=anchors,
        no_default_trust=True,
        telemetry=False,
        online=False,
    )
    assert (verdict["integrity"], verdict["signature"], verdict["hard_binding"]) == (
        "valid",
        "valid",
        "match",
    )
    assert (verdict["validation_state"], verdict["validation_results"]["failure"]) == ("Trusted", [])
    codes = {one["code"] for one in verdict["validation_results"]["success"]}
    assert {"timeStamp.trusted", "signingCredential.trusted"} <= codes


def test_a_released_file_carries_both_marks(
    clip: Path, given: ManifestInput, installation: Installation, tsa_url: str, tmp_path: Path
) -> None:
    aigc.write(clip, tmp_path / "marked.mp4", EXACT)
    target = tmp_path / "released.mp4"
    sign_file(tmp_path / "marked.mp4", target, given, installation.custody(ProcessRole.GATE), tsa_url)
    assert read_provenance(target).state == "trusted"
    assert [copy.text for copy in read_aigc(target).labels] == [EXACT]


def fails_without_trace(
    error: type[Exception], clip: Path, given: ManifestInput, custody: Any, tsa_url: str, folder: Path
) -> Any:
    with pytest.raises(error) as refusal:
        sign_file(clip, folder / "out.mp4", given, custody, tsa_url)
    assert list(folder.iterdir()) == []
    return refusal.value


def test_no_time_stamp_no_signed_file(
    clip: Path, given: ManifestInput, installation: Installation, tmp_path: Path
) -> None:
    gate = installation.custody(ProcessRole.GATE)
    assert fails_without_trace(TsaUnavailable, clip, given, gate, NO_TSA, tmp_path).code == "tsa_unreachable"


@pytest.mark.parametrize("role", [ProcessRole.WORKER, ProcessRole.WEB, ProcessRole.INSPECTOR, ProcessRole.TSA])
def test_attack_another_role_signs(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    role: ProcessRole,
) -> None:
    fails_without_trace(KeyAccessDenied, clip, given, installation.custody(role), tsa_url, tmp_path)


def test_attack_signing_a_file_that_already_claims_an_origin(
    signed: tuple[Path, SignedFile],
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
) -> None:
    gate = installation.custody(ProcessRole.GATE)
    error = fails_without_trace(ContainerInvalid, signed[0], given, gate, tsa_url, tmp_path)
    assert error.code == "container_already_signed"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: data[:-7],
        lambda data: b"PK\x03\x04" + data,
        lambda _: b"x" * 64,
    ],
    ids=["empty", "head only", "cut off", "zip", "text"],
)
def test_attack_damaged_source(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(damage(clip.read_bytes()))
    (tmp_path / "out").mkdir()
    gate = installation.custody(ProcessRole.GATE)
    fails_without_trace(ContainerInvalid, bad, given, gate, tsa_url, tmp_path / "out")


def assembled_by(child: Callable[[Path, Path, dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``child`` stand where the sandboxed assembler works, as if foreign bytes had taken it over."""

    def run(module: str, source: str, target: str, *, stdin: bytes, limits: object) -> dict[str, Any]:
        child(Path(source), Path(target), json.loads(stdin))
        return {}

    monkeypatch.setattr(sign, "run_sandboxed", run)


def test_attack_taken_over_assembler_swaps_the_pictures(
    clip: Path,
    other_clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assembled_by(lambda _, target, order: assemble.assemble(other_clip, target, order) and None, monkeypatch)
    gate = installation.custody(ProcessRole.GATE)
    assert fails_without_trace(SigningFailed, clip, given, gate, tsa_url, tmp_path).code == "assembled_file_changed"


@pytest.mark.parametrize(
    "change",
    [
        lambda order: order["assertions"][0]["data"]["actions"].pop(1),
        lambda order: order["assertions"][3]["data"].update(receiptId="another person's"),
        lambda order: order["assertions"].append({"label": "org.evil", "created": True, "data": {"a": 1}}),
        lambda order: order["assertions"].append({"label": "org.evil", "data": {"a": 1}}),
        lambda order: order["assertions"].pop(2),
    ],
    ids=["action dropped", "receipt changed", "assertion added", "assertion gathered", "assertion dropped"],
)
def test_attack_taken_over_assembler_states_something_else(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], object],
) -> None:
    def child(source: Path, target: Path, order: dict[str, Any]) -> None:
        change(order["definition"])
        assemble.assemble(source, target, order)

    assembled_by(child, monkeypatch)
    gate = installation.custody(ProcessRole.GATE)
    assert fails_without_trace(SigningFailed, clip, given, gate, tsa_url, tmp_path).code == "manifest_not_as_asked"


def locate(path: Path) -> bytes:
    with path.open("rb") as file:
        found = locate_store(file)
    assert found is not None
    return found.data


def test_attack_taken_over_assembler_binds_other_bytes(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hard binding over other bytes is found when the file is read back, before it appears."""

    def child(source: Path, target: Path, order: dict[str, Any]) -> None:
        assemble.assemble(source, target, order)
        data = target.read_bytes()
        store = jumbf.read_store(location := locate(target))
        box = next(store.children(location)).child(location, "c2pa.assertions").child(location, "c2pa.hash.bmff.v3")
        content = location[slice(*box.body)]
        hashed = cbor2.loads(location[slice(*box.content_box(location, b"cbor"))])["hash"]
        changed = content.replace(hashed, bytes(32))
        rehashed = data.replace(hashlib.sha256(content).digest(), hashlib.sha256(changed).digest())
        target.write_bytes(rehashed.replace(content, changed))

    assembled_by(child, monkeypatch)
    gate = installation.custody(ProcessRole.GATE)
    error = fails_without_trace(SigningFailed, clip, given, gate, tsa_url, tmp_path)
    assert error.code == "signed_file_not_trusted"
    assert "assertion.bmffHash.mismatch" in error.details["codes"]


def test_an_expired_certificate_signs_nothing(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class InTwoYears(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=730)

    monkeypatch.setattr(sign, "datetime", InTwoYears)
    gate = installation.custody(ProcessRole.GATE)
    error = fails_without_trace(CertificateProblem, clip, given, gate, tsa_url, tmp_path)
    assert error.code == "certificate_expired"


def test_a_token_too_large_for_its_box_is_refused(
    clip: Path, given: ManifestInput, installation: Installation, tmp_path: Path
) -> None:
    chain = installation.pki.usable_chain(
        sign.KeyPurpose.CLAIM,
        installation.custody(ProcessRole.GATE).public_key(sign.KeyPurpose.CLAIM),
        datetime.now(UTC),
    )
    order = {
        "definition": manifest.definition(given),
        "chain": to_pem(chain).decode(),
        "anchors": to_pem(chain).decode(),
    }
    assemble.assemble(clip, tmp_path / "work.mp4", order)
    huge = TimeStamp(bytes(20_000), datetime.now(UTC))
    plan = finisher.Plan(
        manifest.assertions(given),
        finisher.ByteString(manifest.SOFT_BINDING_LABEL, given.mark_placeholder, given.mark),
        chain,
        lambda _: bytes(64),
        lambda _: huge,
    )
    with pytest.raises(SigningFailed) as refusal:
        finisher.finish(tmp_path / "work.mp4", plan)
    assert refusal.value.code == "signature_box_too_small"
