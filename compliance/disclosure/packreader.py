"""Strict reading of rule packs: every unknown key, wrong type or forbidden combination has a path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import rfc8785

from .duties import KINDS, check_parameters
from .errors import PackInvalid
from .expressions import ALWAYS, parse_expression
from .facts import read_date
from .rulepacks import (
    GROUPS,
    LANGUAGES,
    MAY_STOP,
    Citation,
    Confidence,
    Effect,
    Grace,
    Otherwise,
    Rule,
    RulePack,
    Stage,
    Status,
)


class _Reader:
    """Takes an object's keys one by one; what is left over at the end is a mistake with a path."""

    def __init__(self, node: Any, path: str) -> None:
        if not isinstance(node, dict):
            raise PackInvalid(path, "needs an object")
        self._left = dict(node)
        self.path = path

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, *, optional: bool = False) -> Any:
        if key not in self._left:
            if optional:
                return None
            raise PackInvalid(self.at(key), "is missing")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise PackInvalid(self.at(key), "needs a text")
        return value

    def day(self, key: str, *, optional: bool = False) -> date | None:
        value = self.take(key, optional=optional)
        if value is None:
            return None
        read = read_date(value)
        if read is None:
            raise PackInvalid(self.at(key), "needs a date YYYY-MM-DD")
        return read

    def choice(self, key: str, kind: type[StrEnum], default: StrEnum | None = None) -> Any:
        value = self.take(key, optional=default is not None)
        if value is None:
            return default
        try:
            return kind(value)
        except ValueError:
            raise PackInvalid(self.at(key), f"{value!r} is none of {', '.join(kind)}") from None

    def in_languages(self, key: str) -> dict[str, str]:
        reader = _Reader(self.take(key), self.at(key))
        texts = {language: reader.text(language) for language in sorted(LANGUAGES)}
        reader.finish()
        return texts

    def finish(self) -> None:
        if self._left:
            raise PackInvalid(self.at(min(self._left)), "unknown key")


def read_pack(data: Any) -> RulePack:
    """Read one pack from JSON data; raises `PackInvalid` naming the place of the first mistake."""
    head = _Reader(data, "")
    status: Status = head.choice("status", Status)
    confidence: Confidence = head.choice("confidence", Confidence)
    if status in (Status.DRAFT, Status.PLAN) and confidence is not Confidence.DRAFT:
        raise PackInvalid("confidence", "a draft or plan has confidence D")
    citation = _read_citation(head.take("citation"), "citation")
    rules = head.take("rules")
    if not isinstance(rules, list) or not rules:
        raise PackInvalid("rules", "needs a list of at least one rule")
    pack_id, issued = head.text("id"), head.day("issued")
    assert issued is not None
    pack = RulePack(
        id=pack_id,
        version=head.text("version"),
        issued=issued,
        maintainer=head.text("maintainer"),
        jurisdiction=head.text("jurisdiction"),
        jurisdiction_name=head.in_languages("jurisdiction_name"),
        languages=_read_languages(head),
        valid_from=head.day("valid_from", optional=True),
        valid_to=head.day("valid_to", optional=True),
        status=status,
        confidence=confidence,
        citation=citation,
        supersedes=head.take("supersedes", optional=True),
        rules=tuple(_read_rule(r, f"rules[{i}]", pack_id, confidence, citation) for i, r in enumerate(rules)),
        digest=digest_of(data),
    )
    head.finish()
    _check_ids(pack)
    return pack


def digest_of(data: Any) -> str:
    """SHA-256 (hex) over the canonical bytes of RFC 8785, so that layout does not count."""
    return hashlib.sha256(rfc8785.dumps(data)).hexdigest()


def _read_languages(head: _Reader) -> tuple[str, ...]:
    value = head.take("language")
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise PackInvalid("language", "needs a list of language codes")
    return tuple(value)


def _check_ids(pack: RulePack) -> None:
    seen: set[str] = set()
    for index, rule in enumerate(pack.rules):
        if rule.id in seen:
            raise PackInvalid(f"rules[{index}].id", f"{rule.id} is used twice")
        seen.add(rule.id)


def _read_citation(node: Any, path: str) -> Citation:
    reader = _Reader(node, path)
    url = reader.take("url")
    if not isinstance(url, str) or not (url == "" or url.startswith("https://")):
        raise PackInvalid(reader.at("url"), "needs an https address, or an empty text when none was seen")
    read_on = reader.day("read_on")
    assert read_on is not None
    citation = Citation(reader.text("instrument"), reader.text("article"), url, read_on)
    reader.finish()
    return citation


