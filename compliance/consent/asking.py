"""What others ask of a person: to grant something, or to agree to one single use."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import has_role
from compliance.consent import selectors
from compliance.consent.errors import NotInForce, NotYours
from compliance.consent.models import Grant, GrantRequest, UseApproval
from compliance.consent.services import check_scope
from compliance.consent.terms import GrantTerms


@transaction.atomic
def request_grant(
    *, principal: User, grantee: Organisation, terms: GrantTerms, requested_by: User, message: str = ""
) -> GrantRequest:
    """Propose terms to a person. Nothing is allowed by it.

    Raises:
        NotYours: request_without_role.
        ConsentNotGiven: grantee_unfit, brand_unknown, terms_unknown_value.
    """
    if not has_role(requested_by, grantee, Role.PRODUCER, Role.LEGAL):
        raise NotYours("request_without_role", _("Only producers and brand legal ask for consent."))
    check_scope(grantee, terms)
    return GrantRequest.objects.create(
        principal=principal,
        grantee=grantee,
        terms=terms.to_json(),
        message=message.strip(),
        requested_by=requested_by,
        requested_at=timezone.now(),
    )


@transaction.atomic
def refuse_request(*, request: GrantRequest, by: User) -> None:
    """Say no to a proposal.

    Raises:
        NotYours: request_not_yours.
        NotInForce: request_answered.
    """
    locked = GrantRequest.objects.select_for_update().get(pk=request.pk)
    if not selectors.acts_for(by, locked.principal):
        raise NotYours("request_not_yours", _("This proposal was made to somebody else."))
    if not locked.open:
        raise NotInForce("request_answered", _("This proposal has been answered already."))
    GrantRequest.objects.filter(pk=locked.pk).update(refused_at=timezone.now())


@transaction.atomic
def request_use(*, grant: Grant, use_id: UUID, description: str, requested_by: User) -> UseApproval:
    """Ask the person about one single use; the same use is asked about once."""
    approval, _created = UseApproval.objects.get_or_create(
        use_id=use_id,
        defaults={"grant": grant, "description": description, "requested_by": requested_by},
    )
    return approval


@transaction.atomic
def decide_use(*, approval: UseApproval, by: User, approve: bool) -> UseApproval:
    """The person's yes or no to one use.

    Raises:
        NotYours: use_not_yours.
        NotInForce: use_decided.
    """
    locked = UseApproval.objects.select_for_update().get(pk=approval.pk)
    if not selectors.acts_for(by, locked.grant.principal):
        raise NotYours("use_not_yours", _("Only the person whose likeness it is can decide this."))
    if locked.approved is not None:
        raise NotInForce("use_decided", _("You have decided this already."))
    locked.approved, locked.decided_by, locked.decided_at = approve, by, timezone.now()
    locked.save()
    return locked
