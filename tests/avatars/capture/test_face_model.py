"""An operator's own face recognition network: a real ONNX file, small, written here byte by byte."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatars import faces
from avatars.capture import CaptureLimits, CaptureReport
from avatars.capture.check import check_capture
from avatars.capture.embedder import FaceEmbedder, FaceModelUnfit
from avatars.capture.identity import METHOD, Bounds
from avatars.capture.person import check_person, pack_face, unpack_face
from avatars.capture.picture import FaceSample
from compliance.errors import BadInput
from compliance.sandbox import run_sandboxed

from .conftest import RATE, Image, Recorder, Sound

Person = tuple[list[Image], Sound]
SHORT = CaptureLimits(min_s=3, min_speech_s=0.5)
BOUNDS = Bounds(other=0.9, same=0.95)


# --- ONNX: protocol buffers, as onnx.proto numbers them ---
def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _numbers(name: str, values: list[int]) -> bytes:
    return _field(5, _field(1, name) + b"".join(_field(8, value) for value in values) + _field(20, 7))


def _tensor(name: str, *shape: int) -> bytes:
    sides = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, sides)))


def coarse_colours() -> bytes:
    """A network that tells a face by the mean colours of 8 x 8 parts: 192 numbers."""
    pool = _field(1, "face") + _field(2, "parts") + _field(4, "AveragePool")
    pool += _numbers("kernel_shape", [14, 14]) + _numbers("strides", [14, 14])
    flat = _field(1, "parts") + _field(2, "found") + _field(4, "Flatten")
    graph = _field(1, pool) + _field(1, flat) + _field(2, "coarse")
    graph += _field(11, _tensor("face", 1, 3, 112, 112)) + _field(12, _tensor("found", 1, 192))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "faces.onnx"
    path.write_bytes(coarse_colours())
    return path


def checked(record: Recorder, images: list[Image], sound: Sound, network: Path, earlier: str = "") -> CaptureReport:
    clip = record(images, sound[: len(images) * RATE // 25])
    return check_capture(clip, limits=SHORT, earlier_face=earlier, embedder=FaceEmbedder(network, BOUNDS))


def about_the_person(report: CaptureReport) -> dict[str, str]:
    wanted = ("not_the_same_person", "person_uncertain")
    return {finding.code: finding.severity.value for finding in report.findings if finding.code in wanted}


def painted(image: Image) -> Image:
    """Somebody with the colours of a film negative: the same structure, to which the built-in description looks."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2YUV)[..., [0, 2, 1]], cv2.COLOR_YUV2RGB), np.uint8)


def test_a_network_of_the_operator_decides_in_place_of_the_built_in_description(
    person: Person, record: Recorder, network: Path
) -> None:
    images, sound = person
    first = checked(record, images[:90], sound, network)
    assert first.facts["face_method"] == FaceEmbedder(network, BOUNDS).method != METHOD
    kept = unpack_face(str(first.facts["face"]))
    assert kept is not None and kept[1].shape == (192,)
    assert about_the_person(checked(record, images[90:180], sound, network, str(first.facts["face"]))) == {}
    other = [painted(image) for image in images[:90]]
    assert about_the_person(checked(record, other, sound, network, str(first.facts["face"]))) == {
        "not_the_same_person": "error"
    }
    plain = check_capture(record(images[:90], sound[: 90 * RATE // 25]), limits=SHORT)
    by_structure = check_capture(
        record(other, sound[: 90 * RATE // 25]), limits=SHORT, earlier_face=str(plain.facts["face"])
    )
    assert about_the_person(by_structure) == {}


def test_what_another_method_described_is_left_to_a_person(person: Person, record: Recorder, network: Path) -> None:
    images, sound = person
    built_in = check_capture(record(images[:90], sound[: 90 * RATE // 25]), limits=SHORT).facts["face"]
    report = checked(record, images[90:180], sound, network, str(built_in))
    assert about_the_person(report) == {"person_uncertain": "warning"}


def test_a_face_the_network_never_saw_from_the_front_is_left_to_a_person(network: Path) -> None:
    embedder, face = FaceEmbedder(network, BOUNDS), np.ones(192, np.float16)
    seen = [FaceSample(number / 5, 1, 200.0, descriptor=face) for number in range(30)]
    (found,) = check_person(seen, CaptureLimits(), pack_face(face, embedder.method), embedder)
    assert (found.code, found.severity.value) == ("person_uncertain", "warning")


def test_the_face_is_turned_upright_before_the_network_sees_it(person: Person, network: Path) -> None:
    embedder, image = FaceEmbedder(network, BOUNDS), person[0][0]
    leaning = cv2.warpAffine(image, cv2.getRotationMatrix2D((320, 180), 12, 0.9), (640, 360))
    with faces.FaceReader() as reader:
        upright, tilted = (embedder.describe(one, reader.read(one)[0]) for one in (image, leaning))
    assert float(upright.astype(float) @ tilted) > 0.97


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_what_is_no_such_network_is_said_at_once(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(content)
    with pytest.raises(FaceModelUnfit, match="face model"):
        FaceEmbedder(broken, BOUNDS)


def test_a_missing_network_is_said_out_of_the_sandbox(person: Person, record: Recorder, tmp_path: Path) -> None:
    images, sound = person
    model = {"path": str(tmp_path / "gone.onnx"), "other": 0.3, "same": 0.5}
    question = tmp_path / "question.json"
    question.write_text(json.dumps({"steps": [], "earlier_face": "", "face_model": model}))
    with pytest.raises(BadInput) as failure:
        run_sandboxed("avatars.capture", str(record(images[:90], sound[: 90 * RATE // 25])), str(question))
    assert failure.value.code == "face_model_unfit"
    assert "AVOW_FACE_MODEL" in failure.value.text
