"""Words for the findings of a capture check."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext

from avatars.capture.report import TEXTS

register = template.Library()


@register.filter
def finding_text(finding: dict[str, Any]) -> str:
    """The sentence of a stored finding, in the reader's language."""
    known = TEXTS.get(finding["code"])
    return gettext(known) % finding.get("values", {}) if known else str(finding["text"])
