"""The pictures of the seconds that findings name, small: so that a person sees what to do otherwise."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import av
from PIL import Image

from avatars.capture.report import Finding
from avatars.media import MediaError, Upright, open_media, rgb_of

SIDE = 320
MOST = 8
# What can be seen in a picture; a hum cannot.
_HEARD = frozenset({"clipping", "noisy_sound", "music", "frame_rate_irregular", "frame_rate_variable", "truncated"})


def pictures_of(path: Path, findings: Sequence[Finding]) -> dict[str, str]:
    """Number of the finding -> JPEG as base64, of at most eight findings; empty when the file cannot be read."""
    wanted = {
        str(number): finding.at_s
        for number, finding in enumerate(findings)
        if finding.at_s is not None and finding.code not in _HEARD
    }
    found: dict[str, str] = {}
    for number, at_s in list(wanted.items())[:MOST]:
        try:
            found[number] = base64.b64encode(_picture_at(path, at_s)).decode()
        except (MediaError, av.FFmpegError, StopIteration):
            continue
    return found


def _picture_at(path: Path, at_s: float) -> bytes:
    """The first picture at or after `at_s`, seconds from the beginning."""
    with open_media(path) as container:
        stream = container.streams.video[0]
        first = float((stream.start_time or 0) * (stream.time_base or 0))
        container.seek(max(0, int((first + at_s) * av.time_base)))
        upright = Upright(SIDE)
        for frame in container.decode(stream):
            if frame.time is not None and frame.time - first >= at_s - 0.02:
                break
        target = io.BytesIO()
        Image.fromarray(rgb_of(upright(frame, stream.sample_aspect_ratio))).save(target, "JPEG", quality=80)
        return target.getvalue()
