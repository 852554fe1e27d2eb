"""The viewer's page in a real browser while nobody performs: it says why, and offers what it can play."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from streaming import showing
from streaming.models import Air, Room
from tests.ui.conftest import browser, chinese, complaints, open_page
from tests.ui.test_in_browser import assert_well_made

__all__ = ["browser", "chinese", "complaints", "open_page"]
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("emptied")]


def told(room: Room, why: dict[str, str]) -> None:
    Air.objects.filter(pk=room.pk).update(showing="slate", slate_code=why["code"], slate_words=why)


def test_the_page_says_why_and_offers_both_renditions(
    room: Room, open_page: Callable[..., Page], chinese: None
) -> None:
    told(room, showing.no_performer())
    page = open_page(f"/live/{room.pk}/", width=390)
    expect(page.locator("#live-why")).to_have_text("The host is away for the moment.")
    quality = page.get_by_label("Picture quality")
    assert [text.split(",")[0] for text in quality.locator("option").all_inner_texts()[1:]] == ["High", "Low"]
    expect(quality.locator("option").first).to_contain_text("Automatic (")
    quality.focus()
    page.keyboard.press("End")
    assert quality.input_value() == "low", "a keyboard is enough"
    assert_well_made(page)
    told(room, showing.handed_over())
    expect(page.locator("#live-why")).to_have_text("A person has taken over from the host.", timeout=20_000)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#live-why")).to_have_text("已由真人接替主播。", timeout=20_000)
