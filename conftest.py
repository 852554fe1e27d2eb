"""Fixtures every test may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.unguarded import Guards

SHARED_MEDIA = Path(__file__).resolve().parent.parent / "shared" / "media"


@pytest.fixture(autouse=True)
def _the_language_of_nobody() -> Iterator[None]:
    """What a page was asked for in one test is not the language of the next."""
    from django.utils import translation

    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Real clips for measuring; they do not ship, so tests that need them say that they were skipped."""
    if not SHARED_MEDIA.is_dir():
        pytest.skip(f"REAL CLIPS ABSENT: {SHARED_MEDIA} is not there; this behaviour was not tested")
    return SHARED_MEDIA


@pytest.fixture(scope="session")
def _keystore_dirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from compliance.keys.custody import FileCustody
    from compliance.keys.keystore import KeyStore
    from compliance.keys.purposes import ProcessRole
    from compliance.keys.services import initialise
    from compliance.provenance.ca import ensure_development_ca
    from compliance.provenance.pki import Pki

    root = tmp_path_factory.mktemp("keystore")
    keys, secrets = root / "keys", root / "secrets"
    initialise(keys_dir=keys, secrets_dir=secrets)
    custody = FileCustody(ProcessRole.SETUP, KeyStore(keys), secrets / "setup.secret")
    ensure_development_ca(custody=custody, pki=Pki(keys / "pki"))
    return keys, secrets


@pytest.fixture
def keystore(_keystore_dirs: tuple[Path, Path], settings: object) -> tuple[Path, Path]:
    """Keys of a session's own; settings point at them and the role is `web`, which may use none."""
    keys, secrets = _keystore_dirs
    settings.AVOW_KEYS_DIR, settings.AVOW_SECRETS_DIR = keys, secrets  # type: ignore[attr-defined]
    settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = "web", secrets / "web.secret"  # type: ignore[attr-defined]
    return keys, secrets


@pytest.fixture
def as_role(keystore: tuple[Path, Path], settings: object) -> Callable[[str], AbstractContextManager[None]]:
    """`with as_role("gate"):` acts as that process."""

    @contextmanager
    def act(role: str) -> Iterator[None]:
        before = settings.AVOW_ROLE, settings.AVOW_SECRET_FILE  # type: ignore[attr-defined]
        settings.AVOW_ROLE = role  # type: ignore[attr-defined]
        settings.AVOW_SECRET_FILE = keystore[1] / f"{role}.secret"  # type: ignore[attr-defined]
        try:
            yield
        finally:
            settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = before  # type: ignore[attr-defined]

    return act


@pytest.fixture
def files(tmp_path: Path, settings: object) -> Path:
    """Private storage of this test's own."""
    folder = tmp_path / "files"
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "default": {"BACKEND": backend, "OPTIONS": {"location": str(folder), "base_url": None}},
    }
    return folder


_UNGUARDED = pytest.StashKey[DjangoDbBlocker]()


@pytest.fixture
def emptied(
    request: pytest.FixtureRequest, transactional_db: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A database that tests commit to is emptied afterwards, which the guards of consent and ledger rightly refuse.

    Whoever empties it may come before or after this fixture: the guards stand again when all fixtures have gone.
    """
    from django.db import connection

    yield
    request.node.stash[_UNGUARDED] = django_db_blocker
    for guards in _guards():
        guards.remove(connection)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    from django.db import connection

    yield
    blocker = item.stash.get(_UNGUARDED, None)
    if blocker is not None and nextitem is not None:  # after the last test the database is gone as well
        with blocker.unblock():
            for guards in _guards():
                guards.install(connection)


def _guards() -> tuple[Guards, ...]:
    from compliance.consent import guards as consent_guards
    from compliance.ledger import guards as ledger_guards

    return consent_guards, ledger_guards


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What commits is repeated on the second database like all that asks it; `django_db` would empty it too late."""
    for item in items:
        if "emptied" in getattr(item, "fixturenames", ()):
            item.add_marker("commits")


QUEUE_ROLES = {"gate": "gate", "inspect": "inspector", "default": "worker", "render": "worker"}


@pytest.fixture
def run_jobs(as_role: Callable[[str], AbstractContextManager[None]]) -> Callable[[], int]:
    """Do every waiting job, each as the process its queue belongs to. Returns how many ran."""

    def drain() -> int:
        from compliance.jobs.models import Job, JobState
        from compliance.jobs.services import run

        count = 0
        due = Job.objects.filter(state=JobState.QUEUED, not_before__isnull=True, queue__in=QUEUE_ROLES)
        while job := due.first():
            with as_role(QUEUE_ROLES[job.queue]):
                run(job.id)
            count += 1
        return count

    return drain
