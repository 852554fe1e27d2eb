"""Segments: exact in time, complete by themselves, the same bytes each time, within the declared bandwidth."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avatars.media import frame_of
from streaming.packager.errors import MediaRefused
from streaming.packager.packager import Packager, Segment
from streaming.packager.slate import SlateSource
from streaming.packager.spec import Rendition, StreamSpec
from tests.streaming.packager.scenes import SMALL, SPEC, START_NS, Session, pictures, session, sound


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        size, kind = struct.unpack(">I4s", data[:8])
        yield kind, data[8:size]
        data = data[size:]


def track_runs(segment: bytes) -> dict[int, tuple[int, list[int]]]:
    """Track -> (tfdt, sample durations in its ticks; empty where trex tells)."""
    moof = dict(boxes(segment))[b"moof"]
    runs: dict[int, tuple[int, list[int]]] = {}
    for kind, content in boxes(moof):
        if kind != b"traf":
            continue
        parts = dict(boxes(content))
        track = struct.unpack(">4xI", parts[b"tfhd"])[0]
        time = struct.unpack(">4xQ", parts[b"tfdt"])[0]
        flags, count = struct.unpack(">II", parts[b"trun"][:8])
        table = parts[b"trun"][12:]
        durations = [1024] * count
        if flags & 0x100:
            durations = [entry[0] for entry in struct.iter_unpack(">III", table)]
        runs[track] = time, durations
    return runs


def test_segments_hold_whole_groups_and_are_out_two_frames_after_their_last(packaged: Session) -> None:
    places = [(segment.sequence, segment.first_frame, segment.frames) for segment in packaged.of("high")]
    assert places == [(0, 0, 25), (1, 25, 25), (2, 50, 10)]
    assert [s.start_ns - START_NS for s in packaged.of("low")] == [0, 10**9, 2 * 10**9]
    packager = Packager(SMALL, start_ns=START_NS)
    step = packager.clock.samples_for()
    silence = np.zeros(step, np.float32)
    out = [len(packager.push(picture, silence)) for picture in pictures(28)]
    assert out.index(1) <= 26 and sum(out) == 1


def test_decode_times_join_without_gap_or_overlap(packaged: Session) -> None:
    for rendition in ("high", "low"):
        expected: dict[int, int] = {1: 0, 2: 0}
        for segment in packaged.of(rendition):
            runs = track_runs(segment.data)
            for track, (time, durations) in runs.items():
                assert time == expected[track]
                expected[track] += sum(durations)
            assert expected[1] == (segment.first_frame + segment.frames) * 3600
            skew = Fraction(expected[2], 48_000) - Fraction(expected[1], 90_000)
            assert 0 <= skew < Fraction(1024, 48_000), "sound covers the segment and exceeds it by less than a frame"


def test_every_segment_is_playable_alone_after_its_init(packaged: Session) -> None:
    for rendition in ("high", "low"):
        for segment in packaged.of(rendition):
            data = packaged.packager.init(rendition) + segment.data
            with av.open(io.BytesIO(data), format="mp4") as container:
                frames = list(container.decode(video=0))
            assert len(frames) == segment.frames and frames[0].key_frame
            size = SPEC.rendition(rendition)
            assert (frames[0].width, frames[0].height) == (size.width, size.height)


def test_sound_and_picture_are_in_time_after_decoding(packaged: Session) -> None:
    data = packaged.file("high")
    with av.open(io.BytesIO(data), format="mp4") as container:
        flash = next(f.time for f in container.decode(video=0) if f.to_ndarray()[: f.height].mean() > 220)
    with av.open(io.BytesIO(data), format="mp4") as container:
        frames = list(container.decode(audio=0))
    assert frames[0].pts == 0
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    click = int(np.argmax(np.abs(samples) > 0.4)) / 48_000
    assert flash == 1.0
    assert abs(click - flash) < 0.005
    assert abs(len(samples) / 48_000 - 2.4) < 0.022


def test_same_input_gives_same_bytes(packaged: Session) -> None:
    again = session(SPEC, 60)
    assert again.segments == packaged.segments
    assert again.packager.init("high") == packaged.packager.init("high")


def test_wall_time_stands_inside_the_segment(packaged: Session) -> None:
    second = packaged.of("high")[1]
    reference = dict(boxes(second.data))[b"prft"]
    version_flags, track, ntp, media_time = struct.unpack(">IIQQ", reference)
    assert (version_flags, track, media_time) == (1 << 24 | 24, 1, 90_000)
    assert (ntp >> 32) - 2_208_988_800 == second.start_ns // 10**9
    assert [kind for kind, _ in boxes(second.data)] == [b"styp", b"prft", b"moof", b"mdat"]


def test_number_for_the_signature_is_set_without_touching_anything_else(packaged: Session) -> None:
    segment = packaged.of("high")[1]
    other = segment.numbered(70_000, fragment=81_234)
    assert other.sequence == 70_000 and len(other.data) == len(segment.data)
    numbers = [dict(boxes(dict(boxes(s.data))[b"moof"]))[b"mfhd"] for s in (segment, other)]
    assert [struct.unpack(">II", number) for number in numbers] == [(0, 2), (0, 81_234)]
    assert other.numbered(1, fragment=2) == segment


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\0\0\0\x08styp", b"\0\0\0\x10moof\0\0\0\x08trak", b"\xff" * 40])
def test_bytes_of_a_performer_gone_wild_are_refused_not_searched_for_ever(data: bytes) -> None:
    with pytest.raises(MediaRefused, match="segment_unreadable"):
        Segment("low", 0, 0, 25, 0, 90_000, data).numbered(1, fragment=2)


def test_half_rate_keeps_time(packaged: Session) -> None:
    packager = Packager(SMALL, start_ns=START_NS)
    step, segments = packager.clock.samples_for(2), []
    whole = sound(60)
    for index, picture in enumerate(pictures(30)):
        segments += packager.push(picture, whole[index * step : (index + 1) * step], frames=2)
    segments += packager.finish()
    assert [s.frames for s in segments] == [26, 26, 8]
    assert sum(s.ticks for s in segments) == 60 * 3600
    assert all(duration == 7200 for s in segments for duration in track_runs(s.data)[1][1])


def test_reduced_spec_encodes_once_and_sends_all_names() -> None:
    small = session(SPEC.reduced(), 30)
    assert [s.data for s in small.of("high")] == [s.data for s in small.of("low")]
    assert small.packager.init("high") == small.packager.init("low")


def test_declared_bandwidth_holds_for_the_worst_pictures() -> None:
    spec = replace(SMALL, renditions=(Rendition("low", 180, 320, 300_000),), preset="veryfast")
    noise = np.random.default_rng(1)
    packager, segments = Packager(spec, start_ns=0), list[Segment]()
    for _ in range(100):
        luma = noise.integers(16, 235, (320, 180), np.uint8)
        chroma = noise.integers(16, 240, (160, 90), np.uint8)
        samples = noise.normal(0, 0.3, 1920).astype(np.float32)
        segments += packager.push(frame_of((luma, chroma, chroma)), samples)
    rendition = spec.renditions[0]
    rates = [len(segment.data) * 8 / segment.duration for segment in segments]
    assert len(rates) == 3
    assert max(rates) <= spec.peak_bandwidth(rendition)


def test_stereo_and_thirty_frames() -> None:
    spec = replace(SMALL, fps=30, channels=2, segment_s=2, audio_bitrate=128_000)
    made = session(spec, 75)
    assert [s.frames for s in made.segments] == [60, 15]
    with av.open(io.BytesIO(made.file("low")), format="mp4") as container:
        assert container.streams.audio[0].channels == 2
        assert container.streams.video[0].average_rate == 30


def test_slate_goes_through_the_same_packager_and_never_hands_out_its_own_picture() -> None:
    source = SlateSource(pictures(3), sound(7), fps=25, rate=48_000)
    first, samples = source.take()
    before = first.to_ndarray()
    assert samples.shape == (1, 1920)
    memoryview(first.planes[0])[:1000] = bytes(1000)  # a label is drawn into the copy ...
    source.take(2)
    again, _ = source.take()  # ... and picture 0 comes round untouched
    assert np.array_equal(again.to_ndarray(), before)
    packager = Packager(SMALL, start_ns=0)
    segments = [segment for _ in range(30) for segment in packager.push(*source.take())]
    assert len(segments) == 1


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("slate_invalid", lambda: SlateSource([], np.zeros(10, np.float32), fps=25, rate=48_000)),
        ("slate_invalid", lambda: SlateSource(pictures(1), np.zeros(0, np.float32), fps=25, rate=48_000)),
        ("stream_spec_invalid", lambda: StreamSpec(())),
        ("stream_spec_invalid", lambda: replace(SMALL, fps=23)),
        ("stream_spec_invalid", lambda: replace(SMALL, renditions=(Rendition("../up", 180, 320, 300_000),))),
        ("encoder_unavailable", lambda: Packager(replace(SMALL, codec="h264_dreamt"), start_ns=0)),
    ],
)
def test_what_cannot_be_packaged_is_refused_before_air(code: str, make: object) -> None:
    with pytest.raises(MediaRefused) as refusal:
        make()  # type: ignore[operator]
    assert refusal.value.code == code


def test_wrong_pictures_and_sound_are_refused_and_nothing_is_lost() -> None:
    packager = Packager(SMALL, start_ns=0)
    picture = next(pictures(1))
    for samples in (np.zeros(1919, np.float32), np.zeros((2, 1920), np.float32)):
        with pytest.raises(MediaRefused, match="samples_mismatch"):
            packager.push(picture, samples)
    with pytest.raises(MediaRefused, match="picture_shape"):
        packager.push(next(pictures(1, width=320, height=180)), np.zeros(1920, np.float32))
    assert packager.clock.frames == 0
    packager.push(picture, np.zeros(1920, np.float32))
    assert len(packager.finish()) == 1
    assert packager.finish() == []
    with pytest.raises(MediaRefused, match="package_finished"):
        packager.push(picture, np.zeros(1920, np.float32))


def test_ffprobe_reads_it_without_a_complaint(packaged: Session, tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("FFPROBE ABSENT: segments were not read by a second program")
    path = tmp_path / "high.mp4"
    path.write_bytes(packaged.file("high"))
    command = ["ffprobe", "-v", "warning", "-show_streams", "-count_packets", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    video, audio = json.loads(done.stdout)["streams"]
    assert video["nb_read_packets"] == "60" and video["start_pts"] == audio["start_pts"] == 0
    assert (video["color_space"], video["color_range"], video["has_b_frames"]) == ("bt709", "tv", 0)
    profile, level = int(video["level"]), packaged.packager.codecs("high")
    assert level.startswith("avc1.") and level[9:11] == f"{profile:02x}" and audio["profile"] == "LC"
