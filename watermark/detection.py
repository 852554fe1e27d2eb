"""Reading marks from frames, knowing the key but neither the original nor what was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import av
import numpy as np
import torch

from watermark.bounds import ALL_MARKS, tail
from watermark.carriers import Carriers
from watermark.keys import Key
from watermark.lattice import TILE_AT_REFERENCE, carrier_count
from watermark.payload import Payload
from watermark.polar import decode, encode
from watermark.residual import Window, windows
from watermark.spectrum import Geometry
from watermark.synchronisation import SHIFTS, GeometrySearch, Sighting, best_shift, sight

P_ACCEPT = 1e-12
"""A mark is reported only if the bound on its being chance, all attempts of the file counted, is at most
this.
"""

_P_BELONGS = 1e-6  # bound below which a window is counted to a mark that was decoded elsewhere in the clip
_MIN_SYNC = (
    4.7  # a quarter of empty windows reach less than this at their best shift; saves hopeless decodings
)
_CHUNK = 12
_JOIN_GAP_S = 2.5


@dataclass(frozen=True)
class Detection:
    """A mark found in a stretch of time.

    mark: 16 hexadecimal digits; from_s, to_s: seconds of the clip; track: "picture"; p_false: upper bound on
    the probability that a clip without this key shows it by chance; geometry: what was done to the picture.
    """

    mark: str
    from_s: float
    to_s: float
    track: str
    p_false: float
    geometry: Geometry


@dataclass(frozen=True)
class _Reading:
    mark: int
    window: Window
    p_false: float
    geometry: Geometry


def detect_frames(
    frames: Iterable[av.VideoFrame], key: Key, *, search: bool = True, device: torch.device | str = "cpu"
) -> list[Detection]:
    """All marks of `key` in the frames, in order of time; empty when there is none.

    search: also look for cut, turned and mirrored pictures; without it only scaled ones are read, in a
    quarter of the time. Frames are read one at a time and about five a second are used. Raises `BadMedia` for
    frame sizes that cannot be read.
    """
    detector = _Detector(key, search=search)
    chunk: list[Window] = []
    for window in windows(frames, device=device, tile_at_reference=TILE_AT_REFERENCE):
        chunk.append(window)
        if len(chunk) == _CHUNK:
            detector.read(chunk)
            chunk = []
    if chunk:
        detector.read(chunk)
    return _joined(detector.readings)


class _Detector:
    """Reads chunks of windows; remembers which geometry worked and how often it tried."""

    def __init__(self, key: Key, *, search: bool) -> None:
        self.readings: list[_Reading] = []
        self._carriers = Carriers(key)
        self._payload = Payload(key)
        self._search = search
        self._geometries = [Geometry(), Geometry(flip=True)]
        self._attempts = 0
        self._chunks = 0
        self._next_search = 0

    def read(self, chunk: Sequence[Window]) -> None:
        index, self._chunks = self._chunks, self._chunks + 1
        if any(self._read_as(chunk, geometry) for geometry in self._geometries):
            return
        # Searching costs more than all else; later chunks of a long clip that shows nothing are searched ever
        # less.
        if not self._search or index < self._next_search:
            return
        self._next_search = 2 * index + 1
        for geometry in GeometrySearch(chunk, self._carriers).candidates():
            if self._read_as(chunk, geometry):
                self._geometries.insert(0, geometry)
                return

    def _read_as(self, chunk: Sequence[Window], geometry: Geometry) -> bool:
        """Reads whatever marks the chunk shows under one geometry; True if there was any."""
        left = [sight(window, self._carriers, geometry) for window in chunk]
        found = False
        while (decoded := self._decode_any([s for s in left if s.score >= _MIN_SYNC])) is not None:
            mark, p_false = decoded
            phases = self._carriers.phases(self._payload, mark)
            belongs = [self._belongs(sighting, phases) for sighting in left]
            if not any(belongs):
                break
            self.readings += [
                _Reading(mark, s.window, p_false, geometry)
                for s, own in zip(left, belongs, strict=True)
                if own
            ]
            left = [s for s, own in zip(left, belongs, strict=True) if not own]
            found = True
        return found

    def _decode_any(self, sightings: Sequence[Sighting]) -> tuple[int, float] | None:
        """Decodes all together, else each half by itself: a clip may change its mark half-way."""
        if not sightings:
            return None
        decoded = self._decode(sightings)
        if decoded is not None or len(sightings) == 1:
            return decoded
        middle = len(sightings) // 2
        return self._decode_any(sightings[:middle]) or self._decode_any(sightings[middle:])

    def _decode(self, sightings: Sequence[Sighting]) -> tuple[int, float] | None:
        """The mark that the sum of the sightings shows, with its bound; None if check or bound fails."""
        self._attempts += 1
        total = np.sum([s.score * s.amplitudes for s in sightings], axis=0)[self._carriers.data]
        soft = (total * np.exp(-1j * self._carriers.theta[self._carriers.data])).real
        norm = float(np.sqrt((np.abs(total) ** 2).sum() / 2))
        for bits in decode(soft):
            mark = self._payload.mark(bits)
            if mark is None:
                continue
            score = float((soft * (1.0 - 2.0 * encode(bits))).sum()) / norm
            p_false = tail(score, ALL_MARKS * self._attempts)
            return (mark, p_false) if p_false <= P_ACCEPT else None
        return None

    def _belongs(self, sighting: Sighting, phases: np.ndarray) -> bool:
        score, _ = best_shift(sighting.amplitudes, phases, np.arange(carrier_count()))
        return tail(score, SHIFTS) <= _P_BELONGS


def _joined(readings: Sequence[_Reading]) -> list[Detection]:
    """Neighbouring windows of one mark become one detection; short gaps are bridged unless another mark is
    there.
    """
    found: list[Detection] = []
    for reading in sorted(readings, key=lambda r: r.window.from_s):
        window, mark = reading.window, f"{reading.mark:016x}"
        last = found[-1] if found else None
        if last is not None and last.mark == mark and window.from_s - last.to_s <= _JOIN_GAP_S:
            p_false = min(last.p_false, reading.p_false)
            found[-1] = Detection(mark, last.from_s, window.to_s, "picture", p_false, last.geometry)
        else:
            found.append(
                Detection(mark, window.from_s, window.to_s, "picture", reading.p_false, reading.geometry)
            )
    return found


def best_mark(detections: Sequence[Detection]) -> str | None:
    """The mark that covers most of the time, or None when nothing was found."""
    seconds: dict[str, float] = {}
    for detection in detections:
        seconds[detection.mark] = seconds.get(detection.mark, 0.0) + detection.to_s - detection.from_s
    return max(seconds, key=lambda mark: seconds[mark], default=None)
