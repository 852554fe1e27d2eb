"""Reading marks from frames, knowing the key but neither the original nor what was done to it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import av
import torch
from torch import Tensor

from watermark.bars import Inset, inset
from watermark.bounds import tail
from watermark.carriers import Carriers, Phases
from watermark.closer_look import STANDS, closer_look
from watermark.decoding import Decoded, Decoder
from watermark.geometry import Geometry
from watermark.geometry_search import GeometrySearch
from watermark.host_network import HostNetwork, load_network
from watermark.keys import Key
from watermark.known_marks import KnownMarks
from watermark.lattice import TILE_AT_REFERENCE
from watermark.payload import Payload
from watermark.residual import Level, Window, WindowSampler
from watermark.synchronisation import Sighting, align, level_for, settled_mark_score, sight

_UNTURNED = (Geometry(), Geometry(flip=True))
_P_SHOWS = 1e-4  # bound below which a window is counted to a mark that was decoded from its clip
_OWN_SHARE = 0.6  # of the score a window reaches by itself, which the common shift must leave it
_MIN_SYNC = 4.7  # most empty windows stay below at their best shift; saves hopeless decodings
_MIN_SUM_SYNC = 5.8  # the same for windows by themselves; a mark that can be decoded shows at 8.6 +- 1
_MIN_JOINT_SYNC = 5.2  # the same for the best beginning of all windows together
_PROMISING = 6.5  # at one place or beginning, from which more paths are worth it; what is no mark seldom gets there
_STRETCH = 12  # windows that are read together: at most three time slots
_JOIN_GAP_S = 2.5
_LEARNED_FRAMES = 24  # of a stretch that the learned suppression sees, for ten times the price: what more show is alike
_FINE_FRAMES = 12  # that a stretch looks at in all detail: five of a single second, one of each of ten


@dataclass(frozen=True)
class Detection:
    """A mark found in a stretch of time.

    mark: 16 hexadecimal digits; from_s, to_s: seconds of the clip; track: "picture"; p_false: upper bound on
    the probability that a clip without this key shows it by chance; geometry: what was done to the picture; crop: the
    share of the frame's area that is left, if it was cut and not set into another picture.
    """

    mark: str
    from_s: float
    to_s: float
    track: str
    p_false: float
    geometry: Geometry
    crop: float


@dataclass(frozen=True)
class Pose:
    """How the tile lies in a picture; where it was looked for, which part of the picture shows it; whether it takes the
    learned host suppression to see it, and whether in detail too; and the part between plain bars, if it is that which
    is looked at.
    """

    geometry: Geometry
    region: Tensor | None = None
    learned: bool = False
    detailed: bool = False
    inset: Inset | None = None

    @property
    def in_whole(self) -> Geometry:
        """The geometry, as it is to be said of the whole picture."""
        return self.geometry if self.inset is None else self.inset.in_whole(self.geometry)


@dataclass(frozen=True)
class _Reading:
    mark: int
    window: Window
    p_false: float
    geometry: Geometry


Progress = Callable[[float, "list[Detection]"], None]
"""Called after each stretch with the seconds of the clip read so far and what was found in them."""


def detect_frames(
    frames: Iterable[av.VideoFrame],
    key: Key,
    *,
    search: bool = True,
    known: Sequence[int] = (),
    stop_when_found: bool = False,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> list[Detection]:
    """All marks of `key` in the frames, in order of time; empty when there is none.

    search: also look for cut, turned and distorted pictures; without it only scaled and mirrored ones are read.
    known: marks that were given out, of which the first 20,000 count: what shows too little to tell any mark may show
    enough to tell one of these. stop_when_found: read no further than the first stretch that shows a mark. Frames are
    read one at a time and about five a second are used; a still image is a list of one frame. Raises `BadMedia` for
    frame sizes that cannot be read, `BadMark` for known marks outside 64 bits.
    """
    reader = Reader(key, search=search, known=known, device=device)
    for frame in frames:
        if reader.feed(frame):
            if progress is not None:
                progress(reader.read_s, reader.results())
            if stop_when_found and reader.results():
                return reader.results()
    reader.finish()
    return reader.results()


class Reader:
    """Reads marks from frames that come one by one, in stretches of about twelve seconds.

    search, known, device: as in `detect_frames`.
    """

    def __init__(
        self, key: Key, *, search: bool = True, known: Sequence[int] = (), device: torch.device | str = "cpu"
    ) -> None:
        self.read_s = 0.0
        self._sampler = WindowSampler(device=device, tile_at_reference=TILE_AT_REFERENCE)
        self._detector = _Detector(key, search=search, known=known, device=device)
        self._stretch: list[Window] = []

    def feed(self, frame: av.VideoFrame) -> bool:
        """Takes the next frame; True if that completed a stretch and `results` may have changed."""
        self._stretch += self._sampler.feed(frame)
        if len(self._stretch) < _STRETCH:
            return False
        self._read()
        return True

    def finish(self) -> None:
        """Reads what is left after the last frame."""
        self._stretch += self._sampler.rest()
        if self._stretch:
            self._read()

    def results(self) -> list[Detection]:
        """What was found so far, in order of time."""
        return _joined(self._detector.readings)

    def _read(self) -> None:
        fine_each = max(1, _FINE_FRAMES // len(self._stretch))
        self._detector.read([window.in_less_detail(fine_each) for window in self._stretch])
        self.read_s = self._stretch[-1].to_s
        self._stretch = []


class _Stretch:
    """The windows of a stretch, in whole or what lies between bars, as the plain and as the learned host suppression
    show them.
    """

    def __init__(self, windows: Sequence[Window], device: torch.device | str) -> None:
        self._seen: dict[tuple[Inset | None, bool], Sequence[Window]] = {(None, False): windows}
        self._device = str(device)

    @functools.cached_property
    def inset(self) -> Inset | None:
        """What lies between plain bars, if there are any."""
        return inset(self._seen[None, False])

    def windows(self, within: Inset | None, *, learned: bool) -> Sequence[Window] | None:
        """None where the learned suppression is asked for and not installed, or the frames are of other sizes."""
        if (within, learned) not in self._seen:
            made = self._made(within, learned)
            if made is None:
                return None
            self._seen[within, learned] = made
        return self._seen[within, learned]

    def _made(self, within: Inset | None, learned: bool) -> Sequence[Window] | None:
        if learned:
            network, plain = _network(self._device), self.windows(within, learned=False)
            if network is None or plain is None:
                return None
            most = max(1, _LEARNED_FRAMES // len(plain))
            return [w.seen_with(network.suppressed, most) for w in plain]
        assert within is not None, "the whole windows are there from the start"
        whole = self._seen[None, False]
        return [within.cut_out(window) for window in whole] if all(map(within.fits, whole)) else None


@functools.cache
def _network(device: str) -> HostNetwork | None:
    return load_network(device)


class _Detector:
    """Reads stretches of windows; remembers which poses worked and how often it tried."""

    def __init__(self, key: Key, *, search: bool, known: Sequence[int], device: torch.device | str) -> None:
        self.readings: list[_Reading] = []
        self._carriers = Carriers(key)
        self._payload = Payload(key)
        self._decoder = Decoder(self._carriers, self._payload, KnownMarks(known, self._payload))
        self._search = search
        self._device = device
        self._poses = list(_untouched(Pose(Geometry())))
        self._clearest: tuple[float, Pose] = 0.0, self._poses[0]
        self._stretches = 0
        self._next_search = 0

    def read(self, windows: Sequence[Window]) -> None:
        index, self._stretches = self._stretches, self._stretches + 1
        stretch = _Stretch(windows, self._device)
        self._clearest = 0.0, self._poses[0]
        if self._first_readable(stretch, self._poses) is not None:
            return
        # Searching costs more than all else; later stretches of a long clip that shows nothing are searched ever less.
        if not self._search or index < self._next_search:
            return
        self._next_search = 2 * index + 1
        pose = self._first_readable(stretch, self._supposed(stretch, stretch.inset))
        if pose is not None:
            self._poses.insert(0, pose)

    def _supposed(self, stretch: _Stretch, within: Inset | None) -> Iterator[Pose]:
        """What may have been done to the picture, or to that between its bars, from cheap and likely to dear and
        unlikely.
        """
        plain = stretch.windows(within, learned=False)
        if plain is None:
            return
        like = Pose(Geometry(), inset=within)
        if within is not None:
            yield from _untouched(like)
        search = GeometrySearch(plain, self._carriers)
        yield from self._in_parts(search, search.likely(), like)
        clearer = stretch.windows(within, learned=True)
        if clearer is not None:
            like = replace(like, learned=True)
            # What looks like bars may be a plain wall of the picture, so it is looked at in whole as well.
            for part in dict.fromkeys((within, None)):
                for detailed in (False, True):
                    yield from _untouched(replace(like, detailed=detailed, inset=part))
            search = GeometrySearch(clearer, self._carriers)
            yield from self._in_parts(search, search.likely(), like)
            score, clearest = self._clearest
            if score >= STANDS:
                yield from self._closer(stretch, clearest)
                return
        yield from self._in_parts(search, search.unlikely(), like)

    def _closer(self, stretch: _Stretch, seen: Pose) -> Iterator[Pose]:
        windows = stretch.windows(seen.inset, learned=True)
        assert windows is not None, "the learned suppression has been there a moment ago"
        for geometry in closer_look(windows, seen.geometry, self._carriers):
            for detailed in (True, False):
                yield Pose(geometry, learned=True, detailed=detailed, inset=seen.inset)

    @staticmethod
    def _in_parts(search: GeometrySearch, geometries: Iterable[Geometry], like: Pose) -> Iterator[Pose]:
        for geometry in geometries:
            pose = replace(like, geometry=geometry)
            yield pose
            yield replace(pose, region=search.region(geometry))
            if pose.learned and level_for(geometry) is not Level.FINE:
                # Fewer frames, but in all their detail: heavy compression often leaves more there.
                yield replace(pose, detailed=True)

    def _first_readable(self, stretch: _Stretch, poses: Iterable[Pose]) -> Pose | None:
        for pose in poses:
            windows = stretch.windows(pose.inset, learned=pose.learned)
            if windows is not None and self._read_as(windows, pose):
                return pose
        return None

    def _read_as(self, windows: Sequence[Window], pose: Pose) -> bool:
        """Reads whatever marks the windows show in one pose; True if there was any."""
        left = [sight(window, self._carriers, pose.geometry, pose.region, detailed=pose.detailed) for window in windows]
        found = False
        while left and (decoded := self._decode_together(left, pose) or self._decode_apart(left)) is not None:
            mark, p_false, shown = decoded
            phases = self._carriers.phases(self._payload, mark)
            alone = {s.window: s.score for s in left}
            own = [s.window for s in shown if self._shows(s, phases, alone[s.window])] or [s.window for s in shown]
            self.readings += [_Reading(mark, window, p_false, pose.in_whole) for window in own]
            left = [s for s in left if s.window not in own]
            found = True
        return found

    def _decode_together(self, sightings: Sequence[Sighting], pose: Pose) -> Decoded | None:
        score, aligned = align(sightings, self._carriers)
        if pose.region is None and score > self._clearest[0]:  # chosen parts agree with whatever they were chosen by
            self._clearest = score, pose
        return self._decoder.decode(aligned, thorough=score >= _PROMISING) if score >= _MIN_JOINT_SYNC else None

    def _decode_apart(self, sightings: Sequence[Sighting]) -> Decoded | None:
        """Decodes windows that show the tile by themselves, all or in halves: the mark may change half-way. A single
        one has been decoded already.

        Windows that were each moved to where they like it best add up to a high score whatever they hold, so what one
        of them reaches says how promising they are; and a still picture shows its noise in every half, so once.
        """
        clear = [s for s in sightings if s.score >= _MIN_SYNC]
        if len(sightings) == 1 or math.hypot(*(s.score for s in clear)) < _MIN_SUM_SYNC:
            return None
        promising = max(s.score for s in clear) >= _PROMISING
        decoded = self._decoder.decode(clear, thorough=promising)
        return decoded or self._decoder.first_of(list(_parts(clear)))

    def _shows(self, sighting: Sighting, phases: Phases, alone: float) -> bool:
        """Whether a window shows a mark, and not more clearly a tile that stands elsewhere.

        A codec copies what it has: the first second of a mark often holds a rest of the one before.
        """
        if alone >= _MIN_SYNC and sighting.score < _OWN_SHARE * alone:
            return False
        return tail(settled_mark_score(sighting.still, self._carriers, phases), 1) <= _P_SHOWS


def _untouched(like: Pose) -> Iterator[Pose]:
    return (replace(like, geometry=geometry) for geometry in _UNTURNED)


def _parts(clear: Sequence[Sighting]) -> Iterator[Sequence[Sighting]]:
    """The halves of some sightings and the halves of those, down to single ones, that together may show a mark."""
    if len(clear) > 1:
        middle = len(clear) // 2
        for half in (clear[:middle], clear[middle:]):
            if math.hypot(*(s.score for s in half)) >= _MIN_SUM_SYNC:
                yield half
                yield from _parts(half)


def _joined(readings: Sequence[_Reading]) -> list[Detection]:
    """Neighbouring windows of one mark become one detection; short gaps are bridged unless another mark is
    there.
    """
    found: list[Detection] = []
    for reading in sorted(readings, key=lambda r: r.window.from_s):
        window, mark, geometry = reading.window, f"{reading.mark:016x}", reading.geometry
        last = found[-1] if found else None
        if last is not None and last.mark == mark and window.from_s - last.to_s <= _JOIN_GAP_S:
            found[-1] = replace(last, to_s=window.to_s, p_false=min(last.p_false, reading.p_false))
        else:
            p_false = reading.p_false
            found.append(Detection(mark, window.from_s, window.to_s, "picture", p_false, geometry, geometry.crop))
    return found


def best_mark(detections: Sequence[Detection]) -> str | None:
    """The mark that covers most of the time, or None when nothing was found."""
    seconds: dict[str, float] = {}
    for detection in detections:
        seconds[detection.mark] = seconds.get(detection.mark, 0.0) + detection.to_s - detection.from_s
    return max(seconds, key=lambda mark: seconds[mark], default=None)
