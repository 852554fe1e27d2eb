"""Reads: what has been granted, how it stands, who may see it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery

from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import organisations_with_role
from compliance.consent.models import (
    CascadeStep,
    ConsentEvent,
    Grant,
    GrantRequest,
    Guardianship,
    StepState,
    Usage,
    UseApproval,
)
from compliance.consent.receipts import verify_grant
from compliance.consent.rules import IN_FORCE, AgeBand, ConsentState, EffectiveGrant, GrantStanding, state_at
from compliance.consent.terms import Approval, GrantTerms

VIEWERS = (Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)


def grants() -> QuerySet[Grant]:
    """Every grant with what pages show of it, newest first."""
    return Grant.objects.select_related("principal", "grantee", "notice")


def grants_in_force() -> QuerySet[Grant]:
    """Grants whose last event lets processing run; whether their term does is not asked here."""
    events = ConsentEvent.objects.filter(grant=OuterRef("pk")).order_by("-number")
    in_force = [state.value for state in IN_FORCE]
    return grants().alias(state=Subquery(events.values("state")[:1])).filter(state__in=in_force)


def grants_given_by(user: User) -> QuerySet[Grant]:
    """What the person has granted, for themselves or for a ward; newest first."""
    return grants().filter(principal__in=acts_as(user))


def grants_for(organisation: Organisation) -> QuerySet[Grant]:
    """What has been granted to the organisation; newest first."""
    return grants().filter(grantee=organisation)


def grants_in_force_for(organisation: Organisation, now: datetime) -> QuerySet[Grant]:
    """Grants the organisation can use at `now`: given, begun, not ended, not replaced."""
    return grants_in_force().filter(grantee=organisation, starts_at__lte=now, ends_at__gt=now)


def grants_held_by_colleagues_of(user: User) -> QuerySet[Grant]:
    """What others have granted to organisations the person works for; newest first."""
    held = grants().filter(grantee__in=organisations_with_role(user, *VIEWERS))
    return held.exclude(principal__in=acts_as(user))


def grants_visible_to(user: User) -> QuerySet[Grant]:
    """Own grants, those of wards, and those held by organisations the person works for."""
    own = Q(principal__in=acts_as(user))
    return grants().filter(own | Q(grantee__in=organisations_with_role(user, *VIEWERS)))


def requests_open_for(user: User) -> QuerySet[GrantRequest]:
    """Proposals to the person, or to a ward, that have not been answered."""
    open_requests = GrantRequest.objects.filter(refused_at__isnull=True, grant__isnull=True)
    return open_requests.filter(principal__in=acts_as(user)).select_related("grantee", "requested_by")


def use_approvals_open_for(user: User) -> QuerySet[UseApproval]:
    """Single uses that wait for the own yes or no of the person, or of a guardian."""
    undecided = UseApproval.objects.filter(approved__isnull=True, grant__principal__in=acts_as(user))
    return undecided.select_related("grant__grantee", "requested_by")


def wards_of(guardian: User) -> QuerySet[User]:
    """Minors for whom the person is a registered guardian today."""
    current = Guardianship.objects.filter(guardian=guardian, ended_at__isnull=True)
    return User.objects.filter(pk__in=current.values("ward_id"))


def acts_as(user: User) -> QuerySet[User]:
    """For whom the user may consent and withdraw: themselves and their wards."""
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=wards_of(user)))


def acts_for(user: User, principal: User) -> bool:
    """Whether the user is the person copied or their registered guardian."""
    return user.pk == principal.pk or wards_of(user).filter(pk=principal.pk).exists()


def head_of(grant: Grant) -> Grant:
    """The newest grant of the chain `grant` belongs to: the one that counts."""
    while (newer := Grant.objects.filter(supersedes=grant).select_related("notice").first()) is not None:
        grant = newer
    return grant


def lineage_ids(grant: Grant) -> list[UUID]:
    """Ids of `grant` and of everything it supersedes, newest first."""
    ids = [grant.pk]
    while (older := Grant.objects.filter(pk=ids[-1]).values_list("supersedes_id", flat=True).get()) is not None:
        ids.append(older)
    return ids


def used_seconds(grant: Grant) -> float:
    """Playing time of everything released under `grant`; a release shown in several markets counts once."""
    longest = Usage.objects.filter(grant=grant).values("release_id").annotate(seconds=Max("seconds"))
    return float(sum(row["seconds"] for row in longest))


def state_of(grant: Grant, now: datetime) -> ConsentState:
    """State of one grant as the database has it now."""
    return states_of([grant], now)[0][1]


def chain_point(grant: Grant) -> tuple[UUID, int]:
    """The newest grant of the chain and the number of its last event: nobody has given, changed or withdrawn consent
    while it stays the same.
    """
    head = head_of(grant)
    last = ConsentEvent.objects.filter(grant=head).aggregate(number=Max("number"))["number"]
    return head.pk, last or 0


def states_of(rows: Iterable[Grant], now: datetime) -> list[tuple[Grant, ConsentState]]:
    """Each grant with its state, in one query for all."""
    rows = list(rows)
    events = ConsentEvent.objects.filter(grant__in=rows).order_by("number")
    last = {grant_id: ConsentState(state) for grant_id, state in events.values_list("grant_id", "state")}
    return [(grant, state_at(last.get(grant.pk), grant.ends_at, now)) for grant in rows]


def standing(grant: Grant, *, now: datetime, use_id: UUID | None = None) -> GrantStanding:
    """What has become of `grant`; with `use_id`, the person's own approval of that use is looked up."""
    return GrantStanding(
        state=state_of(grant, now),
        separate_consent=grant.separate_consent,
        age_band=AgeBand(grant.age_band),
        has_guardian=grant.guardian_id is not None,
        used_seconds=used_seconds(grant),
        approvals=frozenset({Approval.PER_USE}) if use_id and _use_approved(grant, use_id) else frozenset(),
    )


def _use_approved(grant: Grant, use_id: UUID) -> bool:
    asked = UseApproval.objects.filter(grant_id__in=lineage_ids(grant), use_id=use_id)
    return asked.filter(approved=True).exists()


def effective_grant(grant: Grant, *, now: datetime, use_id: UUID | None = None) -> EffectiveGrant:
    """The head of the grant's chain, checked against its digest and receipt, ready for `rules.permits`.

    What was made under an older grant of the chain lives on only inside the newest terms.

    Raises:
        GrantTampered, ReceiptInvalid: the stored grant is not what was agreed.
        TermsInvalid: the stored terms cannot be read.
    """
    head = head_of(grant)
    verify_grant(head)
    return EffectiveGrant(
        grant_id=str(head.pk),
        digest=head.digest,
        terms=GrantTerms.from_json(head.terms),
        standing=standing(head, now=now, use_id=use_id),
    )


def steps_open() -> QuerySet[CascadeStep]:
    """Cascade steps that have not taken effect yet."""
    return CascadeStep.objects.exclude(state=StepState.DONE).select_related("withdrawal__grant")
