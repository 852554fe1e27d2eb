"""Acts for the people of an instance and watches its rows: one JSON `[verb, arguments]` a line in, one answer out.

Runs inside the instance's environment as the web process would, so it holds no key. It kills by the process id that
a job's lease names, a few milliseconds after it has seen what it waited for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatars.models import Avatar, AvatarState  # noqa: E402
from avatars.services import start_avatar, write_script  # noqa: E402
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User  # noqa: E402
from compliance.consent.models import CascadeStep, Grant, StepState  # noqa: E402
from compliance.consent.rules import AgeBand  # noqa: E402
from compliance.consent.services import current_notice, give_grant, withdraw_grant  # noqa: E402
from compliance.consent.terms import Brand, GrantTerms, Modality, Mode  # noqa: E402
from compliance.jobs import services as job_services  # noqa: E402
from compliance.jobs.models import Job, JobState  # noqa: E402
from compliance.jobs.services import dispatch, redispatch  # noqa: E402
from compliance.ledger.events import Event  # noqa: E402
from compliance.ledger.models import LogEntry, OutboxEntry  # noqa: E402
from compliance.ledger.services import record  # noqa: E402
from compliance.release.models import Permit, Release, Review, Take  # noqa: E402
from compliance.release.services import (  # noqa: E402
    AvatarUse,
    Campaign,
    ScriptUse,
    cancel_take,
    decide_review,
    order_take,
)
from compliance.release.sweeping import sweep  # noqa: E402
from tests.processes import invariants  # noqa: E402

T = TypeVar("T")
WIDTH, HEIGHT = 640, 360
PROVIDER_CODE = "001191000000MA00000AB31A001"
POLL_S = 0.005
DUTY_S = 0.2
PATIENCE_S = 90.0
# The driver stands in for the scheduler, which looks every ten seconds and waits 45 for a message: the same function,
# asked more often and with less patience.
job_services.MESSAGE_PATIENCE = timedelta(seconds=4)


def watch(read: Callable[[], T | None], what: str, seconds: float = PATIENCE_S) -> T:
    """What `read` gives once it gives something true; the scheduler's duty is done meanwhile."""
    deadline, duty = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < deadline:
        if now >= duty and not transaction.get_connection().in_atomic_block:
            redispatch()
            duty = now + DUTY_S
        if found := read():
            return found
        time.sleep(POLL_S)
    raise TimeoutError(f"{what} was not seen within {seconds} s; {open_work()}")


# --- the people ---
def cast() -> None:
    """The brand with its three people."""
    brand = Organisation.objects.create(name="Lumen", kind=OrganisationKind.BRAND, provider_code=PROVIDER_CODE)
    for name, role in (("mei", Role.STREAMER), ("pat", Role.PRODUCER), ("dana", Role.LEGAL)):
        user = User.objects.create_user(f"{name}@example.org", None, display_name=name.title())
        Membership.objects.create(user=user, organisation=brand, role=role)


def _person(name: str) -> User:
    return User.objects.get(email=f"{name}@example.org")


def grant() -> str:
    """The streamer grants her face and voice to the brand."""
    brand, mei = Organisation.objects.get(), _person("mei")
    terms = GrantTerms(
        modalities=frozenset({Modality.FACE, Modality.VOICE}),
        brands=frozenset({Brand(str(brand.id), brand.name)}),
        product_categories=frozenset({"cosmetics"}),
        purposes=frozenset({"product_presentation"}),
        platforms=frozenset({"douyin"}),
        territories=frozenset({"CN", "EU"}),
        languages=frozenset({"zh"}),
        modes=frozenset({Mode.RECORDED}),
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=30),
        intended_uses="Skin care in livestream shops.",
    )
    given = give_grant(
        principal=mei,
        by=mei,
        grantee=brand,
        terms=terms,
        notice=current_notice(language="en"),
        separate_consent=True,
        age_band=AgeBand.ADULT,
    )
    return str(given.id)


def withdraw(grant: str) -> None:
    """The streamer withdraws."""
    withdraw_grant(grant=Grant.objects.get(pk=grant), by=_person("mei"))


def upload(grant: str, clip: str) -> str:
    """The producer uploads the consented clip; the avatar is being built from here on."""
    path = Path(clip)
    with path.open("rb") as source:
        avatar = start_avatar(
            organisation=Organisation.objects.get(),
            created_by=_person("pat"),
            grant=Grant.objects.get(pk=grant),
            name="Mei",
            upload=source,
            upload_name=path.name,
            upload_size=path.stat().st_size,
        )
    return str(avatar.id)


