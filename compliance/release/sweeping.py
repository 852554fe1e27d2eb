"""Files that no row names: what a process wrote in the moment before it was killed. The scheduler removes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from compliance import storage
from compliance.release.models import Permit, Quarantine, Release, Take, TakeState

# A file is stored a moment before its row is committed; no transaction lasts so long.
GRACE = timedelta(minutes=10)


def sweep(*, now: datetime | None = None) -> int:
    """Delete what is stored here for no release, quarantine, rendering or permit. Returns how many files.

    `now`: the moment from which files' ages count; the present by default. Files are listed first and rows read second,
    so a row written meanwhile still protects its file.
    """
    before = (now or timezone.now()) - GRACE
    old = [name for folder in _named() for name in _stored(folder, before)]
    kept = {name for names in _named().values() for name in names}
    left = [name for name in old if name not in kept]
    for name in left:
        storage.delete(name)
    return len(left)


def _named() -> dict[str, set[str]]:
    """Folder -> names in it that a row still needs."""
    waiting = Take.objects.filter(state=TakeState.RENDERED)
    usable = Permit.objects.filter(revoked_at__isnull=True, take__state__in=(TakeState.PERMITTED, TakeState.RENDERED))
    return {
        "releases": set(Release.objects.values_list("file", flat=True)),
        "quarantine": set(Quarantine.objects.values_list("file", flat=True)),
        "renderings": set(waiting.values_list("rendering", flat=True)),
        "patterns": set(usable.values_list("pattern", flat=True)),
    }


def _stored(folder: str, before: datetime) -> Iterator[str]:
    """Names under the folder that were last changed before then."""
    store = storage.private()
    try:
        folders, files = store.listdir(folder)
    except FileNotFoundError:  # nothing of the kind was stored yet; an object store knows no folders and lists none
        return
    for name in filter(None, files):
        if store.get_modified_time(f"{folder}/{name}") < before:
            yield f"{folder}/{name}"
    for name in folders:
        yield from _stored(f"{folder}/{name}", before)
