"""Signing: what a stream carries, who may sign, how numbers and keys live and end."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import av
import cbor2
import pytest

from compliance.keys.errors import KeyAccessDenied
from compliance.keys.purposes import ProcessRole
from compliance.provenance import jumbf
from compliance.provenance.errors import ContainerInvalid, SigningFailed, TsaUnavailable
from compliance.provenance.live import (
    LiveSession,
    LiveVerifier,
    SessionAlgorithm,
    SessionRefused,
    SessionTerms,
    emsg,
    init_manifest,
    segment_info,
)
from compliance.provenance.manifest import ManifestInput
from compliance.provenance.store import locate_store
from tests.provenance.conftest import MARK, Installation
from tests.provenance.live.conftest import Numbers, Stream, signed_stream
from tests.provenance.live.forging import flip_in, message_in, signature_of
from tests.provenance.live.media import STYP, boxes

Media = tuple[bytes, list[bytes]]


@pytest.fixture(autouse=True)
def at_the_installation(installation: Installation, settings: Any) -> None:
    settings.AVOW_KEYS_DIR = installation.keys


def refused(session: LiveSession, segment: bytes, number: int) -> str:
    with pytest.raises(SessionRefused) as refusal:
        session.sign_segment(segment, number)
    return refusal.value.code


class Clocks:
    """The wall clock and the elapsed time of a machine, which the test moves."""

    def __init__(self) -> None:
        self.wall, self.uptime = datetime.now(UTC), 1000.0

    def pass_time(self, span: timedelta) -> None:
        self.wall += span
        self.uptime += span.total_seconds()

    @property
    def given(self) -> dict[str, Callable[[], Any]]:
        return {"now": lambda: self.wall, "elapsed": lambda: self.uptime}


# --- what is published ---
def test_a_stream_verifies_segment_by_segment(stream: Stream, verifier: LiveVerifier, given: ManifestInput) -> None:
    found = verifier.init(stream.init)
    assert (found.credentials.state, found.credentials.mark) == ("trusted", MARK.hex())
    assert found.credentials.receipt_id == given.receipt.receipt_id
    assert found.credentials.time
    verdicts = [verifier.segment(one) for one in stream.segments]
    assert [one.sequence for one in verdicts] == [1, 2, 3, 4, 5, 6]
    assert {one.manifest_id for one in verdicts} == {found.manifest_id}
    assert {one.key_id for one in verdicts} == {found.keys[0].kid.hex()}


def test_the_verifier_reads_the_manifest_in_the_sandbox_by_default(stream: Stream, installation: Installation) -> None:
    verifier = LiveVerifier(installation.pki.anchor_paths())
    assert verifier.init(stream.init).credentials.signer is not None
    assert verifier.segment(stream.segments[3]).sequence == 4


def test_the_init_manifest_states_what_a_file_s_does(stream: Stream, verifier: LiveVerifier) -> None:
    store = locate_store(io.BytesIO(stream.init))
    assert store
    (manifest,) = jumbf.read_store(store.data).children(store.data)
    assertions = manifest.child(store.data, "c2pa.assertions")
    content = {
        one.label: cbor2.loads(store.data[slice(*one.content_box(store.data, b"cbor"))])
        for one in assertions.children(store.data)
    }
    assert list(content) == [
        "c2pa.actions.v2",
        "c2pa.soft-binding",
        "c2pa.ai-disclosure",
        "org.avow.consent-receipt",
        "cawg.training-mining",
        "c2pa.session-keys",
        "c2pa.hash.bmff.v3",
    ]
    assert content["c2pa.actions.v2"]["allActionsIncluded"] is True
    created = content["c2pa.actions.v2"]["actions"][0]
    assert created["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert content["c2pa.soft-binding"]["blocks"][0]["value"] == MARK
    assert verifier.init(stream.init).credentials.actions[0]["action"] == "c2pa.created"


@pytest.mark.parametrize("algorithm", list(SessionAlgorithm))
def test_either_algorithm_verifies_and_every_picture_plays(
    algorithm: SessionAlgorithm,
    begin: Callable[..., LiveSession],
    media: Media,
    installation: Installation,
    verifier: LiveVerifier,
) -> None:
    signed = signed_stream(begin(terms=SessionTerms(algorithm=algorithm)), media, installation.keys)
    verifier.init(signed.init)
    for segment in signed.segments:
        verifier.segment(segment)
    with av.open(io.BytesIO(signed.init + b"".join(signed.segments))) as container:
        assert sum(1 for _frame in container.decode(video=0)) == 12 * len(media[1])


def test_a_segment_grows_by_its_signature_alone(stream: Stream, media: Media) -> None:
    for bare, signed in zip(media[1], stream.segments, strict=True):
        kinds = [kind for kind, _start, _end in boxes(signed)]
        assert kinds == [b"styp", b"emsg", b"moof", b"mdat"]
        assert signed.replace(signature_of(signed), b"") == bare
        assert len(signed) - len(bare) < 450


def test_the_event_message_tells_how_long_the_segment_lasts(stream: Stream) -> None:
    box = signature_of(stream.segments[2])
    numbers = box[: len(box) - len(message_in(box))][-16:]
    timescale, delta, duration, identifier = (int.from_bytes(numbers[at : at + 4], "big") for at in (0, 4, 8, 12))
    assert (duration / timescale, delta, identifier) == (0.5, 0, 3)


def test_a_segment_without_a_type_box_is_signed_at_its_start(
    begin: Callable[..., LiveSession], media: Media, verifier: LiveVerifier
) -> None:
    session = begin()
    verifier.init(session.sign_init(media[0]))
    signed = session.sign_segment(media[1][0].removeprefix(STYP), 1)
    assert [kind for kind, _start, _end in boxes(signed)] == [b"emsg", b"moof", b"mdat"]
    verifier.segment(signed)


# --- who may sign, and what ---
@pytest.mark.parametrize("role", [ProcessRole.WORKER, ProcessRole.WEB, ProcessRole.INSPECTOR, ProcessRole.TSA])
def test_attack_another_role_goes_on_air(
    role: ProcessRole, begin: Callable[..., LiveSession], media: Media, installation: Installation
) -> None:
    session = begin(custody=installation.custody(role))
    with pytest.raises(KeyAccessDenied):
        session.sign_init(media[0])
    assert refused(session, media[1][0], 1) == "session_not_started"


def test_no_time_stamp_no_session(begin: Callable[..., LiveSession], media: Media) -> None:
    session = begin(tsa_url="http://127.0.0.1:9/")
    with pytest.raises(TsaUnavailable):
        session.sign_init(media[0])
    assert refused(session, media[1][0], 1) == "session_not_started"


def test_an_init_that_does_not_read_back_never_goes_on_air(
    begin: Callable[..., LiveSession], media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = init_manifest.sign_init

    def damaged(init: bytes, order: init_manifest.InitOrder) -> init_manifest.SignedInit:
        signed = honest(init, order)
        return init_manifest.SignedInit(flip_in(signed.data, b"moov", from_end=40), signed.manifest_id, signed.time)

    monkeypatch.setattr("compliance.provenance.live.session.sign_init", damaged)
    session = begin()
    with pytest.raises(SigningFailed):
        session.sign_init(media[0])
    assert refused(session, media[1][0], 1) == "session_not_started"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda media: media[0] + media[1][0], "init_has_media"),
        (lambda media: media[1][0], "init_not_plain"),
        (lambda media: media[0][:-5], "container_damaged"),
        (lambda media: b"", "init_not_plain"),
    ],
)
def test_what_is_no_init_segment_is_not_signed(
    damage: Callable[[Media], bytes], code: str, begin: Callable[..., LiveSession], media: Media
) -> None:
    with pytest.raises(ContainerInvalid) as refusal:
        begin().sign_init(damage(media))
    assert refusal.value.code == code


def test_an_init_is_signed_once(stream: Stream, begin: Callable[..., LiveSession], media: Media) -> None:
    session = begin()
    session.sign_init(media[0])
    with pytest.raises(SessionRefused):
        session.sign_init(media[0])
    with pytest.raises(ContainerInvalid):
        begin().sign_init(stream.init)


@pytest.mark.parametrize(
    "damage",
    [
        lambda media, signed: signed,
        lambda media, signed: media[0],
        lambda media, signed: media[1][0] + media[1][1],
        lambda media, signed: media[1][0][:-3],
        lambda media, signed: STYP,
        lambda media, signed: b"",
    ],
)
def test_what_is_no_plain_segment_is_not_signed_and_costs_no_number(
    damage: Callable[[Media, bytes], bytes], begin: Callable[..., LiveSession], media: Media, stream: Stream
) -> None:
    session = begin()
    session.sign_init(media[0])
    with pytest.raises(ContainerInvalid):
        session.sign_segment(damage(media, stream.segments[0]), 1)
    session.sign_segment(media[1][0], 1)


# --- numbers ---
def test_numbers_rise_by_one_and_are_kept_before_a_segment_is_handed_out(
    begin: Callable[..., LiveSession], media: Media
) -> None:
    numbers = Numbers()
    session = begin(numbers)
    session.sign_init(media[0])
    session.sign_segment(media[1][0], 1)
    for wrong in (0, 1, 3, -1):
        assert refused(session, media[1][1], wrong) == "sequence_not_next"
    session.sign_segment(media[1][1], 2)
    assert numbers.recorded == [0, 1, 2]


def test_a_worker_that_lost_its_room_gets_no_segment(begin: Callable[..., LiveSession], media: Media) -> None:
    class Lost(Numbers):
        def record(self, sequence: int) -> None:
            raise RuntimeError("the lease is another's")

    session = begin(Lost())
    session.sign_init(media[0])
    with pytest.raises(RuntimeError):
        session.sign_segment(media[1][0], 1)


def test_a_restart_begins_a_new_session_where_the_numbers_stopped(
    begin: Callable[..., LiveSession], media: Media, verifier: LiveVerifier
) -> None:
    numbers = Numbers()
    before = begin(numbers)
    inits = [before.sign_init(media[0])]
    first = before.sign_segment(media[1][0], 1)
    after = begin(numbers)
    inits.append(after.sign_init(media[0]))
    second = after.sign_segment(media[1][1], 2)
    keys = []
    for init, segment in zip(inits, (first, second), strict=True):
        keys += verifier.init(init).keys
        verifier.segment(segment)
    assert [key.terms.minimum_sequence for key in keys] == [1, 2]
    assert keys[0].kid != keys[1].kid


def test_a_successor_is_made_beside_the_running_session_and_takes_over_at_any_segment(
    begin: Callable[..., LiveSession], media: Media, verifier: LiveVerifier
) -> None:
    numbers = Numbers()
    running = begin(numbers)
    running.sign_init(media[0])
    running.sign_segment(media[1][0], 1)
    successor = begin(numbers)
    init = successor.sign_init(media[0])
    running.sign_segment(media[1][1], 2)
    verifier.init(init)
    assert verifier.segment(successor.sign_segment(media[1][2], 3)).sequence == 3
    assert refused(running, media[1][3], 3) == "sequence_not_next"


# --- keys ---
def test_a_session_asks_for_its_successor_and_then_stops(begin: Callable[..., LiveSession], media: Media) -> None:
    clocks = Clocks()
    session = begin(**clocks.given)
    session.sign_init(media[0])
    assert not session.rotation_due
    clocks.pass_time(timedelta(hours=23, seconds=1))
    assert session.rotation_due
    session.sign_segment(media[1][0], 1)
    clocks.pass_time(timedelta(hours=1))
    assert refused(session, media[1][1], 2) == "session_expired"


@pytest.mark.parametrize("jump", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=400)])
def test_a_clock_that_jumps_on_air_moves_no_signature_and_asks_for_a_new_session(
    jump: timedelta, begin: Callable[..., LiveSession], media: Media, verifier: LiveVerifier
) -> None:
    clocks = Clocks()
    session = begin(**clocks.given)
    verifier.init(session.sign_init(media[0]))
    first = verifier.segment(session.sign_segment(media[1][0], 1)).signed_at
    clocks.pass_time(timedelta(seconds=2))
    clocks.wall += jump
    assert session.rotation_due
    second = verifier.segment(session.sign_segment(media[1][1], 2)).signed_at
    assert first and second
    assert second - first == timedelta(seconds=2)


@pytest.mark.parametrize("validity", [timedelta(hours=25), timedelta(seconds=1)])
def test_no_key_outlives_a_day(validity: timedelta) -> None:
    with pytest.raises(ValueError, match="24 hours"):
        SessionTerms(validity=validity)


def test_a_session_and_its_key_cannot_leave_the_process(begin: Callable[..., LiveSession]) -> None:
    session = begin()
    for treasure in (session, session._key):
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                leave(treasure)
    assert "private" not in repr(session._key).lower()


def test_the_statement_names_number_manifest_and_time(stream: Stream) -> None:
    statement = segment_info.read(message_in(signature_of(stream.segments[1]))).info
    assert statement.sequence == 2
    assert statement.manifest_id.startswith("urn:c2pa:")
    assert statement.signed_at and abs(datetime.now(UTC) - statement.signed_at) < timedelta(minutes=5)
    assert signature_of(stream.segments[1])[emsg.SCHEME_OFFSET :].startswith(emsg.SCHEME)
