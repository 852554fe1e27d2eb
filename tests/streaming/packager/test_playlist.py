"""Playlists a strict player accepts for days, across restarts, new keys, slates and another worker."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.clock import frames_to_ns
from streaming.packager.check import check_multivariant, check_playlist
from streaming.packager.errors import PlaylistRefused
from streaming.packager.playlist import PlaylistState, multivariant
from streaming.packager.store import MULTIVARIANT, Publisher, Retention, SegmentStore
from tests.streaming.packager.scenes import SPEC, START_NS, Session, session

FPS, TICKS = 25, 90_000


def run(state: PlaylistState, frames: list[int], *, start_ns: int) -> int:
    """List segments of so many frames each; returns the wall time at which they end."""
    position = 0
    for count in frames:
        start = start_ns + frames_to_ns(position, FPS)
        state.append(state.line(sequence=state.next_sequence, start_ns=start, ticks=count * TICKS // FPS))
        position += count
    return start_ns + frames_to_ns(position, FPS)


def test_one_playlist_by_eye() -> None:
    state = PlaylistState(target_s=1, window_s=3)
    state.begin("a")
    wall = run(state, [25, 25, 25, 10], start_ns=START_NS)
    state.begin("b")
    run(state, [25], start_ns=wall)
    assert state.media().splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:1",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="a.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:21.000Z",
        "#EXTINF:1.000000,",
        "a-1.m4s",
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.000Z",
        "#EXTINF:1.000000,",
        "a-2.m4s",
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:23.000Z",
        "#EXTINF:0.400000,",
        "a-3.m4s",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="b.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:23.400Z",
        "#EXTINF:1.000000,",
        "b-4.m4s",
    ]


SESSIONS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([25, 25, 25, 26, 13, 1]), min_size=1, max_size=30),
        st.sampled_from(["restart", "new key", "take-over", "take-over late"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(sessions=SESSIONS, window=st.integers(3, 12))
def test_every_reload_keeps_every_rule(sessions: list[tuple[list[int], str]], window: int) -> None:
    state, wall, previous = PlaylistState(target_s=1, window_s=window), START_NS, None
    for number, (counts, what) in enumerate(sessions):
        if what.startswith("take-over"):
            state = PlaylistState.from_json(state.to_json())
            wall += 7_400_000_000 if what.endswith("late") else 0
        state.begin(f"s{number}", continues=what == "new key" and number > 0)
        for count in counts:
            wall = run(state, [count], start_ns=wall)
            text = state.media()
            check_playlist(text, previous)
            previous = text
    listed = sum((entry.seconds for entry in state.entries), Fraction(0))
    assert listed < window + 2
    assert len(state.entries) == state.next_sequence or listed >= window


def test_three_days_without_gap_drift_or_growth() -> None:
    state, wall, days = PlaylistState(target_s=1, window_s=30), START_NS, 3
    for hour in range(days * 24):
        state.begin(f"k{hour}", continues=hour % 8 != 0)
        wall = run(state, [25] * 3600, start_ns=wall)
    assert wall - START_NS == days * 86_400 * 10**9
    assert state.end_ns == wall
    assert state.next_sequence == days * 86_400
    assert state.discontinuity_sequence == days * 3 - 1
    assert len(state.entries) == 30
    assert len(state.to_json()) < 4_000
    assert check_playlist(state.media()).lines[-1].date is not None


def test_another_worker_goes_on_where_the_list_ends() -> None:
    state = PlaylistState(target_s=1, window_s=6)
    state.begin("a")
    wall = run(state, [25] * 9, start_ns=START_NS)
    before = state.media()
    taken = PlaylistState.from_json(state.to_json())
    assert taken.media() == before
    with pytest.raises(PlaylistRefused, match="init_missing"):
        taken.line(sequence=9, start_ns=wall, ticks=TICKS)
    taken.begin("b")
    run(taken, [25], start_ns=wall + 8 * 10**9)
    after = check_playlist(taken.media(), before)
    assert after.lines[-1].discontinuity == after.lines[-2].discontinuity + 1
    assert after.lines[-1].address == "b-9.m4s"


def test_a_new_key_changes_the_init_without_a_discontinuity() -> None:
    state = PlaylistState(target_s=1, window_s=6)
    state.begin("a")
    wall = run(state, [25, 25], start_ns=START_NS)
    state.begin("a2", continues=True)
    run(state, [25], start_ns=wall)
    listed = check_playlist(state.media())
    assert {line.discontinuity for line in listed.lines} == {0}
    assert [line.init for line in listed.lines] == ["a.mp4", "a.mp4", "a2.mp4"]


def test_first_session_of_a_room_has_no_discontinuity_and_a_restart_before_air_neither() -> None:
    state = PlaylistState(target_s=1, window_s=3)
    state.begin("a")
    state.begin("b")
    run(state, [25], start_ns=START_NS)
    assert "#EXT-X-DISCONTINUITY\n" not in state.media()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("segment_out_of_order", {"sequence": 4, "start_ns": 0, "ticks": TICKS}),
        ("segment_out_of_order", {"sequence": 2, "start_ns": 0, "ticks": TICKS}),
        ("segment_too_long", {"sequence": 3, "start_ns": 0, "ticks": TICKS * 3 // 2}),
        ("segment_too_long", {"sequence": 3, "start_ns": 0, "ticks": 0}),
    ],
)
def test_lines_that_would_break_a_promise_are_refused(code: str, line: dict[str, int]) -> None:
    state = PlaylistState(target_s=1, window_s=3)
    state.begin("a")
    run(state, [25] * 3, start_ns=START_NS)
    before = state.media()
    with pytest.raises(PlaylistRefused) as refusal:
        state.line(**line)
    assert refusal.value.code == code and state.media() == before


def test_an_ended_playlist_takes_nothing_more() -> None:
    state = PlaylistState(target_s=1, window_s=3)
    state.begin("a")
    run(state, [25], start_ns=START_NS)
    before = state.media()
    state.end()
    check_playlist(state.media(), before)
    for attempt in (lambda: state.begin("b"), lambda: state.line(sequence=1, start_ns=0, ticks=TICKS)):
        with pytest.raises(PlaylistRefused, match="playlist_ended"):
            attempt()


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"version":2}', "null"])
def test_damaged_state_is_refused(damage: str) -> None:
    with pytest.raises(PlaylistRefused, match="playlist_state_invalid"):
        PlaylistState.from_json(damage)


def test_state_that_skips_a_segment_is_refused() -> None:
    state = PlaylistState(target_s=1, window_s=3)
    state.begin("a")
    run(state, [25] * 3, start_ns=START_NS)
    with pytest.raises(PlaylistRefused, match="playlist_state_invalid"):
        PlaylistState.from_json(state.to_json().replace('"next_sequence":3', '"next_sequence":4'))
    with pytest.raises(PlaylistRefused, match="playlist_state_invalid"):
        PlaylistState(target_s=2, window_s=5)


GOOD = PlaylistState(target_s=1, window_s=3)
GOOD.begin("a")
run(GOOD, [25] * 5, start_ns=START_NS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#EXTM3U", "#EXTM3U8"),
        ("TARGETDURATION:1", "TARGETDURATION:0"),
        ("EXTINF:1.000000", "EXTINF:1.600000"),
        ("VERSION:7", "VERSION:3"),
        ("#EXT-X-MAP", "#EXT-X-HAP"),
        ("#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
        ("a-3.m4s", "a-2.m4s"),
        ("14:13:23.000Z", "14:13:23.040Z"),
        ("a-4.m4s\n", "a-4.m4s"),
        ("EXTINF:1.000000,\na-4", "EXT-X-GAP\na-4"),
    ],
)
def test_the_checker_finds_what_is_wrong(old: str, new: str) -> None:
    text = GOOD.media()
    assert check_playlist(text) and old in text
    with pytest.raises(PlaylistRefused, match="playlist_rule"):
        check_playlist(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("TARGETDURATION:1", "TARGETDURATION:2"),
        ("MEDIA-SEQUENCE:2", "MEDIA-SEQUENCE:1"),
        ("MEDIA-SEQUENCE:2", "MEDIA-SEQUENCE:9"),
        ("a-3.m4s", "x-3.m4s"),
        ("a-4.m4s", "a-4.m4s?again"),
    ],
)
def test_the_checker_finds_what_changed_between_reloads(old: str, new: str) -> None:
    text = GOOD.media()
    check_playlist(text, text)
    with pytest.raises(PlaylistRefused, match="playlist_rule"):
        check_playlist(text.replace(old, new, 1), text)


def test_multivariant_lists_every_rendition_with_its_bandwidth(packaged: Session) -> None:
    codecs = {name: packaged.packager.codecs(name) for name in ("high", "low")}
    variants = check_multivariant(multivariant(SPEC, codecs))
    assert list(variants) == ["high/media.m3u8", "low/media.m3u8"]
    high = variants["high/media.m3u8"]
    assert high["RESOLUTION"] == "360x640" and high["CODECS"] == f'"{codecs["high"]}"'
    for segment in packaged.segments[:4]:
        declared = int(variants[f"{segment.rendition}/media.m3u8"]["BANDWIDTH"])
        assert len(segment.data) * 8 / segment.duration <= declared
    with pytest.raises(PlaylistRefused, match="playlist_rule"):
        check_multivariant(multivariant(SPEC, codecs).replace("BANDWIDTH=", "WIDTH=", 1))


def test_ffprobe_follows_the_playlists_over_a_discontinuity(tmp_path: Path, packaged: Session) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("FFPROBE ABSENT: playlists were not read by a second program")
    store = SegmentStore(tmp_path, retention=Retention(60), sync=False)
    state = PlaylistState(target_s=1, window_s=30)
    publisher = Publisher(store, state, persist=lambda _state: None)
    later = session(SPEC, 30, first_sequence=3, start_ns=START_NS + 5 * 10**9)
    for name, made in (("a", packaged), ("b", later)):
        publisher.begin(name, {rendition: made.packager.init(rendition) for rendition in ("high", "low")})
        for high, low in zip(made.of("high"), made.of("low"), strict=True):
            publisher.publish([high, low], {"high": high.data, "low": low.data})
    publisher.end(["high", "low"])
    codecs = {name: packaged.packager.codecs(name) for name in ("high", "low")}
    store.put_playlist(MULTIVARIANT, multivariant(SPEC, codecs))
    show = "stream=codec_name,width,nb_read_packets"
    options = ["-v", "error", "-count_packets", "-show_entries", show, "-of", "json"]
    command = ["ffprobe", *options, str(tmp_path / MULTIVARIANT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    streams = json.loads(done.stdout)["streams"]
    assert done.stderr == ""
    pictures = {stream["width"]: stream["nb_read_packets"] for stream in streams if stream["codec_name"] == "h264"}
    assert pictures == {360: "90", 180: "90"}
    assert sum(stream["codec_name"] == "aac" for stream in streams) == 2
