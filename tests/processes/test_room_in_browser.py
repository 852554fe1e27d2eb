"""A whole room as a visitor meets it: real processes bring it on air, a real browser verifies and shows it."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.instance import Instance, running
from tests.e2e.people import DESK, PATIENCE_MS, assert_well_made, sign_in

pytestmark = pytest.mark.browser
QUESTION = "多少钱一瓶？"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running(tmp_path_factory.mktemp("avow").resolve(), AVOW_DEMO_ROOM_MINUTES="30") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: no room was watched in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def somebody(browser: Browser, site: Instance) -> Callable[[], Page]:
    def open_it() -> Page:
        context = browser.new_context(base_url=site.url, viewport=DESK)
        context.set_default_timeout(PATIENCE_MS)
        return context.new_page()

    return open_it


def test_a_room_is_watched_asked_and_goes_dark(somebody: Callable[[], Page], site: Instance) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    viewer, producer, streamer = somebody(), somebody(), somebody()
    complaints: list[str] = []
    viewer.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    viewer.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        come_in(viewer)
        watch(viewer)
        ask(viewer)
        grant = see_it_answered(producer, viewer.url)
        withdraw(streamer, grant)
        see_it_go_dark(viewer)
        assert complaints == []
    except AssertionError:
        print(site.log.read_text(errors="replace")[-6000:])
        raise


def come_in(page: Page) -> None:
    """From the start page to the room, which is being prepared meanwhile."""
    page.goto("/")
    page.get_by_role("link", name="Watch the AI host").click()
    page.wait_for_url(re.compile(r"/live/[0-9a-f-]{36}/$"), timeout=2 * PATIENCE_MS)
    assert_well_made(page)


def watch(page: Page) -> None:
    """The host is seen, the picture moves on, carries its label, and every second was verified here."""
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator("#live-badge")).to_have_class(re.compile("badge--ok"))
    at = position(page)
    number = int(page.locator("#live-sequence").inner_text())
    expect(page.locator("#live-sequence")).not_to_have_text(str(number))
    assert position(page) > at
    expect(page.locator("#live-state")).to_have_text("Live")
    corner, opposite = corners(page)
    assert (corner < 90).mean() > 0.2 and (corner > 200).mean() > 0.05, "white letters on the label's dark ground"
    assert (opposite < 90).mean() < 0.2, "which is nothing that the scene shows by itself"


def position(page: Page) -> float:
    return float(page.locator("#live-video").evaluate("video => video.currentTime"))


def picture(page: Page) -> NDArray[np.uint8]:
    """Luma of what the browser shows in the place of the video."""
    shot = page.locator("#live-video").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L"))


def corners(page: Page) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The upper right corner, where the label belongs, and the upper left one."""
    shown = picture(page)
    height, width = shown.shape[0] * 18 // 100, shown.shape[1] * 26 // 100
    return shown[:height, -width:], shown[:height, :width]


def ask(page: Page) -> None:
    page.get_by_label("Ask the host").fill(QUESTION)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#live-sent")).to_have_text("Sent to the host.")
    expect(page.locator("#live-question")).to_have_text(QUESTION)


def see_it_answered(page: Page, room: str) -> str:
    """The control room's log has the answer with the approved price. Returns the id of the consent."""
    sign_in(page, "producer")
    page.goto(f"/studio/rooms/{room.rstrip('/').rpartition('/')[2]}/")
    answer = page.get_by_role("listitem").filter(has_text="Answer to a comment").first
    expect(answer).to_contain_text("199")
    place = page.get_by_role("link", name="Consent of Lin Mei").get_attribute("href")
    assert place is not None
    return place.strip("/").rpartition("/")[2]


def withdraw(page: Page, grant: str) -> None:
    sign_in(page, "streamer")
    page.goto(f"/consent/{grant}/")
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_role("button", name="Withdraw now").click()
    expect(page.get_by_role("heading", name="The end of this consent has taken effect")).to_be_visible()


def see_it_go_dark(page: Page) -> None:
    """The last thing on screen is the slate: labelled, signed, without the person. Then the broadcast ends."""
    expect(page.locator("#live-state")).to_have_text("The broadcast has ended")
    expect(page.locator("#live-badge")).to_have_class(re.compile("badge--ok"))
    shown = picture(page)
    assert (shown > 110).mean() < 0.1, "the scene of the host is gone"
    corner, _opposite = corners(page)
    assert (corner > 200).mean() > 0.05, "the slate carries the label too"
