"""``manage.py provenance init | show``: certificates for development, and what is installed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.errors import AvowError
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.ca import ensure_development_ca
from compliance.provenance.pki import Pki


class Command(BaseCommand):
    help = "Make or renew the development certificates (role setup), or show what is installed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["init", "show"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.init() if options["action"] == "init" else self.show()
        except AvowError as error:
            raise CommandError(str(error)) from error

    def init(self) -> None:
        written = ensure_development_ca(custody=open_custody(), pki=Pki.from_settings())
        self.stdout.write(f"wrote {', '.join(written)}" if written else "All certificates are in date.")

    def show(self) -> None:
        pki, custody = Pki.from_settings(), open_custody()
        for purpose in (KeyPurpose.CLAIM, KeyPurpose.TSA):
            for certificate in pki.chain(purpose, custody.key_id(purpose)):
                self.stdout.write(
                    f"{purpose:<6} {certificate.subject.rfc4514_string()}  until "
                    f"{certificate.not_valid_after_utc:%Y-%m-%d}"
                )
        for certificate in pki.anchors():
            self.stdout.write(f"anchor {certificate.subject.rfc4514_string()}")
