"""Files and the command line: what is kept, what is refused, and that nothing half-written stays behind."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import BadMedia, Key, MarkPattern, decoded_frames, detect_file, embed_file, generate_key
from watermark.__main__ import main

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


def test_odd_sides_and_ten_bits(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source = tmp_path / "odd.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 321, 241, "yuv420p10le"
        stream.codec_context.time_base = Fraction(1, 25)
        for frame in scenes.studio(321, 241, 1.0):
            deep = frame.reformat(format="yuv420p10le")
            deep.pts, deep.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(deep))
        out.mux(stream.encode(None))
    target = tmp_path / "out.mp4"
    report = embed_file(source, target, pattern)
    assert (report.width, report.height, report.source_pixel_format) == (321, 241, "yuv420p10le")
    assert [d.mark for d in detect_file(target, key)] == [HEX]


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


def test_sound_alone_is_refused(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    source = tmp_path / "sound.mp4"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        out.mux(stream.encode(samples))
        out.mux(stream.encode(None))
    for action in (lambda: embed_file(source, tmp_path / "out.mp4", pattern), lambda: detect_file(source, key)):
        with pytest.raises(BadMedia, match="no_picture"):
            action()


def test_outputs_that_cannot_be_written_are_refused(clip_file: Path, tmp_path: Path, pattern: MarkPattern) -> None:
    with pytest.raises(BadMedia, match="output_type"):
        embed_file(clip_file, tmp_path / "out.avi", pattern)
    with pytest.raises(BadMedia, match="output_not_written"):
        embed_file(clip_file, tmp_path / "absent" / "out.mp4", pattern)
    with pytest.raises(BadMedia, match="file_not_found"):
        embed_file(tmp_path / "absent.mp4", tmp_path / "out.mp4", pattern)


def test_the_command_line_marks_and_reads(clip_file: Path, tmp_path: Path, capsys) -> None:
    key_file, target = tmp_path / "key.json", tmp_path / "out.mp4"
    assert main(["generate-key", "--key-file", str(key_file)]) == 0
    arguments = ["--key-file", str(key_file), "--json"]
    capsys.readouterr()
    assert main(["embed", str(clip_file), str(target), "--mark", "c0ffee", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 75
    assert main(["detect", str(target), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["best"] == "0000000000c0ffee"
    assert set(result["detections"][0]) >= {"mark", "from_s", "to_s", "track", "p_false"}
    assert main(["detect", str(clip_file), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["best"], result["detections"]) == (None, [])


def test_the_command_line_refuses_with_a_code(clip_file: Path, tmp_path: Path, capsys) -> None:
    key_file = tmp_path / "key.json"
    generate_key(key_file)
    cases = [
        (["embed", str(clip_file), str(tmp_path / "o.mp4"), "--mark", "zz", "--key-file", str(key_file)], "bad_mark"),
        (["detect", str(tmp_path / "absent"), "--key-file", str(key_file)], "file_not_found"),
        (["detect", str(clip_file), "--key-file", str(clip_file)], "bad_key_file"),
    ]
    for arguments, code in cases:
        assert main([*arguments, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == code
