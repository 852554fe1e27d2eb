"""Files that must be turned away by their container alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from avatars.capture import TEXTS, CaptureLimits
from avatars.capture.check import check_capture
from avatars.media import constant_rate_frames

from .conftest import RATE, Recorder, moving_pattern, syllables

SHORT = CaptureLimits(min_s=1.0)


def only_code(path: Path, limits: CaptureLimits = SHORT) -> str:
    """The single code that refuses `path`."""
    report = check_capture(path, limits=limits)
    assert not report.ok
    (finding,) = report.errors()
    assert finding.text == TEXTS[finding.code] % finding.values
    return finding.code


def test_missing_file(tmp_path: Path) -> None:
    assert only_code(tmp_path / "nothing.mp4") == "file_missing"


def test_folder_is_no_file(tmp_path: Path) -> None:
    assert only_code(tmp_path) == "file_missing"


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    assert only_code(tmp_path / "clip.mp4") == "file_empty"


def test_zip_renamed_to_mp4(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a" * 1000)
    assert only_code(path) == "not_a_video"


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"plain words " * 50,
    ],
    ids=["hls_playlist", "concat_list", "text"],
)
def test_playlist_that_points_at_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert only_code(path) == "not_a_video"


def test_sound_file_in_a_video_container(tmp_path: Path, record: Recorder) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(syllables(2)[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert only_code(path) == "audio_only"


def test_wav_renamed_to_mp4(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(RATE))
    (tmp_path / "clip.mp4").write_bytes(buffer.getvalue())
    assert only_code(tmp_path / "clip.mp4") == "not_a_video"


def test_no_sound_track(record: Recorder) -> None:
    assert only_code(record(moving_pattern(2), None)) == "no_audio"


def test_index_cut_off(record: Recorder) -> None:
    path = record(moving_pattern(2), syllables(2))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert only_code(path) == "truncated"


def test_upload_that_stopped_half_way(record: Recorder) -> None:
    path = record(moving_pattern(4), syllables(4), options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert only_code(path) == "truncated"


def test_too_short(record: Recorder) -> None:
    report = check_capture(record(moving_pattern(2), syllables(2)))
    assert [(finding.code, finding.values["seconds"]) for finding in report.errors()] == [("too_short", "2.0")]


def test_three_hours_long_by_the_header(record: Recorder) -> None:
    hours = [0, 4, 8, 3 * 3600 * 100]
    assert only_code(record(moving_pattern(1)[:4], syllables(1), ticks=hours)) == "too_long"


def test_8k_picture(record: Recorder) -> None:
    flat = [np.full((4320, 7680, 3), 90, np.uint8)] * 3
    assert only_code(record(flat, syllables(1)), CaptureLimits(min_s=0)) == "picture_too_large"


def test_stamp_sized_picture(record: Recorder) -> None:
    assert only_code(record(moving_pattern(2, width=160, height=120), syllables(2))) == "picture_too_small"


@pytest.mark.parametrize("trc", [16, 18], ids=["pq", "hlg"])
def test_hdr(record: Recorder, trc: int) -> None:
    assert only_code(record(moving_pattern(2), syllables(2), trc=trc)) == "hdr"


def test_header_lies_about_the_picture_size(record: Recorder) -> None:
    path = record(moving_pattern(2), syllables(2))
    data = bytearray(path.read_bytes())
    sample_entry = data.index(b"avc1", data.index(b"stsd"))
    data[sample_entry + 28 : sample_entry + 32] = (640).to_bytes(2, "big") + (480).to_bytes(2, "big")
    path.write_bytes(data)
    report = check_capture(path, limits=SHORT)
    assert not report.ok
    assert report.facts.get("width") in (None, 320, 640)


def test_zero_by_zero_in_the_header(record: Recorder) -> None:
    path = record(moving_pattern(2), syllables(2))
    data = bytearray(path.read_bytes())
    sample_entry = data.index(b"avc1", data.index(b"stsd"))
    data[sample_entry + 28 : sample_entry + 32] = bytes(4)
    set_parameters = data.index(b"avcC")
    data[set_parameters + 12 : set_parameters + 20] = bytes(8)  # so that the stream itself cannot tell either
    path.write_bytes(data)
    assert only_code(path) in {"no_picture_size", "truncated"}


def test_more_pictures_than_the_length_allows(record: Recorder) -> None:
    bomb = record(moving_pattern(4), syllables(4))
    assert only_code(bomb, CaptureLimits(min_s=0, max_s=4.5, max_rate=20)) == "frame_rate_high"


def test_slideshow(record: Recorder) -> None:
    assert only_code(record(moving_pattern(2), syllables(5), ticks=[12 * i for i in range(50)])) == "frame_rate_low"


def test_pictures_that_stall(record: Recorder) -> None:
    ticks = [4 * i + (120 if i >= 25 else 0) for i in range(50)]
    report = check_capture(record(moving_pattern(2), syllables(3), ticks=ticks), limits=SHORT)
    (finding,) = report.errors()
    assert (finding.code, finding.at_s) == ("frame_rate_irregular", 0.96)


def test_variable_rate_is_brought_to_a_constant_one(record: Recorder) -> None:
    ticks = [4 * i + (i % 3) for i in range(100)]
    path = record(moving_pattern(4), syllables(4), ticks=ticks)
    report = check_capture(path, limits=SHORT)
    assert "frame_rate_variable" in {finding.code for finding in report.findings}
    assert "frame_rate_irregular" not in {finding.code for finding in report.findings}
    assert len(list(constant_rate_frames(path, fps=25, max_side=320))) == 100


def test_too_many_bytes(record: Recorder) -> None:
    assert only_code(record(moving_pattern(2), syllables(2)), CaptureLimits(max_bytes=1000)) == "file_too_big"


def test_name_with_shell_and_protocol_tricks(tmp_path: Path, record: Recorder) -> None:
    trick = tmp_path / "concat:$(touch owned);..%2f'.mp4"
    record(moving_pattern(2), None).rename(trick)
    assert only_code(trick) == "no_audio"
    assert not (tmp_path / "owned").exists()


def test_child_process_speaks_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"PK\x03\x04 something")
    done = subprocess.run([sys.executable, "-m", "avatars.capture", str(path)], capture_output=True, check=True)
    *steps, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert steps and all("progress" in step for step in steps)
    assert last["ok"] is True and last["result"]["ok"] is False
    assert last["result"]["findings"][0]["code"] == "not_a_video"
