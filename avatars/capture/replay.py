"""Signs that a recording shows a screen or another recording. Signs, not proofs: silence here says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatars.capture.picture import PictureRecord
from avatars.capture.report import Finding, error, warning
from avatars.media import open_media

# Programs that record screens or virtual cameras and name themselves in the container.
_SCREEN_PROGRAMS = ("obs-studio", "obs studio", "replaykit", "screencapture", "screen recorder", "scrcpy", "camtasia",
                    "bandicam", "fraps", "manycam", "xsplit")  # fmt: skip
_TAGS = ("encoder", "encoding_tool", "software", "comment", "writing_application", "title", "handler_name")
_SAME, _MOVED = 0.02, 0.25
_LEAST_REPEATS, _REGULAR = 8, 0.6
_LEAST_SHARE, _MOST_SHARE = 0.05, 0.6


def check_replay(path: Path, record: PictureRecord) -> list[Finding]:
    """What the container and the rhythm of the pictures say."""
    program = _screen_program(path)
    findings = [error("screen_recorder", program=program)] if program else []
    at_s = _repeated(record)
    if at_s is not None:
        findings.append(warning("frames_repeated", at_s=at_s))
    return findings


def _screen_program(path: Path) -> str:
    with open_media(path) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    said = [value for one in tags for name, value in one.items() if name.lower() in _TAGS]
    return next((value[:60] for value in said if any(name in value.lower() for name in _SCREEN_PROGRAMS)), "")


def _repeated(record: PictureRecord) -> float | None:
    """Where regularly repeated pictures begin, s. A camera never gives one picture twice while things move."""
    steps = np.abs(np.diff(record.thumbs.astype(np.int16), axis=0)).mean(axis=(1, 2))
    moving = np.minimum(np.roll(steps, 1), np.roll(steps, -1)) > _MOVED
    same = np.flatnonzero((steps < _SAME) & moving)
    share = len(same) / max(1, int(np.count_nonzero(moving)))
    if len(same) < _LEAST_REPEATS or not _LEAST_SHARE < share < _MOST_SHARE:
        return None
    gaps = np.diff(same)
    usual = np.median(gaps)
    if np.mean(np.abs(gaps - usual) <= 1) < _REGULAR:
        return None
    return float(record.times[same[0]])
