"""The ``AIGC`` implicit label of GB 45438-2025 Annex E (pure): compose strictly, read liberally, judge.

Seven string keys in fixed order, plain JSON without white space. Values keep to the printable ASCII
characters 0x21-0x7E (Annex E j): no space, no Chinese, so a company is named by its code.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from compliance.provenance.aigc.provider import Service, check_code
from compliance.provenance.errors import AigcInvalid

MAX_TEXT_CHARS = 65_536
_LOWEST, _HIGHEST = 0x21, 0x7E


class Synthesis(StrEnum):
    """Annex E c: whether the content is, may be, or is suspected to be generated."""

    IS = "1"
    MAY_BE = "2"
    SUSPECTED = "3"


@dataclass(frozen=True, slots=True)
class AigcLabel:
    """One label; the fields are Annex E's keys in Annex E's order. The last three belong to a propagator."""

    label: str
    content_producer: str
    produce_id: str
    reserved_code_1: str = ""
    content_propagator: str = ""
    propagate_id: str = ""
    reserved_code_2: str = ""

    def to_json(self) -> str:
        """The exact text to store; raises AigcInvalid naming the first rule that the label breaks."""
        values = {key: getattr(self, name) for key, name in KEYS.items()}
        for code in problems_of_values(values):
            raise AigcInvalid(code, _TEXTS[code])
        return json.dumps(values, separators=(",", ":"))


KEYS: dict[str, str] = dict(
    zip(
        (
            "Label",
            "ContentProducer",
            "ProduceID",
            "ReservedCode1",
            "ContentPropagator",
            "PropagateID",
            "ReservedCode2",
        ),
        (field.name for field in fields(AigcLabel)),
        strict=True,
    )
)
"""Annex E's key -> our field, in Annex E's order."""


@dataclass(frozen=True, slots=True)
class AigcCopy:
    """One copy found in a file: its text, the label as far as understood, and codes of what is wrong."""

    text: str
    label: AigcLabel | None
    problems: tuple[str, ...]


def compose(label: Synthesis, producer_code: str, produce_id: str) -> str:
    """The text a generation provider writes: the code must be its own 27-character generation code.

    Raises ProviderCodeInvalid for the code, AigcInvalid for the rest.
    """
    check_code(producer_code, service=Service.GENERATION)
    return AigcLabel(label.value, producer_code, produce_id).to_json()


def parse_strict(text: str) -> AigcLabel:
    """The label in ``text``; raises AigcInvalid with the first problem's code when it breaks any rule."""
    found = parse_liberal(text)
    for code in found.problems:
        raise AigcInvalid(code, _TEXTS[code])
    assert found.label is not None
    return found.label


def parse_liberal(text: str) -> AigcCopy:
    """Whatever can be understood of ``text``, with a code for every deviation. Never raises."""
    pairs, problems = _pairs(text)
    if pairs is None:
        return AigcCopy(text, None, tuple(problems))
    values = dict(pairs)
    names = [key for key, _value in pairs]
    if len(values) != len(names):
        problems.append("aigc_key_twice")
    if not set(names) <= KEYS.keys():
        problems.append("aigc_key_unknown")
    if not KEYS.keys() <= values.keys():
        problems.append("aigc_key_missing")
    elif not problems and names != list(KEYS):
        problems.append("aigc_key_order")
    texts = {key: _as_text(values.get(key, "")) for key in KEYS}
    if any(not isinstance(values.get(key, ""), str) for key in KEYS):
        problems.append("aigc_value_not_text")
    problems += problems_of_values(texts)
    label = AigcLabel(**{KEYS[key]: value for key, value in texts.items()})
    return AigcCopy(text, label, tuple(problems))


def problems_of_values(values: dict[str, str]) -> list[str]:
    """Codes of the rules that the seven values break, in order of weight."""
    problems = []
    if values["Label"] not in set(Synthesis):
        problems.append("aigc_label_value")
    if not values["ContentProducer"] or not values["ProduceID"]:
        problems.append("aigc_required_empty")
    if any(not _LOWEST <= ord(character) <= _HIGHEST for value in values.values() for character in value):
        problems.append("aigc_charset")
    return problems


def _pairs(text: str) -> tuple[list[tuple[str, Any]] | None, list[str]]:
    """Key-value pairs of the JSON object in ``text``, unwrapped where services in the wild wrap it."""
    if len(text) > MAX_TEXT_CHARS:
        return None, ["aigc_too_long"]
    problems: list[str] = []
    found = _load(text)
    if found is None and isinstance(decoded := _load(_base64_text(text)), _Pairs):
        found = decoded
        problems.append("aigc_base64")
    if isinstance(found, _Pairs) and [key for key, _value in found.items] == ["AIGC"]:
        found = found.items[0][1]
        problems.append("aigc_wrapped")
    if not isinstance(found, _Pairs):
        return None, problems or ["aigc_not_json"]
    return found.items, problems


@dataclass(frozen=True, slots=True)
class _Pairs:
    """A JSON object that still shows order and repetition of its keys."""

    items: list[tuple[str, Any]]


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None


def _base64_text(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _as_text(value: Any) -> str:
    """Numbers are tolerated when reading; anything deeper becomes text that fails the other rules."""
    return value if isinstance(value, str) else "" if value is None else str(value)


_TEXTS = {
    "aigc_too_long": _("The AIGC label is implausibly long."),
    "aigc_not_json": _("The AIGC label is not a JSON object."),
    "aigc_base64": _("The AIGC label is wrapped in Base64; GB 45438 wants plain JSON text."),
    "aigc_wrapped": _("The AIGC label is wrapped in another object."),
    "aigc_key_twice": _("A key of the AIGC label occurs twice."),
    "aigc_key_unknown": _("The AIGC label has keys that Annex E does not know."),
    "aigc_key_missing": _("The AIGC label lacks keys; all seven must be there, empty where unused."),
    "aigc_key_order": _("The keys of the AIGC label are not in the order of Annex E."),
    "aigc_value_not_text": _("Every value of the AIGC label must be a string."),
    "aigc_label_value": _("Label must be “1” (is), “2” (may be) or “3” (suspected)."),
    "aigc_required_empty": _("ContentProducer and ProduceID must not be empty."),
    "aigc_charset": _(
        "Values of the AIGC label may hold the characters 0x21-0x7E only: no space, no Chinese. "
        "Use the 27-character provider code instead of a company name."
    ),
}
