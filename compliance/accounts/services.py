"""Changing who belongs where."""

from __future__ import annotations

from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from compliance.accounts.access import SESSION_KEY
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.accounts.provider_code import check_provider_code
from compliance.errors import BadInput, Refused

# A regulator's role inside a brand would open nothing, so it cannot be given there.
_BUSINESS = (Role.STREAMER, Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)
ROLES_OF_KIND: dict[str, tuple[Role, ...]] = {
    OrganisationKind.BRAND: _BUSINESS,
    OrganisationKind.AGENCY: _BUSINESS,
    OrganisationKind.AUTHORITY: (Role.REGULATOR, Role.ADMINISTRATOR),
    OrganisationKind.PERSONAL: (Role.STREAMER, Role.ADMINISTRATOR),
}


@transaction.atomic
def add_member(
    *, organisation: Organisation, email: str, role: Role, display_name: str = ""
) -> tuple[Membership, bool]:
    """Give the person with that address a role; opens an account without password if there is none.

    Returns the membership and whether the account is new (then an invitation is due).
    Raises `BadInput` for a role the kind of organisation does not have or that the person holds already.
    """
    if role not in ROLES_OF_KIND[organisation.kind]:
        raise BadInput("role_not_here", _("An organisation of this kind has no such role."))
    user, created = _person(email=email, display_name=display_name)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(user=user, organisation=organisation, role=role)
    except IntegrityError as error:
        raise BadInput("already_member", _("This person holds that role already.")) from error
    return membership, created


def _person(*, email: str, display_name: str) -> tuple[User, bool]:
    address = User.objects.normalize_email(email).lower()
    known = User.objects.filter(email=address).first()
    if known is not None:
        return known, False
    return User.objects.create_user(
        address, None, display_name=display_name or address.partition("@")[0]
    ), True


@transaction.atomic
def remove_member(*, membership: Membership) -> None:
    """Take a role away. Raises `Refused` for the last administrator, who would lock everybody out."""
    organisation = Organisation.objects.select_for_update().get(pk=membership.organisation_id)
    administrators = Membership.objects.filter(organisation=organisation, role=Role.ADMINISTRATOR)
    if membership.role == Role.ADMINISTRATOR and administrators.count() == 1:
        raise Refused(
            "last_administrator",
            _("This is the last administrator. Make somebody else administrator first."),
        )
    membership.delete()


@transaction.atomic
def update_organisation(*, organisation: Organisation, name: str, provider_code: str) -> Organisation:
    """Change name and provider code ("" for none). Raises `BadInput` for a code that cannot be right."""
    if provider_code:
        check_provider_code(provider_code)
    organisation.name, organisation.provider_code = name, provider_code
    organisation.save(update_fields=["name", "provider_code"])
    return organisation


@transaction.atomic
def open_personal_organisation(*, user: User) -> Organisation:
    """The one organisation in which a streamer acts for nobody but themselves; the same one on every call."""
    User.objects.select_for_update().get(pk=user.pk)
    known = Organisation.objects.filter(
        kind=OrganisationKind.PERSONAL, memberships__user=user, memberships__role=Role.STREAMER
    ).first()
    if known is not None:
        return known
    organisation = Organisation.objects.create(name=str(user), kind=OrganisationKind.PERSONAL)
    for role in ROLES_OF_KIND[OrganisationKind.PERSONAL]:
        Membership.objects.create(user=user, organisation=organisation, role=role)
    return organisation


@transaction.atomic
def update_profile(*, user: User, display_name: str, language: str) -> User:
    """Change the name others see and the language of pages and mails."""
    user.display_name, user.language = display_name, language
    user.save(update_fields=["display_name", "language"])
    return user


def switch_organisation(*, session: SessionBase, organisation: Organisation) -> None:
    """Act for `organisation` from now on in this session; the caller has checked the membership."""
    session[SESSION_KEY] = str(organisation.pk)
