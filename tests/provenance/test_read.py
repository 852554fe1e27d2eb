"""Reading credentials: attacks on a released file, and the three questions answered apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rfc3161_client import TimestampRequestBuilder

from compliance.keys.purposes import KeyPurpose, ProcessRole
from compliance.provenance import assemble, bmff, finisher, manifest, profile
from compliance.provenance.custodial import CustodialKey
from compliance.provenance.manifest import ManifestInput
from compliance.provenance.pki import to_pem
from compliance.provenance.read import read_file
from compliance.provenance.report import ProvenanceReport
from compliance.provenance.sign import SignedFile
from compliance.provenance.timestamp import TimeStampingUnit
from compliance.provenance.tsa import TimeStamp
from tests.provenance.conftest import Installation

PAST = datetime.now(UTC).replace(microsecond=0) - timedelta(days=500)
Reader = Callable[[Path], ProvenanceReport]


@pytest.fixture
def read(installation: Installation) -> Reader:
    return lambda path: read_file(path, installation.pki.anchor_paths())


def span(path: Path, kind: bytes) -> slice:
    """Where the payload of the first top-level box of ``kind`` lies."""
    with path.open("rb") as file:
        box = next(one for one in bmff.top_level(file) if one.kind == kind)
    return slice(box.payload, box.end)


def changed(path: Path, folder: Path, at: int, flip: int = 1) -> Path:
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    target = folder / "changed.mp4"
    target.write_bytes(data)
    return target


def test_attack_one_flipped_bit_of_the_picture(signed: tuple[Path, SignedFile], read: Reader, tmp_path: Path) -> None:
    report = read(changed(signed[0], tmp_path, span(signed[0], b"mdat").start + 1000))
    assert (report.state, report.intact) == ("invalid", False)
    assert "assertion.bmffHash.mismatch" in report.codes


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
    kind=st.sampled_from([b"mdat", b"moov"]),
)
def test_no_changed_byte_of_film_or_index_stays_trusted(
    signed: tuple[Path, SignedFile], read: Reader, tmp_path: Path, position: float, flip: int, kind: bytes
) -> None:
    where = span(signed[0], kind)
    at = where.start + int(position * (where.stop - where.start))
    assert read(changed(signed[0], tmp_path, at, flip)).state in ("invalid", "absent")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_changed_byte_of_the_manifest_says_anything_else(
    signed: tuple[Path, SignedFile], read: Reader, tmp_path: Path, position: float, flip: int
) -> None:
    """Padding may change unnoticed and a damaged time-stamp is lost; nothing else can be said."""
    where = span(signed[0], b"uuid")
    at = where.start + int(position * (where.stop - where.start))
    report, original = read(changed(signed[0], tmp_path, at, flip)), read(signed[0])
    same = replace(report, time=original.time) == original and report.time in ("", original.time)
    assert report.state in ("invalid", "absent") or same


def test_attack_manifest_stripped_by_a_remux(signed: tuple[Path, SignedFile], read: Reader, tmp_path: Path) -> None:
    target = tmp_path / "stripped.mp4"
    with av.open(str(signed[0])) as source, av.open(str(target), "w") as copy:
        streams = {one.index: copy.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    report = read(target)
    assert (report.state, report.codes, report.intact, report.mark) == ("absent", (), None, "")


def test_attack_manifest_transplanted_to_another_film(
    signed: tuple[Path, SignedFile], other_clip: Path, read: Reader, tmp_path: Path
) -> None:
    with signed[0].open("rb") as file:
        box = next(one for one in bmff.top_level(file) if one.kind == b"uuid")
    store = signed[0].read_bytes()[box.start : box.end]
    target = tmp_path / "transplanted.mp4"
    target.write_bytes(other_clip.read_bytes() + store)
    report = read(target)
    assert (report.state, report.intact) == ("invalid", False)


@pytest.mark.parametrize("keep", [0, 7, 40, 3000, -1])
def test_attack_truncated(signed: tuple[Path, SignedFile], read: Reader, tmp_path: Path, keep: int) -> None:
    target = tmp_path / "cut.mp4"
    target.write_bytes(signed[0].read_bytes()[:keep])
    assert read(target).state in ("invalid", "absent")


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"PK\x03\x04", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WAVE"]
)
def test_foreign_and_broken_files_are_answers_not_errors(read: Reader, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read(tmp_path / "file").state in ("invalid", "absent")


def test_an_unknown_signer_is_intact_but_not_known(
    signed: tuple[Path, SignedFile], installation: Installation, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    stranger = profile.issue(
        profile.ROOT, key.public_key(), profile.Issuer(profile.ROOT.subject, key), datetime.now(UTC)
    )
    (tmp_path / "other.pem").write_bytes(to_pem([stranger]))
    report = read_file(signed[0], [tmp_path / "other.pem"])
    assert (report.state, report.intact, report.signer_known) == ("valid", True, False)
    assert "signingCredential.untrusted" in report.codes
    assert report.time == ""


@dataclass(frozen=True)
class PastAuthority:
    """A CA of 500 days ago under the installation's CA keys: its leaves have expired by now."""

    root: x509.Certificate
    issuing: x509.Certificate
    installation: Installation

    def chain(self, leaf: profile.Profile, purpose: KeyPurpose, role: ProcessRole) -> list[x509.Certificate]:
        key = self.installation.custody(role).public_key(purpose)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        setup = self.installation.custody(ProcessRole.SETUP)
        issuer = profile.Issuer(self.issuing.subject, CustodialKey(setup, KeyPurpose.CA_ISSUING))
        return [profile.issue(leaf, key, issuer, PAST), self.issuing]


