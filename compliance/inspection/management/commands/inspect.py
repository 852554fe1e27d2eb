"""`manage.py inspect FILE [--json]`: what is this file, and where does it lead?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.errors import AvowError
from compliance.inspection.services import inspect_file


class Command(BaseCommand):
    help = "Examine a file: content credentials, AIGC metadata, watermark, fingerprint, ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print the whole result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["file"].is_file():
            raise CommandError(f"There is no file {options['file']}.")
        try:
            found = inspect_file(options["file"])
        except AvowError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
            return
        verdict = found["verdict"]
        self.stdout.write(f"{verdict['text']}  [{verdict['code']}]")
        for reason in verdict["reasons"]:
            self.stdout.write(f"  {reason['strength']:<10} {reason['text']}  [{reason['code']}]")
        for part in found["live"]["ranges"] if found["live"] else ():
            self.stdout.write(f"  segments {part['first']}-{part['last']} {part['state']} {part['text']}".rstrip())
        if found["trace"]:
            self.stdout.write(f"  leads to release {found['trace']['release']}, grant {found['trace']['grant']}")
