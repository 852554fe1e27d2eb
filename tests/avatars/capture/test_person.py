"""What is seen and heard: one real take, spoilt in one way at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatars import faces
from avatars.capture import CaptureLimits, CaptureReport
from avatars.capture.check import check_capture
from avatars.presenter.performance import rehearse
from avatars.presenter.picture import Presenter, pose_at

from .conftest import RATE, Image, Recorder, Sound, moving_pattern, syllables

Person = tuple[list[Image], Sound]


def codes(path: Path, limits: CaptureLimits | None = None) -> dict[str, str]:
    """Code -> severity of everything found."""
    return {finding.code: finding.severity.value for finding in check_capture(path, limits=limits).findings}


def test_good_take_passes_with_its_weakness_named(person: Person, record: Recorder) -> None:
    report = check_capture(record(*person))
    assert report.ok
    assert [finding.code for finding in report.findings] == ["face_small"]
    assert report.facts["face_share"] == 1.0
    assert report.facts["lip_match"] > 0.5
    assert CaptureReport.from_json(json.loads(json.dumps(report.to_json()))).to_json() == report.to_json()


def test_real_take_of_many_pieces_passes_with_its_cuts(shared_media: Path) -> None:
    report = check_capture(shared_media / "grid_s1_60s.mp4")
    assert report.ok
    assert {finding.code for finding in report.findings} <= {"cuts", "face_small", "clipping"}
    assert report.facts["cuts_s"] == [3.0 * n for n in range(1, 20)]


def test_real_take_with_foreign_sound(shared_media: Path) -> None:
    assert codes(shared_media / "latentsync_demo2.mp4")["lips_do_not_match"] == "warning"


def test_take_held_sideways_is_turned_upright(person: Person, record: Recorder) -> None:
    images, sound = person
    report = check_capture(record([np.ascontiguousarray(np.rot90(image)) for image in images], sound, rotation=-90))
    assert report.ok
    assert report.facts["face_share"] == 1.0


def test_no_face(record: Recorder) -> None:
    assert codes(record(moving_pattern(10), syllables(10)))["no_face"] == "error"


def test_two_faces(shared_media: Path) -> None:
    found = codes(shared_media / "ai_two_men_talking.mp4", CaptureLimits(min_s=3, min_speech_s=1))
    assert found["two_faces"] == "error"
    assert "lips_do_not_match" not in found


def test_face_far_away(person: Person, record: Recorder) -> None:
    images, sound = person
    far = [
        cv2.copyMakeBorder(cv2.resize(image, (320, 180)), 90, 90, 160, 160, cv2.BORDER_REPLICATE) for image in images
    ]
    found = codes(record(far, sound))
    assert found.get("face_too_small", found.get("no_face")) == "error"


def test_dark_room(person: Person, record: Recorder) -> None:
    images, sound = person
    assert codes(record([(image * 0.22).astype(np.uint8) for image in images], sound))["too_dark"] == "error"


def test_over_exposed(person: Person, record: Recorder) -> None:
    images, sound = person
    bright = [np.minimum(image.astype(np.int32) * 2, 255).astype(np.uint8) for image in images]
    assert codes(record(bright, sound))["over_exposed"] == "error"


def test_out_of_focus(person: Person, record: Recorder) -> None:
    images, sound = person
    assert codes(record([cv2.GaussianBlur(image, (0, 0), 5) for image in images], sound))["blurred"] == "error"


def test_person_walks_away(person: Person, record: Recorder) -> None:
    images, sound = person
    away = images[:150] + moving_pattern(3, width=640, height=360) + images[225:]
    report = check_capture(record(away, sound))
    (missing,) = [finding for finding in report.errors() if finding.code == "face_missing"]
    assert missing.at_s == pytest.approx(6.0, abs=0.25)
    assert float(missing.values["seconds"]) == pytest.approx(3.0, abs=0.3)


def test_photograph_with_sound(person: Person, record: Recorder) -> None:
    images, sound = person
    assert codes(record([images[0]] * 275, sound))["frozen"] == "error"


def test_short_take_played_in_a_loop(person: Person, record: Recorder) -> None:
    images, sound = person
    report = check_capture(record(images[:70] * 4 + images[:20], sound))
    (looped,) = [finding for finding in report.errors() if finding.code == "looped"]
    assert float(looped.values["period"]) == pytest.approx(2.8, abs=0.1)


def test_microphone_off(person: Person, record: Recorder) -> None:
    assert codes(record(person[0], np.zeros(11 * RATE, np.float32)))["no_speech"] == "error"


def test_steady_tone_is_no_speech(person: Person, record: Recorder) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 150 * np.arange(11 * RATE) / RATE).astype(np.float32)
    assert codes(record(person[0], tone))["no_speech"] == "error"


def test_distorted_sound(person: Person, record: Recorder) -> None:
    images, sound = person
    assert codes(record(images, np.clip(sound * 30, -1, 1)))["clipping"] == "error"


def test_sound_of_another_moment(person: Person, record: Recorder) -> None:
    images, sound = person
    assert codes(record(images, np.roll(sound, int(1.6 * RATE))))["lips_do_not_match"] == "warning"


# --- people and cameras as they come ---
SHORT = CaptureLimits(min_s=3, min_speech_s=0.5)


def glasses(image: Image, points: faces.Points) -> Image:
    """Dark frames before both eyes, bridge and temples too."""
    worn, eyes = image.copy(), [points[list(corners), :2].mean(axis=0) for corners in ((33, 133), (362, 263))]
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    thick = max(2, round(apart * 0.05))
    for (x, y), side in zip(eyes, (-1, 1), strict=True):
        cv2.ellipse(worn, (int(x), int(y)), (int(apart * 0.4), int(apart * 0.32)), 0, 0, 360, (35, 25, 20), thick)
        temple = (int(x + side * apart * 0.8), int(y - apart * 0.1))
        cv2.line(worn, (int(x + side * apart * 0.4), int(y)), temple, (35, 25, 20), thick)
    bridge = [(int(x - side * apart * 0.4), int(y)) for (x, y), side in zip(eyes, (-1, 1), strict=True)]
    return np.asarray(cv2.line(worn, *bridge, (35, 25, 20), thick), np.uint8)


def test_glasses_are_worn_by_whoever_wears_them(person: Person, record: Recorder) -> None:
    images, sound = person
    with faces.FaceReader() as reader:
        worn = [glasses(image, reader.read(image)[0]) for image in images[:100]]
    assert codes(record(worn, sound[: 4 * RATE]), SHORT) == {"face_small": "warning"}


def aside(image: Image, points: faces.Points, degrees: float) -> Image:
    """The head as a cylinder that turns further to the side."""
    left, _top, right, _bottom = faces.face_box(points)
    middle, radius = (left + right) / 2, 0.62 * (right - left)
    columns = np.arange(image.shape[1], dtype=np.float32)
    across = (columns - middle) / radius
    angle = np.clip(np.arcsin(np.clip(across, -1, 1)) - np.deg2rad(degrees), -np.pi / 2, np.pi / 2)
    x = np.where(np.abs(across) < 1, middle + radius * np.sin(angle), columns).astype(np.float32)
    y = np.arange(image.shape[0], dtype=np.float32)
    return np.asarray(cv2.remap(image, *np.meshgrid(x, y), cv2.INTER_LINEAR), np.uint8)


@pytest.mark.parametrize(("turned", "severity"), [(25, "warning"), (80, "error")])
def test_a_head_turned_aside_is_named_with_how_long(record: Recorder, turned: int, severity: str) -> None:
    presenter, performance = Presenter(640, 360, 1), rehearse(4.0, "en", 1)
    poses = [pose_at(performance, number) for number in range(100)]
    images = [presenter.frame(pose) for pose in poses]
    with faces.FaceReader() as reader:
        for number in range(turned):
            images[number] = presenter.frame(replace(poses[number], yaw=16.0))
            images[number] = aside(images[number], reader.read(images[number])[0], 26.0)
    report = check_capture(record(images, syllables(4)), limits=SHORT)
    (found,) = [finding for finding in report.findings if finding.code == "face_turned"]
    assert found.severity.value == severity
    assert found.at_s == pytest.approx(0.0, abs=0.45)
    # The longest stretch without a reading that falls below the limit, five of them a second.
    assert 0.5 * turned / 25 <= float(found.values["seconds"]) <= turned / 25 + 0.25


def test_fifteen_pictures_a_second_are_too_few_for_lips(person: Person, record: Recorder) -> None:
    images, sound = person
    (refused,) = check_capture(record(images[:60], sound[: 4 * RATE], fps=15), limits=SHORT).errors()
    assert (refused.code, refused.values["rate"], refused.values["limit"]) == ("frame_rate_low", "15.0", "20")


def test_4k_held_upright_is_taken(person: Person, record: Recorder) -> None:
    images, sound = person
    upright = (cv2.resize(image[:, 219:421], (2160, 3840), interpolation=cv2.INTER_CUBIC) for image in images[:80])
    report = check_capture(record(upright, sound[: 80 * RATE // 25]), limits=SHORT)
    assert report.ok, report.errors()
    assert (report.facts["width"], report.facts["height"]) == (2160, 3840)
