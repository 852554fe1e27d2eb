"""The studio's verbs for a terminal: who acts, what is ordered, and waiting for the processes that do it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from avatars import selectors, services
from avatars.models import Avatar, AvatarState, Recording, RecordingState, Script
from avatars.quality import figures_of
from avatars.recordings import add_recording, problem_text
from compliance import storage
from compliance.accounts.models import Membership, Organisation, Role, User
from compliance.accounts.selectors import has_role
from compliance.consent.models import Grant
from compliance.consent.terms import GrantTerms
from compliance.errors import BadInput, Refused
from compliance.jobs.models import Job, JobState
from compliance.release.models import ReleaseState, Take, TakeState
from compliance.release.services import Campaign
from compliance.release.templatetags.release_words import in_words

Told = Callable[[float, str], None]
POLL_S = 0.5
# Option of the command -> field of the grant's terms that holds what is allowed.
CAMPAIGN_FIELDS = {
    "category": "product_categories", "purpose": "purposes", "platform": "platforms", "markets": "territories",
}  # fmt: skip


def producer_of(organisation: Organisation, email: str) -> User:
    """The producer who acts: the one named, or the only one there is.

    Raises:
        Refused: terminal_no_producer, terminal_many_producers.
    """
    if email:
        user = User.objects.filter(email__iexact=email).first()
        if user is None or not has_role(user, organisation, Role.PRODUCER):
            text = _("%(email)s is not a producer of %(organisation)s.")
            raise Refused("terminal_no_producer", text % {"email": email, "organisation": organisation.name})
        return user
    held = Membership.objects.filter(organisation=organisation, role=Role.PRODUCER).select_related("user")[:2]
    if len(held) != 1:
        raise Refused("terminal_many_producers", _("Say with --by which producer acts; there is none, or several."))
    return held[0].user


# --- building ---
def build(clip: Path, *, grant_id: UUID, name: str, by: str) -> Avatar:
    """Upload a clip as a producer does on the page.

    Raises:
        BadInput, Refused: grant_unknown, and what `services.start_avatar` raises.
    """
    grant = Grant.objects.filter(pk=grant_id).select_related("grantee").first()
    if grant is None:
        raise BadInput("grant_unknown", _("There is no such consent."))
    with clip.open("rb") as upload:
        return services.start_avatar(
            organisation=grant.grantee,
            created_by=producer_of(grant.grantee, by),
            grant=grant,
            name=name,
            upload=upload,
            upload_name=clip.name,
            upload_size=clip.stat().st_size,
        )


def refine(avatar_id: UUID, *, by: str) -> Avatar:
    """Have a second double of the same footage learn longer, as the button on the page does.

    Raises:
        BadInput, Refused: avatar_unknown, and what `services.refine_avatar` raises.
    """
    avatar = known_avatar(avatar_id)
    return services.refine_avatar(avatar=avatar, created_by=producer_of(avatar.organisation, by))


def known_avatar(avatar_id: UUID) -> Avatar:
    """Raises BadInput: avatar_unknown."""
    avatar = Avatar.objects.filter(pk=avatar_id).select_related("grant", "organisation").first()
    if avatar is None:
        raise BadInput("avatar_unknown", _("There is no such avatar."))
    return avatar


def wait_for_avatar(avatar: Avatar, tell: Told) -> Avatar:
    """Wait until the build has ended, was given up or was paused."""
    for job in _watched(avatar.id, tell):
        avatar.refresh_from_db()
        if avatar.state != AvatarState.BUILDING or job is None or _stands(job):
            break
    return avatar


def findings_of(avatar: Avatar) -> list[str]:
    """What the check found, a line each."""
    return [
        f"{found['severity']:<8} {found['code']}{_at(found)}: {found['text']}" for found in avatar.findings
    ]


def _at(found: dict[str, Any]) -> str:
    return "" if found["at_s"] is None else f" at {found['at_s']:.1f} s"


def card_of(avatar: Avatar) -> dict[str, Any]:
    """The card with what it is about: clip, consent, model, code."""
    return {
        "avatar": str(avatar.id),
        "name": avatar.name,
        "state": avatar.state,
        "grant": str(avatar.grant_id),
        "grant_digest": avatar.grant.digest,
        "footage_sha256": avatar.footage_sha256,
        "model_sha256": avatar.digest,
        "engine": avatar.engine,
        "card": avatar.card,
        "quality": [figure.to_json() for figure in figures_of(avatar.card, avatar.bars, avatar.comparison)],
        "comparison": avatar.comparison,
        "facts": avatar.facts,
        "findings": avatar.findings,
    }


def card_lines(avatar: Avatar) -> list[str]:
    """The card in words: each figure with its bar, and what to do where it falls short."""
    lines = []
    for figure in figures_of(avatar.card, avatar.bars, avatar.comparison):
        lines.append(f"{figure.word}: {figure.title}: {figure.shown} ({figure.bar})")
        if (advice := figure.to_json()["advice"]) is not None:
            lines.append(f"    {advice}")
    made = "{engine} {version}, {bank_frames} mouths out of {footage_frames} frames, {base_s} s of calm motion"
    return [*lines, made.format(**avatar.card)]


# --- performing ---
def order(options: dict[str, Any], text: str, tell: Told) -> Take:
    """Order a take of `text`; a script with the very same words is used again, so that legal is asked once.

    `speech` of the options: the person's own recording of the script, where it is to be spoken in their voice.

    Raises:
        BadInput, Refused, ScriptRefused, AvatarNotReady: as the page does.
    """
    avatar = known_avatar(options["avatar"])
    producer = producer_of(avatar.organisation, options["by"])
    language = options["language"] or ("zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en")
    campaign = _campaign(avatar, language, options)
    script = _script(avatar.organisation, producer, options["script"].stem, language, text)
    return services.order_performance(
        created_by=producer,
        avatar=avatar,
        script=script,
        campaign=campaign,
        picture=options["picture"],
        recording=_recorded(producer, avatar, script, options["speech"], tell) if options["speech"] else None,
    )


def _recorded(producer: User, avatar: Avatar, script: Script, sound: Path, tell: Told) -> Recording:
    """The person's recording of the script, checked. Raises BadInput with the code of what is wrong with it."""
    with sound.open("rb") as upload:
        recording = add_recording(
            created_by=producer,
            avatar=avatar,
            script=script,
            upload=upload,
            upload_name=sound.name,
            upload_size=sound.stat().st_size,
        )
    for job in _watched(recording.id, tell):
        recording.refresh_from_db()
        if recording.state != RecordingState.CHECKING or (job is not None and _stands(job)):
            break
    if recording.state == RecordingState.REFUSED:
        raise BadInput(recording.problem, problem_text(recording.problem))
    return recording


