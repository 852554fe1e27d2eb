"""The command line: what it prints, how it refuses, and that it leaves nothing behind when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.watermark import scenes
from watermark import generate_key
from watermark.__main__ import main

MARK = "0000000000c0ffee"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key.json"
    generate_key(path)
    return path


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    frames = [scenes.luma_of(frame) for frame in scenes.studio(480, 270, 0.2)]
    scenes.write_raw(path, [scenes.frame_of(frames[i % 5], i) for i in range(400)])
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict]:
    capsys.readouterr()
    status = main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_key_is_made_once(tmp_path: Path, capsys) -> None:
    assert run(capsys, "generate-key", "--key-file", tmp_path / "k.json")[0] == 0
    status, answer = run(capsys, "generate-key", "--key-file", tmp_path / "k.json")
    assert (status, answer["error"]["code"]) == (2, "key_exists")


def test_video_is_marked_and_read(clip_file: Path, key_file: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "out.mp4"
    status, answer = run(capsys, "embed", clip_file, target, "--mark", "c0ffee", "--key-file", key_file)
    assert (status, answer["mark"], answer["frames"], answer["marked"]) == (0, MARK, 75, ["picture", "sound"])
    assert answer["read_back"] == ["picture"] and len(answer["notes"]) == 1  # three seconds of a tone tell nothing
    status, answer = run(capsys, "detect", target, "--key-file", key_file, "--no-search")
    assert (status, answer["best"], answer["kind"], answer["sound"]) == (0, MARK, "video", [])
    assert answer["detections"] == answer["picture"]
    assert set(answer["picture"][0]) >= {"mark", "from_s", "to_s", "track", "p_false", "geometry"}
    assert [second["picture"] for second in answer["seconds"]] == [MARK] * 3
    assert all(second["picture_p_false"] <= 1e-12 and second["sound"] is None for second in answer["seconds"])


def test_an_unmarked_file_shows_nothing(clip_file: Path, key_file: Path, capsys) -> None:
    status, answer = run(capsys, "detect", clip_file, "--key-file", key_file, "--tracks", "picture", "--no-search")
    assert (status, answer["best"], answer["detections"]) == (0, None, [])
    assert [second["picture"] for second in answer["seconds"]] == [None] * 3


def test_stills_and_sound_are_told_apart(key_file: Path, tmp_path: Path, capsys) -> None:
    still, sound = tmp_path / "in.png", tmp_path / "in.wav"
    Image.fromarray(scenes.luma_of(scenes.studio(640, 360, 0.04)[0])).save(still)
    scenes.write_sound(sound, scenes.music(12.0, 16000), 16000, "pcm_s16le")
    for source, kind, track in ((still, "image", "picture"), (sound, "sound", "sound")):
        target = source.with_stem("out")
        assert run(capsys, "embed", source, target, "--mark", "c0ffee", "--key-file", key_file)[0] == 0
        _, answer = run(capsys, "detect", target, "--key-file", key_file, "--no-search")
        assert (answer["best"], answer["kind"]) == (MARK, kind)
        assert {found["track"] for found in answer["detections"]} == {track}


def test_one_track_alone(clip_file: Path, key_file: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "out.mkv"
    arguments = ("--mark", "c0ffee", "--key-file", key_file, "--tracks", "picture", "--no-read-back")
    _, answer = run(capsys, "embed", clip_file, target, *arguments)
    assert (answer["marked"], answer["read_back"]) == (["picture"], None)


def test_a_long_file_tells_its_mark_early(long_clip: Path, key_file: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "out.mkv"
    run(capsys, "embed", long_clip, target, "--mark", "c0ffee", "--key-file", key_file, "--no-read-back")
    main(["detect", str(target), "--key-file", str(key_file), "--progress", "--json", "--first", "--no-search"])
    printed = capsys.readouterr()
    assert "reading" in printed.err and "%" in printed.err
    assert f"found {MARK} within 12 s" in printed.err
    answer = json.loads(printed.out)
    assert (answer["best"], answer["whole"]) == (MARK, False)
    assert len(answer["seconds"]) < 14  # of 16


@pytest.mark.parametrize(
    ("command", "source", "target", "extra", "code"),
    [
        ("embed", "clip.mp4", "out.mp4", ("--mark", "zz"), "bad_mark"),
        ("embed", "clip.mp4", "out.xyz", ("--mark", "1"), "output_type"),
        ("embed", "clip.mp4", "clip.mp4", ("--mark", "1"), "output_is_input"),
        ("embed", "absent.mp4", "out.mp4", ("--mark", "1"), "file_not_found"),
        ("embed", "empty.mp4", "out.mp4", ("--mark", "1"), "not_media"),
        ("embed", "sound.wav", "out.wav", ("--mark", "1", "--tracks", "picture"), "no_picture"),
        ("detect", "sound.wav", None, ("--tracks", "picture"), "no_picture"),
        ("detect", "text.txt", None, (), "not_media"),
    ],
)
def test_refusals_have_a_code_and_write_nothing(
    clip_file: Path, key_file: Path, tmp_path: Path, capsys, command, source, target, extra, code
) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip_file.read_bytes())
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.txt").write_text("nothing to see")
    scenes.write_sound(tmp_path / "sound.wav", np.zeros((1, 1600), np.float32), 16000, "pcm_s16le")
    before = sorted(tmp_path.iterdir())
    files = [tmp_path / name for name in (source, target) if name]
    status, answer = run(capsys, command, *files, *extra, "--key-file", key_file)
    assert (status, answer["error"]["code"]) == (2, code)
    assert answer["error"]["text"].endswith(".")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "clip.mp4").read_bytes() == clip_file.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_no_output_and_an_older_one_as_it_was(
    long_clip: Path, key_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "out.mkv"
    target.write_bytes(b"an older file")
    command = [sys.executable, "-m", "watermark", "embed", long_clip, target, "--mark", "1", "--key-file", key_file]
    with subprocess.Popen(
        [*map(str, command)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    ) as child:
        while not any(path.stat().st_size for path in tmp_path.glob(".marking-*")) and child.poll() is None:
            time.sleep(0.2)
        child.send_signal(number)
        assert child.wait() != 0
    assert target.read_bytes() == b"an older file"
    if number is not signal.SIGKILL:
        assert list(tmp_path.glob(".marking-*")) == []
