"""All figures of Avow that have a limit, in one table: `python -m bench [--quick] [--only NAME ...]`.

Exit code 1 when a limit is missed or could not be measured. What each row means: docs/bench.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bench import ledger_bench
from bench.batch_bench import CORES
from bench.house import House, throw_away_house
from bench.room.sizes import add_room_arguments, room_arguments
from bench.table import Row, show


@dataclass(frozen=True)
class Sizes:
    """Seconds of clip, entries of the ledger or takes that each part works on; `room`: arguments of `bench.room`."""

    rendering_s: float
    gate_s: float
    short_s: float
    long_s: float
    entries: int
    takes: int
    room: tuple[str, ...] = ()


FULL = Sizes(rendering_s=10, gate_s=60, short_s=60, long_s=600, entries=6000, takes=4 * CORES)
QUICK = Sizes(rendering_s=5, gate_s=10, short_s=10, long_s=30, entries=1000, takes=CORES + 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs; its ratios are rough")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="measure this part; may be given again")
    add_room_arguments(parser)
    options = parser.parse_args()
    sizes = replace(QUICK if options.quick else FULL, room=tuple(room_arguments(options)))
    begun = time.monotonic()
    rows: list[Row] = []
    with throw_away_house() as house:
        for name in options.only or PARTS:
            print(f"measuring: {name} ...", file=sys.stderr, flush=True)
            for row in PARTS[name](house, sizes):
                print(f"  {row.what}: {row.measured} {row.verdict}", file=sys.stderr, flush=True)
                rows.append(row)
    show(rows, f"Avow bench{', quick' if options.quick else ''}: {time.monotonic() - begun:.0f} s")
    return 1 if any(row.limit and not row.held for row in rows) else 0


def _rendering(house: House, sizes: Sizes) -> Iterable[Row]:
    from avatars.making import encoding_from_settings
    from avatars.media import Encoding
    from bench import rendering_bench
    from bench.scene import open_scene

    shipped = encoding_from_settings()
    encodings = [shipped, Encoding(codec=shipped.codec, preset="veryfast", crf=shipped.crf)]
    return rendering_bench.rows(open_scene(125), house.folder, seconds=sizes.rendering_s, encodings=encodings)


def _gate(house: House, sizes: Sizes) -> Iterable[Row]:
    from avatars.making import encoding_from_settings
    from bench import gate_bench
    from bench.scene import open_scene

    return gate_bench.rows(open_scene(125), house, seconds=sizes.gate_s, encoding=encoding_from_settings())


def _memory(house: House, sizes: Sizes) -> Iterable[Row]:
    from bench import memory_bench

    return memory_bench.rows(house.folder, short_s=sizes.short_s, long_s=sizes.long_s)


def _ledger(house: House, sizes: Sizes) -> Iterable[Row]:
    from bench.postgres import throw_away_postgres

    yield _ledger_row(ledger_bench.run("SQLite", "", sizes.entries))
    with throw_away_postgres() as server:
        if server is None:
            yield Row(
                "ledger on PostgreSQL", "PostgreSQL is not installed", f"at least {ledger_bench.LIMIT:,} entries/s"
            )
        else:
            yield _ledger_row(ledger_bench.run("PostgreSQL", server.url, sizes.entries))


def _ledger_row(result: ledger_bench.Result) -> Row:
    measured = f"{result.together:,.0f} entries/s  (sequencer alone {result.sequence:,.0f})"
    held = result.together >= ledger_bench.LIMIT
    return Row(
        f"ledger, outbox and sequencer, {result.database}", measured, f"at least {ledger_bench.LIMIT:,} entries/s", held
    )


def _figures(house: House, sizes: Sizes) -> Iterable[Row]:
    from bench import figures_bench
    from bench.scene import open_scene

    return figures_bench.rows(open_scene(100), house.folder)


def _avatar(house: House, sizes: Sizes) -> Iterable[Row]:
    from bench import avatar_bench, figures_bench
    from bench.scene import CONSENTED_MINUTE

    minute, told = avatar_bench.presenters_minute(house.folder)
    yield from avatar_bench.card_rows(minute, house.folder, told)
    if not CONSENTED_MINUTE.is_file():
        yield Row("avatar", "not measured: the clip is not there")
        return
    clip = avatar_bench.spoken_clip(CONSENTED_MINUTE)
    yield from avatar_bench.card_rows(clip.path, house.folder, clip.spoken(by_hand=False))
    yield figures_bench.perform_row(house.folder / "whole.avatar")
    for by_hand in (False, True):
        yield from avatar_bench.unseen_rows(clip, house.folder, by_hand=by_hand)


def _refiner(house: House, sizes: Sizes) -> Iterable[Row]:
    from bench import avatar_bench, refiner_bench
    from bench.scene import CONSENTED_MINUTE

    if CONSENTED_MINUTE.is_file():
        spoken = avatar_bench.spoken_clip(CONSENTED_MINUTE).spoken(by_hand=False)
        return refiner_bench.rows(CONSENTED_MINUTE, house.folder, spoken)
    minute, told = avatar_bench.presenters_minute(house.folder)
    return refiner_bench.rows(minute, house.folder, told)


def _room(house: House, sizes: Sizes) -> Iterable[Row]:
    """On SQLite, and what differs on PostgreSQL."""
    yield from _rooms(sizes)
    yield from _rooms(sizes, "--postgres", "--only", "chaos")


def _rooms(sizes: Sizes, *options: str) -> Iterable[Row]:
    return _elsewhere("bench.room", *sizes.room, *options)


def _batch(house: House, sizes: Sizes) -> Iterable[Row]:
    return _elsewhere("bench.batch_bench", "--takes", str(sizes.takes))


def _elsewhere(module: str, *options: str) -> Iterable[Row]:
    """The rows of a bench whose installation is a demonstration: in a process of its own."""
    command = [sys.executable, "-m", module, "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield from (Row(**json.loads(line)) for line in child.stdout)
    if child.returncode not in (0, 1):
        yield Row(module, f"it has fallen with exit code {child.returncode}", "measured")


PARTS: dict[str, Callable[[House, Sizes], Iterable[Row]]] = {
    "rendering": _rendering,
    "gate": _gate,
    "memory": _memory,
    "ledger": _ledger,
    "figures": _figures,
    "avatar": _avatar,
    "refiner": _refiner,
    "batch": _batch,
    "room": _room,
}


if __name__ == "__main__":
    sys.exit(main())
