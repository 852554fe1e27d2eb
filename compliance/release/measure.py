"""The gate's eyes: opens an encoded file in the sandbox and measures what anybody would see in it.

`python -m compliance.sandbox LIMITS compliance.release.measure FILE` reads `{"label", "mark", "key_id",
"key"}` from standard input. Every frame is decoded; nothing the performer says about the file is used.
No Django here: this is the side that touches untrusted bytes.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch

from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput
from compliance.release.fingerprint import FrameHash, hash_luma
from compliance.release.label_check import LabelMeter
from compliance.sandbox import child_main, report
from watermark import Key, MarkMissing, verify_mark
from watermark.sound import verify_sound

Luma = npt.NDArray[np.uint8]
FINGERPRINT_INTERVAL_S = 1.0
_TOGETHER = 8
"""Frames whose label is looked at in one go."""


@dataclass
class Observer:
    """Looks at every decoded frame on its way to the watermark reader."""

    meter: LabelMeter | None
    expected_s: float
    frames: int = 0
    last_s: float = 0.0
    first_s: float | None = None
    irregular: int = 0
    hashes: list[FrameHash] = field(default_factory=list)
    _next_hash_s: float = 0.0

    def watch(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        while some := list(islice(frames, _TOGETHER)):
            self._look(some)
            yield from some

    def _look(self, frames: list[av.VideoFrame]) -> None:
        times = [float(frame.time or 0.0) for frame in frames]
        lumas = [luma_of(frame) for frame in frames]
        if self.meter is not None:
            self.meter.measure(lumas, times)
        for t_s, luma in zip(times, lumas, strict=True):
            self._note(t_s, luma)

    def _note(self, t_s: float, luma: Luma) -> None:
        if self.frames and t_s <= self.last_s:
            self.irregular += 1
        self.first_s = t_s if self.first_s is None else self.first_s
        self.frames, self.last_s = self.frames + 1, t_s
        if t_s >= self._next_hash_s:
            self.hashes.append(hash_luma(luma, t_s))
            self._next_hash_s = t_s + FINGERPRINT_INTERVAL_S
        if self.frames % 25 == 0:
            report(min(t_s / max(self.expected_s, 0.1), 1.0), "measuring")


def luma_of(frame: av.VideoFrame) -> Luma:
    """The Y plane as uint8 [height, width], without padding, not copied."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def measure(path: str, order: dict[str, Any]) -> dict[str, Any]:
    """Measure one file. Times in seconds, sizes in pixels.

    Raises:
        BadInput: rendering_unreadable, rendering_without_picture.
    """
    key = Key(id=order["key_id"], secret=base64.b64decode(order["key"]))
    try:
        with av.open(path, format="mp4") as container:
            return _measure_container(container, order, key)
    except av.error.FFmpegError as error:
        raise BadInput("rendering_unreadable", f"The rendering cannot be decoded: {error}.") from error


def _measure_container(container: Any, order: dict[str, Any], key: Key) -> dict[str, Any]:
    if not container.streams.video:
        raise BadInput("rendering_without_picture", "The rendering has no video track.")
    video = container.streams.video[0]
    video.thread_type, video.codec_context.thread_count = "AUTO", 2
    width, height = video.codec_context.width, video.codec_context.height
    label = LabelSpec.from_dict(order["label"]) if order["label"] else None
    duration = float(container.duration or 0) / av.time_base
    observer = Observer(LabelMeter(label, width, height) if label else None, expected_s=duration)
    mark = _verify_mark(observer.watch(_pictures(container, video)), key, order["mark"])
    return {
        "container": {"format": container.format.name, "tracks": [s.type for s in container.streams]},
        "picture": _picture(video, observer),
        "sound": _sound(container, key, int(order["mark"], 16)),
        "label": asdict(observer.meter.result()) if observer.meter else None,
        "watermark": mark,
        "fingerprint": [frame_hash.to_json() for frame_hash in observer.hashes],
    }


def _pictures(container: Any, video: Any) -> Iterator[av.VideoFrame]:
    for frame in container.decode(video):
        if frame.format.name != "yuv420p":
            raise BadInput("rendering_pixel_format", f"The rendering is {frame.format.name}, not yuv420p.")
        yield frame


def _picture(video: Any, observer: Observer) -> dict[str, Any]:
    rate = float(video.average_rate or 0)
    return {
        "codec": video.codec_context.name,
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "fps": rate,
        "frames": observer.frames,
        "irregular_timestamps": observer.irregular,
        "duration_s": observer.last_s + (1.0 / rate if rate else 0.0) if observer.frames else 0.0,
    }


def _sound(container: Any, key: Key, mark: int) -> dict[str, Any] | None:
    if not container.streams.audio:
        return None
    track = container.streams.audio[0]
    seconds = float(track.duration * track.time_base) if track.duration else 0.0
    found = {"codec": track.codec_context.name, "rate": track.rate, "duration_s": seconds}
    container.seek(0)
    return found | {"watermark": _sound_mark(container, key, mark)}


def _sound_mark(container: Any, key: Key, mark: int) -> dict[str, Any]:
    """Whether the permitted mark is in every audible stretch; `missing` names the first without it, in seconds."""
    track = container.streams.audio[0]
    blocks = (_full_scale(frame.to_ndarray()) for frame in container.decode(track))
    try:
        found = verify_sound(blocks, track.rate, key, mark)
    except MarkMissing as missing:
        return {"present": False, "p_false": None, "missing": [missing.from_s, missing.to_s]}
    worst = max((part.p_false for part in found.slices), default=None)  # None: nothing in it can be heard
    return {"present": True, "p_false": worst, "missing": None}


def _full_scale(samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Planar samples of the gate's own AAC decoder, float32[channels, n]."""
    return np.atleast_2d(np.asarray(samples, np.float32))


def _verify_mark(frames: Iterator[av.VideoFrame], key: Key, mark: str) -> dict[str, Any]:
    """Whether the permitted mark is in every slice; the rest of the frames is still looked at if it is not."""
    try:
        found = verify_mark(frames, key, int(mark, 16))
    except MarkMissing as missing:
        for _frame in frames:
            pass
        return {"present": False, "p_false": None, "missing": [missing.from_s, missing.to_s]}
    return {"present": True, "p_false": max(part.p_false for part in found.slices), "missing": None}


def main(argv: list[str]) -> dict[str, Any]:
    # One frame is too little work to share: threads that wait for each other cost several times what they save.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return measure(argv[0], json.load(sys.stdin))


if __name__ == "__main__":
    child_main(main)
