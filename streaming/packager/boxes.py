"""ISO base media boxes: the init segment and the media fragment, from fields to bytes (ISO/IEC 14496-12:2022).

Nothing here knows encoders or time of day beyond its arguments: the same fields give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from streaming.packager.errors import MediaRefused
from streaming.packager.spec import AAC_FRAME

VIDEO_TRACK, AUDIO_TRACK = 1, 2
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970 (RFC 5905, 6)
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC, _PREDICTED = 0x02000000, 0x01010000  # sample_flags (8.8.3.1): depends on no other / depends, not a sync sample
_BASE_IS_MOOF = 0x020000  # 8.8.7.1
_DATA_OFFSET, _DURATIONS, _SIZES, _FLAGS = 0x001, 0x100, 0x200, 0x400  # 8.8.8.1
_REAL_TIME = 24  # 8.16.5: the time belongs to the moment shown


def box(kind: bytes, *parts: bytes) -> bytes:
    """One box: 32-bit size, four-character `kind`, payload (4.2)."""
    size = 8 + sum(map(len, parts))
    return b"".join((struct.pack(">I4s", size, kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and 24 bits of flags (4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclass(frozen=True)
class VideoTrack:
    """A picture track: `avcc` is the AVCDecoderConfigurationRecord."""

    timescale: int
    width: int
    height: int
    avcc: bytes


@dataclass(frozen=True)
class AudioTrack:
    """A sound track: `config` is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), `bitrate` bits/s."""

    sample_rate: int
    channels: int
    bitrate: int
    config: bytes


@dataclass(frozen=True)
class Sample:
    """One coded frame: `time` and `duration` in ticks of its track, `sync` when decoding may begin with it."""

    time: int
    duration: int
    sync: bool
    data: bytes


def init_segment(video: VideoTrack, audio: AudioTrack) -> bytes:
    """`ftyp` and `moov` for both tracks: EXT-X-MAP's resource. No edit list: both tracks start where they say."""
    extends = (
        full_box(b"trex", 0, 0, struct.pack(">5I", VIDEO_TRACK, 1, 0, 0, _PREDICTED)),
        full_box(b"trex", 0, 0, struct.pack(">5I", AUDIO_TRACK, 1, AAC_FRAME, 0, _SYNC)),
    )
    header = struct.pack(">IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100) + _MATRIX + bytes(24)
    moov = box(
        b"moov",
        full_box(b"mvhd", 0, 0, header, struct.pack(">I", AUDIO_TRACK + 1)),
        _video_trak(video),
        _audio_trak(audio),
        box(b"mvex", *extends),
    )
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6", b"iso5", b"mp41") + moov


def _trak(
    number: int, volume: int, size: tuple[int, int], timescale: int, handler: bytes, header: bytes, entry: bytes
) -> bytes:
    place = struct.pack(">IIIII8xHHHH", 0, 0, number, 0, 0, 0, 0, volume, 0)
    tables = (
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    references = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    undetermined = 0x55C4  # "und" in three five-bit letters (8.4.2.3)
    return box(
        b"trak",
        full_box(b"tkhd", 0, 3, place, _MATRIX, struct.pack(">II", size[0] << 16, size[1] << 16)),
        box(
            b"mdia",
            full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, undetermined, 0)),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"\0"),
            box(b"minf", header, references, box(b"stbl", *tables)),
        ),
    )


def _video_trak(track: VideoTrack) -> bytes:
    entry = box(
        b"avc1",
        struct.pack(">6xH16xHHIIIH32xHh", 1, track.width, track.height, 0x480000, 0x480000, 0, 1, 0x18, -1),
        box(b"avcC", track.avcc),
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 1, 1, 0)),  # BT.709, limited range (ITU-T H.273)
        box(b"pasp", struct.pack(">II", 1, 1)),
    )
    header = full_box(b"vmhd", 0, 1, bytes(8))
    return _trak(VIDEO_TRACK, 0, (track.width, track.height), track.timescale, b"vide", header, entry)


def _audio_trak(track: AudioTrack) -> bytes:
    entry = box(
        b"mp4a",
        struct.pack(">6xH8xHHIHH", 1, track.channels, 16, 0, track.sample_rate, 0),
        full_box(b"esds", 0, 0, _elementary_stream(track)),
    )
    return _trak(AUDIO_TRACK, 0x100, (0, 0), track.sample_rate, b"soun", full_box(b"smhd", 0, 0, bytes(4)), entry)