def _read_rule(node: Any, path: str, pack_id: str, confidence: Confidence, citation: Citation) -> Rule:
    reader = _Reader(node, path)
    own_citation = reader.take("citation", optional=True)
    duty_kind, duty_parameters = _read_duty(reader)
    require, otherwise = reader.take("require", optional=True), reader.take("otherwise", optional=True)
    grace, when = reader.take("grace", optional=True), reader.take("when", optional=True)
    rule = Rule(
        id=f"{pack_id}/{reader.text('id')}",
        group=reader.text("group"),
        title=reader.in_languages("title"),
        when=ALWAYS if when is None else parse_expression(when, reader.at("when")),
        stage=reader.choice("stage", Stage, Stage.FINISHED),
        duty_kind=duty_kind,
        duty_parameters=duty_parameters,
        require=None if require is None else parse_expression(require, reader.at("require")),
        otherwise=None if otherwise is None else _read_otherwise(otherwise, reader.at("otherwise")),
        grace=None if grace is None else _read_grace(grace, reader.at("grace")),
        confidence=reader.choice("confidence", Confidence, confidence),
        citation=citation if own_citation is None else _read_citation(own_citation, reader.at("citation")),
        valid_from=reader.day("valid_from", optional=True),
        valid_to=reader.day("valid_to", optional=True),
        enforcement=_read_enforcement(reader.take("enforcement", optional=True), reader.at("enforcement")),
    )
    reader.finish()
    _check_rule(rule, path)
    return rule


def _check_rule(rule: Rule, path: str) -> None:
    if rule.group not in GROUPS:
        raise PackInvalid(f"{path}.group", f"{rule.group!r} is none of {', '.join(sorted(GROUPS))}")
    if (rule.require is None) != (rule.otherwise is None):
        raise PackInvalid(path, "require and otherwise come together or not at all")
    if rule.require is None and rule.duty_kind is None:
        raise PackInvalid(path, "a rule imposes a duty, requires something, or both")
    if rule.duty_kind and KINDS[rule.duty_kind].in_artefact and rule.require is None:
        raise PackInvalid(path, f"a duty of kind {rule.duty_kind} shows in the artefact and needs a requirement")
    if rule.otherwise and rule.confidence not in MAY_STOP and rule.otherwise.effect is not Effect.WARN:
        raise PackInvalid(f"{path}.otherwise.effect", f"a rule of confidence {rule.confidence} may only warn")


def _read_duty(reader: _Reader) -> tuple[str | None, Mapping[str, Any]]:
    node = reader.take("duty", optional=True)
    if node is None:
        return None, {}
    duty = _Reader(node, reader.at("duty"))
    kind = duty.text("kind")
    if kind not in KINDS:
        raise PackInvalid(duty.at("kind"), f"{kind!r} is none of {', '.join(KINDS)}")
    parameters = duty.take("parameters")
    duty.finish()
    if not isinstance(parameters, dict):
        raise PackInvalid(duty.at("parameters"), "needs an object")
    try:
        return kind, check_parameters(kind, parameters)
    except ValueError as problem:
        raise PackInvalid(duty.at("parameters"), str(problem)) from None


def _read_otherwise(node: Any, path: str) -> Otherwise:
    reader = _Reader(node, path)
    otherwise = Otherwise(
        reader.choice("effect", Effect),
        reader.text("code"),
        reader.in_languages("text"),
        reader.in_languages("remedy"),
    )
    reader.finish()
    return otherwise


def _read_grace(node: Any, path: str) -> Grace:
    reader = _Reader(node, path)
    until = reader.day("until")
    assert until is not None
    grace = Grace(until, parse_expression(reader.take("when"), reader.at("when")))
    reader.finish()
    return grace


_ENFORCEMENT = frozenset(
    {
        "basis",
        "currency",
        "min_amount",
        "max_amount",
        "first_amount",
        "per",
        "turnover_share",
        "private_right",
        "liable_role",
        "evidence",
    }
)


def _read_enforcement(node: Any, path: str) -> Mapping[str, Any]:
    if node is None:
        return {}
    if not isinstance(node, dict):
        raise PackInvalid(path, "needs an object")
    for key in sorted(node.keys() - _ENFORCEMENT):
        raise PackInvalid(f"{path}.{key}", "unknown key")
    return node


def read_pack_file(path: Path) -> RulePack:
    """Read one file; the path in the error starts with the file's name."""
    try:
        return read_pack(json.loads(path.read_text("utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise PackInvalid(path.name, f"is not JSON: {problem}") from None
    except PackInvalid as invalid:
        raise PackInvalid(f"{path.name}: {invalid.details['path']}", invalid.details["problem"]) from None
