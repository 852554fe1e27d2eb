"""Attacks on a stream, each named, and the reason that stops it."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from compliance.keys.purposes import KeyPurpose, ProcessRole
from compliance.provenance.live import (
    LiveCode,
    LiveInvalid,
    LiveReason,
    LiveSession,
    LiveVerifier,
    SessionAlgorithm,
    init_manifest,
    segment_info,
)
from compliance.provenance.live.session_keys import Dialect, KeyTerms, SessionKey, assertion_content
from compliance.provenance.manifest import ManifestInput
from compliance.provenance.pki import to_pem
from compliance.provenance.profile import ROOT, Issuer, issue
from compliance.provenance.tsa import request_time_stamp
from tests.provenance.conftest import Installation
from tests.provenance.live.conftest import Numbers, Stream, signed_stream
from tests.provenance.live.forging import (
    flip,
    flip_in,
    message_in,
    rewrite_message,
    sign_with_stolen_key,
    signature_of,
    with_signature_of,
    without_signature,
)
from tests.provenance.live.media import STYP, boxes

Media = tuple[bytes, list[bytes]]
HOUR = timedelta(hours=1)


def refusal(verifier: LiveVerifier, segment: bytes) -> LiveReason:
    with pytest.raises(LiveInvalid) as refused:
        verifier.segment(segment)
    assert refused.value.code == LiveCode.SEGMENT
    return refused.value.reason


def init_refusal(verifier: LiveVerifier, init: bytes) -> tuple[str, LiveReason]:
    with pytest.raises(LiveInvalid) as refused:
        verifier.init(init)
    with pytest.raises(LiveInvalid):
        verifier.segment(STYP)
    return refused.value.code, refused.value.reason


@pytest.fixture
def watching(verifier: LiveVerifier, stream: Stream) -> LiveVerifier:
    """A viewer who has seen the first segment."""
    verifier.init(stream.init)
    verifier.segment(stream.segments[0])
    return verifier


# --- on segments, without a key ---
CHANGES: dict[str, tuple[Callable[[bytes], bytes], LiveReason]] = {
    "a_bit_of_the_picture": (lambda s: flip_in(s, b"mdat"), LiveReason.CONTENT_CHANGED),
    "a_bit_of_the_index": (lambda s: flip_in(s, b"moof"), LiveReason.CONTENT_CHANGED),
    "a_bit_of_the_type": (lambda s: flip_in(s, b"styp"), LiveReason.CONTENT_CHANGED),
    "a_bit_of_the_signature": (lambda s: flip_in(s, b"emsg"), LiveReason.SIGNATURE_WRONG),
    "a_bit_of_the_signed_number": (
        lambda s: flip(s, s.index(b"sequenceNumber") + len(b"sequenceNumber")),
        LiveReason.SIGNATURE_WRONG,
    ),
    "a_bit_of_the_signed_hash": (lambda s: flip(s, s.index(b"dhashX \x00"[:5]) + 12), LiveReason.SIGNATURE_WRONG),
    "the_signature_removed": (without_signature, LiveReason.SEGMENT_UNSIGNED),
    "the_signature_twice": (lambda s: signature_of(s) + s, LiveReason.SEGMENT_SIGNED_TWICE),
    "the_signature_moved_to_the_end": (lambda s: without_signature(s) + signature_of(s), LiveReason.CONTENT_CHANGED),
    "the_scheme_renamed": (lambda s: s.replace(b"segment-info\0", b"segment-inf0\0"), LiveReason.SEGMENT_UNSIGNED),
    "a_free_box_appended": (lambda s: s + struct.pack(">I4s", 12, b"free") + b"hide", LiveReason.CONTENT_CHANGED),
    "more_media_appended": (lambda s: s + s[-boxes(s)[-1][2] + boxes(s)[-1][1] :], LiveReason.CONTENT_CHANGED),
    "cut_off": (lambda s: s[:-7], LiveReason.SEGMENT_DAMAGED),
    "bytes_after_the_statement": (lambda s: rewrite_message(s, lambda m: m + b"\0"), LiveReason.SIGNATURE_DAMAGED),
    "the_statement_emptied": (lambda s: rewrite_message(s, lambda m: b""), LiveReason.SIGNATURE_DAMAGED),
}


@pytest.mark.parametrize("name", CHANGES)
def test_attack_changing_a_segment(name: str, watching: LiveVerifier, stream: Stream) -> None:
    change, reason = CHANGES[name]
    assert refusal(watching, change(stream.segments[1])) == reason
    watching.segment(stream.segments[1])


def test_attack_dropping_a_segment(watching: LiveVerifier, stream: Stream) -> None:
    assert refusal(watching, stream.segments[2]) == LiveReason.SEQUENCE_GAP
    assert watching.segment(stream.segments[3]).sequence == 4


def test_attack_swapping_two_segments(watching: LiveVerifier, stream: Stream) -> None:
    assert refusal(watching, stream.segments[2]) == LiveReason.SEQUENCE_GAP
    assert refusal(watching, stream.segments[1]) == LiveReason.SEQUENCE_REPEATED


def test_attack_replaying_a_segment(watching: LiveVerifier, stream: Stream) -> None:
    assert refusal(watching, stream.segments[0]) == LiveReason.SEQUENCE_REPEATED


def test_a_viewer_may_seek_forwards_but_not_back(watching: LiveVerifier, stream: Stream) -> None:
    assert watching.segment(stream.segments[4], after_seek=True).sequence == 5
    with pytest.raises(LiveInvalid):
        watching.segment(stream.segments[1], after_seek=True)


def test_attack_splicing_in_another_session(watching: LiveVerifier, other_stream: Stream) -> None:
    assert refusal(watching, other_stream.segments[1]) == LiveReason.MANIFEST_OF_ANOTHER


def test_attack_another_stream_s_init(verifier: LiveVerifier, stream: Stream, other_stream: Stream) -> None:
    verifier.init(other_stream.init)
    assert refusal(verifier, stream.segments[0]) == LiveReason.MANIFEST_OF_ANOTHER


def test_attack_a_signature_on_other_media(watching: LiveVerifier, stream: Stream, other_stream: Stream) -> None:
    forged = with_signature_of(other_stream.segments[1], stream.segments[1])
    assert refusal(watching, forged) == LiveReason.CONTENT_CHANGED
    assert refusal(watching, with_signature_of(stream.segments[2], stream.segments[1])) == LiveReason.CONTENT_CHANGED


def test_attack_inserting_an_unsigned_segment(watching: LiveVerifier, media: Media) -> None:
    assert refusal(watching, media[1][1]) == LiveReason.SEGMENT_UNSIGNED


def test_attack_a_recording_played_as_live(installation: Installation, stream: Stream) -> None:
    later = LiveVerifier(
        installation.pki.anchor_paths(),
        sandboxed=False,
        max_age=timedelta(seconds=30),
        now=lambda: datetime.now(UTC) + HOUR,
    )
    later.init(stream.init)
    assert refusal(later, stream.segments[0]) == LiveReason.NOT_LIVE


# --- on segments, with a key ---
@pytest.fixture(scope="module")
def stolen(begin: Callable[..., LiveSession], media: Media, installation: Installation) -> LiveSession:
    """A session on air from number 5 on, whose key somebody has taken from memory."""
    session = begin(Numbers(4))
    signed_stream(session, (media[0], []), installation.keys)
    return session


@pytest.fixture
def deceived(verifier: LiveVerifier, stolen: LiveSession) -> LiveVerifier:
    assert stolen.init
    verifier.init(stolen.init.data)
    return verifier


def test_attack_a_signature_back_dated_within_the_key_s_day(
    installation: Installation, stolen: LiveSession, media: Media
) -> None:
    late = LiveVerifier(installation.pki.anchor_paths(), sandboxed=False, now=lambda: datetime.now(UTC) + 8 * HOUR)
    assert stolen.init
    late.init(stolen.init.data)
    late.segment(sign_with_stolen_key(stolen, media[1][0], 5, stolen.key_terms.created_at + 8 * HOUR))
    forged = sign_with_stolen_key(stolen, media[1][1], 6, stolen.key_terms.created_at + HOUR)
    assert refusal(late, forged) == LiveReason.SIGNED_EARLIER


def test_attack_signing_after_the_key_has_expired(
    installation: Installation, stolen: LiveSession, media: Media
) -> None:
    anchors = installation.pki.anchor_paths()
    late = LiveVerifier(anchors, sandboxed=False, now=lambda: datetime.now(UTC) + 48 * HOUR)
    assert stolen.init
    late.init(stolen.init.data)
    forged = sign_with_stolen_key(stolen, media[1][0], 5, stolen.key_terms.expires_at + timedelta(seconds=1))
    assert refusal(late, forged) == LiveReason.KEY_EXPIRED
    late.segment(sign_with_stolen_key(stolen, media[1][0], 5, stolen.key_terms.expires_at))


def test_attack_a_back_dated_signature(deceived: LiveVerifier, stolen: LiveSession, media: Media) -> None:
    before = stolen.key_terms.created_at - timedelta(seconds=1)
    assert refusal(deceived, sign_with_stolen_key(stolen, media[1][0], 5, before)) == LiveReason.KEY_NOT_YET_VALID


def test_attack_a_signature_from_the_future(deceived: LiveVerifier, stolen: LiveSession, media: Media) -> None:
    ahead = stolen.key_terms.created_at + HOUR
    assert refusal(deceived, sign_with_stolen_key(stolen, media[1][0], 5, ahead)) == LiveReason.KEY_NOT_YET_VALID


def test_attack_rewriting_what_was_on_air_before(deceived: LiveVerifier, stolen: LiveSession, media: Media) -> None:
    forged = sign_with_stolen_key(stolen, media[1][0], 4, stolen.key_terms.created_at)
    assert refusal(deceived, forged) == LiveReason.SEQUENCE_TOO_LOW


def test_attack_a_stolen_key_speaks_for_another_stream(
    watching: LiveVerifier, stolen: LiveSession, stream: Stream, media: Media
) -> None:
    theirs = segment_info.read(message_in(signature_of(stream.segments[0]))).info.manifest_id
    forged = sign_with_stolen_key(stolen, media[1][1], 2, stolen.key_terms.created_at, theirs)
    assert refusal(watching, forged) == LiveReason.KEY_UNKNOWN


def test_attack_a_foreign_key_under_a_known_id(deceived: LiveVerifier, stolen: LiveSession, media: Media) -> None:
    honest = sign_with_stolen_key(stolen, media[1][0], 5, stolen.key_terms.created_at)
    for algorithm in SessionAlgorithm:
        stranger = SessionKey(algorithm)
        stranger.kid = stolen._key.kid
        forged = rewrite_message(
            honest, lambda old, key=stranger: segment_info.encode(segment_info.read(old).info, key)
        )
        assert refusal(deceived, forged) == LiveReason.SIGNATURE_WRONG


def test_attack_a_hash_that_leaves_out_the_picture(
    deceived: LiveVerifier, stolen: LiveSession, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(segment_info, "EXCLUSIONS", [*segment_info.EXCLUSIONS, {"xpath": "/mdat"}])
        forged = sign_with_stolen_key(stolen, media[1][0], 5, stolen.key_terms.created_at)
    assert refusal(deceived, forged) == LiveReason.SIGNATURE_DAMAGED


# --- on the init segment ---
def flip_in_session_key(init: bytes) -> bytes:
    return flip(init, init.index(b"c2pa.session-keys") + 60)


def without_manifest(init: bytes) -> bytes:
    return b"".join(init[start:end] for kind, start, end in boxes(init) if kind != b"uuid")


INITS: dict[str, tuple[Callable[[bytes], bytes], LiveCode, LiveReason]] = {
    "the_index_altered": (
        lambda i: flip_in(i, b"moov", from_end=40),
        LiveCode.MANIFEST,
        LiveReason.MANIFEST_NOT_TRUSTED,
    ),
    "the_key_altered": (flip_in_session_key, LiveCode.MANIFEST, LiveReason.MANIFEST_NOT_TRUSTED),
    "the_claim_altered": (
        lambda i: flip(i, i.index(b"dc:title") + 12),
        LiveCode.MANIFEST,
        LiveReason.MANIFEST_NOT_TRUSTED,
    ),
    "the_manifest_removed": (without_manifest, LiveCode.MANIFEST, LiveReason.MANIFEST_ABSENT),
    "two_manifests": (
        lambda i: i + i[boxes(i)[1][1] : boxes(i)[1][2]],
        LiveCode.MANIFEST,
        LiveReason.MANIFEST_NOT_TRUSTED,
    ),
    "hidden_bytes": (
        lambda i: i + struct.pack(">I4s", 12, b"free") + b"hide",
        LiveCode.MANIFEST,
        LiveReason.MANIFEST_NOT_TRUSTED,
    ),
    "pictures_inside": (
        lambda i: i + struct.pack(">I4s", 12, b"mdat") + b"hide",
        LiveCode.INIT,
        LiveReason.INIT_HAS_MEDIA,
    ),
    "cut_off": (lambda i: i[:-9], LiveCode.INIT, LiveReason.INIT_DAMAGED),
}


@pytest.mark.parametrize("name", INITS)
def test_attack_changing_the_init_segment(name: str, verifier: LiveVerifier, stream: Stream) -> None:
    change, code, reason = INITS[name]
    assert init_refusal(verifier, change(stream.init)) == (code, reason)


def test_attack_a_signer_nobody_knows(stream: Stream, installation: Installation, tmp_path: Any) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    other = issue(ROOT, key.public_key(), Issuer(ROOT.subject, key), datetime.now(UTC))
    (tmp_path / "other.pem").write_bytes(to_pem([other]))
    verifier = LiveVerifier([tmp_path / "other.pem"], sandboxed=False)
    assert init_refusal(verifier, stream.init) == (LiveCode.MANIFEST, LiveReason.MANIFEST_NOT_TRUSTED)


@pytest.fixture
def order(installation: Installation, tsa_url: str, given: ManifestInput) -> Callable[..., init_manifest.InitOrder]:
    """An order to the claim signer with whatever session keys."""

    def make(keys: bytes) -> init_manifest.InitOrder:
        gate = installation.custody(ProcessRole.GATE)
        chain = installation.pki.usable_chain(KeyPurpose.CLAIM, gate.public_key(KeyPurpose.CLAIM), datetime.now(UTC))
        return init_manifest.InitOrder(
            given,
            keys,
            chain,
            sign=lambda data: gate.sign(KeyPurpose.CLAIM, data),
            stamp=lambda message: request_time_stamp(tsa_url, message, anchors=installation.pki.anchors()),
        )

    return make


def terms() -> KeyTerms:
    return KeyTerms(1, datetime.now(UTC).replace(microsecond=0), HOUR)


def test_attack_a_public_key_claimed_without_its_private_half(
    verifier: LiveVerifier, media: Media, order: Callable[..., init_manifest.InitOrder]
) -> None:
    key = SessionKey(SessionAlgorithm.ED25519)
    keys = assertion_content(key, terms(), b"another certificate", Dialect.SPECIFICATION)
    signed = init_manifest.sign_init(media[0], order(keys))
    assert init_refusal(verifier, signed.data) == (LiveCode.SESSION_KEY, LiveReason.SIGNER_BINDING_WRONG)


@pytest.mark.parametrize("keys", [{"keys": []}, {"keys": [{}]}, {}, {"keys": 7}])
def test_attack_keys_that_are_none(
    keys: Any, verifier: LiveVerifier, media: Media, order: Callable[..., init_manifest.InitOrder]
) -> None:
    signed = init_manifest.sign_init(media[0], order(cbor2.dumps(keys)))
    assert init_refusal(verifier, signed.data) == (LiveCode.SESSION_KEY, LiveReason.SESSION_KEYS_DAMAGED)


def test_a_signed_file_is_no_live_stream(
    verifier: LiveVerifier,
    media: Media,
    given: ManifestInput,
    order: Callable[..., init_manifest.InitOrder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(init_manifest, "SESSION_KEYS_LABEL", "org.example.something")
    signed = init_manifest.sign_init(media[0], order(cbor2.dumps({"a": 1})))
    assert init_refusal(verifier, signed.data) == (LiveCode.SESSION_KEY, LiveReason.SESSION_KEYS_ABSENT)


def test_a_new_init_begins_anew_and_the_old_session_ends(
    verifier: LiveVerifier, stream: Stream, other_stream: Stream
) -> None:
    verifier.init(stream.init)
    verifier.segment(stream.segments[0])
    verifier.init(other_stream.init)
    assert verifier.segment(other_stream.segments[0]).sequence == 1
    assert refusal(verifier, stream.segments[1]) == LiveReason.MANIFEST_OF_ANOTHER


def test_attack_the_same_init_again_to_replay_its_segments(watching: LiveVerifier, stream: Stream) -> None:
    watching.init(stream.init)
    assert refusal(watching, stream.segments[0]) == LiveReason.SEQUENCE_REPEATED
    watching.segment(stream.segments[1])


def test_attack_an_ended_session_slipped_in_between(
    watching: LiveVerifier, stream: Stream, other_stream: Stream
) -> None:
    watching.init(other_stream.init)
    watching.segment(other_stream.segments[0])
    watching.init(stream.init)
    assert refusal(watching, stream.segments[0]) == LiveReason.SEQUENCE_REPEATED


def test_attack_a_session_of_an_earlier_hour(
    installation: Installation, begin: Callable[..., LiveSession], stream: Stream, media: Media
) -> None:
    later = datetime.now(UTC) + HOUR
    on_air = signed_stream(begin(now=lambda: later), media, installation.keys)
    verifier = LiveVerifier(installation.pki.anchor_paths(), sandboxed=False, now=lambda: later)
    verifier.init(on_air.init)
    verifier.segment(on_air.segments[0])
    verifier.init(stream.init)
    assert refusal(verifier, stream.segments[0]) == LiveReason.SIGNED_EARLIER
    verifier.init(on_air.init)
    assert verifier.segment(on_air.segments[1]).sequence == 2


def test_a_slate_made_ready_ahead_may_come_and_go(verifier: LiveVerifier, stream: Stream, other_stream: Stream) -> None:
    for init, segment in (
        (other_stream.init, other_stream.segments[0]), (stream.init, stream.segments[0]),
        (other_stream.init, other_stream.segments[1]), (stream.init, stream.segments[1]),
    ):  # fmt: skip
        verifier.init(init)
        verifier.segment(segment)


def test_every_reason_has_a_text_and_survives_a_process_boundary() -> None:
    for reason in LiveReason:
        again = pickle.loads(pickle.dumps(LiveInvalid(reason, sequence=7)))
        assert (again.reason, again.details["sequence"]) == (reason, 7)
        assert again.text