def order(avatar: str, text: str) -> str:
    """The producer orders a take of `text`, brand legal approves whatever it needs."""
    pat, brand, figure = _person("pat"), Organisation.objects.get(), Avatar.objects.get(pk=avatar)
    script = write_script(organisation=brand, created_by=pat, title="Script", language="zh", text=text)
    take = order_take(
        organisation=brand,
        created_by=pat,
        grant=figure.grant,
        title="Hand cream",
        avatar=AvatarUse(figure.id, figure.digest, figure.name, {"avatar": avatar, "grant": str(figure.grant_id)}),
        script=ScriptUse(script.id, script.title, script.content(), script.estimated_s),
        campaign=Campaign(
            brand_id=str(brand.id),
            brand_name=brand.name,
            product_category="cosmetics",
            purpose="product_presentation",
            platform="douyin",
            markets=("CN", "EU"),
            language="zh",
            channel="live_commerce",
        ),
        width=WIDTH,
        height=HEIGHT,
    )
    for review in Review.objects.filter(state="pending"):
        decide_review(review=review, decided_by=_person("dana"), approve=True)
    return str(take.id)


def stop_take(take: str) -> None:
    """The producer stops a take."""
    cancel_take(take=Take.objects.get(pk=take), by=_person("pat"))


# --- waiting ---
def settle(seconds: float = PATIENCE_S) -> None:
    """Wait until no job is open and the outbox is empty."""
    watch(lambda: not open_work(), "quiet", seconds)


def open_work() -> list[str]:
    """What is still to be done."""
    found = Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING))
    waiting = OutboxEntry.objects.count()
    lines = [f"{job.kind} {job.state} {job.step!r} attempt {job.attempts} {job.error_code}" for job in found]
    return lines + ([f"{waiting} entries in the outbox"] if waiting else [])


def job_of(kind: str, subject: str) -> dict[str, Any]:
    """The newest job of `kind` for `subject`."""
    job = Job.objects.filter(kind=kind, subject_id=subject).latest("created_at")
    return {"state": job.state, "attempts": job.attempts, "code": job.error_code, "text": job.error_text}


def take_state(take: str) -> str:
    return str(Take.objects.get(pk=take).state)


def avatar_state(avatar: str) -> str:
    return str(Avatar.objects.get(pk=avatar).state)


# --- killing ---
def _running(kind: str, subject: str) -> Job | None:
    """The job while a living process has it."""
    leased = Job.objects.filter(state=JobState.RUNNING, lease_expires_at__gt=timezone.now())
    job = leased.filter(kind=kind, subject_id=subject).first()
    return job if job and _lives(_owner(job)) else None


def _owner(job: Job) -> int:
    return int(job.lease_owner.rsplit(":", 1)[1])


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _kill(job: Job) -> int:
    pid = _owner(job)
    os.kill(pid, signal.SIGKILL)
    watch(lambda: not _lives(pid), "the kill", 10)
    return pid


def _attempt(kind: str, subject: str) -> Job:
    return watch(lambda: _running(kind, subject), f"a running {kind}")


def wait_for_progress(kind: str, subject: str, at_least: float) -> None:
    """Wait until an attempt at the job has come so far."""
    _at_progress(kind, subject, at_least)


def _at_progress(kind: str, subject: str, at_least: float) -> Job:
    """The running job once it has come so far."""
    job = _attempt(kind, subject)
    ours = Job.objects.filter(pk=job.pk, fence=job.fence)
    if at_least:
        watch(lambda: ours.filter(progress__gte=at_least).exists(), f"{kind} at {at_least}")
    return job


def kill_at_progress(kind: str, subject: str, at_least: float) -> int:
    """Kill the process that runs the job once the job has come so far. Returns the process id."""
    return _kill(_at_progress(kind, subject, at_least))


def kill_at_file(kind: str, subject: str, name: str) -> int:
    """Kill the process that runs the job once it has begun to write `name`.

    `name` is in storage when it begins with `files/`, else in the working folder of the attempt.
    """
    job = _attempt(kind, subject)
    if name.startswith("files/"):
        pattern = name.removeprefix("files/")
        watch(lambda: any(fnmatch(stored, pattern) for stored in invariants.stored(f"{Path(pattern).parent}/")), name)
    else:
        place = f"scratch/{job.id}/{job.fence}/{name}"
        watch(lambda: any(settings.VAR_DIR.glob(place)), place)
    return _kill(job)


def kill_before_commit(take: str) -> int:
    """Kill the gate when the signed file is stored and its row is not written.

    The lock on the job's row (on SQLite, on all writing) is what the gate's last transaction has to wait for. It is
    taken when the gate reads the file back for the last time, after its last word about progress.
    """
    job = _attempt("release.gate", take)
    watch(lambda: "compliance.provenance.aigc" in _children(_owner(job)), "the last reading back")
    with transaction.atomic():
        Job.objects.select_for_update().get(pk=job.pk)
        watch(lambda: any(invariants.stored(f"releases/{take}/")), "the stored file", 25)
        return _kill(job)


