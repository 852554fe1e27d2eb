"""Words for the findings of a capture check."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext

from avatars.capture.plan import TITLES
from avatars.capture.report import TEXTS
from avatars.models import Avatar
from avatars.quality import Figure, figures_of
from avatars.recordings import problem_text

register = template.Library()


@register.filter
def finding_text(finding: dict[str, Any]) -> str:
    """The sentence of a stored finding, in the reader's language."""
    known = TEXTS.get(finding["code"])
    values = dict(finding.get("values", {}))
    if "step" in values:
        values["step"] = step_title(values["step"])
    return gettext(known) % values if known else str(finding["text"])


@register.filter
def step_title(key: str) -> str:
    """The name of a step of the minute."""
    return str(TITLES.get(key, key))


@register.filter
def picture_of(number: int, avatar: Avatar) -> bool:
    """Whether there is a picture of the finding with this number."""
    return str(number) in avatar.pictures


@register.filter
def recording_problem(code: str) -> str:
    """Why a recording of a script was refused, in the reader's language."""
    return problem_text(code)


@register.simple_tag
def card_figures(card: dict[str, Any], bars: Any = None, comparison: Any = None) -> list[Figure]:
    """The figures of a stored card in words; `bars` and `comparison` where they are kept with it."""
    return figures_of(card, bars or {}, comparison or {})


@register.filter
def eye_share(opening: float) -> str:
    """An opening in eye distances as a percentage."""
    return f"{100 * opening:.0f}"
