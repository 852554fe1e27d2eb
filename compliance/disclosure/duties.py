"""Duties: what must be done, as parameters that combine strictest-first.

The tables below are the format's vocabulary of duties. A pack may use no other kind and no other parameter,
and every parameter says how two markets' values combine, so a new parameter cannot be added without that
decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .expressions import contains_elements, read_elements
from .facts import read_date

# From laxest to strictest; the stricter of two wins.
MODES = ("start", "interval", "while_visible", "continuous")
PRICES = ("free_to_authorities", "free_to_all")
STATES = ("none", "suspected", "may_be", "is")


class Conflict(ValueError):
    """Two duties ask for values of one parameter that exclude each other."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`check` returns the value in canonical form or raises ValueError; `merge` combines two canonical
    values.
    """

    check: Callable[[Any], Any]
    merge: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of duty. `key` names the parameter that keeps duties apart (two record classes are two duties);
    `in_artefact` says that a finished file shows whether it was met."""

    parameters: Mapping[str, Parameter]
    key: str | None = None
    in_artefact: bool = False


@dataclass(frozen=True, slots=True)
class Duty:
    """One combined duty: its kind, parameters (JSON), the rules and markets that ask for it."""

    kind: str
    parameters: Mapping[str, Any]
    rule_ids: tuple[str, ...]
    markets: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": self.kind,
            "parameters": dict(self.parameters),
            "rule_ids": list(self.rule_ids),
            "markets": list(self.markets),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Duty:
        """Inverse of `to_dict`."""
        return cls(data["kind"], dict(data["parameters"]), tuple(data["rule_ids"]), tuple(data["markets"]))


