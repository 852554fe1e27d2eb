"""The whole road, walked once by the five people in a real browser, against every real process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from avatars.copies import stripped_copy
from compliance.accounts.demo import BRAND
from tests.e2e.instance import ROOT
from tests.e2e.people import PATIENCE_MS, assert_well_made, drop_file, sign_in

pytestmark = pytest.mark.browser

TITLE = "Hand cream, short"
TEXT = "This is our jasmine hand cream, and I am a digital presenter."
VERIFIER = ROOT / "compliance" / "audit" / "verify_bundle.py"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_from_consent_to_release_to_withdrawal(
    somebody: Callable[[], Page], clip: Path, tmp_path: Path, complaints: list[str]
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    streamer, producer, legal, viewer, regulator = (somebody() for _person in range(5))
    grant = give_consent(streamer)
    sign_in(producer, "producer")
    offer_what_is_no_video(producer, tmp_path)
    avatar = build_avatar(producer, clip)
    order_take(producer)
    approve_everything(legal)
    release = follow_to_release(producer)
    asset = watch_and_keep(producer, tmp_path)
    mark = check_original(viewer, asset, grant)
    check_stripped_copy(viewer, asset, grant, mark)
    ask_by_program(viewer, asset, grant)
    audit(regulator, mark, grant, tmp_path)
    withdraw(streamer, grant)
    find_everything_gone(producer, legal, release=release, avatar=avatar)
    assert complaints == []


# --- 1: the streamer ---
def give_consent(page: Page) -> str:
    """Notice, form, review, receipt. Returns the id of the grant."""
    sign_in(page, "streamer")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="My likeness").click()
    page.get_by_role("link", name="Give consent").click()
    expect(page.locator("#notice")).to_be_visible()
    set_the_limits(page)
    assert_well_made(page)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Is this what you want?")).to_be_visible()
    for limit in (BRAND, "Face", "Voice", "Cosmetics and skin care", "Douyin", "China", "European Union", "English"):
        expect(page.get_by_role("main")).to_contain_text(limit)
    assert_well_made(page)
    page.get_by_role("button", name="Give this consent").click()
    return keep_receipt(page)


def set_the_limits(page: Page) -> None:
    """Face and voice, one brand, cosmetics, one platform, two markets, one language, ten hours."""
    page.get_by_label("Who may use your likeness?").select_option(label=BRAND)
    chosen = (BRAND, "Face", "Voice", "Cosmetics and skin care", "Presenting products", "Douyin")
    for name in (*chosen, "China", "European Union", "English"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_label("In your own words: what will be made?").fill("Short clips that present hand cream.")
    page.get_by_label("Hours in all").fill("10")
    page.locator("[name=separate_consent]").check()
    page.get_by_role("radio", name="18 or older").check()
    page.get_by_role("checkbox", name="I have read the notice").check()


def keep_receipt(page: Page) -> str:
    """The gate signs; the page shows the receipt by itself, and the file says what was agreed to."""
    button = page.get_by_role("link", name="Download the receipt")
    expect(button).to_be_visible()
    assert_well_made(page)
    with page.expect_download() as download:
        button.click()
    grant = UUID.search(page.url)
    assert grant is not None
    text = download.value.path().read_text("utf-8")
    assert grant[0] in text
    assert "signature" in text
    return grant[0]


# --- 2: the producer builds ---
def offer_what_is_no_video(page: Page, folder: Path) -> None:
    """A text file with the name of a film: its own message, nothing kept."""
    film = folder / "holiday.mp4"
    film.write_text("This was never a film.\n" * 100)
    upload_clip(page, "Not a film", film)
    expect(page.get_by_text("This is not a video file.")).to_be_visible()
    expect(page.get_by_text("This clip cannot be used")).to_be_visible()
    assert_well_made(page)


def build_avatar(page: Page, clip: Path) -> str:
    """Upload, checks, build; the page follows by itself. Returns the address of the avatar."""
    upload_clip(page, "Lin Mei", clip)
    state = page.locator("#avatar-state")
    expect(state).to_contain_text(re.compile("Ready|cannot be used"))
    expect(state.get_by_text("Ready", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Quality card")).to_be_visible()
    assert_well_made(page)
    return page.url


def upload_clip(page: Page, name: str, clip: Path) -> None:
    page.goto("/studio/avatars/new/")
    page.get_by_label("Name of the avatar").fill(name)
    drop_file(page, clip)
    expect(page.locator(".drop__name")).to_contain_text(clip.name)
    page.get_by_role("button", name="Check and build").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


# --- 3: script, order, approvals ---
def order_take(page: Page) -> None:
    """Write, order, and see why the gate holds the take; stays on the page of the take."""
    page.goto("/studio/scripts/new/")
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Language").select_option(label="English")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Save").click()
    assert_well_made(page)
    page.get_by_role("link", name="Order a take").click()
    page.get_by_label("Platform").select_option(label="Douyin")
    for market in ("China", "European Union"):
        page.get_by_role("checkbox", name=market).check()
    assert_well_made(page)
    page.get_by_role("button", name="Order").click()
    state = page.locator("#take-state")
    expect(state.get_by_text("On hold", exact=True)).to_be_visible()
    for kind in ("Script", "Avatar", "Markets and use"):
        expect(state.get_by_role("listitem").filter(has_text=f"{kind}: ")).to_contain_text("Waiting for legal")
    assert_well_made(page)
    page.evaluate("window.neverLoadedAgain = true")


def approve_everything(page: Page) -> None:
    """Brand legal reads and approves script, avatar and markets."""
    sign_in(page, "legal")
    page.goto("/legal/")
    waiting = page.get_by_role("table").first.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(waiting).to_have_count(3)
    assert_well_made(page)
    for left in (2, 1, 0):
        waiting.first.get_by_role("link").click()
        assert_well_made(page)
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Approved.", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible(visible=left == 0)
    assert_well_made(page)


# --- 4 and 5: perform, label, mark, gate ---
def follow_to_release(page: Page) -> str:
    """The producer's page moves on alone, step by step. Returns the address of the release."""
    expect(page.get_by_role("progressbar")).to_be_visible()
    link = page.get_by_role("link", name="Open the release")
    ended = page.locator("#take-state").get_by_text(re.compile("^(Released|In quarantine|Stopped)$")).first
    expect(ended.or_(link).first).to_be_visible()
    expect(link).to_be_visible()
    assert page.evaluate("window.neverLoadedAgain") is True
    assert_well_made(page)
    link.click()
    expect(page.get_by_role("heading", name=TITLE, level=1)).to_be_visible()
    return page.url


