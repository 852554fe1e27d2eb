"""What a finished avatar does with speech."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from avatars import faces
from avatars.engine import FramingImpossible
from avatars.engine.drive import Choreography, commanded_lips
from avatars.engine.eyes import eye_points
from avatars.engine.package import load_model
from avatars.engine.warp_engine import WarpEngine
from avatars.media import constant_rate_frames, rgb_of, write_mp4
from avatars.speech import Manner, MannerTrack, Speech

from .conftest import CONSENT, Built, say

PAH = [("sil", 0.3), ("p", 0.12), ("aa", 0.28), ("m", 0.12), ("aa", 0.28), ("b", 0.12), ("iy", 0.24), ("sil", 0.5)]


def perform(built: Built, speech: Speech, width: int = 640, height: int = 360, fps: int = 25) -> list[av.VideoFrame]:
    return list(WarpEngine().perform(built.path, speech, width=width, height=height, fps=fps))


def openings(frames: list[av.VideoFrame]) -> np.ndarray:
    with faces.FaceReader(tracking=True) as reader:
        return np.array([faces.lip_opening(reader.read(rgb_of(frame))[0]) for frame in frames])


def test_card_says_what_the_model_can_do(built: Built) -> None:
    card = built.card
    assert card.usable, card.reasons
    assert card.opening_r >= 0.89 and card.lag_frames == 0
    assert card.closure_share >= 0.93 and card.silence_opening <= 0.02
    assert card.sharpness_ratio >= 0.75 and card.flicker_ratio <= 1.2
    assert (card.width, card.height, card.fps) == (640, 360, 25)


def test_card_of_a_real_person(shared_media: Path, tmp_path: Path) -> None:
    frames = constant_rate_frames(shared_media / "grid_s1_60s.mp4", fps=25, max_side=640)
    write_mp4(tmp_path / "take.mp4", islice(frames, 250), fps=25)
    card = WarpEngine().build(tmp_path / "take.mp4", CONSENT, tmp_path / "model")
    assert card.usable, card.reasons
    assert card.opening_r >= 0.9 and card.closure_share >= 0.93


def test_building_reports_growing_progress(built: Built) -> None:
    assert list(built.progress) == sorted(built.progress)
    assert built.progress[-1] == 1.0


def test_lips_follow_the_phones(built: Built) -> None:
    speech = say(*PAH)
    measured = openings(perform(built, speech))
    commanded = commanded_lips(speech, 25).opening
    assert np.corrcoef(commanded, measured)[0, 1] > 0.9
    for phone in speech.phones:
        middle = int((phone.start_s + phone.end_s) / 2 * 25)
        if phone.symbol in {"p", "b", "m"}:
            assert measured[middle] < 0.2 * built.card.opening_range
        if phone.symbol == "aa":
            assert measured[middle - 1 : middle + 2].max() > 0.4 * built.card.opening_range


def test_silence_keeps_the_mouth_closed(built: Built) -> None:
    measured = openings(perform(built, say(("sil", 1.6))))
    assert np.sort(measured)[-2] < 0.02  # the tracker may slip once while it finds the face


def test_idle_person_still_moves(built: Built) -> None:
    frames = perform(built, say(("sil", 1.2)))
    changes = [np.abs(a.to_ndarray().astype(int) - b.to_ndarray()).mean() for a, b in pairwise(frames)]
    assert min(changes) > 0.05
    assert max(changes) < 12


def test_frames_are_counted_and_tagged_for_the_encoder(built: Built) -> None:
    frames = perform(built, say(("aa", 0.41)), width=640, height=360, fps=30)
    assert len(frames) == 13  # 12.3 frames of sound need 13 pictures
    assert [(frame.width, frame.height, frame.format.name) for frame in frames] == [(640, 360, "yuv420p")] * 13
    assert [frame.pts * frame.time_base * 30 for frame in frames] == list(range(13))
    assert {(frame.colorspace, frame.color_range) for frame in frames} == {(1, 1)}


def test_same_input_gives_the_same_pictures(built: Built) -> None:
    first, second = (perform(built, say(("aa", 0.3), ("m", 0.1))) for _ in range(2))
    assert all(np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("width", "height"), [(360, 640), (640, 360), (288, 288)])
def test_face_stays_whole_in_every_picture_format(built: Built, width: int, height: int) -> None:
    (frame, *_rest) = perform(built, say(("sil", 0.2)), width, height)
    with faces.FaceReader() as reader:
        (points,) = reader.read(rgb_of(frame))
    left, top, right, bottom = faces.face_box(points)
    assert left >= 0 and right <= width and bottom <= height
    assert top > 0.12 * height  # room for hair and for a label


@pytest.mark.parametrize(("width", "height"), [(0, 0), (361, 288), (64, 64), (8192, 4096), (2048, 128)])
def test_impossible_picture_size_is_refused(built: Built, width: int, height: int) -> None:
    with pytest.raises(FramingImpossible) as refusal:
        WarpEngine().perform(built.path, say(("aa", 0.2)), width=width, height=height, fps=25)
    assert refusal.value.code in {"framing_size", "framing_impossible"}


def test_a_change_of_mouth_takes_three_frames(built: Built) -> None:
    model = load_model(built.path)
    bank, plan = model.bank, Choreography(model, 25, 7).plan(say(*PAH), MannerTrack.of(Manner.NEUTRAL))
    assert all(abs(sum(share for _mouth, share in command.mouths) - 1) < 1e-9 for command in plan)
    assert all(command.mouths[0][1] >= 0.5 for command in plan)
    assert any(len(command.mouths) > 1 for command in plan)
    for before, now in pairwise(dict(command.mouths) for command in plan):
        shares = [abs(before.get(mouth, 0.0) - now.get(mouth, 0.0)) for mouth in before | now]
        opened = bank.opening[list(before | now)]
        assert max(shares) <= 0.5 or np.ptp(opened) > 0.3  # very different mouths are not mixed


def test_long_speech_is_streamed(built: Built) -> None:
    frames = WarpEngine().perform(built.path, say(("aa", 120.0)), width=640, height=360, fps=25)
    assert next(frames).pts == 0  # the first picture of two minutes comes before the others are made
    del frames


def test_model_works_without_the_footage(built: Built, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.write_bytes(built.path.read_bytes())
    assert next(WarpEngine().perform(alone, say(("aa", 0.2)), width=640, height=360, fps=25)).width == 640


def test_a_manner_moves_the_face_and_never_the_time(built: Built) -> None:
    speech = say(("sil", 0.2), ("aa", 0.3), ("m", 0.1), ("iy", 0.3))

    def luma(manner: Manner | MannerTrack) -> np.ndarray:
        frames = WarpEngine().perform(built.path, speech, width=640, height=360, fps=25, manner=manner)
        return np.stack([frame.to_ndarray()[:360] for frame in frames]).astype(int)

    neutral, excited, again = luma(Manner.NEUTRAL), luma(Manner.EXCITED), luma(Manner.EXCITED)
    assert neutral.shape == excited.shape
    assert np.array_equal(excited, again)
    rows = np.abs(neutral - excited).mean(axis=(0, 2))
    assert rows.max() > 0.3  # something moved ...
    assert (rows > 0).mean() < 0.7  # ... in the face, not in the whole picture
    late = luma(MannerTrack(((0.0, Manner.NEUTRAL, 1.0), (0.7, Manner.EXCITED, 1.0))))
    assert np.array_equal(late[0], neutral[0]) and not np.array_equal(late[-1], neutral[-1])


def test_who_is_concerned_looks_down(built: Built) -> None:
    speech = say(("sil", 1.0))

    def irises(manner: Manner) -> float:
        """Height of the irises below the corners of the eyes, in shares of the eyes' distance."""
        frames = WarpEngine().perform(built.path, speech, width=1280, height=720, fps=25, manner=manner)
        heights = []
        with faces.FaceReader() as reader:
            for frame in islice(frames, 10, None, 5):
                eyes = eye_points(reader.read(rgb_of(frame))[0]).reshape(2, -1)
                heights.append(
                    np.mean(eyes[:, 16].imag - eyes[:, [0, 8]].imag.mean(axis=1)) / np.abs(np.ptp(eyes.real))
                )
        return float(np.mean(heights))

    assert irises(Manner.CONCERNED) - irises(Manner.NEUTRAL) > 0.0015
