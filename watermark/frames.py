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
    return _lines(plane)[:, : plane.width]


def luma_view(frame: av.VideoFrame) -> Plane:
    """A writable uint8[height, width] view of the first plane of a planar or grey 8-bit frame."""
    return plane_view(frame.planes[0])


def deep_luma_view(frame: av.VideoFrame) -> npt.NDArray[np.uint16]:
    """A writable uint16[height, width] view of the first plane of a planar or grey frame of 9 to 16 bits."""
    plane = frame.planes[0]
    return _lines(plane).view("<u2")[:, : plane.width]


def depth(format_: av.VideoFormat) -> int:
    """Bits of the deepest component."""
    return max(component.bits for component in format_.components)


def has_alpha(format_: av.VideoFormat) -> bool:
    """Whether the format holds transparency beside the picture."""
    return any(component.is_alpha for component in format_.components)


def upright_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns (0 .. 3) that bring the stored frame upright, by its metadata."""
    return round(frame.rotation / 90) % 4


def eight_bit_copy(frame: av.VideoFrame) -> av.VideoFrame:
    """A copy in 8-bit 4:2:0 whose planes nobody else holds, with the times and colour tags of `frame`.

    A decoder keeps its reference pictures in the buffers it hands out; writing into them would spoil later
    frames.
    """
    return copy_as(frame, frame.format.name if frame.format.name in _LUMA_FIRST else "yuv420p")


def copy_as(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """A copy in `pixel_format` (planar YUV) whose planes nobody else holds, with the times and colour tags of `frame`.

    Where only the depth or the chroma changes, levels stay what they are: limited stays limited, full stays full.
    RGB becomes limited BT.709 and is tagged so.
    """
    if _layout(frame.format.name) == _layout(pixel_format):
        copy = av.VideoFrame(frame.width, frame.height, pixel_format)
        for source, target in zip(frame.planes, copy.planes, strict=True):
            lines = _lines(source)
            _lines(target)[:, : min(lines.shape[1], target.line_size)] = lines[:, : target.line_size]
    elif frame.format.is_rgb or frame.format.has_palette:
        copy = frame.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG")
        copy.make_writable()
    else:
        # Naming the range on both sides keeps the scaler from squeezing full-range luma.
        levels = frame.color_range or None
        copy = frame.reformat(format=pixel_format, src_color_range=levels, dst_color_range=levels)
        copy.make_writable()
    _tag(copy, frame)
    return copy


def _tag(copy: av.VideoFrame, frame: av.VideoFrame) -> None:
    copy.pts = frame.pts
    if frame.time_base:
        copy.time_base = frame.time_base
    if frame.format.is_rgb or frame.format.has_palette:
        copy.color_range, copy.colorspace = 1, 1  # limited, BT.709: what the conversion made of it
    else:
        copy.color_range, copy.colorspace = frame.color_range, frame.colorspace
    copy.color_primaries, copy.color_trc = frame.color_primaries, frame.color_trc


def _layout(pixel_format: str) -> str:
    """Formats of one layout differ in a tag only: `yuvj420p` is `yuv420p` of full range."""
    return pixel_format.replace("yuvj", "yuv")


def _lines(plane: av.video.plane.VideoPlane) -> Plane:
    """uint8[height, line_size]: all bytes of a plane, the padding of its lines included."""
    lines: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height]
