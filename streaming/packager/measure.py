"""How much of one core the packager takes, for the bench and for a room's capacity test before it goes on air."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import av
import numpy as np

from streaming.packager.packager import Packager
from streaming.packager.spec import StreamSpec


@dataclass(frozen=True)
class PackagerShare:
    """`cpu_share`: CPU seconds per second of media, one core = 1. `worst_rate`: highest segment rate by rendition over
    its declared BANDWIDTH, below 1 when every segment keeps to it."""

    cpu_share: float
    media_s: float
    worst_rate: float


def measure_packager(spec: StreamSpec, pictures: Iterable[av.VideoFrame]) -> PackagerShare:
    """Package `pictures` (held by the caller; decoding them counts) with noise as sound, as fast as possible."""
    noise = np.random.default_rng(0)
    packager = Packager(spec, start_ns=0)
    samples = packager.clock.samples_for()
    sounds = [noise.normal(0, 0.1, (spec.channels, samples)).astype(np.float32) for _ in range(spec.fps)]
    begun = time.process_time()
    segments = []
    for index, picture in enumerate(pictures):
        segments += packager.push(picture, sounds[index % len(sounds)])
    segments += packager.finish()
    spent = time.process_time() - begun
    media_s = packager.clock.frames / spec.fps
    whole = [segment for segment in segments if segment.frames >= spec.segment_frames]
    rates = [
        len(segment.data) * 8 / segment.duration / spec.peak_bandwidth(spec.rendition(segment.rendition))
        for segment in whole
    ]
    return PackagerShare(spent / max(media_s, 1e-9), media_s, float(max(rates, default=0)))
