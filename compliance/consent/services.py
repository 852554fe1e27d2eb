"""The verbs of consent: give, replace, withdraw, let expire; sign the receipt, count what was used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Organisation, OrganisationKind, User
from compliance.accounts.selectors import is_regulator
from compliance.consent import cascade, notices, record, selectors, vocab
from compliance.consent.errors import ConsentNotGiven, NotInForce, NotYours, UsageExceeded
from compliance.consent.models import (
    ConsentEvent,
    Grant,
    GrantRequest,
    Guardianship,
    Method,
    Notice,
    State,
    Usage,
    Withdrawal,
)
from compliance.consent.receipts import make_receipt
from compliance.consent.rules import IN_FORCE, AgeBand, ConsentState
from compliance.consent.terms import BIOMETRIC, GrantTerms
from compliance.envelope import Envelope
from compliance.jobs.services import enqueue
from compliance.keys.custody import Custody
from compliance.ledger.events import Event
from compliance.ledger.services import record as log

# Clocks differ a little, and a person reads the review page before pressing the button.
START_TOLERANCE = timedelta(minutes=5)


# --- Notices ---
def current_notice(*, language: str) -> Notice:
    """The newest notice in `language` (English if it does not exist there); published on first use."""
    content = notices.load(notices.latest_version(), language)
    notice, _created = Notice.objects.get_or_create(
        version=content["version"],
        language=content["language"],
        defaults={"content": content, "sha256": record.digest_of(content)},
    )
    return notice


# --- Giving ---
@transaction.atomic
def give_grant(
    *,
    principal: User,
    by: User,
    grantee: Organisation,
    terms: GrantTerms,
    notice: Notice,
    separate_consent: bool,
    age_band: AgeBand,
    method: Method = Method.WEB_FORM,
    grant_id: UUID | None = None,
    supersedes: Grant | None = None,
    request: GrantRequest | None = None,
) -> Grant:
    """Record that `by` (the person, or a registered guardian) has granted `terms` to `grantee`.

    With `grant_id` the same form sent twice gives one grant. A change is a grant that `supersedes` the one in
    force; a proposal is answered by passing it as `request`.

    Raises:
        NotYours: grant_for_another_person, request_not_yours, grant_not_yours.
        ConsentNotGiven: guardian_needed, separate_consent_missing, start_backdated, notice_outdated,
            terms_unknown_value, grantee_unfit, brand_unknown.
        NotInForce: grant_replaced, grant_ended, request_answered, grant_id_taken.
    """
    now = timezone.now().replace(microsecond=0)
    if (earlier := _given_before(grant_id, principal, terms)) is not None:
        return earlier
    _check_giver(principal, by, age_band)
    check_scope(grantee, terms)
    _check_form(terms, separate_consent=separate_consent, notice=notice, now=now)
    if supersedes is not None:
        _check_replaceable(supersedes, principal=principal, grantee=grantee, now=now)
    grant = _insert_grant(
        id=grant_id or uuid4(),
        principal=principal,
        guardian=None if by.pk == principal.pk else by,
        grantee=grantee,
        terms=terms,
        notice=notice,
        method=method,
        separate_consent=separate_consent,
        age_band=age_band.value,
        supersedes=supersedes,
        now=now,
    )
    if request is not None:
        _answer(request, grant)
    _add_event(grant, State.GIVEN, at=now, entity=by, method=method, valid_until=terms.ends_at)
    if supersedes is not None:
        _replace(supersedes, grant, by=by, method=method, now=now)
    _log_given(grant, by)
    _ask_for_receipt(grant)
    return grant


def supersede_grant(*, grant: Grant, by: User, terms: GrantTerms, **given: Any) -> Grant:
    """Change a grant: give a new one to the same organisation that replaces it; arguments as `give_grant`."""
    return give_grant(principal=grant.principal, by=by, grantee=grant.grantee, terms=terms, supersedes=grant, **given)


def _given_before(grant_id: UUID | None, principal: User, terms: GrantTerms) -> Grant | None:
    earlier = Grant.objects.filter(pk=grant_id).first() if grant_id else None
    if earlier is None:
        return None
    if earlier.principal_id != principal.pk or earlier.terms != terms.to_json():
        raise NotInForce("grant_id_taken", _("This form has been used for another consent. Please start again."))
    return earlier


def _check_giver(principal: User, by: User, age_band: AgeBand) -> None:
    if not selectors.acts_for(by, principal):
        raise NotYours("grant_for_another_person", _("Nobody can consent for somebody else. The person has to."))
    if age_band != AgeBand.ADULT and by.pk == principal.pk:
        raise ConsentNotGiven(
            "guardian_needed",
            _("Under 18, a parent or guardian has to consent from an account of their own."),
        )


def _check_form(terms: GrantTerms, *, separate_consent: bool, notice: Notice, now: datetime) -> None:
    if terms.modalities & BIOMETRIC and not separate_consent:
        raise ConsentNotGiven(
            "separate_consent_missing",
            _("Face, body and voice data need your separate consent. Tick its box, or leave these data out."),
        )
    if terms.starts_at < now - START_TOLERANCE:
        raise ConsentNotGiven("start_backdated", _("A consent cannot begin in the past. Choose a later start."))
    if notice.version != notices.latest_version():
        raise ConsentNotGiven("notice_outdated", _("The notice has changed since. Please read the new one."))


def check_scope(grantee: Organisation, terms: GrantTerms) -> None:
    """Terms that a grant, or a proposal for one, to `grantee` can carry.

    Raises:
        ConsentNotGiven: grantee_unfit, brand_unknown, terms_unknown_value.
    """
    kinds = (OrganisationKind.BRAND, OrganisationKind.AGENCY)
    if grantee.kind not in kinds:
        raise ConsentNotGiven("grantee_unfit", _("A likeness can be granted to a brand or an agency only."))
    named = {brand.id: brand.name for brand in terms.brands}
    known = Organisation.objects.filter(pk__in=named, kind__in=kinds)
    if {str(brand.pk): brand.name for brand in known} != named:
        raise ConsentNotGiven("brand_unknown", _("A brand in this consent is not known under that name."))
    if unknown := vocab.unknown_values(terms):
        raise ConsentNotGiven("terms_unknown_value", _("A choice is not on the list."), values=unknown)


def _check_replaceable(old: Grant, *, principal: User, grantee: Organisation, now: datetime) -> None:
    locked = Grant.objects.select_for_update().get(pk=old.pk)
    if locked.principal_id != principal.pk or locked.grantee_id != grantee.pk:
        raise NotYours("grant_not_yours", _("Only your own consent to the same organisation can be changed."))
    if Grant.objects.filter(supersedes=locked).exists():
        raise NotInForce("grant_replaced", _("This consent has been replaced already. Change the newest one."))
    if selectors.state_of(locked, now) not in IN_FORCE:
        raise NotInForce("grant_ended", _("This consent has ended. Give a new one instead."))


def _insert_grant(*, terms: GrantTerms, notice: Notice, now: datetime, **fields: Any) -> Grant:
    grant = Grant(
        terms=terms.to_json(),
        notice=notice,
        language=notice.language,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        created_at=now,
        **fields,
    )
    grant.digest = record.digest_of(record.instrument(grant))
    grant.save(force_insert=True)
    return grant


def _answer(request: GrantRequest, grant: Grant) -> None:
    locked = GrantRequest.objects.select_for_update().get(pk=request.pk)
    if locked.principal_id != grant.principal_id or locked.grantee_id != grant.grantee_id:
        raise NotYours("request_not_yours", _("This proposal was made to somebody else."))
    if not locked.open:
        raise NotInForce("request_answered", _("This proposal has been answered already."))
    _add_event(grant, State.REQUESTED, at=locked.requested_at, entity=locked.requested_by, method=grant.method)
    GrantRequest.objects.filter(pk=locked.pk).update(grant=grant)


def _replace(old: Grant, new: Grant, *, by: User, method: str, now: datetime) -> None:
    _add_event(old, State.TERMINATED, at=now, entity=by, method=method)
    log(
        event=Event.CONSENT_GRANT_SUPERSEDED,
        subject_id=old.pk,
        organisation_id=old.grantee_id,
        actor_id=by.pk,
        data={"grant": old.digest, "by": new.digest},
    )


def _log_given(grant: Grant, by: User) -> None:
    log(
        event=Event.CONSENT_GRANT_GIVEN,
        subject_id=grant.pk,
        organisation_id=grant.grantee_id,
        actor_id=by.pk,
        data={
            "grant": grant.digest,
            "notice": grant.notice.sha256,
            "method": grant.method,
            "separate_consent": grant.separate_consent,
        },
        personal={"principal": str(grant.principal_id)},
    )


def _add_event(
    grant: Grant,
    state: State,
    *,
    at: datetime,
    entity: User | None,
    method: str,
    valid_until: datetime | None = None,
) -> ConsentEvent:
    return ConsentEvent.objects.create(
        grant=grant,
        number=grant.events.count() + 1,
        state=state,
        at=at,
        entity=entity,
        method=method,
        valid_until=valid_until,
    )


# --- Receipts ---
def _ask_for_receipt(grant: Grant) -> None:
    enqueue(
        kind="consent.receipt",
        args={"grant_id": str(grant.pk)},
        organisation=grant.grantee,
        grant_id=grant.pk,
        subject_id=grant.pk,
        key=f"consent.receipt:{grant.pk}",
    )


@transaction.atomic
def issue_receipt(*, grant_id: UUID, custody: Custody) -> Envelope:
    """Sign the receipt and keep it with the grant; the one already issued if there is one. Gate only.

    Raises:
        KeyAccessDenied: this process does not hold the receipt key.
        GrantTampered: grant_terms_altered.
    """
    grant = Grant.objects.select_for_update(of=("self",)).select_related("notice", "grantee").get(pk=grant_id)
    if grant.receipt is not None:
        return dict(grant.receipt)
    receipt = make_receipt(grant, custody=custody, issued_at=timezone.now())
    Grant.objects.filter(pk=grant.pk).update(receipt=receipt)
    log(
        event=Event.CONSENT_RECEIPT_SIGNED,
        subject_id=grant.pk,
        organisation_id=grant.grantee_id,
        actor_id=None,
        data={"grant": grant.digest, "receipt": record.digest_of(receipt)},
    )
    return receipt


# --- Ending ---
@transaction.atomic
def withdraw_grant(*, grant: Grant, by: User, reason: str = "", method: Method = Method.WEB_FORM) -> Withdrawal:
    """End the consent that `grant` belongs to, at once, for the person, a guardian or an authority.

    Withdrawing twice gives the first withdrawal. Everything in settings.AVOW_WITHDRAWAL_STEPS follows.

    Raises:
        NotYours: withdrawal_not_yours.
    """
    head = _lock_head(grant)
    own = selectors.acts_for(by, head.principal)
    if not own and not is_regulator(by):
        raise NotYours("withdrawal_not_yours", _("Only the person who gave this consent can withdraw it."))
    return _end(
        head,
        State.WITHDRAWN if own else State.INVALIDATED,
        by=by,
        reason=reason,
        method=method if own else Method.ORDER,
    )


def expire_grants(now: datetime | None = None) -> int:
    """End every grant whose term has run out at `now`, with the same cascade. Returns how many."""
    now = now or timezone.now()
    ended = list(selectors.grants_in_force().filter(ends_at__lte=now).values_list("pk", flat=True)[:100])
    for grant_id in ended:
        with transaction.atomic():
            grant = Grant.objects.select_for_update().get(pk=grant_id)
            if selectors.state_of(grant, now) == ConsentState.EXPIRED:
                _end(grant, State.EXPIRED, by=None, reason="", method=Method.SCHEDULE)
    return len(ended)


def _lock_head(grant: Grant) -> Grant:
    """The head of the chain, locked; a change that came first makes a newer one."""
    while True:
        head = Grant.objects.select_for_update().get(pk=selectors.head_of(grant).pk)
        if not Grant.objects.filter(supersedes=head).exists():
            return head


def _end(grant: Grant, state: State, *, by: User | None, reason: str, method: Method) -> Withdrawal:
    if (earlier := Withdrawal.objects.filter(grant=grant).first()) is not None:
        return earlier
    now = timezone.now()
    _add_event(grant, state, at=now, entity=by, method=method)
    withdrawal = Withdrawal.objects.create(grant=grant, cause=state, by=by, reason=reason.strip(), at=now)
    expired = state == State.EXPIRED
    log(
        event=Event.CONSENT_GRANT_EXPIRED if expired else Event.CONSENT_GRANT_WITHDRAWN,
        subject_id=grant.pk,
        organisation_id=grant.grantee_id,
        actor_id=by.pk if by else None,
        data={"grant": grant.digest, "state": state.value, "method": method.value},
        personal={"reason": reason.strip()} if reason.strip() else {},
    )
    cascade.start(withdrawal)
    return withdrawal


# --- Use, and who may act ---
@transaction.atomic
def record_usage(*, grant: Grant, release_id: UUID, seconds: float, markets: Sequence[str]) -> None:
    """Count a release against the grant's hours, once per release and market; in the release's transaction.

    The grant is locked and asked once more, because it may have ended, or another release may have used up the
    hours, since this one was permitted.

    Raises:
        NotInForce: grant_ended.
        UsageExceeded: hours_exhausted.
    """
    head = _lock_head(grant)
    if selectors.state_of(head, timezone.now()) not in IN_FORCE:
        raise NotInForce("grant_ended", _("This consent has ended. Give a new one instead."))
    for market in markets:
        Usage.objects.get_or_create(
            release_id=release_id,
            market=market,
            defaults={"grant": head, "seconds": seconds, "recorded_at": timezone.now()},
        )
    limit_h = GrantTerms.from_json(head.terms).max_hours
    if limit_h is not None and selectors.used_seconds(head) > limit_h * 3600:
        raise UsageExceeded("hours_exhausted", _("With this release more hours would be used than were granted."))


@transaction.atomic
def register_guardian(*, ward: User, guardian: User, document_sha256: str, recorded_by: User) -> Guardianship:
    """Note that the operator has seen the document by which `guardian` acts for `ward`.

    Raises:
        NotYours: guardian_by_operator.
    """
    if not recorded_by.is_staff or recorded_by.pk in (ward.pk, guardian.pk):
        raise NotYours("guardian_by_operator", _("Only the operator's staff can register a guardian."))
    return Guardianship.objects.create(
        ward=ward, guardian=guardian, document_sha256=document_sha256, recorded_by=recorded_by
    )
