"""The sequencer as a real process on a database of its own: killed, stopped, and audited afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest
from django.conf import settings
from django.db import connection
from django.db.utils import ConnectionHandler

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keystore")]
ENTRIES = 120
RECORD = """
import django; django.setup()
import uuid
from django.core.management import call_command
from django.db import transaction
call_command("migrate", "ledger", verbosity=0, skip_checks=True)
from compliance.ledger.events import Event
from compliance.ledger.services import record
with transaction.atomic():
    for number in range({count}):
        record(event=Event.RELEASE_TAKE_ORDERED, subject_id=uuid.uuid4(), organisation_id=None, actor_id=None,
               data={{"number": number}})
"""
FINISH = """
import django; django.setup()
from django.core.management import call_command
call_command("ledger", "sequence", "--once")
call_command("ledger", "verify")
"""


class OwnDatabase:
    """A migrated database that child processes share; ``url`` as in DATABASE_URL."""

    def __init__(self, url: str, keys: Path, secrets: Path) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "AVOW_ROLE": "sequencer",
            "AVOW_KEYS_DIR": str(keys),
            "AVOW_SECRETS_DIR": str(secrets),
            "AVOW_SECRET_FILE": str(secrets / "sequencer.secret"),
            "AVOW_SECRET_KEY": "only-for-tests",
        }
        self.connection = ConnectionHandler({"default": environ.Env.db_url_config(url)})["default"]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str) -> str:
        child = self.start(*arguments)
        output = child.communicate()[0].decode()
        assert child.returncode == 0, output
        return output

    def read(self, sql: str) -> list[tuple[object, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def numbered(self) -> int:
        return int(str(self.read("SELECT count(*) FROM ledger_logentry")[0][0]))

    def wait_until_numbered(self, at_least: int, running: subprocess.Popen[bytes]) -> None:
        """The process works all the while, so this ends, or the process did and its output says why."""
        while self.numbered() < at_least:
            assert running.poll() is None, running.communicate()[0].decode()


def wait_until_listening(running: subprocess.Popen[bytes]) -> None:
    """Until it catches SIGTERM (proc(5), SigCgt), which it does before it looks for entries."""
    status = Path(f"/proc/{running.pid}/status")
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
        assert running.poll() is None, running.communicate()[0].decode()


def administer(statement: str) -> None:
    """Run a statement that PostgreSQL takes outside transactions only, on a connection of its own."""
    server = ConnectionHandler({"default": connection.settings_dict})["default"]
    with server.cursor() as cursor:
        cursor.execute(statement)
    server.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[OwnDatabase]:
    name = f"avow_ledger_{uuid.uuid4().hex}"
    url = f"sqlite:///{tmp_path / name}"
    if connection.vendor == "postgresql":
        url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/".format(**connection.settings_dict) + name
        administer(f"CREATE DATABASE {name}")
    own = OwnDatabase(url, Path(settings.AVOW_KEYS_DIR), Path(settings.AVOW_SECRETS_DIR))
    yield own
    own.connection.close()
    if connection.vendor == "postgresql":
        administer(f"DROP DATABASE {name}")


def test_killed_sequencer_loses_and_doubles_nothing(database: OwnDatabase) -> None:
    database.run("-c", RECORD.format(count=ENTRIES))
    recorded = [row[0] for row in database.read("SELECT entry_id FROM ledger_outboxentry ORDER BY id")]
    for at_least in (1, ENTRIES // 2):
        running = database.start("manage.py", "ledger", "sequence", "--limit", "2", "--interval", "0")
        database.wait_until_numbered(at_least, running)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        waiting = int(str(database.read("SELECT count(*) FROM ledger_outboxentry")[0][0]))
        assert 0 < database.numbered() < ENTRIES
        assert database.numbered() + waiting == ENTRIES
    assert "whole" in database.run("-c", FINISH)
    assert [r[0] for r in database.read('SELECT entry_id FROM ledger_logentry ORDER BY "index"')] == recorded


def test_two_sequencers_share_the_work_without_a_fork_and_stop_on_sigterm(database: OwnDatabase) -> None:
    database.run("-c", RECORD.format(count=0))
    pair = [database.start("manage.py", "ledger", "sequence", "--limit", "2") for _ in range(2)]
    for running in pair:
        wait_until_listening(running)
    database.run("-c", RECORD.format(count=ENTRIES))
    database.wait_until_numbered(ENTRIES, pair[0])
    for running in pair:
        running.send_signal(signal.SIGTERM)
    outputs = [running.communicate()[0].decode() for running in pair]
    assert [running.returncode for running in pair] == [0, 0], outputs
    numbered = [int(output.split()[0]) for output in outputs]
    assert sum(numbered) == ENTRIES
    assert "whole" in database.run("-c", FINISH)
