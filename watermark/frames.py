"""PyAV frames as arrays: views without line padding, copies that may be written to, the way up."""

from __future__ import annotations

import av
import av.video.plane
import numpy as np
import numpy.typing as npt

MIN_SIDE, MAX_SIDE = 64, 8192
"""Frames outside these sides are refused: below, a mark cannot be read back; above, they exhaust memory."""

_LUMA_FIRST = ("yuv420p", "yuvj420p")

Plane = npt.NDArray[np.uint8]


def readable_size(width: int, height: int) -> bool:
    """Whether both sides are from `MIN_SIDE` to `MAX_SIDE` pixels."""
    return min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE


def plane_view(plane: av.video.plane.VideoPlane) -> Plane:
    """A writable uint8[height, width] view of an 8-bit plane, without the padding at the line ends."""
    lines: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def luma_view(frame: av.VideoFrame) -> Plane:
    """A writable uint8[height, width] view of the first plane of a planar or grey 8-bit frame."""
    return plane_view(frame.planes[0])


def upright_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns (0 .. 3) that bring the stored frame upright, by its metadata."""
    return round(frame.rotation / 90) % 4


def eight_bit_copy(frame: av.VideoFrame) -> av.VideoFrame:
    """A copy in 8-bit 4:2:0 whose planes nobody else holds, with the times and colour tags of `frame`.

    A decoder keeps its reference pictures in the buffers it hands out; writing into them would spoil later
    frames.
    """
    if frame.format.name in _LUMA_FIRST:
        copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
        for source, target in zip(frame.planes, copy.planes, strict=True):
            plane_view(target)[:] = plane_view(source)
    else:
        # Naming the range on both sides keeps the scaler from squeezing full-range luma.
        levels = frame.color_range or None
        copy = frame.reformat(format="yuv420p", src_color_range=levels, dst_color_range=levels)
        copy.make_writable()
    copy.pts = frame.pts
    if frame.time_base:
        copy.time_base = frame.time_base
    copy.color_range, copy.colorspace = frame.color_range, frame.colorspace
    copy.color_primaries, copy.color_trc = frame.color_primaries, frame.color_trc
    return copy
