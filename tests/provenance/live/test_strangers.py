"""Bytes of strangers: whatever they are, the answer is a verdict or a refusal, never a crash."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.provenance.live import LiveInvalid, LiveVerifier, credentials, segment_info, timing
from compliance.provenance.live.cbor import MAX_DEPTH, CborInvalid, decode
from compliance.provenance.live.session_keys import read_assertion
from tests.provenance.live.conftest import Stream
from tests.provenance.live.forging import flip, message_in, rewrite_message, signature_of
from tests.provenance.live.media import boxes

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
KEYS = st.one_of(st.integers(-(2**64), 2**64 - 1), st.text(max_size=8), st.binary(max_size=8))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), KEYS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def ready(stream: Stream, installation: Any) -> LiveVerifier:
    verifier = LiveVerifier(installation.pki.anchor_paths(), sandboxed=False)
    verifier.init(stream.init)
    return verifier


def unprotected(segment: bytes) -> set[int]:
    """Bytes of the event message that the standard leaves outside of the signature: timescale, duration, id."""
    box = signature_of(segment)
    start = segment.index(box) + len(box) - len(message_in(box)) - 16
    return set(range(start, start + 4)) | set(range(start + 8, start + 16))


@SHARED
@given(data=st.data())
def test_law_one_changed_bit_anywhere_is_refused(data: Any, ready: LiveVerifier, stream: Stream) -> None:
    segment = stream.segments[0]
    head = boxes(segment)[2][1] + 200
    at = data.draw(st.integers(0, head) | st.integers(0, len(segment) - 1))
    changed = flip(segment, at, data.draw(st.integers(0, 7)))
    ready._last.clear()
    if at in unprotected(segment):
        ready.segment(changed)
    else:
        with pytest.raises(LiveInvalid):
            ready.segment(changed)


@SHARED
@given(data=st.data())
def test_law_a_segment_is_judged_or_refused(data: Any, ready: LiveVerifier, stream: Stream) -> None:
    segment = stream.segments[1]
    start = data.draw(st.integers(0, len(segment)))
    end = data.draw(st.integers(start, min(len(segment), start + 64)))
    with suppress(LiveInvalid):
        ready.segment(segment[:start] + data.draw(st.binary(max_size=64)) + segment[end:])
    with suppress(LiveInvalid):
        ready.segment(rewrite_message(segment, lambda _old: data.draw(st.binary(min_size=1, max_size=300))))


@SHARED
@given(data=st.data())
def test_law_an_init_is_read_or_refused(data: Any, stream: Stream) -> None:
    store = credentials.check_init(stream.init)
    label = store[store.index(b"urn:c2pa:") :].split(b"\0")[0].decode()
    at = data.draw(st.integers(0, 4500))
    patch = data.draw(st.binary(min_size=1, max_size=12))
    with suppress(LiveInvalid):
        credentials.session_keys(store[:at] + patch + store[at + len(patch) :], label)
    with suppress(LiveInvalid):
        credentials.check_init(stream.init[:at] + patch + stream.init[at + len(patch) :])


@given(st.binary(max_size=200))
def test_law_arbitrary_bytes_are_no_statement_and_no_keys(data: bytes) -> None:
    for reader in (segment_info.read, read_assertion):
        with pytest.raises(LiveInvalid):
            reader(data)
    assert timing.read_track(data) is None


@given(VALUES)
def test_law_the_cbor_of_another_writer_is_understood(value: Any) -> None:
    again = decode(cbor2.dumps(value))
    assert again == value or (isinstance(value, float) and math.isnan(value))


BOMBS = {
    "nothing": b"",
    "endless_array": b"\x9b" + b"\xff" * 8,
    "endless_bytes": b"\x5b\x7f" + b"\xff" * 7,
    "deep": b"\x81" * (MAX_DEPTH + 2) + b"\x00",
    "indefinite": b"\x9f\x00\xff",
    "repeated_key": b"\xa2\x00\x00\x00\x00",
    "array_as_key": b"\xa1\x80\x00",
    "boolean_as_key": b"\xa1\xf5\x00",
    "bytes_after_the_end": b"\x00\x00",
    "not_utf8": b"\x62\xff\xff",
    "undefined": b"\xf7",
    "huge": bytes(2 << 20),
}


@pytest.mark.parametrize("name", BOMBS)
def test_attack_cbor_bomb(name: str) -> None:
    with pytest.raises(CborInvalid):
        decode(BOMBS[name])


@SHARED
@given(noise=st.binary(max_size=80), place=st.integers(0, 20))
def test_law_a_damaged_index_never_stops_the_signer(noise: bytes, place: int, media: tuple[bytes, list[bytes]]) -> None:
    track = timing.read_track(media[0])
    assert track
    segment = media[1][0]
    at = boxes(segment)[1][1] + 8 + place * 8
    found = timing.segment_timing(segment[:at] + noise + segment[at + len(noise) :], track)
    assert 0 < found.duration <= timing.UNKNOWN_DURATION
