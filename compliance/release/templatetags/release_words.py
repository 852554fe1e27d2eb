"""Words for release pages."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from compliance.disclosure.duties import Duty
from compliance.disclosure.selectors import describe

register = template.Library()


@register.filter
def duty_text(duty: Duty) -> str:
    """What a duty asks for, in the reader's language."""
    return describe(duty, get_language() or "en")


@register.filter
def scientific(value: float) -> str:
    """A small probability as a power of ten."""
    return f"{value:.0e}"
