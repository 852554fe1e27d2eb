"""What is read from an attacked clip: from ten seconds, from the second in its middle, from one frame there.

What shows no mark by itself is read once more as the inspection page reads it, with a list of the marks given out.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path

import av

import watermark
from bench.watermark.attacked import KEY, mark_of
from bench.watermark.clips import available
from watermark import best_mark, detect_frames
from watermark.known_marks import MOST

LENGTHS = ("ten_s", "one_s", "frame")
_FILE_FORMATS = {
    "__init__", "__main__", "containers", "errors", "images", "media", "output", "picture_marking", "png16",
    "sound_media", "sources", "video_media",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """One reading: whether the mark was recovered, marks that were never there, bound, CPU seconds with decoding,
    and the geometry found.
    """

    recovered: bool
    wrong: tuple[str, ...]
    p_false: float
    cpu_s: float
    geometry: str


@dataclass(frozen=True)
class Readings:
    """Of one clip after one attack, each by its length: with the key alone, and where that recovered nothing, with the
    registry's list as well.
    """

    alone: dict[str, Reading]
    listed: dict[str, Reading]

    @property
    def all(self) -> list[Reading]:
        """Every reading that was made."""
        return [*self.alone.values(), *self.listed.values()]

    def recovered(self, length: str, *, listed: bool) -> bool:
        """Whether the mark was recovered from a length; listed: by one who holds the list."""
        found = self.listed.get(length, self.alone[length]) if listed else self.alone[length]
        return found.recovered


def read_all(clip: Path, mark: int, folder: Path, reader: str) -> Readings:
    """The readings of a clip, kept beside it until clip or reader change."""
    kept = folder / "readings" / reader

    def read(length: str, name: str, known: Sequence[int]) -> Reading:
        return _kept(kept / f"{clip.stem}-{name}.json", partial(_read, clip, mark, length, known))

    alone = {length: read(length, length, ()) for length in LENGTHS}
    lost = [length for length, reading in alone.items() if not reading.recovered]
    return Readings(alone, {length: read(length, f"{length}-listed", registry()) for length in lost})


def _kept(path: Path, read: Callable[[], Reading]) -> Reading:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        unfinished.write_text(json.dumps(asdict(read())))
        unfinished.replace(path)
    return Reading(**json.loads(path.read_text()))


def _read(clip: Path, mark: int, length: str, known: Sequence[int]) -> Reading:
    begun = time.process_time()
    detections = detect_frames(_WAYS[length](clip), KEY, known=known)
    cpu_s = time.process_time() - begun
    wanted = f"{mark:016x}"
    own = [d for d in detections if d.mark == wanted]
    return Reading(
        recovered=best_mark(detections) == wanted,
        wrong=tuple(sorted({d.mark for d in detections} - {wanted})),
        p_false=min((d.p_false for d in own), default=1.0),
        cpu_s=round(cpu_s, 3),
        geometry=str(own[0].geometry) if own else "",
    )


@cache
def registry() -> tuple[int, ...]:
    """As many marks as a reader takes, as a large registry would hold them: those of all clips and others."""
    others = (hashlib.sha256(f"given out {number}".encode()).digest()[:8] for number in range(MOST))
    marks = [*map(mark_of, available()), *(int.from_bytes(mark, "big") for mark in others)]
    return tuple(marks[:MOST])


def _second(clip: Path) -> list[av.VideoFrame]:
    frames = list(decoded(clip))
    rate = len(frames) / float(frames[-1].time + frames[1].time - 2 * frames[0].time)
    middle, half = len(frames) // 2, max(1, round(rate / 2))
    return frames[middle - half : middle + half]


def _frame(clip: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(clip)) as container:
        count = container.streams.video[0].frames
    return islice(decoded(clip), count // 2, count // 2 + 1)


def decoded(clip: Path) -> Iterator[av.VideoFrame]:
    """Frames by one thread, so that CPU time can be compared."""
    with av.open(str(clip)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


_WAYS: dict[str, Callable[[Path], Iterable[av.VideoFrame]]] = {"ten_s": decoded, "one_s": _second, "frame": _frame}


@cache
def reader_digest() -> str:
    """Of all code and weights of the watermark except its file formats; a reading is only as old as that."""
    home = Path(watermark.__file__).parent
    sources = (path for path in sorted(home.glob("*.py")) if path.stem not in _FILE_FORMATS)
    files = [*sources, *sorted(home.glob("weights/*"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
