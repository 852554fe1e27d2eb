"""From facts to a script: each line with its sources, nothing that breaks a rule saved as ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from avatars.errors import ScriptRefused
from avatars.models import Script
from avatars.services import write_script
from compliance.release.models import ReviewKind
from compliance.release.services import decide_review, digest_of, request_review
from streaming.demo import FACTS
from streaming.dialogue.drafting import Tone
from streaming.dialogue.errors import DraftRefused
from streaming.scripting.composing import Wish
from streaming.scripting.errors import DeskRefused
from streaming.scripting.lines import Author, Line
from streaming.scripting.models import ScriptDraft
from streaming.scripting.reviewing import notes_on
from streaming.scripting.services import (
    Order,
    check_draft,
    corrected,
    finish_draft,
    revise_script,
    save_draft,
    save_product,
    start_draft,
)
from tests.streaming.dialogue.test_model import Behaviour, Handler, server

from .conftest import Studio

BOAST = "全网最低价，只要99元！"


def wanted(studio: Studio, **changes: Any) -> Order:
    wish = {"language": "zh", "tone": Tone.WARM, "audience": "秋冬", "seconds": 60.0, **changes}
    return Order("Cream", (studio.cream,), Wish(**wish))


def drafted(studio: Studio, *, use_model: bool = False, **changes: Any) -> ScriptDraft:
    order = wanted(studio, **changes)
    return start_draft(organisation=studio.brand, by=studio.producer, order=order, use_model=use_model)


def texts(draft: ScriptDraft) -> list[str]:
    return [item["text"] for item in draft.lines]


def finished(studio: Studio, draft: ScriptDraft) -> Script:
    return finish_draft(draft=draft, revision=draft.revision, by=studio.producer)


def edited(studio: Studio, draft: ScriptDraft, words: list[str]) -> ScriptDraft:
    lines = corrected(draft, words, studio.producer)
    return save_draft(draft=draft, revision=draft.revision, title=draft.title, lines=lines)


def reviewed(studio: Studio, script: Script, *, approve: bool = True) -> Any:
    review = request_review(
        organisation=studio.brand, kind=ReviewKind.SCRIPT, subject_id=script.id, digest=digest_of(script.content()),
        title=script.title, content=script.content(), requested_by=studio.producer,
    )  # fmt: skip
    return decide_review(review=review, decided_by=studio.legal, approve=True) if approve else review


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("tone", list(Tone))
def test_a_built_in_draft_is_ready_as_it_is(studio: Studio, language: str, tone: Tone) -> None:
    draft = drafted(studio, language=language, tone=tone)
    checked = check_draft(draft, [Line.from_json(item) for item in draft.lines])
    assert checked.ready
    told = {ground.fact for line in checked.lines for ground in line.grounds}
    assert {"care", "price", "feel"} <= told
    assert {duty for line in checked.lines for duty in line.duties} == {"disclosure", "price", "warning"}


def test_a_script_binds_its_facts_its_sources_and_its_authors(studio: Studio) -> None:
    draft = drafted(studio)
    words = texts(draft)
    words[words.index("质地清爽，抹开以后不黏手。")] = "质地清爽，不黏手。"
    script = finished(studio, edited(studio, draft, words))
    bound = script.content()["provenance"]
    assert bound["facts"] == [{"product": "cream", "version": str(studio.cream.id), "digest": FACTS.digest}]
    by_text = {line["text"]: line for line in bound["lines"]}
    assert by_text["质地清爽，不黏手。"]["author"] == {"kind": "person", "name": "Pat"}
    assert [source["fact"] for source in by_text["质地清爽，不黏手。"]["sources"]] == ["feel"]
    assert by_text["付款后48小时内发货。"]["author"]["kind"] == "composer"
    assert by_text["付款后48小时内发货。"]["sources"][0]["source"] == "logistics agreement"
    assert "\n".join(line["text"] for line in bound["lines"]) == script.text


def test_the_digest_that_legal_approves_changes_with_a_source(studio: Studio) -> None:
    script = finished(studio, drafted(studio))
    before = digest_of(script.content())
    script.provenance["lines"][3]["sources"][0]["source"] = "hearsay"
    assert digest_of(script.content()) != before


def test_scripts_from_before_keep_the_digest_they_were_approved_under(studio: Studio) -> None:
    old = Script(organisation=studio.brand, created_by=studio.producer, language="zh", text="好", estimated_s=1)
    assert old.content() == {"language": "zh", "text": "好"}


def test_a_line_with_findings_stays_a_draft(studio: Studio) -> None:
    draft = drafted(studio)
    draft = edited(studio, draft, [*texts(draft), BOAST])
    with pytest.raises(DeskRefused, match="draft_has_findings"):
        finished(studio, draft)
    assert BOAST in texts(ScriptDraft.objects.get())
    assert Script.objects.count() == 0


@pytest.mark.parametrize("left_out", ["AI", "敏感肌肤"])
def test_disclosure_and_warnings_cannot_be_left_out(studio: Studio, left_out: str) -> None:
    draft = drafted(studio)
    draft = edited(studio, draft, ["" if left_out in text or "数字人" in text else text for text in texts(draft)])
    with pytest.raises(DeskRefused, match="draft_lacks_duties"):
        finished(studio, draft)


def test_a_warning_in_softer_words_is_still_missing(studio: Studio) -> None:
    draft = drafted(studio)
    words = [text.replace("如有不适请停止使用", "请放心使用") for text in texts(draft)]
    checked = check_draft(draft, corrected(draft, words, studio.producer))
    assert [(lack.code, lack.fact) for lack in checked.lacks] == [("warning_missing", "care")]


def test_words_no_fact_carries_are_left_to_legal(studio: Studio) -> None:
    draft = drafted(studio)
    draft = edited(studio, draft, [*texts(draft), "窗外的银杏叶已经金黄一片。"])
    script = finished(studio, draft)
    found = script.provenance["lines"][-1]["findings"]
    assert [(item["code"], item["severity"]) for item in found] == [("unfounded", "legal")]


def test_a_price_that_has_ended_stops_a_draft_written_before(studio: Studio) -> None:
    draft = drafted(studio)
    assert FACTS.price
    ended = studio.cream.document.replace('"valid_until":null', '"valid_until":"2026-01-02T00:00:00+00:00"')
    facts = type(FACTS).from_json(ended)
    version = save_product(organisation=studio.brand, by=studio.producer, facts=facts, product=studio.cream.product)
    ScriptDraft.objects.update(basis=[str(version.id)])
    draft.refresh_from_db()
    with pytest.raises(DeskRefused, match="draft_has_findings"):
        finished(studio, draft)


def test_two_products_share_one_opening(studio: Studio) -> None:
    other = type(FACTS).from_json(FACTS.to_json().replace('"id":"cream"', '"id":"mask"').replace("润肤霜", "面膜"))
    mask = save_product(organisation=studio.brand, by=studio.producer, facts=other)
    order = wanted(studio, seconds=120.0)
    order = Order(order.title, (studio.cream, mask), order.wish)
    draft = start_draft(organisation=studio.brand, by=studio.producer, order=order, use_model=False)
    lines = [Line.from_json(item) for item in draft.lines]
    assert [line.section for line in lines].count("closing") == 1
    assert {line.product for line in lines} == {"", "cream", "mask"}
    assert check_draft(draft, lines).ready


def test_more_products_than_time_are_refused(studio: Studio) -> None:
    order = wanted(studio, seconds=20.0)
    order = Order(order.title, (studio.cream, studio.cream), order.wish)
    with pytest.raises(DraftRefused, match="draft_products"):
        start_draft(organisation=studio.brand, by=studio.producer, order=order, use_model=False)


# --- the language model ---
def worded(handler: Handler) -> None:
    handler.begin()
    handler.say('{"say": "这款的质地清爽，抹开不黏手。", "facts": ["feel"]}\n')
    handler.say('{"say": "全网最低价，用了就年轻。", "facts": ["feel"]}\n')
    handler.end()


def garbage(handler: Handler) -> None:
    handler.begin()
    handler.say("As an AI I would love to!\n")
    handler.end()


def busy(handler: Handler) -> None:
    handler.begin("text/plain", 503)


def with_model(settings: Any, behaviour: Behaviour, studio: Studio) -> ScriptDraft:
    with server(behaviour) as http:
        settings.AVOW_MODEL_URL = f"http://127.0.0.1:{http.server_address[1]}/v1"
        settings.AVOW_MODEL_NAME = "words-1"
        return drafted(studio, use_model=True)


def test_a_models_words_carry_its_name_and_its_facts(studio: Studio, settings: Any) -> None:
    draft = with_model(settings, worded, studio)
    lines = {item["text"]: item for item in draft.lines}
    said = lines["这款的质地清爽，抹开不黏手。"]
    assert (said["author"], said["name"], said["facts"]) == (str(Author.MODEL), "words-1", ["feel"])
    assert not any("最低价" in text for text in lines)
    assert {item["author"] for item in draft.lines if item["section"] in ("opening", "price", "warnings")} == {
        "composer"
    }
    assert finished(studio, draft).provenance["lines"]


@pytest.mark.parametrize(("behaviour", "code"), [(garbage, "model_garbage"), (busy, "model_status")])
def test_when_the_model_fails_the_composer_writes_and_says_so(
    studio: Studio, settings: Any, behaviour: Behaviour, code: str
) -> None:
    draft = with_model(settings, behaviour, studio)
    assert code in [incident[0] for incident in draft.incidents]
    assert {item["author"] for item in draft.lines} == {"composer"}
    page = studio.client(studio.producer).get(f"/studio/desk/{draft.pk}/").content.decode()
    assert "The built-in composer wrote this draft" in page
    assert finished(studio, draft)


# --- by two people at once ---
def test_a_draft_that_changed_meanwhile_is_not_overwritten(studio: Studio) -> None:
    draft = drafted(studio)
    edited(studio, draft, texts(draft))
    with pytest.raises(DeskRefused, match="draft_changed_meanwhile"):
        edited(studio, draft, texts(draft))


def test_a_draft_becomes_a_script_once(studio: Studio) -> None:
    draft = drafted(studio)
    finished(studio, draft)
    with pytest.raises(DeskRefused, match="draft_finished"):
        finished(studio, draft)


def test_a_superseded_script_gets_no_second_successor(studio: Studio) -> None:
    script = finished(studio, drafted(studio))
    first, second = (revise_script(script=script, by=studio.producer) for _ in range(2))
    finished(studio, first)
    with pytest.raises(ScriptRefused, match="script_superseded"):
        finished(studio, second)


def test_sources_of_another_text_are_refused(studio: Studio) -> None:
    script = finished(studio, drafted(studio))
    with pytest.raises(ScriptRefused, match="provenance_differs"):
        write_script(
            organisation=studio.brand, created_by=studio.producer, title="x", language="zh", text="大家好。",
            provenance=script.provenance,
        )  # fmt: skip


# --- what legal sees ---
def test_legal_sees_sources_and_what_changed_since_the_last_approval(studio: Studio) -> None:
    script = finished(studio, drafted(studio))
    approved = reviewed(studio, script)
    draft = revise_script(script=script, by=studio.producer)
    words = [text.replace("抹开以后不黏手", "不黏手") for text in texts(draft)]
    review = reviewed(studio, finished(studio, edited(studio, draft, words)), approve=False)
    notes = notes_on(review)
    assert notes.approved == approved
    assert [piece.text for piece in notes.pieces if piece.change == "gone"] == ["抹开以后"]
    page = studio.client(studio.legal).get(f"/legal/reviews/{review.pk}/").content.decode()
    assert "<del>抹开以后</del>" in page
    assert f"/studio/products/{studio.cream.product_id}/?version=1#fact-feel" in page
    assert "sensory panel S-4" in page


def test_legal_is_told_that_a_price_has_ended_since(studio: Studio) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    facts = type(FACTS).from_json(studio.cream.document.replace('"valid_until":null', f'"valid_until":"{tomorrow}"'))
    version = save_product(organisation=studio.brand, by=studio.producer, facts=facts, product=studio.cream.product)
    order = Order("Cream", (version,), wanted(studio).wish)
    draft = start_draft(organisation=studio.brand, by=studio.producer, order=order, use_model=False)
    review = reviewed(studio, finished(studio, draft), approve=False)
    assert notes_on(review).today == []
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        today = notes_on(review).today
    assert [finding["code"] for line in today for finding in line["findings"]] == ["price_without_basis"]


def test_a_script_by_hand_is_kept_with_what_was_found_in_it(studio: Studio) -> None:
    client = studio.client(studio.producer)
    posted = {"title": "By hand", "language": "zh", "text": f"茉莉花茶润肤霜来了。\r\n{BOAST}"}
    checked = client.post("/studio/scripts/new/", posted | {"do": "check"}, headers={"HX-Request": "true"})
    assert "Brand legal decides" in checked.content.decode()
    assert Script.objects.count() == 0
    assert client.post("/studio/scripts/new/", posted).status_code == 302
    script = Script.objects.get()
    codes = [item["code"] for item in script.provenance["lines"][1]["findings"]]
    assert {"lowest_price_claim", "price_without_basis"} <= set(codes)
    assert script.provenance["facts"][0]["product"] == "cream"
    review = reviewed(studio, script, approve=False)
    page = studio.client(studio.legal).get(f"/legal/reviews/{review.pk}/").content.decode()
    assert "Brand legal decides" in page
    assert "Order 117" in page


# --- the pages ---
def test_the_desk_works_without_scripts(studio: Studio) -> None:
    client = studio.client(studio.producer)
    order = {"title": "Cream", "products": [str(studio.cream.product_id)], "language": "zh", "seconds": "60",
             "tone": "plain", "audience": ""}  # fmt: skip
    address = client.post("/studio/desk/", order).headers["Location"]
    draft = ScriptDraft.objects.get()
    words = [text for text in texts(draft) if "敏感肌肤" not in text]
    posted = {"revision": "1", "title": "Cream", "line": [*(t if t in words else "" for t in texts(draft)), BOAST]}
    refused = client.post(address, posted | {"do": "ready"})
    assert refused.status_code == 409
    assert BOAST in refused.content.decode()
    posted = {"revision": "2", "title": "Cream", "line": [*words, ""]}
    assert client.post(address, posted | {"do": "duties"}).status_code == 302
    draft.refresh_from_db()
    assert any("敏感肌肤" in text for text in texts(draft))
    posted = {"revision": str(draft.revision), "title": "Cream", "line": texts(draft), "do": "ready"}
    assert client.post(address, posted).headers["Location"] == f"/studio/scripts/{Script.objects.get().pk}/"


def test_the_products_page_leads_to_a_draft_about_it(studio: Studio) -> None:
    page = studio.client(studio.producer).get(f"/studio/desk/?products={studio.cream.product_id}").content.decode()
    assert "checked" in page.partition(f'value="{studio.cream.product_id}"')[2].partition(">")[0]


def test_one_line_is_checked_as_it_is_typed_and_nothing_is_kept(studio: Studio) -> None:
    draft = drafted(studio)
    words = texts(draft)
    words[2] = BOAST
    address = f"/studio/desk/{draft.pk}/check/"
    answer = studio.client(studio.producer).post(address, {"line": words, "place": "2"}).content.decode()
    assert "Has to change" in answer
    assert 'hx-swap-oob="true"' in answer
    assert texts(ScriptDraft.objects.get()) == texts(draft)


@pytest.mark.parametrize(
    ("posted", "status"),
    [(["\x00\u0000"], 409), (["x" * 9000] * 20, 409), ([], 409)],
    ids=["fewer lines than the draft has", "more text than a script may have", "nothing"],
)
def test_what_cannot_be_a_draft_is_refused_and_nothing_is_lost(
    studio: Studio, posted: list[str], status: int
) -> None:
    draft = drafted(studio)
    client = studio.client(studio.producer)
    for address in (f"/studio/desk/{draft.pk}/", f"/studio/desk/{draft.pk}/check/"):
        assert client.post(address, {"line": posted, "revision": "1"}).status_code == status
    assert texts(ScriptDraft.objects.get()) == texts(draft)


def test_control_characters_are_not_kept(studio: Studio) -> None:
    draft = drafted(studio)
    lines = corrected(draft, [*texts(draft), "大家\x00好，\n欢迎。"], studio.producer)
    assert lines[-1].text == "大家 好， 欢迎。"
