"""The gate's eyes on air: opens every encoded segment of a broadcast in the sandbox and measures what it shows.

A `compliance.sandbox.SandboxedProcess` of this module answers two questions, each with the bytes as payload: `open`
(the init segment of a rendition) and `segment`. Every frame is decoded; nothing the performer says is used. No Django
here: this is the side that touches untrusted bytes.
"""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch

from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput
from compliance.release.label_check import LabelMeter
from compliance.release.measure import luma_of
from compliance.sandbox import child_serve
from watermark import Key, MarkMissing, verify_mark

Json = dict[str, Any]
_AS_DECLARED = {"probesize": "32", "analyzeduration": "0", "skip_frame": "all"}
"""The init segment says what there is. Probing for more decodes the first pictures, a quarter of what decoding the
segment costs; the last option is the probe's, while the decoder that follows skips nothing.
"""


@dataclass
class Lane:
    """One rendition on air. `before`: the frames of the last segment, while they carry the same mark."""

    init: bytes
    label: LabelSpec | None
    meter: LabelMeter | None = None
    mark: str = ""
    before: list[av.VideoFrame] = field(default_factory=list)

    def meter_for(self, frame: av.VideoFrame) -> LabelMeter | None:
        """The meter of this picture size, beginning anew."""
        if self.label is None:
            return None
        if self.meter is None:
            self.meter = LabelMeter(self.label, frame.width, frame.height)
        else:
            self.meter.restart()
        return self.meter


class Measurer:
    """Holds the renditions of one broadcast."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def answer(self, question: Json, payload: bytes) -> Json:
        """Raises BadInput: segment_unreadable, segment_without_picture, segment_pixel_format."""
        name = str(question["rendition"])
        if question["op"] == "open":
            label = question["label"]
            self._lanes[name] = Lane(payload, LabelSpec.from_dict(label) if label else None)
            return {}
        try:
            return self._segment(self._lanes[name], question, payload)
        except av.FFmpegError as error:
            raise BadInput("segment_unreadable", f"The segment cannot be decoded: {error}.") from error

    def _segment(self, lane: Lane, question: Json, payload: bytes) -> Json:
        frames, sound = _decoded(lane.init + payload)
        if not frames:
            raise BadInput("segment_without_picture", "The segment holds no picture.")
        times = [float(frame.time or 0.0) for frame in frames]
        first = frames[0]
        return {
            "width": first.width,
            "height": first.height,
            "frames": len(frames),
            "irregular_timestamps": sum(later <= earlier for earlier, later in pairwise(times)),
            "label": _label(lane, frames, times),
            "watermark": _mark(lane, frames, question),
            "sound": sound,
        }


def _decoded(media: bytes) -> tuple[list[av.VideoFrame], Json | None]:
    """All pictures, and length and level of the sound (None without), in one pass: opening a file is not cheap."""
    frames, parts = list[av.VideoFrame](), list[npt.NDArray[Any]]()
    with av.open(io.BytesIO(media), "r", format="mp4", options=_AS_DECLARED) as container:
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for packet in container.demux(streams) if streams else ():
            for decoded in packet.decode():
                if isinstance(decoded, av.VideoFrame):
                    frames.append(_accepted(decoded))
                elif isinstance(decoded, av.AudioFrame):
                    parts.append(decoded.to_ndarray())
        track = next(iter(container.streams.audio), None)
        return frames, None if track is None else _sound(parts, track.rate)


def _accepted(frame: av.VideoFrame) -> av.VideoFrame:
    if frame.format.name != "yuv420p":
        raise BadInput("segment_pixel_format", f"The segment is {frame.format.name}, not yuv420p.")
    return frame


def _label(lane: Lane, frames: list[av.VideoFrame], times: list[float]) -> Json | None:
    meter = lane.meter_for(frames[0])
    if meter is None:
        return None
    meter.measure([luma_of(frame) for frame in frames], times)
    return asdict(meter.result())


def _mark(lane: Lane, frames: list[av.VideoFrame], question: Json) -> Json:
    """Whether the permitted mark is in the segment. `p_false` bounds all looks that were taken together."""
    key, mark = Key(id=question["key_id"], secret=base64.b64decode(question["key"])), str(question["mark"])
    before = lane.before if lane.mark == mark else []
    lane.mark, lane.before = mark, frames
    for looks, seen in enumerate(_looks(frames, before), start=1):
        if (p_false := _chance(seen, key, mark)) is not None:
            return {"present": True, "p_false": looks * p_false}
    return {"present": False, "p_false": None}


def _looks(frames: list[av.VideoFrame], before: list[av.VideoFrame]) -> Iterator[list[av.VideoFrame]]:
    """One picture, drawn by lot, for whoever made them must not know which is looked at; where that is too coarse the
    whole segment; then that with the one before.
    """
    yield [secrets.choice(frames)]
    yield frames
    if before:
        yield [*before, *frames]


def _chance(frames: list[av.VideoFrame], key: Key, mark: str) -> float | None:
    """The bound on the mark's being there by chance; None when it is not there."""
    length_s = float(frames[-1].time or 0) - float(frames[0].time or 0) + 1
    try:
        found = verify_mark(iter(frames), key, int(mark, 16), slice_s=length_s)
    except MarkMissing:
        return None
    return max(part.p_false for part in found.slices)


def _sound(parts: list[npt.NDArray[Any]], rate: int) -> Json:
    """Length and level."""
    samples = np.concatenate(parts, axis=-1) if parts else np.zeros((1, 0), np.float32)
    rms = float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0
    return {"duration_s": samples.shape[-1] / rate, "rms": round(rms, 6)}


def main() -> None:
    # One frame is too little work to share: threads that wait for each other cost several times what they save.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    child_serve(Measurer().answer)


if __name__ == "__main__":
    main()
