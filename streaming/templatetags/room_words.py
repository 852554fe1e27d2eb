"""Words for the pages of rooms."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from streaming.director.expression import Expression

register = template.Library()


@register.filter
def in_language(texts: Mapping[str, str] | None) -> str:
    """The reader's one of the two languages in which a text is kept."""
    return (texts or {}).get("zh" if (get_language() or "").startswith("zh") else "en", "")


@register.filter
def expression_name(name: str) -> str:
    """A manner of the host."""
    return {
        Expression.NEUTRAL: _("Even"),
        Expression.WARM: _("Warm"),
        Expression.EXCITED: _("Lively"),
        Expression.CALM: _("Calm"),
        Expression.CONCERNED: _("Concerned"),
    }.get(Expression(name), name)


@register.filter
def percent(share: float | None) -> str:
    """A share as whole per cent; a dash while there is none."""
    return "—" if share is None else f"{share:.0%}"
