"""Template tags that every page of Avow may use: `{% load avow %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context

from compliance.accounts.access import active_membership
from compliance.accounts.models import Membership, Organisation, Role, User
from compliance.accounts.navigation import nav_items, roles_of, url_of
from compliance.accounts.selectors import memberships_of

register = template.Library()

# One table for the whole site, so that the same word always has the same colour.
_BADGES = {
    "ok": "given reconfirmed active approved released ready succeeded done trusted confirmed allow valid good",
    "warn": "requested pending submitted hold held insufficient_evidence quarantined expired warning usable",
    "danger": "withdrawn refused rejected failed block invalid invalidated forged error takedown destroyed short",
    "info": "queued waiting running building checking ordered permitted rendered supported allow_with_duties",
}
_BADGE_OF = {word: kind for kind, words in _BADGES.items() for word in words.split()}


@register.filter
def badge_kind(state: object) -> str:
    """`ok`, `warn`, `danger`, `info` or `neutral` for a state word: `badge--{{ grant.state|badge_kind }}`."""
    return _BADGE_OF.get(str(getattr(state, "value", state)).lower(), "neutral")


@register.filter
def percent(fraction: float | None) -> int:
    """A fraction 0..1 as a whole percentage 0..100."""
    return round(100 * min(1.0, max(0.0, fraction or 0.0)))


@register.filter
def short_hash(value: object, length: int = 12) -> str:
    """The first characters of a digest, for places where the full one stands nearby."""
    text = str(value)
    return text if len(text) <= length else f"{text[:length]}…"


@register.simple_tag(takes_context=True)
def viewer(context: Context) -> dict[str, Any]:
    """Who looks at the page: `nav`, `organisations`, `active`, `roles`, `can_administer`.

    Error pages are drawn without a request; then nobody looks.
    """
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return {"nav": [], "organisations": [], "active": None, "roles": frozenset(), "can_administer": False}
    return _viewer_of(request)


def _viewer_of(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    held = list(memberships_of(user)) if isinstance(user, User) else []
    active = active_membership(request) if held else None
    match = request.resolver_match
    return {
        "nav": nav_items(roles_of(held), match.namespace if match else ""),
        "organisations": _organisations(held),
        "active": active.organisation if active else None,
        "roles": roles_of(held),
        "can_administer": active is not None and _administers(held, active.organisation),
    }


def _organisations(held: list[Membership]) -> list[tuple[Organisation, list[str]]]:
    """Each organisation once, with the names of the person's roles there."""
    grouped: dict[Organisation, list[str]] = {}
    for membership in held:
        grouped.setdefault(membership.organisation, []).append(str(Role(membership.role).label))
    return list(grouped.items())


def _administers(held: list[Membership], organisation: Organisation) -> bool:
    return any(m.organisation_id == organisation.id and m.role == Role.ADMINISTRATOR for m in held)


@register.simple_tag
def url_if_installed(route: str, **kwargs: object) -> str:
    """The address of a route, or "" when it does not exist."""
    return url_of(route, **kwargs)
