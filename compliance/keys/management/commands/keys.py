"""``manage.py keys init | show | rotate``: create, list and renew keys."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.errors import AvowError
from compliance.keys import selectors, services
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import KeyPurpose


class Command(BaseCommand):
    help = "Create, list and rotate the keys of this installation."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="create missing role secrets and keys; changes nothing that exists")
        show = actions.add_parser("show", help="list all keys, without secrets")
        show.add_argument("--json", action="store_true", help="machine-readable, with public keys")
        rotate = actions.add_parser("rotate", help="make a new version of one key current")
        rotate.add_argument("purpose", choices=[purpose.value for purpose in KeyPurpose])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])(options)
        except AvowError as error:
            raise CommandError(str(error)) from error

    def init(self, options: dict[str, Any]) -> None:
        made = services.initialise(secrets_dir=_secrets_dir(), keys_dir=_keys_dir())
        if not made.secrets and not made.keys:
            self.stdout.write("All keys are there; nothing was changed.")
        for role in made.secrets:
            self.stdout.write(f"created role secret {role}")
        for purpose in made.keys:
            self.stdout.write(f"created key {purpose}")

    def show(self, options: dict[str, Any]) -> None:
        keys = selectors.list_keys(KeyStore(_keys_dir()))
        if options["json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(key) for key in keys], indent=1))
            return
        for key in keys:
            mark = "current" if key.current else "former"
            self.stdout.write(
                f"{key.purpose:<11} {key.key_id} {key.algorithm:<10} {key.created} {mark:<8}{', '.join(key.holders)}"
            )

    def rotate(self, options: dict[str, Any]) -> None:
        key_id = services.rotate(
            purpose=KeyPurpose(options["purpose"]), secrets_dir=_secrets_dir(), keys_dir=_keys_dir()
        )
        self.stdout.write(f"{options['purpose']} now signs with {key_id}")


def _keys_dir() -> Path:
    return Path(settings.AVOW_KEYS_DIR)


def _secrets_dir() -> Path:
    return Path(settings.AVOW_SECRETS_DIR)
