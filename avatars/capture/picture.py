"""The pictures of a capture: one pass decodes every frame and looks for the face five times a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from avatars import faces
from avatars.capture.embedder import FaceEmbedder
from avatars.capture.identity import Descriptor, describe_face
from avatars.capture.mouth import MouthLook, look_at_mouth
from avatars.capture.report import CaptureLimits, Unfit, error
from avatars.capture.sharpness import face_sharpness
from avatars.media import Plane, Upright, open_media, planes_of, rgb_of, seconds_of

THUMB = 32
_WORKING_SIDE = 1280
_HDR = {int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)}


@dataclass(frozen=True)
class FaceSample:
    """One looked-at picture. `count` faces were found; the rest is about the largest, zero without one.

    `width_px`: face outline in pixels of the delivered picture. `opening`: lips, in eye distances. `yaw`: see
    `faces.yaw_share`. `luma`: mean 0..255; `glare`: share of the face above 228. `sharpness`: see
    `face_sharpness`. `inside`: the whole outline lies in the picture. `descriptor`: see `identity`; `mouth`: see
    `mouth`; both None without a face. `embedding`: see `embedder`; None without one, and but for one face a second.
    """

    at_s: float
    count: int
    width_px: float = 0.0
    opening: float = 0.0
    yaw: float = 0.0
    luma: float = 0.0
    glare: float = 0.0
    sharpness: float = 0.0
    inside: bool = True
    descriptor: Descriptor | None = None
    embedding: Descriptor | None = None
    mouth: MouthLook | None = None


@dataclass(frozen=True)
class PictureRecord:
    """What the pass leaves: `thumbs` uint8 [frames, 32, 32] of luma, `times` float64 [frames] in seconds."""

    samples: tuple[FaceSample, ...]
    thumbs: NDArray[np.uint8]
    times: NDArray[np.float64]


def watch(
    path: Path, limits: CaptureLimits, progress: Callable[[float], None], embedder: FaceEmbedder | None = None
) -> PictureRecord:
    """Decode the clip once, in memory that does not depend on its picture size times its length.

    embedder: describes one face a second beside the built-in description.

    Raises:
        Unfit: decoding fails, the picture size changes, or more comes than the container declared.
    """
    samples: list[FaceSample] = []
    thumbs: list[NDArray[np.uint8]] = []
    times: list[float] = []
    thumbnail = VideoReformatter()
    with open_media(path) as container, faces.FaceReader(most=3) as reader:
        stream = container.streams.video[0]
        upright = Upright(_WORKING_SIDE)
        length = max(1.0, float(container.duration or 0) / av.time_base)
        due = 0.0
        for now, frame in _frames(container.decode(stream), stream, limits):
            times.append(now)
            small = thumbnail.reformat(
                frame, width=THUMB, height=THUMB, format="gray8", interpolation=Interpolation.AREA, threads=1
            )
            thumbs.append(cast(Plane, small.to_ndarray()))
            if now >= due:
                due = now + 1 / limits.samples_per_s - 0.01
                asked = embedder if not samples or int(now) != int(samples[-1].at_s) else None
                samples.append(_look(upright(frame, stream.sample_aspect_ratio), frame, reader, now, asked))
                progress(min(1.0, now / length))
    if len(times) < 2:
        raise Unfit(error("undecodable", at_s=0.0))
    return PictureRecord(tuple(samples), np.stack(thumbs), np.asarray(times))


def _frames(
    decoded: Iterator[av.VideoFrame], stream: VideoStream, limits: CaptureLimits
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with their seconds from the first one, guarded against a file that is more than it declared."""
    start: float | None = None
    now = 0.0
    size = (stream.codec_context.width, stream.codec_context.height)
    most = int(limits.max_s * limits.max_rate)
    try:
        for number, frame in enumerate(decoded):
            seconds = seconds_of(frame)
            if seconds is None:
                continue
            start = seconds if start is None else start
            now = seconds - start
            _guard(frame, now, size)
            if now > limits.max_s:
                raise Unfit(error("too_long", at_s=now, limit=round(limits.max_s)))
            if number >= most:
                raise Unfit(error("too_many_frames", at_s=now))
            yield now, frame
    except (av.FFmpegError, MemoryError) as failure:
        raise Unfit(error("undecodable", at_s=now)) from failure


def _guard(frame: av.VideoFrame, now: float, size: tuple[int, int]) -> None:
    if (frame.width, frame.height) != size:
        raise Unfit(error("picture_size_changes", at_s=now))
    if frame.is_corrupt:
        raise Unfit(error("undecodable", at_s=now))
    if frame.color_trc in _HDR:
        raise Unfit(error("hdr", at_s=now))


def _look(
    picture: av.VideoFrame,
    delivered: av.VideoFrame,
    reader: faces.FaceReader,
    at_s: float,
    embedder: FaceEmbedder | None,
) -> FaceSample:
    rgb = rgb_of(picture)
    found = reader.read(rgb)
    if not found:
        return FaceSample(at_s, 0)
    boxes = [faces.face_box(points) for points in found]
    widths = [box[2] - box[0] for box in boxes]
    main = int(np.argmax(widths))
    left, top, right, bottom = (round(side) for side in boxes[main])
    luma = planes_of(picture)[0][max(0, top) : max(1, bottom), max(0, left) : max(1, right)]
    scale = max(delivered.width, delivered.height) / max(picture.width, picture.height)
    return FaceSample(
        at_s=at_s,
        count=len(found),
        width_px=widths[main] * scale,
        opening=faces.lip_opening(found[main]),
        yaw=faces.yaw_share(found[main]),
        luma=float(luma.mean()) if luma.size else 0.0,
        glare=float((luma > 228).mean()) if luma.size else 0.0,
        sharpness=face_sharpness(luma),
        inside=left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height,
        descriptor=describe_face(rgb, found[main]),
        embedding=None if embedder is None else embedder.describe(rgb, found[main]),
        mouth=look_at_mouth(rgb, found[main]),
    )
