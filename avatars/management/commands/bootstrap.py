"""`manage.py bootstrap`: everything a first run needs; repeating it changes nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from compliance.keys.custody import open_custody
from compliance.keys.services import initialise
from compliance.provenance.ca import ensure_development_ca
from compliance.provenance.pki import Pki


class Command(BaseCommand):
    help = "Create folders, keys, development certificates and tables where they are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        self._folders()
        initialise(secrets_dir=settings.AVOW_SECRETS_DIR, keys_dir=settings.AVOW_KEYS_DIR)
        ensure_development_ca(custody=open_custody(), pki=Pki.from_settings())
        call_command("migrate", verbosity=0, interactive=False)

    def _folders(self) -> None:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        for name in ("data_folder_in", "control_folder"):
            if folder := getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).get(name):
                settings.BASE_DIR.joinpath(folder).mkdir(parents=True, exist_ok=True)
