"""PNG with 16 bits a colour, which Pillow cuts to eight: only the pixels are replaced, all else stays byte by byte.

W3C, Portable Network Graphics (PNG) Specification (Third Edition), 2025.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt

from watermark.errors import BadMedia
from watermark.frames import readable_size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # 11.2.1: width, height, depth, colour type, compression, filter, interlace
_COLOURS = {2: ("rgb48be", 3), 4: ("ya16be", 1), 6: ("rgba64be", 3)}
"""Colour type to PyAV's format and the number of channels that are no transparency."""

Change = Callable[[npt.NDArray[np.uint8], int], npt.NDArray[np.int16]]


def is_deep_colour_png(path: Path) -> bool:
    """Whether it is a PNG of 16 bits in colour or with transparency; plain 16-bit grey Pillow reads well."""
    head = path.read_bytes()[: 8 + 8 + _HEADER.size]
    if len(head) < 16 + _HEADER.size or not head.startswith(_SIGNATURE) or head[12:16] != b"IHDR":
        return False
    _, _, depth, colour, *_ = _HEADER.unpack_from(head, 16)
    return depth == 16 and colour in _COLOURS


def mark_deep_png(
    source: Path, target: Path, change: Change, orientation_of: Callable[[bytes], int]
) -> tuple[int, int]:
    """Writes `source` with its pixels changed; returns width and height.

    change: from uint8[height, width] luma and the EXIF orientation to the change in 8-bit steps. Raises `BadMedia`.
    """
    chunks = list(_chunks(source.read_bytes()))
    width, height, _, colour, *_ = _HEADER.unpack(chunks[0][1])
    if not readable_size(width, height):
        raise BadMedia("frame_size", f"Pictures of {width}x{height} cannot be marked; sides go from 64 to 8192 pixels.")
    format_, colours = _COLOURS[colour]
    pixels = _pixels(source, format_)
    weights = np.array([0.299, 0.587, 0.114]) if colours == 3 else np.array([1.0])
    luma = (pixels[..., :colours] @ weights / 256).astype(np.uint8)
    exif = next((data for name, data in chunks if name == b"eXIf"), b"")
    steps = change(luma, orientation_of(exif) if exif else 1).astype(np.int32) * 256
    marked = pixels.astype(np.int32)
    marked[..., :colours] += steps[..., None]
    deep = np.clip(marked, 0, 65535).astype(">u2")
    target.write_bytes(_SIGNATURE + b"".join(_replaced(chunks, deep)))
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """5.3: length, type, data, CRC."""
    place = len(_SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def _pixels(source: Path, format_: str) -> npt.NDArray[np.uint16]:
    """uint16[height, width, channels]."""
    try:
        with av.open(str(source), "r") as container:
            frame = next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration) as error:
        raise BadMedia("decode_failed", f"The picture is damaged and cannot be decoded: {error}.") from None
    if frame.format.name != format_:
        raise BadMedia("decode_failed", f"The picture was decoded as {frame.format.name}, not {format_}.")
    plane = frame.planes[0]
    channels = len(frame.format.components)
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    values = lines[: frame.height, : frame.width * channels * 2].copy().view(">u2")
    return values.astype(np.uint16).reshape(frame.height, frame.width, channels)


def _replaced(chunks: list[tuple[bytes, bytes]], pixels: npt.NDArray[np.uint16]) -> Iterator[bytes]:
    """All chunks, the image data replaced by one chunk of its own; not interlaced any more."""
    rows = pixels.reshape(len(pixels), -1).view(np.uint8)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((len(rows), 1), 2, np.uint8), rows - above])  # 9.2: filter 2 is Up
    written = False
    for name, data in chunks:
        if name == b"IHDR":
            yield _chunk(name, data[:12] + b"\x00")
        elif name != b"IDAT":
            yield _chunk(name, data)
        elif not written:
            written = True
            yield _chunk(name, zlib.compress(filtered.tobytes(), 6))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
