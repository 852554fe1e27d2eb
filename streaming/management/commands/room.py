"""Rooms from the terminal: the processes that keep them on air, and a rehearsal without a browser."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from streaming.air.gate import LiveGate
from streaming.air.working import work
from streaming.rehearsal import add_arguments, rehearse


class Command(BaseCommand):
    help = "Keep live rooms on air (`gate`, `work`), or rehearse one (`rehearse`)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("gate", help="verify, sign and publish what goes on air (role gate)")
        verbs.add_parser("work", help="perform rooms (role worker)")
        add_arguments(verbs.add_parser("rehearse", help="put a room on air without a browser"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "rehearse":
            self.stdout.write(rehearse(options))
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_ignored: stopping.set())
        if options["verb"] == "gate":
            LiveGate(Path(settings.AVOW_LIVE_SOCKET), stopping=stopping).serve()
        else:
            work(Path(settings.AVOW_LIVE_SOCKET), stopping)
