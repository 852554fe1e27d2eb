"""How long and how often rooms are measured. The defaults are short; the full numbers are options."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

SIZES: dict[str, tuple[tuple[int, int], str]] = {
    "minutes": ((10, 1), "simulated minutes on air as fast as it goes; 120 for two hours"),
    "withdrawals": ((30, 3), "trials of withdrawal to last segment; 100 for a p99"),
    "comments": ((20, 3), "comments until their answer is heard"),
    "kills": ((6, 1), "kill -9 of the performer, and as many of the gate; 30 for a p99"),
}
"""Usual and quick size, and what it is."""


@dataclass(frozen=True)
class Sizes:
    """What is measured in this run."""

    minutes: float
    withdrawals: int
    comments: int
    kills: int
    quick: bool

    @classmethod
    def of(cls, options: argparse.Namespace) -> Sizes:
        """What was not said is of the usual size, or with `--quick` as little as shows that it runs."""
        return cls(quick=options.quick, **{name: _size(options, name) for name in SIZES})


def _size(options: argparse.Namespace, name: str) -> Any:
    said = getattr(options, f"room_{name}")
    return SIZES[name][0][options.quick] if said is None else said


def add_room_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each size."""
    for name, ((usual, quick), what) in SIZES.items():
        kind, default = float if name == "minutes" else int, f"default {usual}, quick {quick}"
        parser.add_argument(f"--room-{name}", type=kind, metavar="N", help=f"{what} ({default})")


def room_arguments(options: argparse.Namespace) -> list[str]:
    """The sizes of this run as arguments of `bench.room`."""
    sizes = [part for name in SIZES for part in (f"--room-{name}", str(_size(options, name)))]
    return [*sizes, *(["--quick"] if options.quick else [])]
