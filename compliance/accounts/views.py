"""The first page, a person's own settings, and an organisation's members."""

from __future__ import annotations

from uuid import UUID

from allauth.account.forms import ResetPasswordForm
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language

from compliance.accounts import demo, services
from compliance.accounts.access import login_needed, signed_in
from compliance.accounts.forms import MemberForm, OrganisationForm, ProfileForm
from compliance.accounts.models import Membership, Organisation, Role, User
from compliance.accounts.navigation import roles_of
from compliance.accounts.selectors import has_role, memberships_of, organisations_with_role
from compliance.accounts.welcome import NEXT_STEPS, next_steps
from compliance.errors import AvowError


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What Avow is, for a visitor; what to do next, for a person who is signed in."""
    return _welcome(request, request.user) if isinstance(request.user, User) else _landing(request)


def _landing(request: HttpRequest) -> HttpResponse:
    people = demo.PEOPLE if settings.AVOW_DEMO else ()
    context = {
        "steps": NEXT_STEPS,
        "demo_people": people,
        "demo_password": demo.PASSWORD,
        "demo_room": settings.AVOW_DEMO_ROOM_MINUTES,
    }
    return render(request, "home/landing.html", context)


def _welcome(request: HttpRequest, user: User) -> HttpResponse:
    roles = roles_of(memberships_of(user))
    context = {
        "steps": next_steps(roles),
        "may_open_personal": Role.STREAMER not in roles and Role.REGULATOR not in roles,
        "has_second_factor": is_mfa_enabled(user),
        "belongs_nowhere": not roles,
        "demo_room": settings.AVOW_DEMO_ROOM_MINUTES,
    }
    return render(request, "home/home.html", context)


@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Change the language of this browser, and of the person's account if there is one."""
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and chosen in dict(settings.LANGUAGES):
        services.update_profile(user=request.user, display_name=request.user.display_name, language=chosen)
    return set_language(request)


@require_http_methods(["GET", "POST"])
@login_needed
def profile(request: HttpRequest) -> HttpResponseBase:
    """Name and language of the person."""
    user = signed_in(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method != "POST" or not form.is_valid():
        held = memberships_of(user)
        return render(request, "accounts/profile.html", {"form": form, "held": held}, status=_status(request))
    services.update_profile(user=user, **form.cleaned_data)
    response = redirect("accounts:profile")
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, user.language, samesite="Lax", secure=request.is_secure()
    )
    messages.success(request, _("Saved."))
    return response


@require_POST
@login_needed
def switch(request: HttpRequest) -> HttpResponseBase:
    """Act for another of one's organisations. Leads home: the page left may belong to the former one."""
    organisations = organisations_with_role(signed_in(request))
    try:
        chosen = UUID(request.POST.get("organisation", ""))
    except ValueError as error:
        raise Http404 from error
    organisation = get_object_or_404(organisations, pk=chosen)
    services.switch_organisation(session=request.session, organisation=organisation)
    messages.success(request, _("You now act for %(name)s.") % {"name": organisation.name})
    return redirect("accounts:home")


@require_POST
@login_needed
def personal(request: HttpRequest) -> HttpResponseBase:
    """Open the organisation in which a streamer acts for themselves."""
    services.open_personal_organisation(user=signed_in(request))
    return redirect("accounts:home")


def _administered(request: HttpRequest, pk: UUID) -> Organisation:
    """The organisation if the person administers it; otherwise it does not exist for them."""
    organisation = get_object_or_404(Organisation, pk=pk)
    if not has_role(signed_in(request), organisation, Role.ADMINISTRATOR):
        raise Http404
    return organisation


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200


def _organisation_page(
    request: HttpRequest,
    held_by: Organisation,
    *,
    form: OrganisationForm | None = None,
    member_form: MemberForm | None = None,
) -> HttpResponse:
    # The form's instance carries unsaved input, so the page's heading reads the name from the database.
    saved = Organisation.objects.get(pk=held_by.pk)
    context = {
        "organisation": saved,
        "form": form or OrganisationForm(instance=saved),
        "member_form": member_form or MemberForm(organisation=saved),
        "members": saved.memberships.select_related("user").order_by("user__display_name", "role"),
    }
    return render(request, "accounts/organisation.html", context, status=_status(request))


@require_http_methods(["GET", "POST"])
@login_needed
def organisation(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Name, provider code and members of an organisation, for its administrators."""
    held = _administered(request, pk)
    if request.method != "POST":
        return _organisation_page(request, held)
    form = OrganisationForm(request.POST, instance=held)
    if not form.is_valid():
        return _organisation_page(request, held, form=form)
    services.update_organisation(organisation=held, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("accounts:organisation", pk=pk)


@require_POST
@login_needed
def add_member(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Give a person a role; a person without an account gets an invitation by e-mail."""
    held = _administered(request, pk)
    form = MemberForm(request.POST, organisation=held)
    if not form.is_valid():
        return _organisation_page(request, held, member_form=form)
    try:
        membership, is_new = services.add_member(organisation=held, **form.cleaned_data)
    except AvowError as error:
        form.add_error(None, error.text)
        return _organisation_page(request, held, member_form=form)
    if is_new:
        _invite(request, membership.user.email)
    messages.success(request, _("%(name)s is now a member.") % {"name": membership.user})
    return redirect("accounts:organisation", pk=pk)


def _invite(request: HttpRequest, email: str) -> None:
    """Send the link with which a person without a password sets one."""
    form = ResetPasswordForm({"email": email})
    if form.is_valid():
        form.save(request)


@require_POST
@login_needed
def remove_member(request: HttpRequest, pk: UUID, membership_pk: int) -> HttpResponseBase:
    """Take a role away from a member."""
    held = _administered(request, pk)
    membership = get_object_or_404(Membership, pk=membership_pk, organisation=held)
    try:
        services.remove_member(membership=membership)
    except AvowError as error:
        messages.error(request, error.text)
    else:
        messages.success(request, _("The role was taken away."))
    return redirect("accounts:organisation", pk=pk)
