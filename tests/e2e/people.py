"""What people do on pages: sign in, drop a file, look whether a page is well made."""

from __future__ import annotations

import base64
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from compliance.accounts.demo import PASSWORD

PATIENCE_MS = 180_000  # of one wait; a busy machine is no failure
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

# A file comes from outside the page only by a real drag; the page is handed what a drag would hand it.
_HOLD_FILE = """([name, type, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  const held = new DataTransfer()
  held.items.add(new File([bytes], name, { type }))
  return held
}"""


def sign_in(page: Page, role: str) -> None:
    """Through the form, as one of the people of the demonstration."""
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(f"{role}@avow.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Welcome").wait_for()


def drop_file(page: Page, path: Path) -> None:
    """Drop a file on the page's zone, as a mouse does."""
    content = base64.b64encode(path.read_bytes()).decode()
    held = page.evaluate_handle(_HOLD_FILE, [path.name, "video/mp4", content])
    page.dispatch_event(".drop", "drop", {"dataTransfer": held})


def assert_well_made(page: Page) -> None:
    """No accessibility violation, and nothing that makes the page scroll sideways, on a desk or on a phone."""
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in violations] == [], page.url
    for screen in (PHONE, DESK):
        page.set_viewport_size(screen)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{page.url} is {overflow} px too wide for {screen['width']} px"
