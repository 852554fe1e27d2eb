"""The doors of the web pages: which organisation a request acts for and which role it needs.

A door that is shut answers 404, never 403: a stranger must not learn that something exists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase

from compliance.accounts.models import Membership, Organisation, Role, User
from compliance.accounts.selectors import is_regulator, memberships_of

SESSION_KEY = "organisation"

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def signed_in(request: HttpRequest) -> User:
    """The person behind the request; 404 for a nameless one."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def active_membership(request: HttpRequest, *roles: Role) -> Membership | None:
    """The membership the request acts under: the chosen organisation first, then any that fits `roles`."""
    if not isinstance(request.user, User):
        return None
    held = [m for m in memberships_of(request.user) if not roles or m.role in roles]
    chosen = request.session.get(SESSION_KEY)
    return next((m for m in held if str(m.organisation_id) == chosen), held[0] if held else None)


def active_organisation(request: HttpRequest, *roles: Role) -> Organisation:
    """The organisation the request acts for; 404 when the person holds none of `roles` anywhere."""
    membership = active_membership(request, *roles)
    if membership is None:
        raise Http404
    return membership.organisation


def _needs_login(request: HttpRequest) -> HttpResponseBase | None:
    return None if request.user.is_authenticated else redirect_to_login(request.get_full_path())


def login_needed(view: View[P]) -> View[P]:
    """Send a nameless visitor to the sign-in page and back."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return _needs_login(request) or view(request, *args, **kwargs)

    return guarded


def role_required(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Open a page only to people who hold one of `roles` in some organisation.

    `Role.REGULATOR` counts only inside an authority.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if (redirect := _needs_login(request)) is not None:
                return redirect
            if not _holds(request, roles):
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _holds(request: HttpRequest, roles: tuple[Role, ...]) -> bool:
    ordinary = tuple(role for role in roles if role != Role.REGULATOR)
    if ordinary and active_membership(request, *ordinary) is not None:
        return True
    return Role.REGULATOR in roles and is_regulator(request.user)
