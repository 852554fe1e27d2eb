"""What reading costs: of a clip as the world sends it, of one that shows nothing, and at the gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.table import Row
from bench.watermark.attacked import KEY, mark_of, marked
from bench.watermark.clips import Clip
from bench.watermark.readings import decoded
from bench.watermark.robustness import Row as AttackRow
from watermark import detect_frames, verify_mark

_REENCODED_S, _SEARCH_S, _GATE_S = 2.0, 30.0, 0.060
_ORDINARY = ("as released", "x264 CRF 23", "x264 CRF 28", "x264 CRF 32", "720p at 1.5 Mb/s", "540p at 0.8 Mb/s")
_TIMES = 5


def rows(clips: Sequence[Clip], attacks: Sequence[AttackRow], folder: Path, seconds: float) -> Iterator[Row]:
    """Figures with their limits; those of the attacks were taken while the table was made."""
    ordinary = [row.cpu_s for row in attacks if row.attack.name in _ORDINARY]
    if ordinary:
        yield _row(f"detect in {seconds:g} s re-encoded, decoding included", max(ordinary), _REENCODED_S)
    searched = [row.slowest_s for row in attacks]
    if searched:
        yield _row("slowest reading of the table", max(searched), _SEARCH_S)
    yield _row(
        f"search in {seconds:g} s that show nothing",
        max(_search_s(clip.file(folder / "clips", seconds)) for clip in clips),
        _SEARCH_S,
    )
    yield _row("gate's check of one second, without decoding", max(_gate_s(c, folder, seconds) for c in clips), _GATE_S)


def _row(what: str, spent_s: float, limit_s: float) -> Row:
    form = "{:.1f} s CPU" if limit_s >= 1 else "{:.3f} s CPU"
    return Row(f"watermark, {what}", form.format(spent_s), "at most " + form.format(limit_s), spent_s <= limit_s)


def _search_s(unmarked: Path) -> float:
    return _spent(lambda: detect_frames(decoded(unmarked), KEY))


def _gate_s(clip: Clip, folder: Path, seconds: float) -> float:
    frames = list(decoded(marked(clip, folder, seconds)))[50:75]
    verify_mark(frames, KEY, mark_of(clip))  # tables are made once
    return median(_spent(lambda: verify_mark(frames, KEY, mark_of(clip))) for _ in range(_TIMES))


def _spent(action: Callable[[], object]) -> float:
    begun = time.process_time()
    action()
    return time.process_time() - begun
