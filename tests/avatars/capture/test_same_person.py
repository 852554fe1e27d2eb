"""One person with a free mouth: seen by the whole check on short takes, and the rules alone on described faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatars import faces
from avatars.capture import CaptureLimits, CaptureReport
from avatars.capture.check import check_capture
from avatars.capture.identity import METHOD, Descriptor, describe_face, likeness
from avatars.capture.person import check_person, pack_face, unpack_face
from avatars.capture.picture import FaceSample
from avatars.media import constant_rate_frames, rgb_of

from .conftest import RATE, Image, Recorder, Sound

Person = tuple[list[Image], Sound]
SHORT = CaptureLimits(min_s=3, min_speech_s=0.5)


def judged(record: Recorder, images: list[Image], sound: Sound, **how: str) -> CaptureReport:
    seconds = len(images) / 25
    return check_capture(record(images, sound[: int(seconds * RATE)]), limits=SHORT, **how)  # type: ignore[arg-type]


def errors(report: CaptureReport) -> dict[str, float | None]:
    return {finding.code: finding.at_s for finding in report.errors()}


def first_points(images: list[Image]) -> faces.Points:
    with faces.FaceReader() as reader:
        return reader.read(images[0])[0]


def hand(image: Image, points: faces.Points) -> Image:
    """Four fingers of the person's own skin before the mouth."""
    left, _top, right, _bottom = faces.face_box(points)
    width, mouth = right - left, points[[61, 291], :2].mean(axis=0)
    x, y = points[50, :2].astype(int)
    skin = image[y - 3 : y + 3, x - 3 : x + 3].reshape(-1, 3).mean(axis=0)
    covered = image.copy()
    for finger in range(4):
        at = (int(mouth[0]), int(mouth[1] + (finger - 1.5) * width * 0.11))
        tone = tuple(float(value) * (0.9 + 0.03 * finger) for value in skin)
        cv2.ellipse(covered, at, (int(width * 0.38), int(width * 0.06)), -8, 0, 360, tone, -1)
        below = (at[0], int(at[1] + width * 0.055))
        dark = tuple(0.6 * value for value in tone)
        cv2.ellipse(covered, below, (int(width * 0.36), max(1, int(width * 0.008))), -8, 0, 360, dark, -1)
    return covered


def cup(image: Image, points: faces.Points) -> Image:
    left, _top, right, _bottom = faces.face_box(points)
    width, (x, y) = right - left, points[[61, 291], :2].mean(axis=0)
    corners = (int(x - width * 0.25), int(y - width * 0.12)), (int(x + width * 0.25), int(y + width * 0.35))
    return np.asarray(cv2.rectangle(image.copy(), *corners, (230, 228, 220), -1), np.uint8)


@pytest.mark.parametrize("cover", [hand, cup])
def test_something_before_the_mouth_is_named_with_its_second(person: Person, record: Recorder, cover: object) -> None:
    images, sound = person
    points = first_points(images[50:])
    spoilt = [cover(image, points) if 50 <= number < 75 else image for number, image in enumerate(images[:100])]  # type: ignore[operator]
    found = errors(judged(record, spoilt, sound))
    assert found["mouth_covered"] == pytest.approx(2.0, abs=0.45)


def test_another_person_in_the_middle_and_another_than_before(
    person: Person, record: Recorder, shared_media: Path
) -> None:
    images, sound = person
    other = [
        cv2.copyMakeBorder(cv2.resize(rgb_of(frame), (240, 360)), 0, 0, 200, 200, cv2.BORDER_REPLICATE)
        for frame in constant_rate_frames(shared_media / "ai_man_idle.mp4", fps=25, max_side=640)
    ]
    report = judged(record, images[:90] + other[:40] + images[130:150], sound)
    assert errors(report)["face_changes"] == pytest.approx(3.6, abs=0.7)
    with faces.FaceReader() as reader:
        earlier = describe_face(other[0], reader.read(other[0])[0])
    again = judged(record, images[:90], sound, earlier_face=pack_face(earlier))
    assert "not_the_same_person" in errors(again)
    own = judged(record, images[90:180], sound, earlier_face=str(again.facts["face"]))
    assert not {"not_the_same_person", "person_uncertain"} & {finding.code for finding in own.findings}


# --- the rules alone ---
def described(seed: int, tremble: float = 0.1) -> Descriptor:
    """A made-up face; the same seed is the same person, a little different every time it is asked for."""
    face = np.abs(np.random.default_rng(seed).normal(size=2891))
    face += np.abs(np.random.default_rng().normal(0, tremble, 2891))
    return np.asarray(face / np.linalg.norm(face), np.float16)


def seen(*people: int) -> list[FaceSample]:
    return [FaceSample(number / 5, 1, 200.0, descriptor=described(who)) for number, who in enumerate(people)]


def test_one_person_all_the_time_is_nothing_to_say() -> None:
    assert check_person(seen(*[1] * 60), CaptureLimits()) == []


def test_somebody_else_for_two_seconds_is_found_and_one_bad_picture_is_not() -> None:
    (found,) = check_person(seen(*[1] * 30, *[2] * 10, *[1] * 20), CaptureLimits())
    assert (found.code, found.severity.value) == ("face_changes", "error")
    assert found.at_s == pytest.approx(6.0, abs=0.6)
    assert check_person(seen(*[1] * 30, 2, *[1] * 20), CaptureLimits()) == []


def test_the_face_of_an_earlier_recording_must_be_there() -> None:
    (found,) = check_person(seen(*[1] * 30), CaptureLimits(), pack_face(described(2)))
    assert found.code == "not_the_same_person"
    assert check_person(seen(*[1] * 30), CaptureLimits(), pack_face(described(1))) == []


def test_a_face_survives_being_kept_as_text() -> None:
    face = described(4)
    for method in (METHOD, "onnx-0123456789abcdef"):
        kept = unpack_face(pack_face(face, method))
        assert kept is not None and kept[0] == method
        assert likeness([kept[1]], [face]) == pytest.approx(1, abs=1e-3)
    assert unpack_face(pack_face(None)) is None
