"""What is read from an attacked clip: from ten seconds, from the second in its middle, from one frame there."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import av

import watermark
from bench.watermark.attacked import KEY
from watermark import Detection, best_mark, detect_frames

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


def read_all(clip: Path, mark: int, folder: Path, reader: str, lengths: Sequence[str] = LENGTHS) -> dict[str, Reading]:
    """The readings of a clip, kept beside it until clip or reader change."""
    found = {}
    for length in lengths:
        path = folder / "readings" / reader / f"{clip.stem}-{length}.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{os.getpid()}-{path.name}")
            unfinished.write_text(json.dumps(asdict(_read(clip, mark, length))))
            unfinished.replace(path)
        found[length] = Reading(**json.loads(path.read_text()))
    return found


def _read(clip: Path, mark: int, length: str) -> Reading:
    begun = time.process_time()
    detections = _WAYS[length](clip)
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


def _whole(clip: Path) -> list[Detection]:
    return detect_frames(decoded(clip), KEY)


def _second(clip: Path) -> list[Detection]:
    frames = list(decoded(clip))
    rate = len(frames) / float(frames[-1].time + frames[1].time - 2 * frames[0].time)
    middle, half = len(frames) // 2, max(1, round(rate / 2))
    return detect_frames(frames[middle - half : middle + half], KEY)


def _frame(clip: Path) -> list[Detection]:
    with av.open(str(clip)) as container:
        count = container.streams.video[0].frames
    return detect_frames(islice(decoded(clip), count // 2, count // 2 + 1), KEY)


_WAYS: dict[str, Callable[[Path], list[Detection]]] = {"ten_s": _whole, "one_s": _second, "frame": _frame}


def decoded(clip: Path) -> Iterator[av.VideoFrame]:
    """Frames by one thread, so that CPU time can be compared."""
    with av.open(str(clip)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


@cache
def reader_digest() -> str:
    """Of all code and weights of the watermark except its file formats; a reading is only as old as that."""
    home = Path(watermark.__file__).parent
    sources = (path for path in sorted(home.glob("*.py")) if path.stem not in _FILE_FORMATS)
    files = [*sources, *sorted(home.glob("weights/*"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
