"""The table of attacks: every clip through every attack, and what is read back."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import torch

from bench.watermark.attacked import attacked, mark_of, marked
from bench.watermark.attacks import Attack, Target, all_attacks
from bench.watermark.clips import Clip
from bench.watermark.readings import LENGTHS, Readings, read_all, reader_digest


@dataclass(frozen=True)
class Row:
    """One attack over all clips."""

    attack: Attack
    readings: dict[str, Readings]
    """Per clip."""

    def share(self, length: str, *, listed: bool = False) -> tuple[int, int]:
        """How many clips were recovered, of how many; listed: by a reader that holds the registry's list."""
        found = [of_clip.recovered(length, listed=listed) for of_clip in self.readings.values()]
        return sum(found), len(found)

    @property
    def wrong(self) -> list[str]:
        """Clips that showed a mark they do not carry."""
        return [name for name, of_clip in self.readings.items() if any(r.wrong for r in of_clip.all)]

    @property
    def lost(self) -> list[str]:
        """Clips not recovered with the key alone, with lengths, `+` if the list brought it: `name (ten_s, frame+)`."""
        named = {name: [_lost(length, of_clip) for length in of_clip.listed] for name, of_clip in self.readings.items()}
        return [f"{name} ({', '.join(lengths)})" for name, lengths in named.items() if lengths]

    @property
    def cpu_s(self) -> float:
        """Median CPU seconds to read ten seconds, decoding included."""
        return median(of_clip.alone["ten_s"].cpu_s for of_clip in self.readings.values())

    @property
    def slowest_s(self) -> float:
        """The most CPU seconds that any reading took."""
        return max(r.cpu_s for of_clip in self.readings.values() for r in of_clip.all)

    def held(self, *, listed: bool = False) -> bool | None:
        """Whether every target is met and no wrong mark was read; None where nothing is asked."""
        if self.wrong:
            return False
        wanted = [(length, getattr(self.attack.target, length)) for length in LENGTHS]
        asked = [(length, share) for length, share in wanted if share is not None]
        return all(_reached(self.share(length, listed=listed), share) for length, share in asked) if asked else None


def _lost(length: str, of_clip: Readings) -> str:
    return f"{length}+" if of_clip.listed[length].recovered else length


def _reached(found: tuple[int, int], share: float) -> bool:
    return found[0] >= share * found[1]


def chosen(rows: str, quick: bool) -> list[Attack]:
    """Attacks whose name the expression finds; only the short run's with `quick`."""
    wanted = re.compile(rows, re.IGNORECASE)
    return [attack for attack in all_attacks() if wanted.search(attack.name) and (attack.quick or not quick)]


def measure(clips: Sequence[Clip], attacks: Sequence[Attack], folder: Path, seconds: float, jobs: int) -> list[Row]:
    """Everything, with what was measured before taken from `folder`; progress on standard error."""
    if not clips or not attacks:
        return []
    for part in ("clips", "marked", "attacked", "readings"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    cells: dict[str, dict[str, Readings]] = {attack.name: {} for attack in attacks}
    total = len(clips) * len(attacks)
    for done, (clip, attack, readings) in enumerate(_cells(clips, attacks, folder, seconds, jobs), start=1):
        cells[attack.name][clip.name] = readings
        found = " ".join(f"{length} {_said(length, readings)}" for length in LENGTHS)
        print(f"[{done}/{total}] {clip.name}, {attack.name}: {found}", file=sys.stderr, flush=True)
    order = [clip.name for clip in clips]
    return [Row(attack, {name: cells[attack.name][name] for name in order}) for attack in attacks]


def _said(length: str, readings: Readings) -> str:
    if readings.recovered(length, listed=False):
        return "yes"
    return "with the list" if readings.recovered(length, listed=True) else "NO"


def _cells(
    clips: Sequence[Clip], attacks: Sequence[Attack], folder: Path, seconds: float, jobs: int
) -> Iterator[tuple[Clip, Attack, Readings]]:
    reader = reader_digest()
    names = [clip.name for clip in clips]
    with ProcessPoolExecutor(jobs, initializer=_one_thread) as pool:
        files = pool.map(_release, names, [folder] * len(names), [seconds] * len(names))
        releases = dict(zip(names, files, strict=True))
        tasks = {
            pool.submit(_cell, attack.name, clip.name, releases[clip.name], folder, reader): (clip, attack)
            for attack in attacks
            for clip in clips
        }
        for task in as_completed(tasks):
            yield *tasks[task], task.result()


def _one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _release(clip: str, folder: Path, seconds: float) -> Path:
    return marked(_clip(clip), folder, seconds)


def _cell(attack: str, clip: str, release: Path, folder: Path, reader: str) -> Readings:
    """In a child: functions made on the spot do not travel, names do."""
    made = next(a for a in all_attacks() if a.name == attack)
    return read_all(attacked(made, release, folder), mark_of(_clip(clip)), folder, reader)


def _clip(name: str) -> Clip:
    from bench.watermark.clips import available

    return next(clip for clip in available() if clip.name == name)


def asked(target: Target) -> str:
    """A target as it is printed: `100 / 95 / -`."""
    shares = (getattr(target, length) for length in LENGTHS)
    return " / ".join("-" if share is None else f"{share:.0%}" for share in shares)
