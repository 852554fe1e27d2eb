"""Rooms from the terminal: the processes that keep them on air, a rehearsal without a browser, a platform's bridge."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from compliance.errors import AvowError

_OTHERS_S, _LOOK_S = 20.0, 0.25


class Command(BaseCommand):
    """Each verb loads its own code: a bridge needs no torch, and what sends out opens no gate."""

    help = "Keep live rooms on air (`gate`, `work`, `outputs`), rehearse one, show a demonstration, bridge a platform."
    # The checks import every page: two seconds that a room that was taken over, or a start, should not wait for.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        from streaming.rehearsal import add_arguments as add_rehearsal
        from streaming.webhooks.bridge import add_arguments as add_bridge

        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("gate", help="verify, sign and publish what goes on air (role gate)")
        verbs.add_parser("work", help="perform rooms (role worker)")
        verbs.add_parser("outputs", help="send what is published to servers outside (role outputs)")
        verbs.add_parser(
            "demonstrate", help="the demonstration's product, and its room where AVOW_DEMO_ROOM_MINUTES is set"
        )
        add_rehearsal(verbs.add_parser("rehearse", help="put a room on air without a browser"))
        add_bridge(verbs.add_parser("bridge", help="post a platform's comments, JSON lines, to a room's webhook"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except AvowError as error:
            raise CommandError(str(error)) from error

    def _rehearse(self, options: dict[str, Any]) -> None:
        from streaming.rehearsal import rehearse

        self.stdout.write(rehearse(options))

    def _demonstrate(self, _options: dict[str, Any]) -> None:
        from streaming.demo import seed_catalogue
        from streaming.demo_room import ask_for_room

        if settings.AVOW_DEMO:
            seed_catalogue()
        if minutes := settings.AVOW_DEMO_ROOM_MINUTES:
            ask_for_room()
            self.stdout.write(f"An AI host goes on air at {settings.AVOW_PUBLIC_URL}/live/ for {minutes} minutes\n")

    def _bridge(self, options: dict[str, Any]) -> None:
        from streaming.webhooks.bridge import bridge

        self.stdout.write(bridge(options, stopping=_until_asked()))

    def _gate(self, _options: dict[str, Any]) -> None:
        stopping = _until_asked()
        let_others_start(stopping)
        from streaming.air.measuring import measuring_child

        # It loads its code while the gate loads its own: after a crash a room is waiting for both.
        spare = measuring_child()
        spare.start()
        from streaming.air.gate import LiveGate

        LiveGate(Path(settings.AVOW_LIVE_SOCKET), stopping=stopping, spare=spare).serve()

    def _work(self, _options: dict[str, Any]) -> None:
        stopping = _until_asked()
        let_others_start(stopping)
        from streaming.air.working import work

        work(Path(settings.AVOW_LIVE_SOCKET), stopping)

    def _outputs(self, _options: dict[str, Any]) -> None:
        stopping = _until_asked()
        let_others_start(stopping)
        from streaming.sending.desk import OutputDesk

        OutputDesk().serve(stopping)


def let_others_start(stopping: threading.Event) -> None:
    """Wait a little while no room is wanted on air: when all of Avow starts, what somebody waits for loads first."""
    from streaming.models import Room

    until = time.monotonic() + _OTHERS_S
    with suppress(DatabaseError):  # whoever serves the rooms waits an outage out
        while time.monotonic() < until and not Room.objects.filter(wanted_on_air=True).exists():
            if stopping.wait(_LOOK_S):
                return


def _until_asked() -> threading.Event:
    """Set when the process is asked to end."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_ignored: stopping.set())
    return stopping