def watch_and_keep(page: Page, folder: Path) -> Path:
    """The video plays and seeks, byte ranges are served, the file can be kept."""
    video = page.locator("video")
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    duration = video.evaluate("video => video.duration")
    assert 1.0 < duration < 30.0
    assert video.evaluate(_SEEK) == pytest.approx(duration / 2, abs=0.2)
    source = video.get_attribute("src")
    assert source is not None
    part = page.request.get(source, headers={"Range": "bytes=100-199"})
    assert (part.status, len(part.body())) == (206, 100)
    expect(page.locator("#ledger-entry").get_by_role("link")).to_be_visible()
    assert_well_made(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    asset = folder / "release.mp4"
    download.value.save_as(asset)
    return asset


_SEEK = """(video) => new Promise((resolve) => {
  video.addEventListener('seeked', () => resolve(video.currentTime), { once: true })
  video.currentTime = video.duration / 2
})"""


# --- 6: anybody ---
def check_original(page: Page, asset: Path, grant: str) -> str:
    """Returns the mark that was read."""
    verdict = ask(page, asset)
    expect(verdict).to_have_text("This is a file released by this service, unchanged.")
    expect(page.get_by_role("main")).to_contain_text(grant)
    assert_well_made(page)
    return page.get_by_role("table").get_by_role("rowheader").first.inner_text()


def check_stripped_copy(page: Page, asset: Path, grant: str, mark: str) -> None:
    """Half the bitrate, 540 lines, no metadata: the mark alone leads to the same grant."""
    copy = asset.with_name("stripped.mp4")
    stripped_copy(asset, copy)
    verdict = ask(page, copy)
    expect(verdict).to_have_text("This is a copy or a part of a video released by this service.")
    expect(page.get_by_role("main")).to_contain_text(grant)
    expect(page.get_by_role("main")).to_contain_text(mark)
    assert_well_made(page)


def ask(page: Page, path: Path) -> Locator:
    """Drop a file on the public page. Returns the place of the answer."""
    page.goto("/verify/")
    assert_well_made(page)
    drop_file(page, path)
    page.get_by_role("button", name="Check").click()
    return page.locator(".verdict__answer")


def ask_by_program(page: Page, asset: Path, grant: str) -> None:
    """The same question over the API: 202, an address, the same answer there."""
    file = {"name": asset.name, "mimeType": "video/mp4", "buffer": asset.read_bytes()}
    asked = page.request.post("/api/v1/inspections/", multipart={"file": file})
    assert asked.status == 202
    page.goto(f"/verify/{asked.json()['id']}/")
    expect(page.locator(".verdict__answer")).to_be_visible()
    answer = page.request.get(asked.headers["location"]).json()
    assert answer["state"] == "done"
    assert answer["result"]["verdict"]["code"] == "released_here"
    assert answer["result"]["trace"]["grant"] == grant


# --- 7: the regulator ---
def audit(page: Page, mark: str, grant: str, folder: Path) -> None:
    """From a mark to the release, its evidence, and a bundle that verifies without Avow."""
    sign_in(page, "regulator")
    page.goto("/audit/")
    page.get_by_role("searchbox").fill(mark)
    page.get_by_role("button", name="Find").click()
    assert_well_made(page)
    page.get_by_role("table").get_by_role("link", name=TITLE).click()
    for fact in ("Lin Mei", grant, "Dana Roth", mark):
        expect(page.get_by_role("main")).to_contain_text(fact)
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert_well_made(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the evidence bundle").click()
    bundle = folder / "evidence.zip"
    download.value.save_as(bundle)
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(bundle)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# --- and back ---
def withdraw(page: Page, grant: str) -> None:
    """One action; every step of its effect is shown with its delay."""
    page.goto(f"/consent/{grant}/")
    page.get_by_role("link", name="Withdraw").click()
    assert_well_made(page)
    page.get_by_role("button", name="Withdraw now").click()
    expect(page.get_by_role("heading", name="The end of this consent has taken effect")).to_be_visible()
    steps = page.locator("#effects tbody tr")
    expect(steps).to_have_count(7)
    for step in steps.all():
        expect(step.locator("td").last).to_have_text(re.compile(r"^\d+\.\d s$"))
    assert_well_made(page)


def find_everything_gone(producer: Page, legal: Page, *, release: str, avatar: str) -> None:
    """The file is served to nobody, listed for takedown; the avatar is destroyed."""
    assert producer.request.get(f"{release}media.mp4").status == 410
    producer.goto(release)
    expect(producer.get_by_text("Consent withdrawn")).to_be_visible()
    expect(producer.locator("video")).to_have_count(0)
    assert_well_made(producer)
    producer.goto("/releases/")
    expect(producer.get_by_role("row").filter(has_text=TITLE)).to_contain_text("to be taken down")
    assert_well_made(producer)
    legal.goto("/legal/takedowns/")
    expect(legal.get_by_role("rowheader", name=TITLE)).to_be_visible()
    assert_well_made(legal)
    producer.goto(avatar)
    expect(producer.get_by_text("Destroyed", exact=True)).to_be_visible()
    assert_well_made(producer)
