"""Files and the command line: what is kept, what is refused, and that nothing half-written stays behind."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import BadMedia, Key, MarkPattern, decoded_frames, detect_file, embed_file
from watermark.frames import deep_luma_view
from watermark.sound import make_sound_pattern

HEX = f"{MARK:016x}"


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [bytes(p) for p in container.demux(stream) if p.size]


def times(path: Path) -> list[float]:
    return [float(f.pts * f.time_base) for f in decoded_frames(path)]


def test_a_file_keeps_frames_times_size_tags_and_sound(clip_file: Path, tmp_path: Path, pattern, key: Key) -> None:
    target = tmp_path / "marked.mp4"
    report = embed_file(clip_file, target, pattern)
    assert (report.frames, report.width, report.height, report.sound_streams) == (75, 640, 360, 1)
    assert times(target) == pytest.approx(times(clip_file))
    assert packets(target, "audio") == packets(clip_file, "audio")
    assert [d.mark for d in detect_file(target, key)] == [HEX]
    assert list(tmp_path.iterdir()) == [target]


def test_lossless_keeps_every_pixel_of_the_marked_frames(clip_file: Path, tmp_path: Path, pattern) -> None:
    from watermark import embed_frames

    target = tmp_path / "marked.mkv"
    embed_file(clip_file, target, pattern, lossless=True)
    assert np.diff(times(target)) == pytest.approx(np.diff(times(clip_file)))
    wanted = embed_frames(decoded_frames(clip_file), pattern)
    for ours, theirs in zip(wanted, decoded_frames(target), strict=True):
        assert np.array_equal(scenes.luma_of(ours), scenes.luma_of(theirs))


def test_variable_frame_rate_keeps_its_times(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    frames = scenes.studio(320, 180, 1.0)
    clock = 0
    for index, frame in enumerate(frames):
        frame.pts, frame.time_base = clock, Fraction(1, 1000)
        clock += (33, 50, 120)[index % 3]
    source, target = tmp_path / "vfr.mkv", tmp_path / "out.mkv"
    scenes.write_with_sound(source, frames)
    embed_file(source, target, pattern)
    assert times(target) == pytest.approx(times(source))
    assert [d.mark for d in detect_file(target, key)] == [HEX]


def test_a_rotated_phone_clip_keeps_its_rotation_and_stands_upright_when_read(
    tmp_path: Path, pattern: MarkPattern, key: Key
) -> None:
    source, target = tmp_path / "phone.mp4", tmp_path / "out.mp4"
    scenes.write_with_sound(source, scenes.studio(640, 360, 1.0), rotation=90)
    embed_file(source, target, pattern)
    assert next(decoded_frames(target)).rotation == next(decoded_frames(source)).rotation == 90
    upright = [scenes.frame_of(np.rot90(scenes.luma_of(f)), i) for i, f in enumerate(decoded_frames(target))]
    scenes.write_with_sound(tmp_path / "upright.mp4", upright)
    for path in (target, tmp_path / "upright.mp4"):
        found = detect_file(path, key)
        assert [(d.mark, d.geometry.angle) for d in found] == [(HEX, 0.0)]


def deep_clip(path: Path, pixel_format: str, width: int, height: int, **tags: int) -> None:
    """FFV1 with gradations below eight bits."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = Fraction(1, 25)
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for frame in scenes.studio(width, height, 1.0):
            deep = frame.reformat(format=pixel_format)
            lines = np.frombuffer(deep.planes[0], np.uint16).reshape(-1, deep.planes[0].line_size // 2)
            lines[:, ::3] += 1
            deep.pts, deep.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(deep))
        out.mux(stream.encode(None))


@pytest.mark.parametrize(("suffix", "kept"), [(".mp4", "yuv444p10le"), (".mkv", "yuv444p10le")])
def test_odd_sides_and_ten_bits_stay(tmp_path: Path, pattern: MarkPattern, key: Key, suffix: str, kept: str) -> None:
    source, target = tmp_path / "odd.mkv", tmp_path / f"out{suffix}"
    deep_clip(source, "yuv420p10le", 321, 241)
    report = embed_file(source, target, pattern)
    assert (report.width, report.height, report.frames) == (321, 241, 25)
    assert (report.source_pixel_format, report.pixel_format, report.notes) == ("yuv420p10le", kept, ())
    assert [d.mark for d in detect_file(target, key)] == [HEX]


