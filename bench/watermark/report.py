"""Tables on standard output, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.table import Row as Figure
from bench.table import machine
from bench.watermark.clips import Clip
from bench.watermark.peer import FRAMES, Contest, Effort
from bench.watermark.readings import LENGTHS
from bench.watermark.robustness import Row, asked

_CONSOLE = Console(width=150)


def show_clips(clips: Sequence[Clip]) -> None:
    """What was marked."""
    for clip in clips:
        _CONSOLE.print(f"{clip.name:12s} {clip.content}", highlight=False)


def show_attacks(rows: Sequence[Row], title: str) -> None:
    """The table of attacks; in brackets, and `+` where one is named, what the registry's list brings back."""
    table = Table(title=title, title_justify="left", caption=machine(), caption_justify="left")
    for name in ("attack", "class", "target 10 s / 1 s / frame", "10 s", "1 s", "frame", "CPU s", "verdict", "lost"):
        table.add_column(name, justify="right" if name in ("10 s", "1 s", "frame", "CPU s") else "left")
    for row in rows:
        counts = [_counts(row, length) for length in LENGTHS]
        verdict = _verdict(row)
        style = "bold red" if row.held() is False else ""
        cells = (row.attack.name, row.attack.kind, asked(row.attack.target), *counts, f"{row.cpu_s:.1f}", verdict)
        table.add_row(*cells, "; ".join(row.lost), style=style)
    _CONSOLE.print(table)
    if not rows:
        return
    wrong = sum(len(row.wrong) for row in rows)
    _CONSOLE.print(f"wrong marks: {wrong}; slowest reading {max(row.slowest_s for row in rows):.1f} s CPU")


def _verdict(row: Row) -> str:
    if row.wrong:
        return f"WRONG MARK in {', '.join(row.wrong)}"
    if row.held() is False:
        return "MISSED, held with the list" if row.held(listed=True) else "MISSED"
    return "held" if row.held() else ""


def _counts(row: Row, length: str) -> str:
    """`7/9`, or `7/9 (9)` where the registry's list brings back what the key alone does not show."""
    alone, of = row.share(length)
    listed, _ = row.share(length, listed=True)
    return f"{alone}/{of}" if listed == alone else f"{alone}/{of} ({listed})"


def show_figures(rows: Sequence[Figure], title: str) -> bool:
    """Figures with their limits; True if all that have one are held."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "measured", "limit", "verdict"):
        table.add_column(name)
    for row in rows:
        table.add_row(row.what, row.measured, row.limit, row.verdict, style="bold red" if row.held is False else "")
    _CONSOLE.print(table)
    return not any(row.held is False for row in rows)


def show_peer(contests: Sequence[Contest], efforts: Sequence[Effort]) -> None:
    """Ours beside the peer's, on ten frames of the same clips."""
    table = Table(title=f"From {FRAMES} frames, beside RivaGAN", title_justify="left")
    for name in ("attack", "ours", "RivaGAN", "RivaGAN, wrong mark"):
        table.add_column(name, justify="left" if name == "attack" else "right")
    for row in contests:
        ours = f"{row.ours}/{row.clips}" + (f", {row.ours_wrong} WRONG" if row.ours_wrong else "")
        table.add_row(row.attack, ours, f"{row.peer}/{row.clips}", str(row.peer_wrong))
    _CONSOLE.print(table)
    for effort in efforts:
        name = {"ours": "ours", "peer": "RivaGAN"}[effort.name]
        _CONSOLE.print(f"{name}: {effort.embed_s:.3f} s CPU to mark a frame, {effort.psnr_db:.1f} dB over all colours")


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Every reading."""
    found = {
        row.attack.name: {
            "target": asdict(row.attack.target),
            "held": row.held(),
            "held_with_list": row.held(listed=True),
            "clips": {name: asdict(of_clip) for name, of_clip in row.readings.items()},
        }
        for row in rows
    }
    path.write_text(json.dumps(found, indent=1))
