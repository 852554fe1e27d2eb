"""System check: Avow does not start when a label that a rule pack may ask for cannot be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register

from .errors import LabelGlyphMissing, PackInvalid, PackUnknown
from .glyphs import check_glyphs
from .packstore import load_packs
from .rulepacks import RulePack


def label_texts(packs: tuple[RulePack, ...]) -> Iterator[tuple[str, str]]:
    """(rule id, wording) of every visible label the packs can ask for."""
    for pack in packs:
        for rule in pack.rules:
            if rule.duty_kind == "visible_label":
                for requirement in rule.duty_parameters.get("texts", ()):
                    yield from ((rule.id, wording) for wording in requirement["wordings"])


@register("disclosure")
def check_labels_can_be_drawn(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """One error per label text with a missing glyph, and one when the packs cannot be read."""
    try:
        packs = load_packs()
    except (PackInvalid, PackUnknown) as invalid:
        return [Error(invalid.text, id="disclosure.E001")]
    errors: list[CheckMessage] = []
    for rule_id, wording in label_texts(packs):
        try:
            check_glyphs(wording)
        except LabelGlyphMissing as missing:
            errors.append(Error(missing.text, hint=rule_id, id="disclosure.E002"))
    return errors
