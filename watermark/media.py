"""Files with a mark, and marks from files: video, stills and sound behind two functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import torch

from watermark.containers import IMAGE_SUFFIXES, SOUND_SUFFIXES, VIDEO_SUFFIXES
from watermark.detection import Detection, detect_frames
from watermark.errors import BadMedia
from watermark.images import embed_image, upright_frame
from watermark.keys import Key
from watermark.output import appearing
from watermark.pattern import MarkPattern
from watermark.sound import SoundDetection, SoundPattern, detect_sound
from watermark.sound_media import Samples, decoded_samples
from watermark.sources import Kind, decodable_frames, kind_of, length_s, opened, pictures_of
from watermark.video_media import Copy, EmbedReport, Marking

TRACKS = ("picture", "sound")
_SUFFIXES = {Kind.VIDEO: VIDEO_SUFFIXES, Kind.SOUND: SOUND_SUFFIXES, Kind.IMAGE: IMAGE_SUFFIXES}
_SURE_PICTURE_S, _SURE_SOUND_S = 1.0, 10.0
"""From so many seconds on, a mark that was just embedded must be read back; less may be too little."""

Progress = Callable[[float], None]
"""Gets shares of 1."""

Found = Callable[[str, float], None]
"""Gets a mark as soon as it is known, and the seconds of the file read until then."""


@dataclass(frozen=True)
class SecondOfMedia:
    """What one second shows: marks of picture and sound (None: nothing), with the bounds of their detections."""

    from_s: float
    to_s: float
    picture: str | None
    picture_p_false: float | None
    sound: str | None
    sound_p_false: float | None


@dataclass(frozen=True)
class MediaReading:
    """All that a file shows of one key. seconds: length of what was read; whole: whether that is all of the file."""

    kind: str
    seconds: float
    picture: tuple[Detection, ...]
    sound: tuple[SoundDetection, ...]
    whole: bool = True

    @property
    def all(self) -> list[Detection | SoundDetection]:
        """Both tracks, in order of time."""
        return sorted([*self.picture, *self.sound], key=lambda found: (found.from_s, found.track))

    @property
    def best(self) -> str | None:
        """The mark that covers most of the time in both tracks together, or None."""
        covered: dict[str, float] = {}
        for found in self.all:
            covered[found.mark] = covered.get(found.mark, 0.0) + found.to_s - found.from_s
        return max(covered, key=lambda mark: covered[mark], default=None)

    def per_second(self) -> Iterator[SecondOfMedia]:
        """One entry for each second, and for the rest if it is more than the padding of a sound codec."""
        for begin in range(max(1, math.ceil(self.seconds - 0.15))):
            picture, sound = _at(self.picture, begin + 0.5), _at(self.sound, begin + 0.5)
            yield SecondOfMedia(
                begin,
                min(begin + 1.0, self.seconds),
                picture.mark if picture else None,
                picture.p_false if picture else None,
                sound.mark if sound else None,
                _p_of_second(sound, begin) if isinstance(sound, SoundDetection) else None,
            )


def _at(found: Iterable[Detection | SoundDetection], at_s: float) -> Detection | SoundDetection | None:
    """What covers a moment, or, in a clip shorter than that, what there is before it."""
    return next((d for d in found if math.floor(d.from_s) <= at_s and at_s - 0.5 < d.to_s), None)


def _p_of_second(found: SoundDetection, begin: int) -> float:
    index = max(0, begin - math.floor(found.from_s))
    return found.seconds[index] if index < len(found.seconds) else found.p_false


def embed_file(
    source: Path | str,
    target: Path | str,
    pattern: MarkPattern | None = None,
    *,
    sound: SoundPattern | None = None,
    lossless: bool = False,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    read_back: Key | None = None,
) -> EmbedReport:
    """Writes `target`, a marked copy of `source`: `pattern` into its picture, `sound` into its sound.

    What the suffix of `target` can hold decides on codecs; the encoding is visually and audibly lossless, or exact
    with `lossless`. Size, frame count, times, rotation, colour tags, depth, transparency, sample rate and channels
    are kept; a track without a pattern is copied packet by packet; subtitles and data are left out. `target` appears
    only when it is complete, and, with the key as `read_back`, only after the mark was read from it, on `device`.
    `progress` gets shares of 1. Raises `BadMedia`.
    """
    source, target = Path(source), Path(target)
    kind = kind_of(source)
    _insist_on_tracks(kind, pattern, sound)
    suffix = target.suffix.lower()
    if suffix not in _SUFFIXES[kind]:
        raise BadMedia("output_type", f"Choose an output name ending in one of {', '.join(_SUFFIXES[kind])}.")
    with appearing(target, source) as unfinished:
        if kind is Kind.IMAGE:
            assert pattern is not None
            report = embed_image(source, unfinished, suffix, pattern, lossless=lossless)
        else:
            picture = pattern if kind is Kind.VIDEO else None
            with opened(source) as container:
                has_sound = bool(container.streams.audio)
                marking = Marking(picture, sound if has_sound else None, lossless, progress)
                report = Copy(container, unfinished, marking).run()
        if read_back is not None:
            mark = pattern.mark if pattern is not None else sound.mark if sound is not None else 0
            report = _checked(report, unfinished, read_back, f"{mark:016x}", device)
    return report


def _insist_on_tracks(kind: Kind, pattern: MarkPattern | None, sound: SoundPattern | None) -> None:
    if kind is Kind.SOUND and sound is None:
        raise BadMedia("no_picture", "The file has no video stream; mark its sound instead.")
    if kind is Kind.IMAGE and pattern is None:
        raise BadMedia("no_sound", "A still has no sound; mark its picture.")
    if pattern is None and sound is None:
        raise BadMedia("nothing_to_mark", "Name at least one track to mark.")


def _checked(report: EmbedReport, written: Path, key: Key, mark: str, device: torch.device | str) -> EmbedReport:
    """Reads the output. A mark that cannot be read refuses the output, unless there is too little to expect it."""
    reading = read_file(written, key, tracks=report.marked, search=False, device=device)
    notes = list(report.notes)
    seen = {"picture": {d.mark for d in reading.picture}, "sound": {d.mark for d in reading.sound}}
    for track in report.marked:
        if mark in seen[track]:
            continue
        enough_s = _SURE_PICTURE_S if track == "picture" else _SURE_SOUND_S
        only_track = track == report.marked[0]
        if only_track and (report.kind == "image" or report.seconds >= enough_s):
            raise BadMedia(
                "mark_not_readable",
                f"The mark cannot be read back from the {track}; nothing was written. It may be too plain, too small, "
                "silent, or marked already.",
            )
        notes.append(f"The mark in the {track} could not be read back: too short, or too plain or quiet.")
    read = tuple(track for track in report.marked if mark in seen[track])
    return replace(report, read_back=read, notes=tuple(notes))


def read_file(
    source: Path | str,
    key: Key,
    *,
    tracks: Iterable[str] = TRACKS,
    search: bool = True,
    known: Sequence[int] = (),
    first: bool = False,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    found: Found | None = None,
) -> MediaReading:
    """All marks of `key` in the first video stream and the first audio stream of `source`, or in a still.

    search: also look for turned, cut and squeezed pictures and for sound at another speed; known: marks that were given
    out, see `detect_frames`. What cannot be decoded is passed over, so that a damaged file still tells what is left.
    The picture is read in stretches of about twelve seconds, each of which may tell `found` its mark; `first`: one is
    enough, the rest is not read. Raises `BadMedia` when nothing can be decoded.
    """
    source, wanted = Path(source), set(tracks)
    kind = kind_of(source)
    if kind is Kind.IMAGE:
        still = detect_frames([upright_frame(source)], key, search=search, known=known, device=device)
        return MediaReading(kind.value, max((d.to_s for d in still), default=0.0), tuple(still), ())
    with opened(source) as container:
        has_picture, has_sound = bool(pictures_of(container)), bool(container.streams.audio)
    present = {track for track, there in (("picture", has_picture), ("sound", has_sound)) if there}
    if not present & wanted:
        raise BadMedia("no_picture" if "picture" in wanted else "no_sound", "The file has no such track.")
    clock = _Clock(progress)
    picture: list[Detection] = []
    sound: list[SoundDetection] = []
    if "picture" in present & wanted:
        with opened(source) as container:
            frames = clock.of_frames(decodable_frames(container), length_s(container))
            picture = detect_frames(
                frames,
                key,
                search=search,
                known=known,
                stop_when_found=first,
                progress=_teller(found),
                device=device,
            )
    if first and picture:
        return MediaReading(kind.value, clock.seconds, tuple(picture), (), whole=False)
    if "sound" in present & wanted:
        rate, blocks = decoded_samples(source)
        heard = clock.of_samples(blocks, rate)
        sound = _tolerant_of_broken_sound(heard, rate, key, search=search, known=known, alone=not has_picture)
    return MediaReading(kind.value, clock.seconds, tuple(picture), tuple(sound))


def _teller(found: Found | None) -> Callable[[float, list[Detection]], None] | None:
    """Passes every mark on once."""
    if found is None:
        return None
    known: set[str] = set()

    def tell(read_s: float, detections: list[Detection]) -> None:
        for mark in {d.mark for d in detections} - known:
            known.add(mark)
            found(mark, read_s)

    return tell


def _tolerant_of_broken_sound(
    blocks: Iterable[Samples], rate: int, key: Key, *, search: bool, known: Sequence[int], alone: bool
) -> list[SoundDetection]:
    """A broken sound track does not keep the picture from being read."""
    try:
        return detect_sound(blocks, rate, key, search_speed=search, known=known)
    except BadMedia:
        if alone:
            raise
        return []


class _Clock:
    """Tells how far a reading is, and how long the file turned out to be."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.seconds = 0.0

    def of_frames(self, frames: Iterable[av.VideoFrame], whole_s: float | None) -> Iterator[av.VideoFrame]:
        last = 0.0
        for frame in frames:
            before, last = last, frame.time if frame.time is not None else last + 1 / 25
            self.seconds = max(self.seconds, last + max(0.0, min(last - before, 1.0)))
            if self._progress is not None and whole_s:
                self._progress(min(1.0, last / whole_s))
            yield frame

    def of_samples(self, blocks: Iterable[Samples], rate: int) -> Iterator[Samples]:
        heard = 0
        for block in blocks:
            heard += block.shape[1]
            self.seconds = max(self.seconds, heard / rate)
            yield block


def detect_file(
    source: Path | str, key: Key, *, search: bool = True, device: torch.device | str = "cpu"
) -> list[Detection]:
    """All marks of `key` in the picture of `source`; see `detect_frames`. Raises `BadMedia`, as `read_file`."""
    return list(read_file(source, key, tracks=("picture",), search=search, device=device).picture)