def test_ten_bits_keep_their_gradations(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source, target = tmp_path / "deep.mkv", tmp_path / "out.mkv"
    deep_clip(source, "yuv420p10le", 320, 180)
    embed_file(source, target, pattern, lossless=True)
    for before, after in zip(decoded_frames(source), decoded_frames(target), strict=True):
        change = deep_luma_view(after).astype(int) - deep_luma_view(before)
        assert after.format.name == "yuv420p10le"
        assert change.any() and not (change % 4).any()
    assert [d.mark for d in detect_file(target, key)] == [HEX]


def test_ten_bits_where_the_output_has_eight_are_said_to_be_lost(tmp_path: Path, pattern: MarkPattern) -> None:
    source = tmp_path / "deep.mkv"
    deep_clip(source, "yuv420p10le", 320, 180)
    report = embed_file(source, tmp_path / "out.webm", pattern)
    assert report.pixel_format == "yuv420p"
    assert "10 bits a sample became 8" in report.notes[0]


def test_colour_tags_stay(tmp_path: Path, pattern: MarkPattern) -> None:
    source, target = tmp_path / "hdr.mkv", tmp_path / "out.mp4"
    deep_clip(source, "yuv420p10le", 320, 180, color_primaries=9, color_trc=16, colorspace=9, color_range=1)
    embed_file(source, target, pattern)
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (9, 16, 9, 1)


def test_full_range_stays_full(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source, target = tmp_path / "full.mkv", tmp_path / "out.mkv"
    frames = scenes.studio(320, 180, 1.0)
    with av.open(str(source), "w") as out:
        stream = out.add_stream("mjpeg", rate=25, options={"qmin": "1", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for frame in frames:
            full = frame.reformat(format="yuvj420p", src_color_range="MPEG", dst_color_range="JPEG")
            full.pts, full.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(full))
        out.mux(stream.encode(None))
    embed_file(source, target, pattern, lossless=True)
    before, after = (list(decoded_frames(path)) for path in (source, target))
    assert scenes.psnr(before, after) > 40  # squeezed levels would cost more than ten decibels
    assert after[0].color_range == 2
    assert [d.mark for d in detect_file(target, key)] == [HEX]


def test_transparency_is_kept_or_refused(tmp_path: Path, pattern: MarkPattern) -> None:
    source = tmp_path / "alpha.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuva420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for frame in scenes.studio(320, 180, 0.2):
            clear = frame.reformat(format="yuva420p")
            np.frombuffer(clear.planes[3], np.uint8)[:] = 77
            clear.pts, clear.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(clear))
        out.mux(stream.encode(None))
    with pytest.raises(BadMedia, match="transparency"):
        embed_file(source, tmp_path / "out.mp4", pattern)
    embed_file(source, tmp_path / "out.mkv", pattern, lossless=True)
    assert (scenes.luma_of(next(decoded_frames(tmp_path / "out.mkv")), plane=3) == 77).all()


@pytest.mark.parametrize("suffix", [".mov", ".webm", ".ts", ".flv", ".avi", ".m4v"])
def test_every_container_keeps_frames_and_times(
    clip_file: Path, tmp_path: Path, pattern: MarkPattern, key: Key, suffix: str
) -> None:
    source, target = tmp_path / "short.mp4", tmp_path / f"out{suffix}"
    scenes.write_with_sound(source, scenes.studio(320, 180, 1.0))
    if suffix == ".webm":
        with pytest.raises(BadMedia, match="sound_not_copied"):
            embed_file(source, target, pattern)
    report = embed_file(source, target, pattern, sound=make_sound_pattern(key, MARK), read_back=key)
    assert (report.frames, report.marked, report.read_back) == (25, ("picture", "sound"), ("picture",))
    steps = np.diff(times(target))
    assert len(steps) == 24 and steps == pytest.approx(0.04, abs=0.0011)
    assert list(tmp_path.glob(".*")) == []


def test_avi_refuses_a_variable_frame_rate(tmp_path: Path, pattern: MarkPattern) -> None:
    frames = scenes.studio(320, 180, 1.0)
    for index, frame in enumerate(frames):
        frame.pts, frame.time_base = 40 * index + (300 if index > 9 else 0), Fraction(1, 1000)
    scenes.write_with_sound(tmp_path / "vfr.mkv", frames)
    with pytest.raises(BadMedia, match="variable_rate"):
        embed_file(tmp_path / "vfr.mkv", tmp_path / "out.avi", pattern)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (48, 480), (8200, 64)])
def test_sizes_that_cannot_be_marked_are_refused(tmp_path: Path, pattern: MarkPattern, width: int, height: int) -> None:
    source = tmp_path / "in.mkv"
    scenes.write_raw(source, [scenes.frame_of(np.full((height, width), 90, np.uint8), i) for i in range(2)])
    with pytest.raises(BadMedia, match="frame_size"):
        embed_file(source, tmp_path / "out.mkv", pattern)
    assert list(tmp_path.iterdir()) == [source]


