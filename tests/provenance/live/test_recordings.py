"""Recordings of a stream: what a viewer saved, whole, cut, mended and forged."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live import LiveCode, LiveReason, recording
from compliance.provenance.live.reading import LiveReading
from compliance.provenance.live.recording import read_recording
from compliance.provenance.live.selectors import read_live
from compliance.provenance.selectors import read_provenance
from tests.provenance.conftest import MARK, Installation
from tests.provenance.live.conftest import Stream
from tests.provenance.live.forging import flip, flip_in, without_signature

Read = Callable[..., LiveReading]


@pytest.fixture
def read(tmp_path: Path, installation: Installation) -> Read:
    """What a file of these bytes reads as."""

    def reading(*parts: bytes) -> LiveReading:
        path = tmp_path / "recording.mp4"
        path.write_bytes(b"".join(parts))
        return read_recording(path, installation.pki.anchor_paths())

    return reading


def spans(reading: LiveReading) -> list[tuple[str, int, int, str]]:
    return [(one.state, one.first, one.last, one.reason) for one in reading.ranges]


def test_a_whole_recording_holds(read: Read, stream: Stream) -> None:
    found = read(stream.init, *stream.segments)
    assert (found.state, found.segments, found.verified, found.missing) == ("trusted", 6, 6, 0)
    assert spans(found) == [("verified", 1, 6, "")]
    assert (found.ranges[0].first_sequence, found.ranges[0].last_sequence) == (1, 6)
    assert found.ranges[0].signed_from <= found.ranges[0].signed_to
    assert (found.credentials.state, found.credentials.mark, found.marks) == ("trusted", MARK.hex(), (MARK.hex(),))


def test_the_same_file_is_invalid_to_a_validator_of_files(
    stream: Stream, tmp_path: Path, installation: Installation
) -> None:
    path = tmp_path / "recording.mp4"
    path.write_bytes(stream.init + b"".join(stream.segments))
    assert read_provenance(path, pki=installation.pki).state == "invalid"
    found = read_live(path, pki=installation.pki)
    assert found.state == "trusted"
    assert LiveReading.from_json(found.to_json()) == found


def test_a_piece_from_the_middle_holds(read: Read, stream: Stream) -> None:
    found = read(stream.init, *stream.segments[2:5])
    assert (found.state, found.ranges[0].first_sequence, found.ranges[0].last_sequence) == ("trusted", 3, 5)


def test_a_cut_in_the_middle_is_told(read: Read, stream: Stream) -> None:
    found = read(stream.init, *stream.segments[:2], *stream.segments[4:])
    assert (found.state, found.missing, found.credentials.state) == ("incomplete", 2, "trusted")
    assert spans(found) == [("verified", 1, 2, ""), ("verified", 3, 4, "")]
    assert found.ranges[1].missing_before == 2


def test_a_recorder_that_stopped_within_a_segment(read: Read, stream: Stream) -> None:
    found = read(stream.init, *stream.segments[:3], stream.segments[3][:-50])
    assert (found.state, found.cut_off, found.verified, found.segments) == ("incomplete", True, 3, 4)
    assert spans(found)[-1] == ("refused", 4, 4, LiveReason.SEGMENT_DAMAGED)


def test_a_recorder_s_own_index_at_the_end_is_no_part_of_it(read: Read, stream: Stream) -> None:
    index = struct.pack(">I4s", 16, b"mfra") + bytes(8)
    assert read(stream.init, *stream.segments, index).state == "trusted"


def test_segments_without_type_boxes_are_told_apart_by_their_signatures(read: Read, stream: Stream) -> None:
    found = read(stream.init, *(one[20:] for one in stream.segments))
    assert (found.segments, found.verified) == (6, 0)
    assert {one.reason for one in found.ranges} == {LiveReason.CONTENT_CHANGED}


def test_sessions_one_after_another(read: Read, stream: Stream, other_stream: Stream) -> None:
    found = read(stream.init, *stream.segments[:3], other_stream.init, *other_stream.segments)
    assert (found.state, len(found.sessions)) == ("trusted", 2)
    assert [(one.session, one.first, one.last) for one in found.ranges] == [(1, 1, 3), (2, 4, 9)]


def test_an_init_said_again_does_not_begin_the_numbers_anew(read: Read, stream: Stream) -> None:
    again = read(stream.init, stream.segments[0], stream.init, stream.segments[1])
    assert (again.state, len(again.sessions)) == ("trusted", 1)
    replayed = read(stream.init, stream.segments[0], stream.init, stream.segments[0])
    assert replayed.ranges[-1].reason == LiveReason.SEQUENCE_REPEATED


def test_attack_mending_a_recording(read: Read, stream: Stream, other_stream: Stream, media: Any) -> None:
    good = stream.segments
    bad = flip_in(good[1], b"mdat"), media[1][3], other_stream.segments[4]
    found = read(stream.init, good[0], bad[0], good[2], bad[1], bad[2], good[4], good[5])
    assert (found.state, found.credentials.state, found.credentials.intact) == ("invalid", "invalid", False)
    assert LiveCode.SEGMENT in found.credentials.codes
    assert spans(found) == [
        ("verified", 1, 1, ""),
        ("refused", 2, 2, LiveReason.CONTENT_CHANGED),
        ("verified", 3, 3, ""),
        ("refused", 4, 4, LiveReason.SEGMENT_UNSIGNED),
        ("refused", 5, 5, LiveReason.MANIFEST_OF_ANOTHER),
        ("verified", 6, 7, ""),
    ]
    assert [one.missing_before for one in found.ranges if one.state == "verified"] == [0, 1, 1]


def test_attack_unsigned_pictures_behind_a_signed_segment(read: Read, stream: Stream, media: Any) -> None:
    found = read(stream.init, stream.segments[0] + media[1][1][20:], stream.segments[1])
    assert found.ranges[0].reason == LiveReason.CONTENT_CHANGED


def test_attack_another_init_before_good_segments(read: Read, stream: Stream) -> None:
    found = read(flip_in(stream.init, b"moov", from_end=40), *stream.segments)
    assert (found.state, found.verified) == ("invalid", 0)
    assert (found.ranges[0].code, found.ranges[0].reason) == (LiveCode.MANIFEST, LiveReason.MANIFEST_NOT_TRUSTED)
    assert found.credentials.state == "invalid"


def test_attack_no_init_at_all(read: Read, stream: Stream) -> None:
    found = read(*stream.segments)
    assert (found.state, found.ranges[0].reason, found.credentials.state) == (
        "invalid", LiveReason.INIT_ABSENT, "invalid",
    )  # fmt: skip


def test_attack_every_signature_removed_but_the_manifest_left(read: Read, stream: Stream) -> None:
    found = read(stream.init, *map(without_signature, stream.segments))
    assert (found.state, found.verified) == ("invalid", 0)


def test_attack_sessions_without_end(
    read: Read, stream: Stream, monkeypatch: pytest.MonkeyPatch, other_stream: Stream
) -> None:
    monkeypatch.setattr(recording, "MAX_SESSIONS", 2)
    with pytest.raises(ContainerInvalid):
        read(*[one.init + one.segments[0] for one in (stream, other_stream)] * 2)


def test_what_is_no_signed_stream_is_absent(read: Read, media: Any, signed: Any, installation: Installation) -> None:
    assert read(media[0], *media[1]).state == "absent"
    assert read(b"").state == read(b"abc").state == "absent"
    assert read_live(signed[0], pki=installation.pki).state == "absent"
    assert read(Path(signed[0]).read_bytes()).credentials.state == "absent"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_law_damage_is_told_and_never_a_crash(data: Any, stream: Stream, tmp_path: Path) -> None:
    whole = b"".join(stream.segments[:3])
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = flip(whole, at, data.draw(st.integers(0, 7)))[: data.draw(st.integers(at, len(whole)))]
    path = tmp_path / "damaged.mp4"
    path.write_bytes(changed)
    assert read_recording(path, []).state in ("absent", "invalid")