def check_parameters(kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical parameters of one duty; raises ValueError with `name: problem`."""
    spec = KINDS[kind]
    if spec.key is not None and spec.key not in parameters:
        raise ValueError(f"{spec.key}: is needed to tell duties of kind {kind} apart")
    checked = {}
    for name, value in parameters.items():
        if name not in spec.parameters:
            raise ValueError(f"{name}: unknown parameter of {kind}")
        try:
            checked[name] = spec.parameters[name].check(value)
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
    return checked


def combine_duties(duties: Iterable[Duty]) -> tuple[tuple[Duty, ...], tuple[str, ...]]:
    """One duty per kind and key, strictest value per parameter; and the conflicts found, as texts."""
    combined: dict[tuple[str, Any], Duty] = {}
    conflicts: list[str] = []
    for duty in duties:
        spec = KINDS[duty.kind]
        slot = (duty.kind, duty.parameters.get(spec.key) if spec.key else None)
        combined[slot] = _combine(combined[slot], duty, conflicts) if slot in combined else duty
    return tuple(combined[slot] for slot in sorted(combined, key=str)), tuple(conflicts)


def _combine(first: Duty, second: Duty, conflicts: list[str]) -> Duty:
    parameters = dict(first.parameters)
    for name, value in second.parameters.items():
        if name not in parameters:
            parameters[name] = value
            continue
        try:
            parameters[name] = KINDS[first.kind].parameters[name].merge(parameters[name], value)
        except Conflict as conflict:
            conflicts.append(f"{first.kind}.{name}: {conflict} ({', '.join(second.rule_ids)})")
    return Duty(first.kind, parameters, _union(first.rule_ids, second.rule_ids), _union(first.markets, second.markets))


def _union(first: Iterable[Any], second: Iterable[Any]) -> Any:
    kept = list(first)
    kept += [item for item in second if item not in kept]
    return type(first)(kept) if isinstance(first, list | tuple) else tuple(kept)


def _intersection(first: list[Any], second: list[Any]) -> list[Any]:
    kept = [item for item in first if item in second]
    if not kept:
        raise Conflict(f"{first} and {second} have nothing in common")
    return kept


def _same(first: Any, second: Any) -> Any:
    if first != second:
        raise Conflict(f"{first!r} and {second!r} exclude each other")
    return first


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("needs true or false")
    return value


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("needs a number that is not negative")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("needs a text")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise ValueError("needs a list of texts")
    return [_text(v) for v in value]


def _date(value: Any) -> str:
    if read_date(value) is None:
        raise ValueError("needs a date YYYY-MM-DD")
    return str(value)


def _text_map(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("needs an object of texts")
    return {_text(k): _text(v) for k, v in value.items()}


def _wordings(value: Any) -> list[dict[str, Any]]:
    """Text requirements: a language, its element groups, and wordings that meet them, the preferred first."""
    if not isinstance(value, list) or not value:
        raise ValueError("needs a list of text requirements")
    for item in value:
        if not isinstance(item, dict) or set(item) != {"language", "elements", "wordings"}:
            raise ValueError("each needs exactly language, elements and wordings")
        _text(item["language"])
        elements = read_elements(item["elements"])
        for wording in _texts(item["wordings"]):
            if not contains_elements((wording,), elements):
                raise ValueError(f"the wording {wording!r} does not hold all of its elements")
    return value


def _merge_maps(first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    for key in first.keys() & second.keys():
        _same(first[key], second[key])
    return first | second


def _one_of(order: tuple[str, ...]) -> Parameter:
    def check(value: Any) -> str:
        if value not in order:
            raise ValueError(f"needs one of {', '.join(order)}")
        return str(value)

    return Parameter(check, lambda first, second: max(first, second, key=order.index))


REQUIRED = Parameter(_flag, lambda first, second: first or second)
AT_LEAST = Parameter(_number, max)
AT_MOST = Parameter(_number, min)
ALL_OF = Parameter(_texts, _union)
ONE_OF = Parameter(_texts, _intersection)
SAME = Parameter(_text, _same)
MAP = Parameter(_text_map, _merge_maps)
WORDINGS = Parameter(_wordings, _union)
EARLIEST = Parameter(_date, min)

_VISIBLE_LABEL = {
    "texts": WORDINGS,
    "forbidden_texts": ALL_OF,
    "icons": ALL_OF,
    "dominant_element": SAME,
    "min_glyph_ratio": AT_LEAST,
    "min_glyph_px": AT_LEAST,
    "min_area_ratio": AT_LEAST,
    "min_contrast": AT_LEAST,
    "min_opacity": AT_LEAST,
    "regions": ONE_OF,
    "max_figure_distance_ratio": AT_MOST,
    "safe_area_ratio": AT_LEAST,
    "unobstructed": REQUIRED,
    "mode": _one_of(MODES),
    "min_seconds": AT_LEAST,
    "interval_s": AT_MOST,
    "reassert_after": ALL_OF,
    "each_join": REQUIRED,
    "not_dismissible": REQUIRED,
    "accessible_text": REQUIRED,
    "on_downloads": REQUIRED,
}
_CONSENT = {
    "modalities": ALL_OF,
    "separate": REQUIRED,
    "written": REQUIRED,
    "explicit": REQUIRED,
    "counsel_or_union": REQUIRED,
    "specific_description": REQUIRED,
    "separately_signed": REQUIRED,
    "per_recipient": REQUIRED,
    "min_age": AT_LEAST,
    "guardian_below_age": AT_LEAST,
    "notice_hours": AT_LEAST,
    "max_term_years": AT_MOST,
    "territory": ALL_OF,
    "post_mortem_years": AT_LEAST,
    "reconsent_on": ALL_OF,
    "withdrawal_effects": ALL_OF,
    "withdrawal_within_hours": AT_MOST,
}
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "visible_label": Kind(_VISIBLE_LABEL, in_artefact=True),
        "audible_label": Kind(
            {
                "texts": WORDINGS,
                "rhythm": SAME,
                "positions": ALL_OF,
                "repeat_s": AT_MOST,
                "min_chars_per_min": AT_LEAST,
                "max_chars_per_min": AT_MOST,
                "per_turn": REQUIRED,
                "in_audio_only_mode": REQUIRED,
            },
            in_artefact=True,
        ),
        "machine_marking": Kind(
            {
                "schema": SAME,
                "required_fields": ALL_OF,
                "field_order": SAME,
                "charset": SAME,
                "code_format": SAME,
                "copies": AT_MOST,
                "locations": MAP,
                "signed": REQUIRED,
                "timestamped": REQUIRED,
                "keep_existing": REQUIRED,
                "verify_after_write": REQUIRED,
                "digital_source_types": ONE_OF,
                "first_actions": ONE_OF,
            },
            key="schema",
            in_artefact=True,
        ),
        "watermark": Kind({"required": REQUIRED, "robust_against": ALL_OF}, in_artefact=True),
        "marking_layers": Kind({"min_layers": AT_LEAST, "fingerprint_log": REQUIRED}, in_artefact=True),
        "script": Kind(
            {
                "banned_terms": ALL_OF,
                "claim_classes": ALL_OF,
                "evidence": MAP,
                "no_first_person_use_claim": REQUIRED,
                "material_connection": REQUIRED,
                "forbidden_identity_claims": ALL_OF,
                "review_before_use": REQUIRED,
            }
        ),
        "consent": Kind(_CONSENT),
        "notice": Kind({"texts": WORDINGS, "at": ALL_OF, "accessible": REQUIRED, "multimodal": REQUIRED}),
        "records": Kind(
            {
                "data_class": SAME,
                "min_months": AT_LEAST,
                "max_months": AT_MOST,
                "start_events": ALL_OF,
                "immutable": REQUIRED,
                "export_format": SAME,
                "legal_hold": REQUIRED,
                "location": ONE_OF,
            },
            key="data_class",
        ),
        "verification_tool": Kind(
            {
                "price": _one_of(PRICES),
                "inputs": ALL_OF,
                "outputs": ALL_OF,
                "no_upload_retention": REQUIRED,
                "no_personal_provenance": REQUIRED,
                "feedback": REQUIRED,
                "standards_by": EARLIEST,
            }
        ),
        "clock": Kind(
            {
                "reason": SAME,
                "authority": ALL_OF,
                "start_event": SAME,
                "within_hours": AT_MOST,
                "within_days": AT_MOST,
                "within_working_days": AT_MOST,
                "calendar": SAME,
            },
            key="reason",
        ),
        "filing": Kind(
            {"registry": SAME, "trigger": SAME, "within_working_days": AT_MOST, "show_number_at": ALL_OF},
            key="registry",
        ),
        "propagation": Kind({"state": _one_of(STATES), "label_value": SAME, "visible_notice": REQUIRED}),
    }
)
