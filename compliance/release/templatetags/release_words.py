"""Words for release pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from compliance.consent import vocab
from compliance.consent.models import State
from compliance.disclosure.duties import Duty
from compliance.disclosure.selectors import describe, markets

register = template.Library()
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@register.filter
def duty_text(duty: Duty) -> str:
    """What a duty asks for, in the reader's language."""
    return describe(duty, get_language() or "en")


@register.filter
def scientific(value: float) -> str:
    """A small probability as a power of ten: 2 × 10⁻¹⁴."""
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit} × 10{str(int(exponent)).translate(_RAISED)}"


@register.filter
def in_words(reason: dict[str, Any]) -> str:
    """The sentence of a stored reason, in the reader's language."""
    chinese = (get_language() or "").startswith("zh")
    return str(reason.get("text_zh") or reason["text"]) if chinese else str(reason["text"])


@register.filter
def named(code: str, aspect: str) -> str:
    """The name of a code of the consent vocabulary: `{{ campaign.platform|named:"platform" }}`."""
    return vocab.label(aspect, code)


@register.filter
def market_names(codes: Iterable[str]) -> str:
    """Markets by name, in the reader's language; `*` is a rule for all of them."""
    language = get_language() or "en"
    names = dict(markets(language)) | {"*": _("all markets")}
    comma = "、" if language.startswith("zh") else ", "
    return comma.join(names.get(code) or vocab.territory_name(code) for code in codes)


@register.filter
def grant_state(state: str) -> str:
    """The state of a consent in words; other text, such as another cause of a takedown, as it is."""
    return str(State(state).label) if state in State.values else state
