"""Reasons as they are stored: a code for machines, and a sentence in both languages of the site.

They are written in the gate, long before somebody reads them, so the reader's language is not known yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import override

from compliance.errors import AvowError

Json = dict[str, Any]


def reason(code: str, text: Promise, **words: object) -> Json:
    """One reason from a translatable sentence with %(named)s places for `words`."""
    return reason_from(code, lambda: str(text) % words if words else str(text))


def reason_of(error: AvowError) -> Json:
    """A refusal as a reason."""
    return reason_from(error.code, lambda: error.text)


def reason_from(code: str, say: Callable[[], str]) -> Json:
    """One reason whose sentence `say` gives in the active language."""
    with override("en"):
        english = say()
    with override("zh-hans"):
        return {"code": code, "text": english, "text_zh": say()}
