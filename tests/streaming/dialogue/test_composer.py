"""Answers, rundown lines and drafts: out of facts, varied, and silent where the facts are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from streaming.dialogue.answering import Answerer
from streaming.dialogue.composer import Composer
from streaming.dialogue.drafting import Tone, draft_script
from streaming.dialogue.errors import DraftRefused, FactsRefused
from streaming.dialogue.facts import Fact, ProductFacts, Topic
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.rundown_lines import LineKind, RundownLines

QUESTIONS = {
    "多少钱": ("price",),
    "how much is it": ("price",),
    "什么时候发货": ("d1", "d2"),
    "运费多少": ("d2", "d1"),
    "可以退吗": ("r1",),
    "成分是什么": ("m1",),
    "怎么用": ("u1",),
    "有没有香精": ("c2", "m1"),
    "does it have fragrance": ("c2", "m1"),
    "有货吗": ("stock",),
    "男生可以用吗": ("q2",),
    "保质期多久": ("q3",),
    "can I use it with vitamin C?": ("q1",),
    "开封后能放多久": ("k1",),
    "会不会黏": ("c3",),
    "敏感肌能用吗": ("w1", "m1"),
}


@pytest.mark.parametrize(("question", "fact_ids"), QUESTIONS.items())
def test_answers_rest_on_the_facts_that_answer(
    guard: Guard, facts: ProductFacts, now: datetime, question: str, fact_ids: tuple[str, ...]
) -> None:
    answer = Composer(guard.policy).answer(question, facts, now)
    assert answer.fact_ids == fact_ids
    assert all(facts.source_of(fact_id) for fact_id in answer.fact_ids)


@pytest.mark.parametrize(
    "question", ["包装是玻璃的吗", "is it waterproof", "有英文说明书吗", "who founded the company"]
)
def test_what_the_facts_do_not_say_goes_to_a_person(
    policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime, question: str
) -> None:
    answer = Composer(policy).answer(question, facts, now)
    assert answer.fact_ids == ()
    assert answer.hand_over is not None
    assert answer.hand_over.code in ("not_in_facts", "complaint")
    assert json.loads(json.dumps(answer.to_json()))["hand_over"]["question"] == question


@pytest.mark.parametrize(
    ("question", "code"),
    [("我收到的是坏的，要投诉", "complaint"), ("我不想活了", "distress"), ("孕妇能用吗", "medical")],
)
def test_people_with_trouble_are_handed_to_people(
    policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime, question: str, code: str
) -> None:
    answer = Composer(policy).answer(question, facts, now)
    assert answer.hand_over is not None
    assert answer.hand_over.code == code


def test_every_answer_of_the_composer_passes_the_guard(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    answerer = Answerer(guard, Composer(guard.policy))
    others = [
        "你是真人吗",
        "are you a bot?",
        "和兰蔻比哪个好",
        "有优惠吗",
        "大家好",
        "谢谢",
        "天气好吗",
        "我要买",
        "I got a broken jar",
        "哈哈",
    ]
    for _ in range(4):
        for question in [*QUESTIONS, *others]:
            reply = answerer.answer(question, facts, now)
            assert all(result.allowed for result in reply.judged), (question, [r.to_json() for r in reply.judged])
            assert reply.lines


def test_a_composed_line_that_breaks_a_rule_is_replaced_and_kept_for_legal(
    guard: Guard, facts: ProductFacts, now: datetime
) -> None:
    boast = Fact("c9", Topic.MATERIAL, {"zh": "采用国家级配方的神经酰胺。"}, "advert")
    reply = Answerer(guard, Composer(guard.policy)).answer("成分是什么", replace(facts, facts=(boast,)), now)
    assert "国家级" not in "".join(reply.lines)
    assert [result.codes for result in reply.judged] == [("banned_superlative",)]


def test_asked_whether_it_is_human_the_host_says_it_is_ai(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    reply = Answerer(guard, Composer(guard.policy)).answer("你到底是真人还是机器人啊", facts, now)
    assert guard.check(reply.lines[0], GuardContext((facts,), now, "你是真人吗")).allowed
    assert "云岚" in "".join(reply.lines)


def test_answers_vary_and_repeat_exactly_with_the_same_memory(
    policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime
) -> None:
    def say() -> list[str]:
        composer = Composer(policy)
        return [composer.answer("成分是什么", facts, now + timedelta(seconds=n)).text for n in range(4)]

    assert len(set(say())) == 4
    assert say() == say()


def test_an_expired_price_is_not_named(policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime) -> None:
    answer = Composer(policy).answer("多少钱", facts, now + timedelta(days=60))
    assert "199" not in answer.text
    assert answer.hand_over is not None


def test_lines_do_not_come_back_within_the_window(policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime) -> None:
    lines = RundownLines(policy, window_s=600)
    said = [lines.line(LineKind.REMINDER_CALM, facts, "zh", now + timedelta(minutes=n)) for n in range(10)]
    texts = [line.text for line in said if line]
    assert len(texts) == len(set(texts)) == 3
    assert lines.line(LineKind.REMINDER_CALM, facts, "zh", now + timedelta(minutes=11)) is not None
    assert all(lines.line(LineKind.REMINDER_AI, facts, "en", now + timedelta(seconds=n)) for n in range(9))


def test_a_pitch_carries_price_and_warning_and_does_not_repeat_itself(
    guard: Guard, facts: ProductFacts, now: datetime
) -> None:
    lines = RundownLines(guard.policy)
    first, second = lines.pitch(facts, "zh", now), lines.pitch(facts, "zh", now + timedelta(minutes=2))
    assert {"price", "w1"} <= {fact_id for sentence in first for fact_id in sentence.fact_ids}
    assert not {s.text for s in first[:5]} & {s.text for s in second}
    assert lines.pitch(facts, "zh", now + timedelta(minutes=4)) == []
    assert all(guard.check(sentence.text, GuardContext((facts,), now)).allowed for sentence in (*first, *second))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("tone", list(Tone))
def test_a_draft_names_its_sources_and_never_leaves_out_warnings(
    guard: Guard, facts: ProductFacts, now: datetime, language: str, tone: Tone
) -> None:
    draft = draft_script(facts, guard=guard, now=now, language=language, tone=tone, seconds=60)
    claimed = {fact_id for line in draft.lines for fact_id, source in line.sources if source}
    assert {"w1", "w2", "price"} <= claimed
    assert not [finding for line in draft.lines for finding in line.findings]
    assert draft.seconds <= 75
    assert "AI" in draft.lines[0].sentence.text or "人工智能" in draft.lines[0].sentence.text
    assert draft_script(facts, guard=guard, now=now, language=language, tone=tone, seconds=60) == draft


def test_a_longer_draft_says_more_and_an_audience_comes_first(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    short = draft_script(facts, guard=guard, now=now, language="zh", seconds=40)
    long = draft_script(facts, guard=guard, now=now, language="zh", seconds=120)
    assert set(short.omitted) > set(long.omitted)
    gifted = draft_script(facts, guard=guard, now=now, language="zh", seconds=40, audience="没有拆封想退货的人")
    assert "r1" in short.omitted
    assert "r1" not in gifted.omitted


def test_a_draft_shows_what_is_wrong_with_the_facts(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    boast = Fact("c9", Topic.CLAIM, {"zh": "这是全网第一的面霜。"}, "advert")
    draft = draft_script(replace(facts, facts=(boast, *facts.facts)), guard=guard, now=now, language="zh")
    assert [finding.code for line in draft.lines for finding in line.findings] == ["banned_superlative"]
    assert draft.to_json()["lines"]


def test_drafts_that_cannot_be_are_refused(guard: Guard, facts: ProductFacts, now: datetime) -> None:
    with pytest.raises(DraftRefused, match="draft_language"):
        draft_script(facts, guard=guard, now=now, language="ko")
    with pytest.raises(DraftRefused, match="draft_length"):
        draft_script(facts, guard=guard, now=now, language="zh", seconds=5)
    with pytest.raises(DraftRefused, match="draft_without_facts"):
        draft_script(replace(facts, facts=()), guard=guard, now=now, language="zh")


def test_facts_travel_as_json_and_keep_their_digest(facts: ProductFacts) -> None:
    again = ProductFacts.from_json(facts.to_json())
    assert again == facts
    assert again.digest == facts.digest


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda f: replace(f, facts=(*f.facts, f.facts[0])), "fact_id_doubled"),
        (lambda f: replace(f, facts=(replace(f.facts[0], source=" "),)), "fact_without_source"),
        (lambda f: replace(f, facts=(replace(f.facts[0], text={"zh": "x" * 900}),)), "fact_text_unusable"),
        (lambda f: replace(f, price=replace(f.price, amount=Decimal(0))), "price_not_positive"),
        (lambda f: replace(f, price=replace(f.price, basis="")), "price_without_basis"),
        (lambda f: replace(f, price=replace(f.price, compared_basis="")), "compared_price_without_basis"),
        (lambda f: replace(f, price=replace(f.price, compared=Decimal(99))), "compared_price_without_basis"),
        (lambda f: replace(f, price=replace(f.price, valid_from=datetime(2026, 1, 1))), "time_without_zone"),
        (lambda f: replace(f, stock=replace(f.stock, valid_until=f.stock.as_of)), "stock_time_invalid"),
        (lambda f: replace(f, stock=replace(f.stock, count=-1)), "stock_negative"),
    ],
)
def test_facts_without_basis_are_refused(facts: ProductFacts, change, code: str) -> None:
    with pytest.raises(FactsRefused) as refusal:
        change(facts)
    assert refusal.value.code == code


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"facts": [{"id": 1}]}', '{"facts": [], "price": {"amount": "x"}}'])
def test_facts_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(FactsRefused, match="facts_malformed"):
        ProductFacts.from_json(text)


def test_where_the_permit_lets_it_answer_nothing_the_host_still_says_what_it_is(
    policy: LiveSpeechPolicy, facts: ProductFacts, now: datetime
) -> None:
    composer = Composer(replace(policy, answer_comments=False))
    silent = composer.answer("多少钱", facts, now)
    assert silent.sentences == ()
    assert silent.hand_over is not None
    assert silent.hand_over.code == "answers_off"
    assert composer.answer("你是真人吗", facts, now).sentences
