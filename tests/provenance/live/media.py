"""CMAF media in memory: one H.264 track, an init segment and segments as a packager delivers them."""

from __future__ import annotations

import io
import struct

import av
import numpy as np

from watermark import Embedder, MarkPattern
from watermark.frames import luma_view

STYP = struct.pack(">I4s4sI4s", 20, b"styp", b"cmfs", 0, b"cmfs")


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Kind, start and end of every root box of ``data``."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, at, at + size))
        at += size
    return found


def box(data: bytes, kind: bytes) -> bytes:
    """The first root box of ``kind``."""
    return next(data[start:end] for one, start, end in boxes(data) if one == kind)


def make_stream(count: int, *, shade: int = 60, marked: MarkPattern | None = None) -> tuple[bytes, list[bytes]]:
    """An init segment and ``count`` segments of half a second, 320 × 180; with a mark in every picture if one is given.

    At the usual quality nothing would be left of a mark on a flat ground of that size.
    """
    embedder = None if marked is None else Embedder(marked, 320, 180)
    quality = {} if marked is None else {"crf": "12"}
    buffer = io.BytesIO()
    options = {"movflags": "cmaf+frag_keyframe+empty_moov+default_base_moof"}
    with av.open(buffer, "w", format="mp4", options=options) as container:
        video = container.add_stream(
            "libx264", rate=24, options={**quality, "preset": "ultrafast", "x264-params": "scenecut=0"}
        )
        video.width, video.height, video.pix_fmt, video.gop_size = 320, 180, "yuv420p", 12
        video.codec_context.max_b_frames = 0
        for index in range(12 * count):
            picture = np.full((180, 320, 3), shade, np.uint8)
            picture[40:90, index % 12 * 20 : index % 12 * 20 + 40] = 255 - shade
            frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
            if embedder is not None:
                embedder.embed(luma_view(frame), index / 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    data = buffer.getvalue()
    init = box(data, b"ftyp") + box(data, b"moov")
    fragments = [data[start:end] for kind, start, end in boxes(data) if kind in (b"moof", b"mdat")]
    segments = [STYP + fragments[at] + fragments[at + 1] for at in range(0, len(fragments), 2)]
    assert len(segments) == count
    return init, segments
