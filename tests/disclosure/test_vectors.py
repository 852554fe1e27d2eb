"""The agreed test vectors, as data: facts in, outcome and reason codes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compliance.disclosure import evaluate, replay
from compliance.disclosure.decisions import Decision
from compliance.disclosure.selectors import find_rule

DATA = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))


def facts_of(vector: dict[str, Any]) -> dict[str, Any]:
    return {**DATA["bases"][vector["base"]], **vector["change"]}


def decide(vector_id: str) -> Decision:
    return evaluate(facts_of(next(v for v in DATA["vectors"] if v["id"] == vector_id)))


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda v: v["id"])
def test_vector(vector: dict[str, Any]) -> None:
    decision = evaluate(facts_of(vector))
    codes = {reason.code for reason in decision.reasons}
    assert decision.outcome == vector["outcome"], [(r.code, r.rule_id) for r in decision.reasons]
    assert set(vector["reasons"]) <= codes
    assert not codes & set(vector["not_reasons"])


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda v: v["id"])
def test_vector_replays_from_its_stored_text(vector: dict[str, Any]) -> None:
    stored = evaluate(facts_of(vector)).to_json()
    assert replay(Decision.from_json(stored)).to_json() == stored


def test_grace_alert_counts_the_days() -> None:
    (alert, *_) = [r for r in decide("TV-36").reasons if r.code == "grace_period"]
    assert "10 days left" in alert.text
    assert "10 天" in alert.in_language("zh-hans")[0]


def test_new_york_names_the_exposure() -> None:
    (reason,) = [r for r in decide("TV-20").reasons if r.code == "disclosure_missing"]
    assert find_rule(reason.rule_id).enforcement["first_amount"] == 1000


def test_new_york_replica_of_a_named_person_asks_for_the_contract_instead() -> None:
    duties = {duty.kind: duty for duty in decide("TV-22").duties}
    assert duties["consent"].parameters["counsel_or_union"] is True
    assert "visible_label" not in duties or "US-NY" not in duties["visible_label"].markets


def test_platform_with_a_watermark_hit_only_says_suspected() -> None:
    (duty,) = [d for d in decide("TV-34").duties if d.kind == "propagation"]
    assert duty.parameters == {"state": "suspected", "label_value": "3", "visible_notice": True}


def test_draft_word_only_warns() -> None:
    (reason,) = [r for r in decide("TV-10").reasons if r.code == "draft_word_missing"]
    assert reason.severity == "warning"
