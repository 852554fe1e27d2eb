"""Reading marks from frames, knowing the key but neither the original nor what was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np
import torch

from watermark.bounds import ALL_MARKS, tail
from watermark.carriers import Carriers, Phases
from watermark.geometry_search import GeometrySearch
from watermark.keys import Key
from watermark.lattice import TILE_AT_REFERENCE
from watermark.payload import Payload
from watermark.polar import decode, encode
from watermark.residual import Window, windows
from watermark.spectrum import Geometry
from watermark.synchronisation import Sighting, align, settled_mark_score, sight

P_ACCEPT = 1e-12
"""A mark is reported only if the bound on its being chance, all attempts of the file counted, is at most
this.
"""

_P_SHOWS = 1e-4  # bound below which a window is counted to a mark that was decoded from its clip
_MIN_SYNC = 4.7  # most empty windows stay below at their best shift; saves hopeless decodings
_MIN_JOINT_SYNC = 5.2  # the same for the best beginning of all windows together
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


class _Decoded(NamedTuple):
    mark: int
    p_false: float
    sightings: Sequence[Sighting]


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
        while left and (decoded := self._decode_together(left) or self._decode_apart(left)) is not None:
            mark, p_false, shown = decoded
            phases = self._carriers.phases(self._payload, mark)
            own = [s.window for s in shown if self._shows(s, phases)] or [s.window for s in shown]
            self.readings += [_Reading(mark, window, p_false, geometry) for window in own]
            left = [s for s in left if s.window not in own]
            found = True
        return found

    def _decode_together(self, sightings: Sequence[Sighting]) -> _Decoded | None:
        score, aligned = align(sightings, self._carriers)
        return self._decode(aligned) if score >= _MIN_JOINT_SYNC else None

    def _decode_apart(self, sightings: Sequence[Sighting]) -> _Decoded | None:
        """Decodes windows that show the tile by themselves, all or in halves: the mark may change half-way."""
        clear = [s for s in sightings if s.score >= _MIN_SYNC]
        if not clear:
            return None
        decoded = self._decode(clear)
        if decoded is not None or len(clear) == 1:
            return decoded
        middle = len(clear) // 2
        return self._decode_apart(clear[:middle]) or self._decode_apart(clear[middle:])

    def _decode(self, sightings: Sequence[Sighting]) -> _Decoded | None:
        """The mark that the sum of the sightings shows, with its bound; None if check or bound fails."""
        self._attempts += 1
        total = np.sum([s.score * s.still for s in sightings], axis=0)[self._carriers.data]
        soft = (total * np.exp(-1j * self._carriers.theta[self._carriers.data])).real
        norm = float(np.sqrt((np.abs(total) ** 2).sum() / 2))
        for bits in decode(soft):
            mark = self._payload.mark(bits)
            if mark is None:
                continue
            score = float((soft * (1.0 - 2.0 * encode(bits))).sum()) / norm
            p_false = tail(score, ALL_MARKS * self._attempts)
            return _Decoded(mark, p_false, sightings) if p_false <= P_ACCEPT else None
        return None

    def _shows(self, sighting: Sighting, phases: Phases) -> bool:
        return tail(settled_mark_score(sighting.still, self._carriers, phases), 1) <= _P_SHOWS


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
            found.append(Detection(mark, window.from_s, window.to_s, "picture", reading.p_false, reading.geometry))
    return found


def best_mark(detections: Sequence[Detection]) -> str | None:
    """The mark that covers most of the time, or None when nothing was found."""
    seconds: dict[str, float] = {}
    for detection in detections:
        seconds[detection.mark] = seconds.get(detection.mark, 0.0) + detection.to_s - detection.from_s
    return max(seconds, key=lambda mark: seconds[mark], default=None)
