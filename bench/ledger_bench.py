"""Entries per second through outbox and sequencer, on SQLite and on PostgreSQL, beside the limit.

    python -m bench.ledger_bench [--entries 6000] [--postgres postgres://user:password@host:port/database]

Each database is fresh, on disk, and used by real processes: one that records and one `manage.py ledger sequence`.
PostgreSQL is measured in the database given by --postgres or AVOW_BENCH_POSTGRES, which must be empty.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1000
"""Entries per second that outbox and sequencer must sustain together."""


@dataclass(frozen=True, slots=True)
class Result:
    """Rates in entries per second; ages in seconds from the recording of an entry to its signed checkpoint;
    ``cpu_*`` in milliseconds of this process's CPU per entry, which a busy machine changes little."""

    database: str
    entries: int
    record_single: float
    record_batched: float
    sequence: float
    cpu_record: float
    cpu_sequence: float
    together: float
    age_p50: float
    age_p99: float
    audit: float
    proofs: float


def measure(name: str, entries: int) -> Result:
    """All measurements in this process's (empty, migrated) database; it has the sequencer's role."""
    from compliance.ledger import selectors
    from compliance.ledger.auditor import audit_log
    from compliance.ledger.models import LogEntry
    from compliance.ledger.sequencer import sequence_once
    from compliance.ledger.signing import log_keys

    singles = entries // 10
    single = _rate(singles, lambda: _record(singles, per_transaction=1))
    started = time.process_time()
    batched = _rate(entries - singles, lambda: _record(entries - singles, per_transaction=16))
    recorded = time.process_time()
    sequence = _rate(entries, lambda: [None for _ in iter(sequence_once, 0)])
    sequenced = time.process_time()
    together = _together(entries)
    ages = sorted(_ages(entries))
    total = LogEntry.objects.count()
    return Result(
        database=name,
        entries=total,
        record_single=single,
        record_batched=batched,
        sequence=sequence,
        cpu_record=(recorded - started) * 1000 / (entries - singles),
        cpu_sequence=(sequenced - recorded) * 1000 / entries,
        together=together,
        age_p50=ages[len(ages) // 2],
        age_p99=ages[len(ages) * 99 // 100],
        audit=_rate(total, lambda: audit_log(keys=log_keys()).require_clean()),
        proofs=_rate(200, lambda: [selectors.proof_text(i * 13 % total) for i in range(200)]),
    )


def _rate(count: int, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def _record(count: int, *, per_transaction: int) -> None:
    """What the gate does at a release: an actor, a handful of digests."""
    from django.db import transaction

    from compliance.ledger.events import Event
    from compliance.ledger.services import record

    for first in range(0, count, per_transaction):
        with transaction.atomic():
            for number in range(first, min(first + per_transaction, count)):
                record(
                    event=Event.RELEASE_ASSET_RELEASED,
                    subject_id=uuid.uuid4(),
                    organisation_id=uuid.UUID(int=1),
                    actor_id=uuid.UUID(int=2),
                    data={"sha256": "a" * 64, "grant": "b" * 64, "mark": "0" * 16, "number": number},
                )


def _together(entries: int) -> float:
    """Recording here while a sequencer process numbers; until the last entry is under a signed head."""
    sequencer = subprocess.Popen([sys.executable, "manage.py", "ledger", "sequence", "--interval", "0.05"], cwd=ROOT)
    _record(1, per_transaction=1)
    _wait_until_numbered(sequencer)  # the process is up now
    begun = time.perf_counter()
    _record(entries, per_transaction=16)
    _wait_until_numbered(sequencer)
    rate = entries / (time.perf_counter() - begun)
    sequencer.send_signal(signal.SIGTERM)
    sequencer.wait()
    return rate


def _wait_until_numbered(sequencer: subprocess.Popen[bytes]) -> None:
    from compliance.ledger.models import OutboxEntry

    while OutboxEntry.objects.exists():
        if sequencer.poll() is not None:
            raise RuntimeError(f"the sequencer ended with {sequencer.returncode}; its output is above")
        time.sleep(0.01)


def _ages(newest: int) -> list[float]:
    """Seconds each of the ``newest`` entries waited for its checkpoint."""
    from compliance.ledger.models import Checkpoint, LogEntry

    heads = iter(Checkpoint.objects.order_by("size").values_list("size", "created_at"))
    first = LogEntry.objects.count() - newest
    ages, (size, at) = [], next(heads)
    for index, recorded in LogEntry.objects.order_by("index").values_list("index", "recorded_at"):
        while size <= index:
            size, at = next(heads)
        if index >= first:
            ages.append((at - recorded).total_seconds())
    return ages


def _child(name: str, entries: int) -> None:
    """Set up keys and tables in this process's own folder and database, measure, print JSON."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from compliance.keys.services import initialise

    initialise(keys_dir=settings.AVOW_KEYS_DIR, secrets_dir=settings.AVOW_SECRETS_DIR)
    call_command("migrate", "ledger", verbosity=0, skip_checks=True)
    print(json.dumps(asdict(measure(name, entries))))


def run(name: str, url: str, entries: int) -> Result:
    """Measure one database in a child process; raises CalledProcessError when that fails."""
    with tempfile.TemporaryDirectory(prefix="avow-bench-") as folder:
        environment = os.environ | {
            "DATABASE_URL": url or f"sqlite:///{folder}/bench.sqlite3",
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "compliance.settings"),
            "AVOW_VAR_DIR": folder,
            "AVOW_ROLE": "sequencer",
            "AVOW_SECRET_KEY": uuid.uuid4().hex,
            "AVOW_LOG_LEVEL": "WARNING",
        }
        arguments = [sys.executable, "-m", "bench.ledger_bench", "--child", name, "--entries", str(entries)]
        done = subprocess.run(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return Result(**json.loads(done.stdout.decode().splitlines()[-1]))


def _show(result: Result) -> bool:
    held = result.together >= LIMIT
    verdict = "held" if held else "MISSED"
    print(f"{result.database}  ({result.entries} entries in the end)")
    rows = [
        ("outbox, one entry per transaction", result.record_single, "entries/s", ""),
        ("outbox, 16 entries per transaction", result.record_batched, "entries/s", ""),
        ("sequencer alone", result.sequence, "entries/s", ""),
        ("CPU to record one", result.cpu_record, "ms", ""),
        ("CPU to number and sign one", result.cpu_sequence, "ms", ""),
        ("outbox and sequencer together", result.together, "entries/s", f"limit {LIMIT}: {verdict}"),
        ("recorded to signed, median", result.age_p50, "s", ""),
        ("recorded to signed, p99", result.age_p99, "s", "goal 2"),
        ("full audit", result.audit, "entries/s", ""),
        ("offline proofs", result.proofs, "proofs/s", ""),
    ]
    for label, value, unit, remark in rows:
        print(f"  {label:36} {value:10,.{0 if value >= 100 else 2}f} {unit:10} {remark}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=6000)
    parser.add_argument("--postgres", default=os.environ.get("AVOW_BENCH_POSTGRES", ""))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options.child, options.entries)
        return 0
    held = [_show(run("SQLite", "", options.entries))]
    if options.postgres:
        held.append(_show(run("PostgreSQL", options.postgres, options.entries)))
    else:
        print("PostgreSQL  NOT MEASURED: give --postgres or AVOW_BENCH_POSTGRES")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
