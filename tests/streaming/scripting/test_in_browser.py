"""The desk in a real browser: a finding appears while one types, without a page load, and goes when it is mended."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from compliance.accounts.models import Organisation, User
from streaming.demo import FACTS
from streaming.dialogue.drafting import Tone
from streaming.scripting.composing import Wish
from streaming.scripting.models import ScriptDraft
from streaming.scripting.services import Order, save_product, start_draft
from tests.ui.conftest import administrator, browser, chinese, complaints, open_page, sign_in
from tests.ui.test_in_browser import assert_well_made

__all__ = ["administrator", "browser", "chinese", "complaints", "open_page", "sign_in"]

pytestmark = pytest.mark.browser


@pytest.fixture
def draft(administrator: User) -> ScriptDraft:
    brand = Organisation.objects.get()
    cream = save_product(organisation=brand, by=administrator, facts=FACTS)
    order = Order("Cream", (cream,), Wish("en", Tone.PLAIN, "", 40.0))
    return start_draft(organisation=brand, by=administrator, order=order, use_model=False)


def test_findings_appear_while_one_types(
    draft: ScriptDraft, open_page: Callable[..., Page], sign_in: Callable[[Page], None], complaints: list[str]
) -> None:
    page = open_page("/", width=390)
    sign_in(page)
    page.goto(f"/studio/desk/{draft.pk}/")
    expect(page.locator("#desk-sum")).to_contain_text("Ready for brand legal")
    assert_well_made(page)
    page.evaluate("window.neverLoadedAgain = true")
    line = page.get_by_label("Line 4", exact=True)
    before = line.input_value()
    line.fill("The best cream in the world, for only 99 yuan.")
    expect(page.locator("#notes-3")).to_contain_text("Has to change")
    expect(page.locator("#desk-sum")).to_contain_text("Lines have to change: 1 line")
    assert_well_made(page)
    line.fill(before)
    expect(page.locator("#desk-sum")).to_contain_text("Ready for brand legal")
    assert page.evaluate("window.neverLoadedAgain")
    page.get_by_role("button", name="Save as a script").click()
    expect(page.get_by_role("heading", name="Cream", level=1)).to_be_visible()
    assert_well_made(page)
    assert complaints == []