def _children(pid: int) -> str:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return " ".join(Path(f"/proc/{child}/cmdline").read_text() for child in children)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill_after_commit(take: str) -> int:
    """Kill the gate as soon as the release can be seen, before or while it clears away."""
    job = _attempt("release.gate", take)
    watch(lambda: Release.objects.filter(take_id=take).exists(), "the release")
    return _kill(job)


def kill_in_cascade(grant: str) -> int:
    """Withdraw, and kill whoever runs the first queued step while it runs."""
    withdraw(grant)
    steps = CascadeStep.objects.filter(withdrawal__grant=grant).exclude(state=StepState.DONE).values("pk")
    running = Job.objects.filter(subject_id__in=steps, state=JobState.RUNNING)
    return _kill(watch(running.first, "a running step"))


# --- time ---
def an_hour_later() -> int:
    """Do the scheduler's sweep as it will look an hour from now. Returns how many files it removed."""
    return sweep(now=timezone.now() + timedelta(hours=1))


# --- the broker ---
def deliver_again(kind: str, jobs: int, times: int) -> None:
    """Send the message of each of the newest `jobs` of `kind` again, so often, as soon as they are queued."""
    open_ones = Job.objects.filter(kind=kind, state__in=(JobState.QUEUED, JobState.RUNNING))
    sent: set[UUID] = set()

    def all_sent() -> bool:
        for job in open_ones.exclude(pk__in=sent):
            for _time in range(times):
                dispatch(job)
            sent.add(job.pk)
        return len(sent) >= jobs

    watch(all_sent, f"{jobs} jobs {kind}")


def permit_runs_out(take: str) -> None:
    """The permit of the take is issued, and its time passes before anybody has used it."""
    permits = Permit.objects.filter(take_id=take)
    watch(permits.exists, "the permit")
    permits.update(expires_at=timezone.now() - timedelta(seconds=1))


def lose_messages(queue: str) -> int:
    """Delete what waits in the broker for `queue`, as a broker that dies would."""
    from compliance.celery import app

    with app.connection_for_write() as connection:
        return int(connection.default_channel.queue_purge(queue) or 0)


def run_all_again() -> list[str]:
    """Have every finished job done again, as if each process had died after its last write and before saying so.

    Returns the kinds of the jobs that a process has taken up again.
    """
    done = list(Job.objects.filter(state=JobState.SUCCEEDED).values_list("pk", flat=True))
    again = Job.objects.filter(pk__in=done)
    again.update(state=JobState.QUEUED, attempts=0, dispatched_at=None, finished_at=None)
    settle()
    return sorted(set(again.filter(attempts__gt=0).values_list("kind", flat=True)))


# --- the ledger ---
def burst(entries: int) -> None:
    """Many entries at once, in one transaction."""
    with transaction.atomic():
        for number in range(entries):
            record(
                event=Event.RELEASE_REVIEW_ASKED,
                subject_id=uuid4(),
                organisation_id=None,
                actor_id=None,
                data={"number": number},
            )


def log_size() -> dict[str, int]:
    """Entries numbered and waiting, read together."""
    with transaction.atomic():
        return {"numbered": LogEntry.objects.count(), "waiting": OutboxEntry.objects.count()}


def verify_log() -> None:
    """`manage.py ledger verify`; raises when anything is wrong."""
    call_command("ledger", "verify", stdout=sys.stderr)


# --- what must hold ---
def wrongs() -> list[str]:
    """Every invariant that does not hold."""
    verify_log()
    return invariants.wrongs()


def figures(avatar: str) -> dict[str, Any]:
    """What is left of an avatar."""
    found = Avatar.objects.get(pk=avatar)
    return {"destroyed": found.state == AvatarState.DESTROYED, "model": found.model, "footage": found.footage}


def delays(grant: str) -> dict[str, float | None]:
    """Seconds from withdrawal to the end of each step."""
    return dict(CascadeStep.objects.filter(withdrawal__grant=UUID(grant)).values_list("name", "delay_s"))


VERBS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        cast, grant, withdraw, upload, order, stop_take, settle, open_work, job_of, take_state, avatar_state,
        wait_for_progress, permit_runs_out, kill_at_progress, kill_at_file, kill_before_commit, kill_after_commit,
        kill_in_cascade, deliver_again, lose_messages, run_all_again, an_hour_later, burst, log_size, verify_log,
        wrongs, figures, delays,
    )
}  # fmt: skip


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        try:
            answer = {"value": VERBS[verb](**arguments)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
