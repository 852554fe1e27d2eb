"""The pack format: strict, able to hold every group of rules, and never stronger than its source."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compliance.disclosure import Outcome, evaluate, load_packs, packstore
from compliance.disclosure.duties import KINDS
from compliance.disclosure.errors import PackInvalid, PackUnknown
from compliance.disclosure.packreader import read_pack
from compliance.disclosure.rulepacks import MAY_STOP, Confidence, Effect, RulePack
from compliance.disclosure.selectors import describe, find_rule, markets

TEXT = {"en": "Text.", "zh": "文字。"}
RULE: dict[str, Any] = {
    "id": "label",
    "group": "visible_label",
    "title": TEXT,
    "when": {"eq": ["channel", "vod"]},
    "duty": {"kind": "visible_label", "parameters": {"min_glyph_ratio": 0.05}},
    "require": {"gte": ["label.glyph_share", 0.05]},
    "otherwise": {"effect": "block", "code": "too_small", "text": TEXT, "remedy": TEXT},
}
PACK: dict[str, Any] = {
    "id": "xx-test",
    "version": "1",
    "issued": "2026-11-22",
    "maintainer": "Test",
    "jurisdiction": "XX",
    "jurisdiction_name": {"en": "Testland", "zh": "测试国"},
    "language": ["en"],
    "valid_from": None,
    "valid_to": None,
    "status": "in_force",
    "confidence": "P",
    "citation": {"instrument": "Test Act", "article": "1", "url": "", "read_on": "2026-11-22"},
    "supersedes": None,
    "rules": [RULE],
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    pack = copy.deepcopy(PACK)
    change(pack)
    return pack


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda p: p.update(extra=1), "extra"),
        (lambda p: p.pop("citation"), "citation"),
        (lambda p: p.update(status="maybe"), "status"),
        (lambda p: p.update(status="draft"), "confidence"),
        (lambda p: p.update(issued="22.11.2026"), "issued"),
        (lambda p: p["citation"].update(url="http://example.org"), "citation.url"),
        (lambda p: p["citation"].update(page=1), "citation.page"),
        (lambda p: p.update(rules=[]), "rules"),
        (lambda p: p["rules"].append(RULE), "rules[1].id"),
        (lambda p: p["rules"][0].update(sevrity="block"), "rules[0].sevrity"),
        (lambda p: p["rules"][0].update(group="colours"), "rules[0].group"),
        (lambda p: p["rules"][0]["title"].pop("zh"), "rules[0].title.zh"),
        (lambda p: p["rules"][0].update(when={"eq": ["chanel", "vod"]}), "rules[0].when.eq[0]"),
        (lambda p: p["rules"][0].update(when={"eq": ["channel", "radio"]}), "rules[0].when.eq[1]"),
        (lambda p: p["rules"][0].update(when={"gte": ["channel", 1]}), "rules[0].when.gte[0]"),
        (
            lambda p: p["rules"][0].update(when={"all": [{"not": {"near": ["channel", "vod"]}}]}),
            "rules[0].when.all[0].not.near",
        ),
        (lambda p: p["rules"][0].update(when={"all": []}), "rules[0].when.all"),
        (lambda p: p["rules"][0].update(when={"exists": "label.colour"}), "rules[0].when.exists"),
        (lambda p: p["rules"][0].update(when={"before": ["as_of", "soon"]}), "rules[0].when.before[1]"),
        (lambda p: p["rules"][0].update(when={"is": ["provider_code", "number"]}), "rules[0].when.is[1]"),
        (lambda p: p["rules"][0].pop("otherwise"), "rules[0]"),
        (lambda p: (p["rules"][0].pop("otherwise"), p["rules"][0].pop("require")), "rules[0]"),
        (lambda p: p["rules"][0]["duty"].update(kind="bright_label"), "rules[0].duty.kind"),
        (lambda p: p["rules"][0]["duty"]["parameters"].update(min_glyph_ratio="5 %"), "rules[0].duty.parameters"),
        (lambda p: p["rules"][0]["duty"]["parameters"].update(colour="red"), "rules[0].duty.parameters"),
        (
            lambda p: p["rules"][0]["duty"]["parameters"].update(
                texts=[{"language": "zh", "elements": [["AI"], ["生成"]], "wordings": ["数字人"]}]
            ),
            "rules[0].duty.parameters",
        ),
        (lambda p: p["rules"][0]["otherwise"].update(effect="fine"), "rules[0].otherwise.effect"),
        (lambda p: p["rules"][0].update(enforcement={"fine": 1}), "rules[0].enforcement.fine"),
        (lambda p: p["rules"][0].update(grace={"until": "2026-12-02", "when": True}), "rules[0].grace.when"),
    ],
)
def test_a_mistake_is_refused_with_its_place(change: Callable[[dict[str, Any]], Any], path: str) -> None:
    with pytest.raises(PackInvalid) as refused:
        read_pack(changed(change))
    assert refused.value.details["path"] == path
    assert path in str(refused.value)


@pytest.mark.parametrize("data", [None, [], "pack", 7, {}])
def test_something_else_than_a_pack_is_refused(data: object) -> None:
    with pytest.raises(PackInvalid):
        read_pack(data)


@pytest.mark.parametrize("confidence", ["S1", "K", "D"])
@pytest.mark.parametrize("effect", ["block", "hold", "insufficient_evidence"])
def test_attack_rule_nobody_verified_tries_to_stop_work(confidence: str, effect: str) -> None:
    def weaken(pack: dict[str, Any]) -> None:
        pack["rules"][0].update(confidence=confidence)
        pack["rules"][0]["otherwise"].update(effect=effect)

    with pytest.raises(PackInvalid) as refused:
        read_pack(changed(weaken))
    assert refused.value.details["path"] == "rules[0].otherwise.effect"


@pytest.mark.parametrize("confidence", sorted(set(Confidence) - MAY_STOP))
def test_attack_unverified_rule_built_past_the_loader_still_only_warns(confidence: Confidence) -> None:
    pack = read_pack(PACK)
    weak = dataclasses.replace(pack, rules=tuple(dataclasses.replace(r, confidence=confidence) for r in pack.rules))
    facts = {
        "as_of": "2026-11-22",
        "markets": ["XX"],
        "channel": "vod",
        "frame": {"width": 720, "height": 1280},
        "label": {"glyph_height_px": 10},
    }
    assert evaluate(facts, packs=[pack]).outcome is Outcome.BLOCK
    decision = evaluate(facts, packs=[weak])
    assert decision.outcome is Outcome.ALLOW and decision.reasons[0].severity == "warning"
    unknown = evaluate({**facts, "label": {}}, packs=[weak])
    assert unknown.outcome is Outcome.ALLOW and unknown.reasons[0].severity == "warning"


@pytest.mark.parametrize("pack", load_packs(), ids=lambda p: p.id)
def test_every_shipped_pack_is_well_made(pack: RulePack) -> None:
    for rule in pack.rules:
        if rule.otherwise and rule.otherwise.effect is not Effect.WARN:
            assert rule.confidence in MAY_STOP, rule.id
        assert find_rule(rule.id) is rule
    assert packstore.known_digests()[f"{pack.id}@{pack.version}"] == pack.digest


def test_the_format_expresses_every_group() -> None:
    """One rule per kind of duty, with every parameter that kind knows."""
    samples: dict[str, Any] = {
        "texts": [{"language": "en", "elements": [["AI"]], "wordings": ["AI GENERATED"]}],
        "mode": "continuous",
        "price": "free_to_all",
        "state": "suspected",
        "standards_by": "2027-02-02",
        "locations": {"mp4": "udta"},
        "evidence": {"efficacy": "test report"},
    }

    def sample(name: str, check: Callable[[Any], Any]) -> Any:
        for value in (samples.get(name), True, 3, "text", ["text"]):
            try:
                return check(value)
            except ValueError:
                continue
        raise AssertionError(name)

    rules = []
    for kind, spec in KINDS.items():
        parameters = {name: sample(name, parameter.check) for name, parameter in spec.parameters.items()}
        rules.append(
            {
                **RULE,
                "id": kind,
                "duty": {"kind": kind, "parameters": parameters},
                "enforcement": {"basis": "turnover_share", "turnover_share": 0.03, "private_right": True},
                "valid_from": "2026-01-01",
                "valid_to": "2027-01-01",
                "confidence": "S2",
            }
        )
    pack = read_pack(changed(lambda p: p.update(rules=rules)))
    facts = {"as_of": "2026-11-22", "phase": "plan", "markets": ["XX"], "channel": "vod"}
    decision = evaluate(facts, packs=[pack])
    assert {duty.kind for duty in decision.duties} == set(KINDS)
    for duty in decision.duties:
        assert describe(duty, "en") and describe(duty, "zh-hans") != describe(duty, "en")


def test_the_digest_ignores_layout_and_sees_every_word() -> None:
    reordered = json.loads(json.dumps(dict(reversed(PACK.items())), indent=7))
    assert read_pack(reordered).digest == read_pack(PACK).digest
    other = changed(lambda p: p["rules"][0]["otherwise"].update(code="slightly_too_small"))
    assert read_pack(other).digest != read_pack(PACK).digest


def test_attack_pack_file_changed_without_a_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in packstore.PACKS_DIR.glob("*.json"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    target = tmp_path / "cn-labelling.json"
    target.write_text(target.read_text("utf-8").replace('"label_too_small"', '"label_small_but_fine"'), "utf-8")
    monkeypatch.setattr(packstore, "PACKS_DIR", tmp_path)
    with pytest.raises(PackUnknown) as refused:
        packstore.load_packs.__wrapped__()
    assert refused.value.code == "rule_pack_changed"


def test_an_old_decision_is_replayed_with_the_superseded_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "superseded").mkdir()
    newer = changed(
        lambda p: (
            p.update(version="2", supersedes="1"),
            p["rules"][0].update(require={"gte": ["label.glyph_share", 0.1]}),
        )
    )
    old, new = read_pack(PACK), read_pack(newer)
    (tmp_path / "superseded" / "xx-test-1.json").write_text(json.dumps(PACK), "utf-8")
    (tmp_path / "xx-test.json").write_text(json.dumps(newer), "utf-8")
    (tmp_path / "digests.json").write_text(json.dumps({"xx-test@1": old.digest, "xx-test@2": new.digest}), "utf-8")
    monkeypatch.setattr(packstore, "PACKS_DIR", tmp_path)
    monkeypatch.setattr(packstore, "load_packs", packstore.load_packs.__wrapped__)
    assert [p.version for p in packstore.load_packs()] == ["2"]
    assert packstore.find_pack.__wrapped__("xx-test", "1", old.digest) == old
    with pytest.raises(PackUnknown):
        packstore.find_pack.__wrapped__("xx-test", "1", new.digest)


def test_sealing_adds_new_versions_and_refuses_changed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packstore, "PACKS_DIR", tmp_path)
    (tmp_path / "digests.json").write_text("{}", "utf-8")
    file = tmp_path / "xx-test.json"
    file.write_text(json.dumps(PACK), "utf-8")
    assert packstore.seal_packs() == ("xx-test@1",)
    assert packstore.seal_packs() == ()
    file.write_text(json.dumps(changed(lambda p: p.update(maintainer="Somebody else"))), "utf-8")
    with pytest.raises(PackUnknown):
        packstore.seal_packs()
    file.write_text(json.dumps(changed(lambda p: p.update(version="2"))), "utf-8")
    assert packstore.seal_packs() == ("xx-test@2",)
    assert set(packstore.known_digests()) == {"xx-test@1", "xx-test@2"}


def test_markets_for_forms() -> None:
    codes = dict(markets("en"))
    assert codes["CN"] == "China (mainland)" and dict(markets("zh-hans"))["EU"] == "欧盟"
    assert "*" not in codes