@pytest.fixture
def past(installation: Installation) -> PastAuthority:
    setup = installation.custody(ProcessRole.SETUP)
    root_key = CustodialKey(setup, KeyPurpose.CA_ROOT)
    issuer = profile.Issuer(profile.ROOT.subject, root_key)
    root = profile.issue(profile.ROOT, root_key.public_key(), issuer, PAST)
    issuing_key = CustodialKey(setup, KeyPurpose.CA_ISSUING).public_key()
    return PastAuthority(root, profile.issue(profile.ISSUING, issuing_key, issuer, PAST), installation)


def sign_with_expired_leaf(
    clip: Path, target: Path, given: ManifestInput, past: PastAuthority, unit: TimeStampingUnit, at: datetime
) -> None:
    gate = past.installation.custody(ProcessRole.GATE)
    in_date = past.installation.pki.chain(KeyPurpose.CLAIM, gate.key_id(KeyPurpose.CLAIM))
    order = {
        "definition": manifest.definition(given),
        "chain": to_pem(in_date).decode(),
        "anchors": to_pem([past.root]).decode(),
    }
    assemble.assemble(clip, target, order)

    def stamp(message: bytes) -> TimeStamp:
        request = TimestampRequestBuilder().data(message).build().as_bytes()
        return TimeStamp(tsp.TimeStampResp.load(unit.respond(request, at))["time_stamp_token"].dump(), at)

    plan = finisher.Plan(
        manifest.assertions(given),
        finisher.ByteString(manifest.SOFT_BINDING_LABEL, given.mark_placeholder, given.mark),
        past.chain(profile.CLAIM, KeyPurpose.CLAIM, ProcessRole.GATE),
        lambda data: gate.sign(KeyPurpose.CLAIM, data),
        stamp,
    )
    finisher.finish(target, plan)


def test_a_certificate_that_expired_later_is_covered_by_the_time_stamp(
    clip: Path, given: ManifestInput, past: PastAuthority, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(to_pem([past.root]))
    chain = past.chain(profile.TSA, KeyPurpose.TSA, ProcessRole.TSA)
    unit = TimeStampingUnit(past.installation.custody(ProcessRole.TSA), chain)
    sign_with_expired_leaf(clip, tmp_path / "old.mp4", given, past, unit, PAST + timedelta(days=3))
    report = read_file(tmp_path / "old.mp4", [tmp_path / "root.pem"])
    assert (report.state, report.in_date, report.codes) == ("trusted", True, ())
    assert datetime.fromisoformat(report.time) == PAST + timedelta(days=3)


def test_attack_expired_certificate_with_a_time_stamp_of_the_attackers_own(
    clip: Path, given: ManifestInput, past: PastAuthority, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(to_pem([past.root]))
    root_key, tsa_key = (ec.generate_private_key(curve) for curve in (ec.SECP384R1(), ec.SECP256R1()))
    evil = profile.Issuer(profile.ROOT.subject, root_key)
    chain = [profile.issue(profile.TSA, tsa_key.public_key(), evil, PAST)]

    class OwnKey:
        def sign(self, purpose: KeyPurpose, data: bytes) -> bytes:
            r, s = decode_dss_signature(tsa_key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    unit = TimeStampingUnit(OwnKey(), chain)  # type: ignore[arg-type]
    sign_with_expired_leaf(clip, tmp_path / "old.mp4", given, past, unit, PAST + timedelta(days=3))
    report = read_file(tmp_path / "old.mp4", [tmp_path / "root.pem"])
    assert (report.state, report.in_date, report.time) == ("invalid", False, "")
    assert "signingCredential.expired" in report.codes


def test_a_report_survives_json(signed: tuple[Path, SignedFile], read: Reader) -> None:
    report = read(signed[0])
    assert ProvenanceReport.from_json(report.to_json()) == report


def test_reading_changes_nothing(signed: tuple[Path, SignedFile], read: Reader) -> None:
    before = hashlib.sha256(signed[0].read_bytes()).digest()
    read(signed[0])
    assert hashlib.sha256(signed[0].read_bytes()).digest() == before
