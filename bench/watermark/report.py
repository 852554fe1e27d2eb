"""Tables on standard output, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.table import machine
from bench.watermark.clips import Clip
from bench.watermark.readings import LENGTHS
from bench.watermark.robustness import Row, asked

_CONSOLE = Console(width=150)


def show_clips(clips: Sequence[Clip]) -> None:
    """What was marked."""
    for clip in clips:
        _CONSOLE.print(f"{clip.name:12s} {clip.content}", highlight=False)


def show_attacks(rows: Sequence[Row], title: str) -> None:
    """The table of attacks."""
    table = Table(title=title, title_justify="left", caption=machine(), caption_justify="left")
    for name in ("attack", "class", "target 10 s / 1 s / frame", "10 s", "1 s", "frame", "CPU s", "verdict", "lost"):
        table.add_column(name, justify="right" if name in ("10 s", "1 s", "frame", "CPU s") else "left")
    for row in rows:
        counts = ["{}/{}".format(*row.share(length)) for length in LENGTHS]
        verdict = _verdict(row)
        style = "bold red" if row.held is False else ""
        cells = (row.attack.name, row.attack.kind, asked(row.attack.target), *counts, f"{row.cpu_s:.1f}", verdict)
        table.add_row(*cells, "; ".join(row.lost), style=style)
    _CONSOLE.print(table)
    wrong = sum(len(row.wrong) for row in rows)
    _CONSOLE.print(f"wrong marks: {wrong}; slowest reading {max(row.slowest_s for row in rows):.1f} s CPU")


def _verdict(row: Row) -> str:
    if row.wrong:
        return f"WRONG MARK in {', '.join(row.wrong)}"
    return {True: "held", False: "MISSED", None: ""}[row.held]


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Every reading."""
    found = {
        row.attack.name: {
            "target": asdict(row.attack.target),
            "held": row.held,
            "clips": {name: {k: asdict(r) for k, r in of_clip.items()} for name, of_clip in row.readings.items()},
        }
        for row in rows
    }
    path.write_text(json.dumps(found, indent=1))
