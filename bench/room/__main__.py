"""A room on air, measured in an installation of its own: `python -m bench.room [--only NAME ...]`.

`--json`: one row a line for `python -m bench`, which runs this as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.postgres import Postgres, throw_away_postgres
from bench.room.house import Home, Impossible, furnished
from bench.room.sizes import Sizes, add_room_arguments
from bench.table import Row, show

if TYPE_CHECKING:
    from avatars.models import Avatar


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.room", description=(__doc__ or "").splitlines()[0])
    add_room_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--json", action="store_true", help="one row a line, no table")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="measure this; may be given again")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own instead of SQLite")
    options = parser.parse_args()
    begun, rows = time.monotonic(), list[Row]()
    for row in _rows(options.only or list(PARTS), Sizes.of(options), on_postgres=options.postgres):
        print(json.dumps(asdict(row)) if options.json else f"  {row.what}: {row.measured} {row.verdict}", flush=True)
        rows.append(row)
    if not options.json:
        show(rows, f"Rooms: {time.monotonic() - begun:.0f} s")
    return 1 if any(row.limit and not row.held for row in rows) else 0


def _rows(names: list[str], sizes: Sizes, *, on_postgres: bool) -> Iterable[Row]:
    with throw_away_postgres() if on_postgres else nullcontext() as server:
        if on_postgres and server is None:
            yield Row("rooms on PostgreSQL", "PostgreSQL is not installed", "measured")
            return
        yield from _rows_at_home(names, sizes, server)


def _rows_at_home(names: list[str], sizes: Sizes, server: Postgres | None) -> Iterable[Row]:
    with furnished(server) as home:
        from bench.room.plan import build_double

        double = build_double()
        for name in names:
            yield from _measured(name, home, double, sizes)


def _measured(name: str, home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    """The part's rows; what could not be measured is a row too, with the reason."""
    try:
        yield from PARTS[name](home, double, sizes)
    except Impossible as why:
        yield Row(f"room: {name}", f"{why}", "measured")
        print(home.said(), file=sys.stderr)


def _speed(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import speed

    return speed.rows(home, double, minutes=sizes.minutes)


def _effort(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import effort

    return effort.rows(home, double)


def _withdrawal(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import withdrawal

    return withdrawal.rows(home, double, trials=sizes.withdrawals)


def _answering(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import answering

    return answering.rows(home, double, trials=sizes.comments)


def _takeover(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import takeover

    return takeover.rows(home, double, trials=sizes.kills)


def _chaos(home: Home, double: Avatar, sizes: Sizes) -> Iterable[Row]:
    from bench.room import chaos

    return chaos.rows(home, double, quick=sizes.quick)


PARTS: dict[str, Callable[[Home, Avatar, Sizes], Iterable[Row]]] = {
    "speed": _speed,
    "effort": _effort,
    "withdrawal": _withdrawal,
    "answering": _answering,
    "takeover": _takeover,
    "chaos": _chaos,
}


if __name__ == "__main__":
    sys.exit(main())
