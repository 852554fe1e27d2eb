"""What was measured, beside its limit, in one table that also says on which machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import torch
from rich.console import Console
from rich.table import Table

WIDTH = 128


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `limit` is empty for a figure that only informs; `held` is None then, or when nothing was measured."""

    what: str
    measured: str
    limit: str = ""
    held: bool | None = None

    @property
    def verdict(self) -> str:
        if self.held is None:
            return "not measured" if self.limit else ""
        return "held" if self.held else "MISSED"


def at_most(what: str, ratio: float, limit: float, remark: str = "", *, percent: bool = False) -> Row:
    """A ratio that must not exceed `limit`; with `percent` both are shown in per cent."""
    form = "{:.1%}" if percent else "{:.2f}x"
    measured = form.format(ratio) + (f"  ({remark})" if remark else "")
    return Row(what, measured, "at most " + form.format(limit), ratio <= limit)


def machine() -> str:
    """Processor, cores, load and the versions that decide on speed."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()}\n"
        f"Python {platform.python_version()}, torch {torch.__version__}, PyAV {av.__version__}, "
        f"FFmpeg libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def show(rows: Sequence[Row], title: str) -> None:
    """Print the table to standard output."""
    table = Table(title=title, title_justify="left", caption=machine(), caption_justify="left")
    for name in ("what", "measured", "limit", "verdict"):
        table.add_column(name)
    for row in rows:
        style = "bold red" if row.held is False else ""
        table.add_row(row.what, row.measured, row.limit, row.verdict, style=style)
    Console(width=WIDTH).print(table)
