"""Words for release pages."""

from __future__ import annotations

from typing import Any

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


@register.filter
def in_words(reason: dict[str, Any]) -> str:
    """The sentence of a stored reason, in the reader's language."""
    chinese = (get_language() or "").startswith("zh")
    return str(reason.get("text_zh") or reason["text"]) if chinese else str(reason["text"])
