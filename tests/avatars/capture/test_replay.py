"""Signs that a recording shows a screen: a program that names itself, pictures repeated in a rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from avatars.capture import CaptureLimits
from avatars.capture.check import check_capture
from avatars.capture.report import Finding

from .conftest import Image, Recorder, moving_pattern, syllables

SHORT = CaptureLimits(min_s=3, min_speech_s=0.5)
SECONDS = 5


def found(record: Recorder, images: list[Image], **how: object) -> dict[str, Finding]:
    """What is said of moving pictures without a person; of their origin among other things."""
    clip = record(images, syllables(len(images) / 25), **how)
    return {finding.code: finding for finding in check_capture(clip, limits=SHORT).findings}


@pytest.mark.parametrize("words", ["Recorded with OBS Studio 30.1", "ScreenCapture", "made by Camtasia"])
def test_a_screen_recorder_that_names_itself_is_refused(record: Recorder, words: str) -> None:
    finding = found(record, moving_pattern(SECONDS), tags={"comment": words})["screen_recorder"]
    assert finding.severity.value == "error" and finding.values["program"] == words


def test_a_camera_s_program_is_none(record: Recorder) -> None:
    assert "screen_recorder" not in found(record, moving_pattern(SECONDS), tags={"comment": "Blackmagic Camera"})


def test_pictures_repeated_in_a_rhythm_are_named_with_the_second_they_begin(record: Recorder) -> None:
    """Twenty pictures a second shown at twenty-five, as screens are recorded: every fourth comes twice."""
    whole = moving_pattern(SECONDS)
    images = whole[:50] + [whole[50 + number * 4 // 5] for number in range(75)]
    finding = found(record, images)["frames_repeated"]
    assert finding.severity.value == "warning"
    assert finding.at_s == pytest.approx(2.0, abs=0.3)


def test_a_camera_repeats_nothing_and_a_slip_is_no_rhythm(record: Recorder) -> None:
    whole = moving_pattern(SECONDS)
    assert "frames_repeated" not in found(record, whole)
    slips = np.random.default_rng(4).choice(np.arange(5, 120), 6, replace=False)
    assert "frames_repeated" not in found(record, [whole[n - 1] if n in slips else whole[n] for n in range(125)])
