"""The room's own packager under the signature: picture and sound in one segment, numbers that agree."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import av
import numpy as np

from compliance.provenance.live import LiveSession, LiveVerifier
from streaming.packager.packager import Packager, Segment
from streaming.packager.spec import Rendition, StreamSpec
from tests.provenance.conftest import Installation
from tests.provenance.live.conftest import Numbers, signed_stream

SPEC = StreamSpec((Rendition("small", 128, 72, 80_000),), preset="ultrafast", audio_bitrate=64_000)


def packaged(first_sequence: int) -> tuple[bytes, list[Segment]]:
    """Three seconds of a moving grey and a tone."""
    packager = Packager(SPEC, start_ns=1_795_000_000_000_000_000, first_sequence=first_sequence)
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(SPEC.sample_rate // SPEC.fps) / SPEC.sample_rate)
    segments: list[Segment] = []
    for index in range(3 * SPEC.fps):
        picture = av.VideoFrame.from_ndarray(np.full((72, 128, 3), 60 + index, np.uint8)).reformat(format="yuv420p")
        segments += packager.push(picture, tone.astype(np.float32)[None])
    return packager.init("small"), segments + packager.finish()


def decoded(data: bytes) -> list[bytes]:
    """Every picture and every block of sound."""
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode()]


def fragment_number(segment: bytes) -> int:
    """``mfhd.sequence_number``, which the signed number is to match (specification 2.4, 19.4.2)."""
    return int(struct.unpack_from(">I", segment, segment.index(b"mfhd") + 8)[0])


def test_what_the_packager_makes_is_signed_verified_and_plays_unchanged(
    begin: Callable[..., LiveSession], installation: Installation, verifier: LiveVerifier
) -> None:
    init, segments = packaged(first_sequence=41)
    bare = [segment.data for segment in segments]
    session = begin(Numbers(segments[0].sequence))
    signed = signed_stream(session, (init, bare), installation.keys)
    verifier.init(signed.init)
    sequences = [verifier.segment(one).sequence for one in signed.segments]
    assert sequences == [segment.sequence + 1 for segment in segments] == [42, 43, 44]
    assert sequences == [fragment_number(one) for one in signed.segments]
    assert decoded(signed.init + b"".join(signed.segments)) == decoded(init + b"".join(bare))
