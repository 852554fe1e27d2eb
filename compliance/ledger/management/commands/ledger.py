"""``manage.py ledger sequence|verify|checkpoint|proof``."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.utils.translation import gettext as _

from compliance.connections import renew_connections
from compliance.errors import AvowError
from compliance.ledger import guards, selectors
from compliance.ledger.auditor import audit_log
from compliance.ledger.note import VerifierKey, encode64
from compliance.ledger.sequencer import DEFAULT_LIMIT, sequence_once
from compliance.ledger.signing import log_keys

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run, audit and read the append-only log."
    # The checks import every page and engine; the sequencer needs none of them and should stay small.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        sequence = commands.add_parser("sequence", help="number waiting entries until stopped (role: sequencer)")
        sequence.add_argument("--once", action="store_true", help="empty the outbox, then stop")
        sequence.add_argument("--interval", type=float, default=0.5, help="seconds between looks at an empty outbox")
        sequence.add_argument("--limit", type=int, default=DEFAULT_LIMIT, help="most entries per transaction")
        verify = commands.add_parser("verify", help="audit the whole log; exit code 1 when anything is wrong")
        verify.add_argument(
            "--against",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="a signed checkpoint you kept; may be given several times",
        )
        verify.add_argument(
            "--log-key",
            action="append",
            default=[],
            metavar="VKEY",
            help="trust this key instead of the key store's; may be given several times",
        )
        commands.add_parser("checkpoint", help="print the newest signed checkpoint")
        proof = commands.add_parser("proof", help="print the .tlog-proof of an entry")
        proof.add_argument("index", type=int)

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        try:
            getattr(self, f"_{command}")(**options)
        except AvowError as error:
            raise CommandError(str(error)) from error

    def _sequence(self, *, once: bool, interval: float, limit: int, **_options: Any) -> None:
        if gone := guards.missing(connection):
            raise CommandError(_("The database lost the triggers that protect the log: %s") % ", ".join(sorted(gone)))
        stop = threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        moved = _sequence_until(stop, once=once, interval=interval, limit=limit)
        self.stdout.write(_("%(count)d entries numbered.") % {"count": moved})

    def _verify(self, *, against: list[Path], log_key: list[str], **_options: Any) -> None:
        keys = [VerifierKey.from_vkey(key) for key in log_key] or log_keys()
        report = audit_log(keys=keys, kept=[path.read_text() for path in against])
        for finding in report.findings:
            self.stderr.write(str(finding))
        self.stdout.write(
            _("%(size)d entries, %(heads)d checkpoints, root %(root)s")
            % {"size": report.size, "heads": report.checkpoints, "root": encode64(report.root)}
        )
        report.require_clean()
        self.stdout.write(_("The log is whole."))

    def _checkpoint(self, **_options: Any) -> None:
        newest = selectors.latest_checkpoint()
        if newest is None:
            raise CommandError(_("The log is still empty."))
        self.stdout.write(newest.note, ending="")

    def _proof(self, *, index: int, **_options: Any) -> None:
        self.stdout.write(selectors.proof_text(index), ending="")


def _sequence_until(stop: threading.Event, *, once: bool, interval: float, limit: int) -> int:
    """Batch after batch; the batch in hand is always finished. Returns the number of entries moved."""
    moved = 0
    while not stop.is_set():
        try:
            count = sequence_once(limit)
        except OperationalError:
            if once:
                raise
            # The database restarts or is locked: nothing was half done, so wait and go on.
            logger.warning("The database is not available; trying again.", exc_info=True)
            renew_connections()
            count = 0
        moved += count
        if count < limit and once:
            break
        if count < limit:
            stop.wait(interval)
    return moved
