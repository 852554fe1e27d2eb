"""`manage.py seed_demo`: an invented brand, an authority and five people to try Avow with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatars.demo import keep_host, order_presenter, seed
from compliance.accounts.demo import PASSWORD, PEOPLE
from compliance.errors import Refused

_AFTER_THE_ROOM_S = 60.0
"""A demonstration room that is to go on air needs the render worker first."""


class Command(BaseCommand):
    help = "Create the demonstration organisations and people (only with AVOW_DEMO=1)."
    requires_system_checks = ()  # `bootstrap` has just made them, and somebody waits for the first page

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--presenter", action="store_true", help="also have a worker draw the demonstration clip")

        parser.add_argument(
            "--draw-host", action="store_true", help="only draw the clip that the room's own host is built from"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["draw_host"]:
            keep_host()
            return
        try:
            seed()
            if options["presenter"]:
                order_presenter(delay_s=_AFTER_THE_ROOM_S if settings.AVOW_DEMO_ROOM_MINUTES else 0.0)
        except Refused as error:
            raise CommandError(f"{error} Nothing was created.") from error
        self.stdout.write(f"\nAvow is starting on {settings.AVOW_PUBLIC_URL}\n\nSign in as")
        for person in PEOPLE:
            self.stdout.write(f"  {person.email:<28} {person.role.label}")
        self.stdout.write(f"with the password {PASSWORD}\n")
