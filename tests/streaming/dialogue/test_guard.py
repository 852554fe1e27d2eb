"""The guard: what it blocks, what no disguise gets past it, what it must let through."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming.dialogue.__main__ import main
from streaming.dialogue.data_files import read_data
from streaming.dialogue.errors import PolicyRefused, RulesRefused
from streaming.dialogue.evaluation import evaluate, read_lines
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.findings import GuardResult
from streaming.dialogue.folding import _simplified
from streaming.dialogue.guard import Guard, GuardContext, safe_line
from streaming.dialogue.language import detect_language
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.rules import load_rules, read_rules

DATA = Path(__file__).parent / "data"
LINES = read_lines(DATA / "guard_lines.jsonl")
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
BLOCKED = [line for line in LINES if line.code and line.id != "L414" and line.part in ("tune", "held_out")]
# Lines whose meaning survives characters being put between: spacing would turn these into other numbers or words.
PLAIN = [line for line in BLOCKED if line.code != "missing_ai_disclosure"]
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_labelled_lines_are_told_apart_as_well_as_stated(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    """Floors under the figures of docs/live-speech.md."""
    ruled = evaluate(LINES, guard, facts, now)
    free = evaluate(LINES, guard, facts, now, is_free=True)
    for part in ("tune", "held_out"):
        assert ruled.by_part[part].recall >= 0.98
        assert ruled.by_part[part].precision >= 0.98
    assert ruled.by_part["fresh"].recall >= 0.93
    assert free.by_part["fresh"].recall >= 0.96
    assert free.by_part["fresh"].precision >= 0.97
    assert free.by_part["later"].recall >= 0.85
    assert free.by_part["later"].precision >= 0.95


def test_every_code_is_found_for_the_right_reason(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    score = evaluate([line for line in LINES if line.part == "tune"], guard, facts, now).by_part["tune"]
    assert score.other_code <= 2


@QUICK
@given(data=st.data())
def test_zero_width_characters_never_get_a_blocked_line_through(guard: Guard, context: GuardContext, data) -> None:
    line = data.draw(st.sampled_from(BLOCKED))
    hidden = data.draw(
        st.lists(st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\ufe0f"), max_size=6)
    )
    text = line.text
    for char in hidden:
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + char + text[place:]
    assert not guard.check(text, replace(context, reply_to=line.reply_to)).allowed


@QUICK
@given(line=st.sampled_from([line for line in PLAIN if line.text.isalpha() and not any(map(str.isascii, line.text))]))
def test_spaces_between_hanzi_never_get_a_blocked_line_through(guard: Guard, context: GuardContext, line) -> None:
    assert not guard.check(" ".join(line.text), context).allowed


@QUICK
@given(line=st.sampled_from(PLAIN))
def test_full_width_letters_never_get_a_blocked_line_through(guard: Guard, context: GuardContext, line) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in line.text)
    assert not guard.check(wide, context).allowed


@QUICK
@given(line=st.sampled_from([line for line in PLAIN if detect_language(line.text) == "zh"]))
def test_traditional_characters_never_get_a_blocked_line_through(guard: Guard, context: GuardContext, line) -> None:
    back = {simple: traditional for traditional, simple in _simplified().items() if traditional > "\u4e00"}
    text = "".join(back.get(char, char) for char in line.text)
    assert not guard.check(text, context).allowed


@pytest.mark.parametrize(
    "text",
    [
        "国 家 级",
        "国.家.级",
        "国·家·级",
        "最/佳",
        "b e s t cream",
        "b-e-s-t cream",
        "the b3st cream",
        "bеst cream",
        "全網第壹",
    ],
)
def test_spelling_tricks(guard: Guard, context: GuardContext, text: str) -> None:
    assert "banned_superlative" in guard.check(text, context).codes


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_gets_a_verdict_and_the_replacement_passes(guard: Guard, context: GuardContext, text: str) -> None:
    result = guard.check(text, context)
    assert result.allowed == (not result.findings) == (result.replacement is None)
    assert all(0 <= finding.start <= finding.end <= len(text) for finding in result.findings)
    assert GuardResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_replacements_are_safe_themselves(guard: Guard, context: GuardContext) -> None:
    families = read_data("guard/replies")["replies"]
    assert {rule.reply for rule in load_rules()} <= set(families)
    for family, texts in families.items():
        for language, lines in texts.items():
            for line in lines:
                assert guard.check(line, replace(context, is_free=True)).allowed, (family, language, line)
    assert safe_line("price", "zh", seed="a") == safe_line("price", "zh", seed="a")


def test_approved_facts_stay_allowed(guard: Guard, facts: ProductFacts, context: GuardContext, now: datetime) -> None:
    for fact_id, _language, text in facts.statements(now):
        assert guard.check(text, replace(context, is_free=True)).allowed, (fact_id, text)


def test_asked_whether_human_only_an_honest_line_passes(guard: Guard, context: GuardContext) -> None:
    asked = replace(context, reply_to="主播是真人吗？")
    assert guard.check("这款面霜很滋润哦", asked).codes == ("missing_ai_disclosure",)
    result = guard.check("我是真人", asked)
    assert "claims_to_be_human" in result.codes
    assert result.replacement is not None
    assert guard.check(result.replacement, asked).allowed


def test_a_price_is_allowed_only_while_it_holds(guard: Guard, context: GuardContext) -> None:
    assert guard.check("现价199元。", context).allowed
    expired = replace(context, now=context.now + timedelta(days=30))
    assert guard.check("现价199元。", expired).codes == ("price_without_basis",)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("现价259元。", "price_swapped"),
        ("原价199元。", "price_swapped"),
        ("这款面霜只要10元。", "price_without_basis"),
        ("保湿长达48小时。", "number_not_in_facts"),
        ("打五折。", "discount_without_basis"),
        ("仓库还剩12件。", "invented_scarcity"),
        ("pH值5.5", "number_not_in_facts"),
    ],
)
def test_numbers_of_one_fact_do_not_prove_another(guard: Guard, context: GuardContext, line: str, code: str) -> None:
    assert code in guard.check(line, context).codes


def test_stock_may_be_named_while_the_count_is_fresh(guard: Guard, context: GuardContext) -> None:
    assert guard.check("今天上午仓库有320件。", context).allowed
    stale = replace(context, now=context.now + timedelta(days=2))
    assert not guard.check("今天上午仓库有320件。", stale).allowed


@pytest.mark.parametrize(
    "line", ["这款面霜不能治疗皮肤病。", "It does not cure anything.", "我不是真人。", "I am not a real person."]
)
def test_denials_are_no_promises(guard: Guard, context: GuardContext, line: str) -> None:
    assert guard.check(line, context).allowed


@pytest.mark.parametrize(
    "line", ["不得不说能治疗湿疹", "不是不能治疗湿疹", "It never fails to cure eczema", "not only cures eczema"]
)
def test_double_negations_are_promises(guard: Guard, context: GuardContext, line: str) -> None:
    assert not guard.check(line, context).allowed


def test_words_nobody_approved_must_rest_on_the_facts(guard: Guard, context: GuardContext) -> None:
    line = "这罐里封着雪山清晨的第一缕微光。"
    assert "unfounded" not in guard.check(line, context).codes
    assert "unfounded" in guard.check(line, replace(context, is_free=True)).codes
    hidden_among_true_words = f"净含量50毫升，早晚各一次，洁面后涂抹全脸，{line}"
    assert "unfounded" in guard.check(hidden_among_true_words, replace(context, is_free=True)).codes


NO_FACTS = {
    "zh": {
        "大家好，欢迎来到直播间。": True,
        "我是数字人主播，今天为您介绍润肤霜。": True,
        "取适量均匀涂抹，第一步先洗净双手。": True,
        "大家有问题可以写在评论里。": True,
        "直播间价格是一百九十九元。": False,
        "每瓶五十毫升。": False,
        "质地清爽，适合秋冬季节。": False,
        "含有烟酰胺成分。": False,
        "适合油性皮肤。": False,
        "能保湿，很滋润。": False,
        "采用进口原料。": False,
        "不含酒精。": False,
        "最后十件。": False,
        "我自己也在用。": False,
        "全网销量第一。": False,
        "作为医生我推荐它。": False,
        "三天治好湿疹。": False,
        "买了它躺着赚钱。": False,
    },
    "en": {
        "Hello everybody, welcome.": True,
        "Write your questions in the comments.": True,
        "It costs 19 yuan.": False,
        "It contains niacinamide.": False,
        "It moisturises dry skin.": False,
        "It suits sensitive skin.": False,
        "I use it every day.": False,
        "The best cream ever.": False,
        "As a doctor I recommend it.": False,
        "Only three left!": False,
    },
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_product_facts_what_would_need_one_is_held(language: str, context: GuardContext) -> None:
    policy = LiveSpeechPolicy((language,), ("Yunlan",), ("cosmetics",), {language: "Yunlan"})
    guard, nothing = Guard(policy), GuardContext((), context.now)
    assert {line: guard.check(line, nothing).allowed for line in NO_FACTS[language]} == NO_FACTS[language]
    replies = read_data("guard/replies")["replies"].values()
    assert all(guard.check(line, nothing).allowed for lines in replies for line in lines[language])


def test_facts_lift_what_holds_only_without_them(guard: Guard, context: GuardContext) -> None:
    assert "claim_without_facts" not in guard.check("质地清爽，适合干性皮肤。", context).codes


def test_the_permit_decides_languages_brands_and_goods(policy: LiveSpeechPolicy, context: GuardContext) -> None:
    english = Guard(replace(policy, languages=("en",), operator={"en": "Yunlan"}))
    assert "language_outside_policy" in english.check("早晚各一次。", context).codes
    wider = Guard(replace(policy, brands=("云岚", "兰蔻"), categories=("cosmetics", "alcohol")))
    assert "brand_outside_policy" not in wider.check("兰蔻的资料在这里", context).codes
    assert "category_outside_policy" not in wider.check("红酒的资料在这里", context).codes


def test_every_rule_cites_its_source_and_a_broken_rule_is_refused() -> None:
    assert all(rule.law for rule in load_rules())
    with pytest.raises(RulesRefused, match="rule_malformed"):
        read_rules({"schema": "avow.guard-rules/1", "rules": [{"id": "x", "text": {"en": ""}}]}, "here")


def test_policies_that_allow_everything_are_refused(policy: LiveSpeechPolicy) -> None:
    assert LiveSpeechPolicy.from_json(policy.to_json()) == policy
    with pytest.raises(PolicyRefused, match="policy_too_wide"):
        replace(policy, brands=())
    with pytest.raises(PolicyRefused, match="policy_language"):
        replace(policy, languages=("fr",))
    with pytest.raises(PolicyRefused, match="policy_malformed"):
        LiveSpeechPolicy.from_json("[]")


def test_the_command_prints_the_table_and_tells_a_blocked_line(capsys: pytest.CaptureFixture[str]) -> None:
    common = [
        "--facts",
        str(DATA / "cream.json"),
        "--policy",
        str(DATA / "policy.json"),
        "--at",
        "2026-11-22T12:00:00+08:00",
    ]
    assert main(["evaluate", str(DATA / "guard_lines.jsonl"), *common]) == 0
    assert "| held_out | 184 |" in capsys.readouterr().out
    assert main(["check", "国家级面霜", *common]) == 5
    assert main(["check", "早晚各一次。", *common]) == 0
    assert main(["check", "x", "--facts", "/nowhere", "--policy", "/nowhere"]) == 2


def test_a_giant_line_is_refused_without_being_read(guard: Guard, context: GuardContext) -> None:
    assert guard.check("最" * 2_000_000, context).codes == ("unspeakable",)
