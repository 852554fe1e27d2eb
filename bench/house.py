"""A throw-away installation for the parts that need settings, keys and certificates."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread


@dataclass(frozen=True)
class House:
    """folder: for files; tsa_url: a development time-stamp authority in a thread of this process."""

    folder: Path
    tsa_url: str


@contextmanager
def throw_away_house() -> Iterator[House]:
    """Settings, keys and a certificate authority of the bench's own; this process is its gate and its TSA.

    Must come before anything that reads Django's settings.
    """
    with tempfile.TemporaryDirectory(prefix="avow-bench-") as name:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "compliance.settings",
            "DATABASE_URL": f"sqlite:///{name}/bench.sqlite3",
            "AVOW_VAR_DIR": name,
            "AVOW_ROLE": "gate",
            "AVOW_SECRET_KEY": uuid.uuid4().hex,
            "AVOW_LOG_LEVEL": "WARNING",
        }
        import django

        django.setup()
        server = _furnish()
        Thread(target=server.serve_forever, daemon=True).start()
        yield House(Path(name), server.url)
        server.shutdown()
        server.server_close()


def _furnish() -> TsaServer:  # noqa: F821 - its module needs Django to be ready
    from datetime import UTC, datetime

    from django.conf import settings

    from compliance.keys.custody import FileCustody
    from compliance.keys.keystore import KeyStore
    from compliance.keys.purposes import KeyPurpose, ProcessRole
    from compliance.keys.services import initialise
    from compliance.provenance.ca import ensure_development_ca
    from compliance.provenance.pki import Pki
    from compliance.provenance.timestamp import TimeStampingUnit
    from compliance.provenance.tsa_server import TsaServer

    keys, secrets = settings.AVOW_KEYS_DIR, settings.AVOW_SECRETS_DIR
    initialise(keys_dir=keys, secrets_dir=secrets)
    pki = Pki.from_settings()
    ensure_development_ca(custody=FileCustody(ProcessRole.SETUP, KeyStore(keys), secrets / "setup.secret"), pki=pki)
    custody = FileCustody(ProcessRole.TSA, KeyStore(keys), secrets / "tsa.secret")
    chain = pki.usable_chain(KeyPurpose.TSA, custody.public_key(KeyPurpose.TSA), datetime.now(UTC))
    return TsaServer(TimeStampingUnit(custody, chain), 0)