def write_release(take: Take, out: Path) -> None:
    """Copy the released file to `out`, which is there whole or not at all.

    Raises:
        Refused: release_withdrawn, release_altered.
    """
    if take.release.state != ReleaseState.RELEASED:
        raise Refused("release_withdrawn", _("The consent ended meanwhile; the file may not be used any more."))
    part = out.with_name(f".{out.name}.part")
    try:
        with storage.local_copy(take.release.file) as released:
            shutil.copyfile(released, part)
        if storage.sha256_file(part) != take.release.sha256:
            raise Refused("release_altered", _("The stored file is not the one that was released."))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _script(organisation: Organisation, producer: User, title: str, language: str, text: str) -> Script:
    same = Script.objects.filter(organisation=organisation, language=language, text=text).first()
    return same or services.write_script(
        organisation=organisation, created_by=producer, title=title, language=language, text=text
    )


def _campaign(avatar: Avatar, language: str, options: dict[str, Any]) -> Campaign:
    terms = GrantTerms.from_json(avatar.grant.terms)
    chosen = {name: _chosen(name, options[name], getattr(terms, field)) for name, field in CAMPAIGN_FIELDS.items()}
    return Campaign(
        brand_id=str(avatar.organisation_id),
        brand_name=avatar.organisation.name,
        product_category=chosen["category"],
        purpose=chosen["purpose"],
        platform=chosen["platform"],
        markets=tuple(code.strip().upper() for code in chosen["markets"].split(",")),
        language=language,
        channel=options["channel"],
    )


def _chosen(name: str, given: str, allowed: frozenset[str]) -> str:
    """What was given, or the only thing the grant allows. What is not allowed is for the gate to refuse."""
    if given:
        return given
    if name == "markets":
        return ",".join(sorted(allowed))
    if len(allowed) == 1:
        return next(iter(allowed))
    text = _("Say which with --%(option)s: %(choices)s.")
    raise BadInput("campaign_unclear", text % {"option": name, "choices": ", ".join(sorted(allowed))})


def wait_for_take(take: Take, tell: Told) -> Take:
    """Wait until the take is released, refused, stopped, or held by the gate."""
    for job in _watched(take.id, tell):
        take.refresh_from_db()
        if not take.open or take.state == TakeState.HELD or (job is not None and _stands(job)):
            break
    return take


def reasons_of(take: Take) -> list[str]:
    """Why it is held or refused, a line each."""
    return [f"{reason['code']}: {in_words(reason)}" for reason in take.reasons]


# --- waiting ---
def _stands(job: Job) -> bool:
    return job.state in (JobState.FAILED, JobState.CANCELLED, JobState.PAUSED)


def _watched(subject_id: UUID, tell: Told) -> Iterator[Job | None]:
    """The newest job about the subject, again and again; its progress is told when it changes."""
    last: tuple[int, str] | None = None
    while True:
        job = selectors.current_job(subject_id)
        if job is not None and (job.percent, job.step) != last:
            last = (job.percent, job.step)
            tell(job.progress, job.step or str(job.get_state_display()))
        yield job
        time.sleep(POLL_S)


def why(subject_id: UUID) -> str:
    """What the newest job about the subject says of its end."""
    job = selectors.current_job(subject_id)
    return f"{job.error_text} ({job.error_code})" if job is not None and job.error_code else ""
