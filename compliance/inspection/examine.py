"""What picture and sound themselves say: invisible marks and fingerprint, read in the sandbox.

`python -m compliance.sandbox LIMITS compliance.inspection.examine FILE` reads `{"keys": [{"id", "key", "marks"}],
"searched_s"}` from standard input; `marks` are those given out under the key, newest first. No Django here: this is the
side that touches untrusted bytes.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch

from compliance.errors import BadInput
from compliance.release.fingerprint import FrameHash, hash_luma
from compliance.sandbox import child_main, report
from watermark import BadMedia, Detection, Key, detect_frames
from watermark.sound import SoundDetection, detect_sound

MAX_PIXELS = 4096 * 2304
MAX_SECONDS = 600.0
FINGERPRINT_INTERVAL_S = 1.0

# First bytes -> demuxer. What is not here is refused: no playlist, no protocol, no surprise.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"FLV", "flv"),
    (0, b"\x47", "mpegts"),
)


def demuxer_for(head: bytes) -> str:
    """The demuxer for a file that begins with `head`.

    Raises:
        BadInput: file_empty or file_not_media.
    """
    if not head:
        raise BadInput("file_empty", "The file is empty.")
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp_pipe"
    raise BadInput(
        "file_not_media", "This is not a video or a picture. Supported: MP4, MOV, WebM, MKV, FLV, TS, PNG, JPEG, WebP."
    )


@dataclass
class Sampler:
    """Collects a fingerprint per second from frames on their way to the watermark reader."""

    expected_s: float
    last_s: float = 0.0
    hashes: list[FrameHash] = field(default_factory=list)
    _next_s: float = 0.0

    def watch(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in frames:
            at_s = float(frame.time or 0.0)
            if at_s > MAX_SECONDS:
                return
            if at_s >= self._next_s:
                self.hashes.append(hash_luma(np.asarray(frame.to_ndarray(format="gray"), np.uint8), at_s))
                self._next_s = at_s + FINGERPRINT_INTERVAL_S
                report(min(1.0, at_s / self.expected_s), "examining")
            self.last_s = at_s
            yield frame


@dataclass(frozen=True)
class Marking:
    """A key, and the marks given out under it: a poor copy shows too little to tell any mark, but one of these."""

    key: Key
    given_out: tuple[int, ...]


def examine(path: Path, markings: Sequence[Marking], searched_s: float = math.inf) -> dict[str, Any]:
    """Marks and fingerprint of one file. Older keys are tried, newest first, only while nothing is found.

    searched_s: from there on cut, turned and distorted pictures are not looked for, only scaled and mirrored ones; at 0
    sound of another speed is not either. A search in vain costs more than all else.

    Raises:
        BadInput: file_empty, file_not_media, file_unreadable, file_without_picture, picture_too_large.
    """
    first, *older = markings
    found = _examine_with(path, first, searched_s)
    for marking in older:
        if found["marks"]:
            break
        found["marks"] = _examine_with(path, marking, searched_s)["marks"]
    return found


def _examine_with(path: Path, marking: Marking, searched_s: float) -> dict[str, Any]:
    with path.open("rb") as stream:
        name = demuxer_for(stream.read(16))
        stream.seek(0)
        try:
            with av.open(stream, format=name, metadata_errors="ignore") as container:
                return _examine_container(container, marking, searched_s)
        except (av.error.FFmpegError, ValueError) as error:
            raise BadInput("file_unreadable", f"The file cannot be decoded: {error}.") from error


def _examine_container(container: Any, marking: Marking, searched_s: float) -> dict[str, Any]:
    if not container.streams.video:
        raise BadInput("file_without_picture", "The file holds no picture; only pictures can be checked so far.")
    video = container.streams.video[0]
    if video.codec_context.width * video.codec_context.height > MAX_PIXELS:
        raise BadInput("picture_too_large", "The picture is larger than 4096 × 2304. Please scale it down.")
    video.thread_type = "AUTO"
    duration = float(container.duration or av.time_base) / av.time_base
    sampler = Sampler(expected_s=min(max(duration, 1.0), MAX_SECONDS))
    frames = sampler.watch(container.decode(video))
    marks = [_mark_json(found, marking.key) for found in _picture_marks(frames, marking, searched_s)]
    marks += _sound_marks(container, marking, search_speed=searched_s > 0)
    return {
        "picture": {
            "codec": video.codec_context.name,
            "width": video.codec_context.width,
            "height": video.codec_context.height,
            "examined_s": round(sampler.last_s, 3),
            "whole": duration <= MAX_SECONDS,
        },
        "marks": marks,
        "fingerprint": [frame_hash.to_json() for frame_hash in sampler.hashes],
    }


def _picture_marks(frames: Iterator[av.VideoFrame], marking: Marking, searched_s: float) -> list[Detection]:
    """The frame on the border is read by neither part; about five a second are."""
    searched = takewhile(lambda frame: float(frame.time or 0.0) < searched_s, frames)
    found = detect_frames(searched, marking.key, known=marking.given_out)
    return found + detect_frames(frames, marking.key, search=False, known=marking.given_out)


def _sound_marks(container: Any, marking: Marking, *, search_speed: bool) -> list[dict[str, Any]]:
    """Marks in the first audio track; sound that cannot be decoded keeps nobody from seeing the picture's."""
    if not container.streams.audio:
        return []
    try:
        container.seek(0)
        track = container.streams.audio[0]
        sound, known = _samples(container, track), marking.given_out
        detections = detect_sound(sound, track.rate, marking.key, search_speed=search_speed, known=known)
        return [_mark_json(found, marking.key) for found in detections]
    except (av.error.FFmpegError, BadMedia):
        return []


def _samples(container: Any, track: Any) -> Iterator[npt.NDArray[np.float32]]:
    """float32[channels, n] of full scale 1, for as long as pictures are looked at."""
    resampler = av.AudioResampler(format="fltp", layout=track.codec_context.layout.name, rate=track.rate)
    left = int(MAX_SECONDS * track.rate)
    for frame in container.decode(track):
        for piece in resampler.resample(frame):
            left -= piece.samples
            if left < 0:
                return
            yield np.asarray(piece.to_ndarray(), np.float32)


def _mark_json(detection: Detection | SoundDetection, key: Key) -> dict[str, Any]:
    return {
        "mark": detection.mark,
        "from_s": round(detection.from_s, 3),
        "to_s": round(detection.to_s, 3),
        "track": detection.track,
        "p_false": detection.p_false,
        "key_id": key.id,
    }


def main(argv: list[str]) -> dict[str, Any]:
    # Threads that wait for each other cost several times what they save on pictures of this size.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    order = json.load(sys.stdin)
    markings = [
        Marking(
            Key(id=item["id"], secret=base64.b64decode(item["key"])),
            tuple(int(mark, 16) for mark in item["marks"]),
        )
        for item in order["keys"]
    ]
    return examine(Path(argv[0]), markings, float(order.get("searched_s", math.inf)))


if __name__ == "__main__":
    child_main(main)