def _elementary_stream(track: AudioTrack) -> bytes:
    """ES_Descriptor of an AAC track (ISO/IEC 14496-1, 7.2.6.5)."""
    decoder = struct.pack(">BB3xII", 0x40, 0x15, track.bitrate, track.bitrate) + _descriptor(5, track.config)
    return _descriptor(3, struct.pack(">HB", AUDIO_TRACK, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02"))


def _descriptor(tag: int, payload: bytes) -> bytes:
    assert len(payload) < 128, "one length byte holds seven bits"
    return struct.pack(">BB", tag, len(payload)) + payload


def media_segment(number: int, video: Sequence[Sample], audio: Sequence[Sample], *, wall_ns: int) -> bytes:
    """`styp`, `prft`, `moof`, `mdat`: one media segment that begins with a sync sample.

    `number`: mfhd sequence_number. `wall_ns`: UTC in ns since 1970 of the first picture; it stands in `prft`, so
    that a signature over the segment covers the time of day. `audio` may be empty.
    """
    styp = box(b"styp", b"msdh", struct.pack(">I", 0), b"msdh", b"iso6")
    runs = [
        (VIDEO_TRACK, video, _video_table(video)),
        *([(AUDIO_TRACK, audio, b"".join(struct.pack(">I", len(s.data)) for s in audio))] if audio else []),
    ]
    size = len(_moof(number, runs, [0] * len(runs)))
    offsets = [size + 8, size + 8 + sum(len(sample.data) for sample in video)]
    payload = [sample.data for _track, samples, _table in runs for sample in samples]
    return b"".join((styp, _prft(wall_ns, video[0].time), _moof(number, runs, offsets), box(b"mdat", *payload)))


def with_number(segment: bytes, number: int) -> bytes:
    """The same media segment with another mfhd sequence_number; times and media stay.

    Raises:
        MediaRefused: segment_unreadable; the bytes may come from a process that is not trusted.
    """
    at = 0
    while segment[at + 4 : at + 8] != b"moof":
        size = int.from_bytes(segment[at : at + 4], "big")
        if size < 8 or at + size >= len(segment):
            raise MediaRefused("segment_unreadable", "This is no media segment: it has no moof.")
        at += size
    header, field = at + 8, at + 20  # the first child of moof; behind its size, kind, version and flags, the number
    if segment[header : header + 8] != struct.pack(">I4s", 16, b"mfhd"):
        raise MediaRefused("segment_unreadable", "This is no media segment: its moof does not begin with mfhd.")
    return segment[:field] + struct.pack(">I", number & 0xFFFFFFFF) + segment[field + 4 :]


def _video_table(samples: Sequence[Sample]) -> bytes:
    return b"".join(
        struct.pack(">III", sample.duration, len(sample.data), _SYNC if sample.sync else _PREDICTED)
        for sample in samples
    )


def _moof(number: int, runs: Sequence[tuple[int, Sequence[Sample], bytes]], offsets: Sequence[int]) -> bytes:
    parts = [full_box(b"mfhd", 0, 0, struct.pack(">I", number & 0xFFFFFFFF))]
    for (track, samples, table), offset in zip(runs, offsets, strict=False):
        fields = _DATA_OFFSET | _SIZES | (_DURATIONS | _FLAGS if track == VIDEO_TRACK else 0)
        parts.append(
            box(
                b"traf",
                full_box(b"tfhd", 0, _BASE_IS_MOOF, struct.pack(">I", track)),
                full_box(b"tfdt", 1, 0, struct.pack(">Q", samples[0].time)),
                full_box(b"trun", 0, fields, struct.pack(">Ii", len(samples), offset), table),
            )
        )
    return box(b"moof", *parts)


def _prft(wall_ns: int, media_time: int) -> bytes:
    """Producer reference time (8.16.5): which moment of the day the picture at `media_time` ticks shows."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    ntp = (seconds + _NTP_EPOCH_S) % 2**32 << 32 | (rest << 32) // 1_000_000_000
    return full_box(b"prft", 1, _REAL_TIME, struct.pack(">IQQ", VIDEO_TRACK, ntp, media_time))
