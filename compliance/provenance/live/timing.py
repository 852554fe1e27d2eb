"""How long a segment lasts, from its own index (ISO/IEC 14496-12: ``mdhd``, ``trex``, ``tfhd``, ``trun``).

Only for the event message's duration, which the standard wants and nobody relies on: what cannot be read is
"unknown", never an error.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live.emsg import UNKNOWN_DURATION, EventTiming

_MAX_BOX = 1 << 20
_BASE_DATA_OFFSET, _DESCRIPTION_INDEX, _DEFAULT_DURATION = 0x1, 0x2, 0x8
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_SAMPLE_FIELDS = (0x100, 0x200, 0x400, 0x800)


@dataclass(frozen=True, slots=True)
class TrackTiming:
    """The stream's first track: its id, units per second, and default sample duration in those units."""

    track: int
    timescale: int
    default_duration: int


def read_track(init: bytes) -> TrackTiming | None:
    """Timing of the first track that ``init`` describes, or None."""
    try:
        file = io.BytesIO(init)
        (trak, *_rest) = _inside(file, 0, len(init), b"moov", b"trak")
        tkhd, mdhd = _one(file, trak, b"tkhd"), _one(file, trak, b"mdia", b"mdhd")
        moov = _inside(file, 0, len(init), b"moov", b"mvex", b"trex")
        track = _field(tkhd, 12, 20)
        defaults = {_u32(body, 4): _u32(body, 12) for body in (_body(file, box) for box in moov)}
        return TrackTiming(track, _field(mdhd, 12, 20), defaults.get(track, 0))
    except (ContainerInvalid, ValueError, struct.error):
        return None


def segment_timing(segment: bytes, track: TrackTiming | None) -> EventTiming:
    """The duration of ``segment``'s samples of ``track``."""
    if track is None:
        return EventTiming(1, UNKNOWN_DURATION)
    try:
        file = io.BytesIO(segment)
        total = sum(_run(file, traf, track) for traf in _inside(file, 0, len(segment), b"moof", b"traf"))
    except (ContainerInvalid, ValueError, struct.error):
        total = 0
    return EventTiming(track.timescale, total if 0 < total < UNKNOWN_DURATION else UNKNOWN_DURATION)


def _run(file: io.BytesIO, traf: bmff.Box, track: TrackTiming) -> int:
    tfhd = _one(file, traf, b"tfhd")
    flags = _u32(tfhd, 0) & 0xFFFFFF
    if _u32(tfhd, 4) != track.track:
        return 0
    at = 8 + 8 * bool(flags & _BASE_DATA_OFFSET) + 4 * bool(flags & _DESCRIPTION_INDEX)
    default = _u32(tfhd, at) if flags & _DEFAULT_DURATION else track.default_duration
    return sum(_trun(_body(file, box), default) for box in _inside(file, traf.payload, traf.end, b"trun"))


def _trun(body: bytes, default: int) -> int:
    flags, count = _u32(body, 0) & 0xFFFFFF, _u32(body, 4)
    if not flags & _SAMPLE_FIELDS[0]:
        return count * default
    at = 8 + 4 * bool(flags & _DATA_OFFSET) + 4 * bool(flags & _FIRST_FLAGS)
    step = 4 * sum(bool(flags & field) for field in _SAMPLE_FIELDS)
    if at + count * step > len(body):
        raise ValueError("more samples than bytes")
    return sum(_u32(body, at + index * step) for index in range(count))


def _inside(file: io.BytesIO, start: int, end: int, kind: bytes, *deeper: bytes) -> list[bmff.Box]:
    """All boxes at the path ``kind/deeper...`` within ``[start, end)``."""
    return list(_walk(file, start, end, (kind, *deeper)))


def _walk(file: io.BytesIO, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[bmff.Box]:
    for box in bmff.boxes(file, start, end):
        if box.kind != path[0]:
            continue
        if len(path) == 1:
            yield box
        else:
            yield from _walk(file, box.payload, box.end, path[1:])


def _one(file: io.BytesIO, parent: bmff.Box, *path: bytes) -> bytes:
    (found,) = _inside(file, parent.payload, parent.end, path[0], *path[1:])
    return _body(file, found)


def _body(file: io.BytesIO, box: bmff.Box) -> bytes:
    return bmff.read(file, box.payload, box.end, _MAX_BOX)


def _field(body: bytes, version_0: int, version_1: int) -> int:
    return _u32(body, version_1 if body[:1] == b"\1" else version_0)


def _u32(body: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", body, at)[0])
