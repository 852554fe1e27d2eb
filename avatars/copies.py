"""What a pirate or a platform leaves of a video: for demonstrations, tests and benches."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av


def stripped_copy(source: Path, target: Path, *, short_side: int = 540, bitrate_share: float = 0.5) -> None:
    """Re-encode `source` as H.264 with its short side scaled to `short_side` px and without any metadata.

    `bitrate_share` is the bit rate of the copy as a share of the source's.
    """
    with av.open(str(source)) as read, av.open(str(target), "w", format="mp4") as write:
        picture = read.streams.video[0]
        width, height = _scaled(picture.codec_context.width, picture.codec_context.height, short_side)
        seconds = float(read.duration or av.time_base) / av.time_base
        video = write.add_stream("libx264", rate=picture.average_rate, options={"preset": "fast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate = int(source.stat().st_size * 8 / seconds * bitrate_share)
        sound = write.add_stream_from_template(read.streams.audio[0]) if read.streams.audio else None
        for packet in _packets(read, video, sound, (width, height), picture.average_rate or Fraction(25)):
            write.mux(packet)


def _scaled(width: int, height: int, short_side: int) -> tuple[int, int]:
    scale = short_side / min(width, height)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


def _packets(read: Any, video: Any, sound: Any, size: tuple[int, int], rate: Fraction) -> Iterator[Any]:
    count = 0
    for packet in read.demux():
        if packet.stream.type == "audio" and sound is not None and packet.dts is not None:
            packet.stream = sound
            yield packet
        elif packet.stream.type == "video":
            for frame in packet.decode():
                small = frame.reformat(width=size[0], height=size[1], format="yuv420p")
                small.pts, small.time_base, small.pict_type = count, 1 / Fraction(rate), 0
                count += 1
                yield from video.encode(small)
    yield from video.encode(None)
