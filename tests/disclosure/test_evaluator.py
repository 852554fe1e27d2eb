"""Laws of the evaluator: fail closed, strictest wins, dates, replay."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.disclosure import Decision, Outcome, evaluate, load_packs, replay
from compliance.disclosure.duties import Duty, combine_duties
from compliance.disclosure.errors import FactsInvalid, PackUnknown, ReplayMismatch
from compliance.disclosure.facts import VOCABULARY

BASES = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))["bases"]
TAKE: dict[str, Any] = {
    "as_of": "2026-11-22",
    "markets": ["CN", "EU"],
    "channel": "live_commerce",
    "avatar_kind": "real_replica_living",
    "realism": "photoreal",
    "interaction": "broadcast",
    "commercial": True,
    "language": "zh",
    "frame": {"width": 720, "height": 1280},
    "system_placed_on_market": "2026-09-01",
    "provider_code": "001191000000MA00000AB31A001",
    "script": {"review_recorded": True},
}
LABEL = {
    "found": True,
    "text": ["数字人 · AI生成", "AI GENERATED"],
    "glyph_height_px": 37.2,
    "visible_share": 1.0,
    "start_seconds": 8.0,
    "contrast": 11.0,
    "frames": 200,
}
FINISHED = {
    **TAKE,
    "phase": "finished",
    "label": LABEL,
    "layers": {"c2pa": True, "watermark": True, "aigc": True},
}


def without(facts: dict[str, Any], path: str) -> dict[str, Any]:
    pruned = copy.deepcopy(facts)
    node, *keys = pruned, *path.split(".")
    for key in keys[:-1]:
        node = node.get(key, {})
    node.pop(keys[-1], None)
    return pruned


def duty(decision: Decision, kind: str) -> dict[str, Any]:
    return dict(next(d for d in decision.duties if d.kind == kind).parameters)


def test_take_for_china_and_europe_is_allowed_with_duties() -> None:
    decision = evaluate(TAKE)
    assert decision.outcome is Outcome.ALLOW_WITH_DUTIES
    label = duty(decision, "visible_label")
    assert label["mode"] == "continuous" and label["min_glyph_ratio"] == 0.05 and label["min_seconds"] == 2
    assert {text["language"] for text in label["texts"]} == {"zh", "en"}
    assert duty(decision, "marking_layers")["min_layers"] == 2
    assert duty(decision, "watermark")["required"] is True


def test_finished_take_that_met_everything_is_allowed() -> None:
    assert evaluate(FINISHED).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "path",
    [
        "as_of",
        "markets",
        "channel",
        "avatar_kind",
        "realism",
        "interaction",
        "frame",
        "frame.width",
        "provider_code",
        "script.review_recorded",
        "label",
        "label.found",
        "label.text",
        "label.glyph_height_px",
        "label.visible_share",
        "layers",
        "layers.aigc",
        "layers.c2pa",
        "layers.watermark",
    ],
)
def test_an_unknown_fact_never_lets_a_finished_take_through(path: str) -> None:
    decision = evaluate(without(FINISHED, path))
    assert not decision.outcome.permits
    assert any(reason.code == "fact_unknown" for reason in decision.reasons)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("channel", "hologram"),
        ("as_of", "yesterday"),
        ("as_of", "2026-02-30"),
        ("markets", []),
        ("markets", [1]),
        ("label.visible_share", "1.0"),
        ("label.visible_share", True),
        ("label.found", "yes"),
        ("provider_code", 27),
        ("frame.width", 0),
        ("frame.width", -720),
        ("frame", [720, 1280]),
        ("label", "found"),
        ("label.text", {"a": 1}),
    ],
)
def test_an_unreadable_fact_counts_as_unknown(path: str, wrong: object) -> None:
    facts = copy.deepcopy(FINISHED)
    *parents, last = path.split(".")
    node: Any = facts
    for key in parents:
        node = node[key]
    node[last] = wrong
    assert not evaluate(facts).outcome.permits


def test_attack_stated_share_cannot_replace_the_measured_height() -> None:
    lying = {
        **FINISHED,
        "label": {**LABEL, "glyph_height_px": 20, "glyph_share": 0.2},
        "frame": {"width": 720, "height": 1280, "short_side": 100},
    }
    assert evaluate(lying).outcome is Outcome.BLOCK


def test_attack_measurements_hidden_behind_a_misspelt_phase_are_still_judged() -> None:
    assert evaluate({**FINISHED, "phase": "planning", "label": {"found": False}}).outcome is Outcome.BLOCK


def test_attack_market_without_pack_holds_and_names_it() -> None:
    decision = evaluate({**TAKE, "markets": ["CN", "ZZ"]})
    assert decision.outcome is Outcome.HOLD
    (reason,) = [r for r in decision.reasons if r.code == "no_rule_pack"]
    assert "ZZ" in reason.text


@pytest.mark.parametrize("market", ["*", "cn", "CN ", ""])
def test_attack_market_code_in_disguise_holds(market: str) -> None:
    assert not evaluate({**TAKE, "markets": [market]}).outcome.permits


def test_a_missing_label_blocks_rather_than_lacking_evidence() -> None:
    assert evaluate({**FINISHED, "label": {"found": False, "frames": 200}}).outcome is Outcome.BLOCK


def test_old_law_is_applied_to_an_old_day() -> None:
    before = evaluate({**FINISHED, "markets": ["EU"], "as_of": "2026-06-01", "label": {"found": False, "frames": 9}})
    after = evaluate({**FINISHED, "markets": ["EU"], "as_of": "2026-08-02", "label": {"found": False, "frames": 9}})
    assert (before.outcome, after.outcome) == (Outcome.ALLOW, Outcome.BLOCK)


def test_drafts_are_off_unless_asked_for() -> None:
    ids = {pack_id for pack_id, _, _ in evaluate(TAKE).packs}
    asked = {pack_id for pack_id, _, _ in evaluate({**TAKE, "drafts": ["cn-digital-humans-draft"]}).packs}
    assert asked - ids == {"cn-digital-humans-draft"}


def test_stricter_of_two_markets_wins_whatever_the_order() -> None:
    one = evaluate({**TAKE, "markets": ["EU", "CN", "KR"]})
    other = evaluate({**TAKE, "markets": ["KR", "CN", "EU"]})
    assert duty(one, "visible_label")["mode"] == duty(other, "visible_label")["mode"] == "continuous"
    assert one.duties == other.duties


def test_duties_that_exclude_each_other_are_a_conflict() -> None:
    left = Duty("visible_label", {"regions": ["top-right"]}, ("a/1",), ("A",))
    right = Duty("visible_label", {"regions": ["bottom-left"]}, ("b/1",), ("B",))
    _, conflicts = combine_duties([left, right])
    assert conflicts and "regions" in conflicts[0]


def test_facts_that_are_no_json_are_refused() -> None:
    for wrong in (["CN"], {"as_of": float("nan")}, {"as_of": object()}, {1: "CN"}):
        with pytest.raises(FactsInvalid) as refused:
            evaluate(wrong)  # type: ignore[arg-type]
        assert refused.value.code == "facts_invalid"


def test_attack_changed_outcome_in_a_stored_decision() -> None:
    stored = evaluate({**FINISHED, "label": {"found": False, "frames": 9}}).to_dict()
    stored["outcome"], stored["reasons"] = "allow", []
    with pytest.raises(ReplayMismatch):
        replay(Decision.from_dict(stored))


def test_attack_changed_facts_in_a_stored_decision() -> None:
    stored = evaluate(FINISHED).to_dict()
    stored["facts"] = {**stored["facts"], "markets": ["KR"]}
    with pytest.raises(ReplayMismatch):
        replay(Decision.from_dict(stored))


def test_attack_swapped_pack_digest_in_a_stored_decision() -> None:
    stored = evaluate(FINISHED).to_dict()
    stored["packs"][0][2] = "0" * 64
    with pytest.raises(PackUnknown):
        replay(Decision.from_dict(stored))


def test_decision_does_not_change_when_the_caller_changes_the_facts() -> None:
    facts = copy.deepcopy(FINISHED)
    decision = evaluate(facts)
    before = decision.to_json()
    facts["markets"].append("KR")
    assert decision.to_json() == before


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted({p.split(".")[0] for p in VOCABULARY})), JUNK, max_size=8))
def test_any_facts_give_a_decision_that_replays(junk: dict[str, Any]) -> None:
    decision = evaluate({**TAKE, **junk})
    assert Decision.from_json(decision.to_json()) == decision
    assert replay(decision) == decision


@given(st.sets(st.sampled_from(sorted(VOCABULARY)), min_size=1, max_size=6))
def test_removing_facts_never_improves_the_outcome_of_a_bad_take(removed: set[str]) -> None:
    bad = {**FINISHED, "label": {"found": False, "frames": 9}}
    for path in removed - {"phase"}:
        bad = without(bad, path)
    assert not evaluate({**bad, "phase": "finished"}).outcome.permits


def test_packs_are_read_once() -> None:
    assert load_packs() is load_packs()
