"""What must hold whenever an instance is quiet, whoever was killed before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from avatars.models import Avatar, AvatarState, LikenessKey, Recording
from compliance import storage
from compliance.consent.models import CascadeStep, Grant, StepState, Withdrawal
from compliance.jobs.models import Job, JobState
from compliance.ledger.events import Event
from compliance.ledger.models import LogEntry
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.release.models import Permit, Quarantine, Release, ReleaseState, Review, ReviewState, Take, TakeState

# One cannot be given up for another: a producer has to look at it.
GIVEN_UP = "job_gave_up"
_read_back: set[str] = set()


def wrongs() -> list[str]:
    """Every violation, in words; empty when all is well."""
    return [*_jobs(), *_takes(), *_releases(), *_files(), *_entries(), *_withdrawals()]


def _jobs() -> Iterator[str]:
    for job in Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING)):
        yield f"{job} is still open"
    for job in Job.objects.filter(state=JobState.FAILED):
        if job.error_code != GIVEN_UP or not job.error_text:
            yield f"{job} failed: {job.error_code} {job.error_text}"


def _takes() -> Iterator[str]:
    ends = (TakeState.RELEASED, TakeState.QUARANTINED, TakeState.CANCELLED)
    for take in Take.objects.all():
        released, held = Release.objects.filter(take=take).count(), Quarantine.objects.filter(take=take).count()
        expected = {TakeState.RELEASED: (1, 0), TakeState.QUARANTINED: (0, 1)}.get(TakeState(take.state), (0, 0))
        if take.state not in ends:
            yield f"take {take.id} is left {take.state}"
        if (released, held) != expected:
            yield f"take {take.id} is {take.state} with {released} releases and {held} quarantines"
        if take.state != TakeState.RELEASED and not take.reasons:
            yield f"take {take.id} is {take.state} without a reason"


def _releases() -> Iterator[str]:
    for release in Release.objects.select_related("mark"):
        if not storage.private().exists(release.file):
            yield f"release {release.id} has no file"
            continue
        with storage.local_copy(release.file) as path:
            if storage.sha256_file(path) != release.sha256:
                yield f"release {release.id} is not the file that was signed"
            elif release.sha256 not in _read_back:
                yield from _marks(release, path)
                _read_back.add(release.sha256)


def _marks(release: Release, path: Path) -> Iterator[str]:
    credentials, label = read_provenance(path), read_aigc(path).label
    if (credentials.state, credentials.mark) != ("trusted", release.mark_id):
        yield f"release {release.id} reads back {credentials.state} with mark {credentials.mark}"
    if label is None or label.produce_id != str(release.take_id):
        yield f"release {release.id} carries the label {label}"


def _files() -> Iterator[str]:
    """Whatever lies in storage is named by a row, and nothing lies in a working folder."""
    usable = Permit.objects.filter(revoked_at__isnull=True, take__state__in=(TakeState.PERMITTED, TakeState.RENDERED))
    known = {
        "releases": set(Release.objects.values_list("file", flat=True)),
        "quarantine": set(Quarantine.objects.values_list("file", flat=True)),
        "renderings": set(Take.objects.filter(state=TakeState.RENDERED).values_list("rendering", flat=True)),
        "patterns": set(usable.values_list("pattern", flat=True)),
        "models": set(Avatar.objects.exclude(model="").values_list("model", flat=True)),
        "footage": set(Avatar.objects.exclude(footage="").values_list("footage", flat=True)),
        "posters": set(Avatar.objects.exclude(poster="").values_list("poster", flat=True)),
        "previews": set(Avatar.objects.exclude(preview="").values_list("preview", flat=True)),
        "recordings": {
            name for row in Recording.objects.values_list("upload", "sound") for name in row if name
        },
        "comparisons": {name for one in Avatar.objects.all() for name in one.files if name.startswith("comparisons/")},
    }
    found = set(stored())
    expected = set().union(*known.values())
    yield from (f"{name} belongs to no row" for name in sorted(found - expected))
    yield from (f"{name} is gone" for name in sorted(expected - found))
    for folder, kind in (("tmp", "*.mp4"), ("scratch", "*"), ("copies", "*")):
        yield from (f"{path} was left behind" for path in (settings.VAR_DIR / folder).rglob(kind))


def stored(folder: str = "") -> Iterator[str]:
    """The name of every object in the private storage, wherever it is."""
    try:
        folders, files = storage.private().listdir(folder)
    except FileNotFoundError:  # nothing has been stored yet
        return
    yield from (f"{folder}{name}" for name in files if name)
    for inner in folders:
        yield from stored(f"{folder}{inner}/")


def _entries() -> Iterator[str]:
    """Every business row has exactly its entries in the log, and the log has no entry without a row."""
    expected = Counter[tuple[str, str]]()
    for event, rows in (
        (Event.CONSENT_GRANT_GIVEN, Grant.objects.all()),
        (Event.CONSENT_RECEIPT_SIGNED, Grant.objects.filter(receipt__isnull=False)),
        (Event.RELEASE_TAKE_ORDERED, Take.objects.all()),
        (Event.RELEASE_REVIEW_DECIDED, Review.objects.exclude(state=ReviewState.PENDING)),
        (Event.RELEASE_PERMIT_ISSUED, Permit.objects.all()),
        (Event.RELEASE_PERMIT_REVOKED, Permit.objects.filter(revoked_at__isnull=False)),
        (Event.RELEASE_ASSET_RELEASED, Release.objects.all()),
        (Event.RELEASE_ASSET_TAKEDOWN_LISTED, Release.objects.filter(state=ReleaseState.TAKEDOWN)),
        (Event.RELEASE_ASSET_QUARANTINED, Quarantine.objects.all()),
        (Event.AVATARS_AVATAR_BUILT, Avatar.objects.filter(ready_at__isnull=False)),
        (Event.AVATARS_AVATAR_DESTROYED, Avatar.objects.filter(state=AvatarState.DESTROYED)),
        (Event.AVATARS_KEY_DESTROYED, LikenessKey.objects.filter(destroyed_at__isnull=False).exclude(master="")),
    ):
        expected.update((event.value, str(pk)) for pk in rows.values_list("pk", flat=True))
    for withdrawal in Withdrawal.objects.all():
        done = withdrawal.steps.filter(state=StepState.DONE).count()
        subject = str(withdrawal.grant_id)
        expected[Event.CONSENT_GRANT_WITHDRAWN.value, subject] = 1
        expected[Event.CONSENT_CASCADE_STEP.value, subject] = done
        expected[Event.CONSENT_CASCADE_FINISHED.value, subject] = int(done == withdrawal.steps.count())
    kinds = {event for event, _subject in expected}
    found = Counter(
        (event, str(subject))
        for event, subject in LogEntry.objects.filter(event__in=kinds).values_list("event", "subject_id")
    )
    for key in sorted(expected.keys() | found.keys()):
        if expected[key] != found[key]:
            yield f"{key}: {expected[key]} rows, {found[key]} entries"


def _withdrawals() -> Iterator[str]:
    for step in CascadeStep.objects.select_related("withdrawal"):
        if step.state != StepState.DONE or step.delay_s is None or step.delay_s > 60:
            yield f"withdrawal step {step.name} is {step.state} after {step.delay_s} s"