def test_8k_is_marked_and_read(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    small = scenes.luma_of(scenes.studio(1920, 1080, 0.04)[0])
    frames = [scenes.frame_of(np.kron(small, np.ones((4, 4), np.uint8)), i) for i in range(1)]
    scenes.write_raw(tmp_path / "in.mkv", frames)
    report = embed_file(tmp_path / "in.mkv", tmp_path / "out.mkv", pattern)
    assert (report.width, report.height) == (7680, 4320)
    assert [d.mark for d in detect_file(tmp_path / "out.mkv", key)] == [HEX]


def test_a_matroska_cut_off_in_the_middle_is_refused(clip_file: Path, tmp_path: Path, pattern: MarkPattern) -> None:
    """It decodes without an error up to its end, so that only its stated length tells."""
    whole, source = tmp_path / "whole.mkv", tmp_path / "in.mkv"
    embed_file(clip_file, whole, pattern)
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(BadMedia, match=r"cut_off|decode_failed"):
        embed_file(source, tmp_path / "out.mkv", pattern)
    assert sorted(tmp_path.iterdir()) == [source, whole]


def test_the_input_is_never_overwritten(clip_file: Path, tmp_path: Path, pattern: MarkPattern) -> None:
    source, link = tmp_path / "in.mp4", tmp_path / "link.mp4"
    source.write_bytes(clip_file.read_bytes())
    link.symlink_to(source)
    for target in (source, link):
        with pytest.raises(BadMedia, match="output_is_input"):
            embed_file(source, target, pattern)
    assert source.read_bytes() == clip_file.read_bytes()


def test_a_picture_that_cannot_hold_the_mark_leaves_no_output(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source, rng = tmp_path / "noise.mkv", np.random.default_rng(1)
    noise = [rng.choice(np.array([16, 235], np.uint8), (64, 64)) for _ in range(30)]
    scenes.write_raw(source, [scenes.frame_of(luma, i) for i, luma in enumerate(noise)])
    with pytest.raises(BadMedia, match="mark_not_readable"):
        embed_file(source, tmp_path / "out.mp4", pattern, read_back=key)
    assert list(tmp_path.iterdir()) == [source]


def test_the_picture_stays_as_it_is_where_only_the_sound_is_marked(clip_file: Path, tmp_path: Path, key: Key) -> None:
    target = tmp_path / "out.mp4"
    report = embed_file(clip_file, target, sound=make_sound_pattern(key, MARK))
    assert report.marked == ("sound",)
    assert packets(target, "video") == packets(clip_file, "video")
    assert packets(target, "audio") != packets(clip_file, "audio")


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "not_media"), (b"PK\x03\x04" + b"\x00" * 400, "not_media"), (b"no video at all", "not_media")],
)
def test_files_that_are_no_video_are_refused(tmp_path: Path, pattern, key: Key, content: bytes, code: str) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.write_bytes(content)
    for action in (lambda: embed_file(source, target, pattern), lambda: detect_file(source, key)):
        with pytest.raises(BadMedia) as refusal:
            action()
        assert refusal.value.code == code
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_cut_off_in_the_middle_leaves_no_output(clip_file: Path, tmp_path: Path, pattern, key: Key) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.write_bytes(clip_file.read_bytes()[:20000])
    with pytest.raises(BadMedia):
        embed_file(source, target, pattern)
    assert not target.exists()
    assert list(tmp_path.iterdir()) == [source]


def test_damage_in_the_middle_still_tells_the_mark(clip_file: Path, tmp_path: Path, pattern, key: Key) -> None:
    marked = tmp_path / "marked.mkv"
    embed_file(clip_file, marked, pattern)
    data = bytearray(marked.read_bytes())
    data[len(data) // 2 :] = b"\x00" * (len(data) - len(data) // 2)
    marked.write_bytes(bytes(data))
    assert {d.mark for d in detect_file(marked, key)} == {HEX}


def test_sound_alone_has_no_picture_to_mark_or_read(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source = tmp_path / "sound.mp4"
    scenes.write_sound(source, scenes.music(1.0, 16000), 16000)
    for action in (lambda: embed_file(source, tmp_path / "out.mp4", pattern), lambda: detect_file(source, key)):
        with pytest.raises(BadMedia, match="no_picture"):
            action()
    assert list(tmp_path.iterdir()) == [source]


def test_outputs_that_cannot_be_written_are_refused(clip_file: Path, tmp_path: Path, pattern: MarkPattern) -> None:
    with pytest.raises(BadMedia, match="output_type"):
        embed_file(clip_file, tmp_path / "out.gif", pattern)
    with pytest.raises(BadMedia, match="output_not_written"):
        embed_file(clip_file, tmp_path / "absent" / "out.mp4", pattern)
    with pytest.raises(BadMedia, match="file_not_found"):
        embed_file(tmp_path / "absent.mp4", tmp_path / "out.mp4", pattern)
