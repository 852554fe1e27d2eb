"""Pictures on their way through a pirate's hands: decoded, changed, encoded, as often as needed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

FPS = 25

Picture = npt.NDArray[np.uint8]
"""uint8[height, width, 3] in BGR, both sides even."""

Step = Callable[[Iterable[Picture]], Iterator[Picture]]
"""One thing that is done to a film, lazily."""


@dataclass(frozen=True)
class Encoding:
    """A codec of PyAV, its options, frames a second and the container."""

    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    fps: Fraction = Fraction(FPS)
    container: str = "mp4"


def x264(crf: int, preset: str = "veryfast", *, fps: Fraction | int = FPS) -> Encoding:
    """H.264 at a constant quality; `veryfast` where the codec is not what is tried."""
    return Encoding("libx264", {"preset": preset, "crf": str(crf), "threads": "1"}, Fraction(fps))


def x264_rate(kbit_s: int) -> Encoding:
    """H.264 as live platforms send it: capped, two seconds between key frames."""
    rate = f"{kbit_s}k"
    live = {"b": rate, "maxrate": rate, "bufsize": f"{2 * kbit_s}k", "g": "50", "preset": "veryfast", "threads": "1"}
    return Encoding("libx264", live)


def x265(crf: int) -> Encoding:
    """HEVC as an archive would make it."""
    quiet = "log-level=none:pools=none:frame-threads=1"
    return Encoding("libx265", {"preset": "fast", "crf": str(crf), "x265-params": quiet})


def av1(crf: int) -> Encoding:
    """AV1 by SVT-AV1, preset 8."""
    return Encoding("libsvtav1", {"preset": "8", "crf": str(crf), "svtav1-params": "lp=1"})


LOSSLESS = Encoding("libx264", {"preset": "ultrafast", "qp": "0", "threads": "1"})
"""For screenshots, which nobody encodes again."""


def pictures(source: Path | io.BytesIO) -> Iterator[Picture]:
    """The decoded pictures of a clip."""
    with av.open(source if isinstance(source, io.BytesIO) else str(source), "r") as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p")
            yield np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def write(film: Iterable[Picture], target: Path | io.BytesIO, encoding: Encoding) -> int:
    """Encodes pictures of one size; returns how many."""
    count = 0
    name = target if isinstance(target, io.BytesIO) else str(target)
    with av.open(name, "w", format=encoding.container) as out:
        stream: Any = None
        for picture in film:
            if stream is None:
                stream = out.add_stream(encoding.codec, rate=encoding.fps, options=dict(encoding.options))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            out.mux(stream.encode(_frame(picture, count, encoding.fps)))
            count += 1
        assert stream is not None, "a film has pictures"
        out.mux(stream.encode(None))
    return count


def _frame(picture: Picture, index: int, fps: Fraction) -> av.VideoFrame:
    planes = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2YUV_I420)
    frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
    frame.pts, frame.time_base = index, 1 / fps
    return frame


def through(encoding: Encoding) -> Step:
    """One generation: encoded and decoded again."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        buffer = io.BytesIO()
        write(film, buffer, encoding)
        buffer.seek(0)
        yield from pictures(buffer)

    return step


def each(change: Callable[[Picture], Picture]) -> Step:
    """The same change of every picture."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        return map(change, film)

    return step


def numbered(change: Callable[[Picture, int], Picture]) -> Step:
    """A change that depends on the number of the picture."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        return (change(picture, index) for index, picture in enumerate(film))

    return step
