"""The invented presenter: reproducible, one face for a face finder, lips that follow the command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatars.presenter.film import shoot
from avatars.presenter.performance import AUDIO_RATE, FPS, ClipTooShort, rehearse
from avatars.presenter.picture import Presenter, pose_at
from avatars.speech import SpeechError, mouth_shape

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_presenter.py"
LEFT_PUPIL, RIGHT_PUPIL, UPPER_INNER_LIP, LOWER_INNER_LIP = 468, 473, 13, 14


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A rehearsal of 3 seconds and its ground truth."""
    folder = tmp_path_factory.mktemp("presenter")
    return make(folder / "clip.mp4", "3")


def make(out: Path, seconds: str) -> tuple[Path, dict[str, Any]]:
    truth = out.with_suffix(".json")
    size = ["--width", "640", "--height", "360", "--seconds", seconds, "--truth", str(truth)]
    subprocess.run([sys.executable, str(SCRIPT), str(out), *size], check=True, capture_output=True)
    return out, json.loads(truth.read_text(encoding="utf-8"))


def pictures(path: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    with av.open(path) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_the_file_is_what_it_says(clip: tuple[Path, dict[str, Any]]) -> None:
    path, truth = clip
    with av.open(path) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 640, 360)
        assert video.average_rate == FPS
        assert (audio.codec_context.name, audio.rate) == ("aac", AUDIO_RATE)
        assert video.frames == truth["frames"] == 75
    assert len(truth["opening"]) == 75


def test_one_seed_makes_one_file(tmp_path: Path) -> None:
    performance = rehearse(2, "zh", 5)
    digests = set()
    for name in ("first.mp4", "second.mp4"):
        shoot(rehearse(2, "zh", 5), Presenter(320, 180, 5), tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert not np.array_equal(performance.motion.yaw, rehearse(2, "zh", 6).motion.yaw)


def test_one_face_whose_lips_follow_the_command(clip: tuple[Path, dict[str, Any]]) -> None:
    face_mesh = pytest.importorskip("mediapipe").solutions.face_mesh
    path, truth = clip
    opening = []
    with face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=2, min_detection_confidence=0.5) as finder:
        for picture in pictures(path):
            faces = finder.process(picture).multi_face_landmarks or []
            assert len(faces) == 1
            points = np.array([(one.x * 640, one.y * 360) for one in faces[0].landmark])
            apart = np.linalg.norm(points[LEFT_PUPIL] - points[RIGHT_PUPIL])
            opening.append(np.linalg.norm(points[UPPER_INNER_LIP] - points[LOWER_INNER_LIP]) / apart)
    assert np.corrcoef(opening, truth["opening"])[0, 1] >= 0.9


def test_silence_at_the_start_and_sound_where_phones_are(clip: tuple[Path, dict[str, Any]]) -> None:
    path, truth = clip
    with av.open(path) as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    read = next(segment for segment in truth["segments"] if segment["kind"] == "read")
    start, end = (round(read[key] * AUDIO_RATE) for key in ("start_s", "end_s"))
    assert np.sqrt(np.mean(sound[: start // 2] ** 2)) < 0.002
    assert np.sqrt(np.mean(sound[start:end] ** 2)) > 0.05


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_minute_has_its_four_parts(language: str) -> None:
    performance = rehearse(64, language, 1)
    parts = {segment.kind: segment for segment in performance.segments}
    assert list(parts) == ["still", "statement", "idle", "read"]
    length = {kind: part.end_s - part.start_s for kind, part in parts.items()}
    assert length["still"] >= 3
    assert length["idle"] >= 12
    assert length["read"] >= 35
    assert performance.frames == 64 * FPS
    assert len(performance.samples) == 64 * AUDIO_RATE
    for kind in ("still", "idle"):
        at = slice(round(parts[kind].start_s * FPS) + 1, round(parts[kind].end_s * FPS) - 1)
        assert performance.opening[at].max() < 0.02
        assert np.abs(performance.motion.yaw[at]).max() > 0.1


def test_lips_are_shut_in_p_b_m() -> None:
    performance = rehearse(64, "zh", 1)
    for phone in performance.phones:
        frame = int((phone.start_s + phone.end_s) / 2 * FPS)
        centre = (frame + 0.5) / FPS
        if mouth_shape(phone.symbol).closed and phone.start_s + 0.01 < centre < phone.end_s - 0.01:
            assert performance.opening[frame] < 0.05, phone


def test_the_presenter_blinks_and_opens_the_mouth() -> None:
    performance = rehearse(6, "en", 3)
    assert performance.motion.blink.max() == 1.0
    presenter = Presenter(320, 180, 3)
    widest = int(np.argmax(performance.opening))
    shut, wide = presenter.frame(pose_at(performance, 0)), presenter.frame(pose_at(performance, widest))
    assert shut.shape == (180, 320, 3)
    assert np.abs(shut.astype(int) - wide.astype(int)).max() > 60


def test_requests_that_cannot_be_met_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClipTooShort):
        rehearse(1, "zh", 1)
    with pytest.raises(SpeechError):
        rehearse(5, "fr", 1)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "x.mp4"), "--width", "640", "--height", "640"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "16:9" in refused.stderr
    assert not list(tmp_path.iterdir())
