"""A real Chromium, a live server, and Chinese compiled from the parts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.utils.translation import trans_real
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-long-password-of-tests"


@pytest.fixture(scope="session")
def chinese() -> None:
    """The compiled catalogue is a build product, so it is built."""
    subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "build_locale.py")], capture_output=True, check=False
    )
    trans_real._translations.clear()


# Of a module, not of the session: only one Playwright can run in a thread, and others have tests too.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: the pages were not looked at in a browser")
    # Playwright keeps an event loop in this thread; Django's guard would take every query for an async one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console complained about; a blocked script or style shows up here."""
    return []


@pytest.fixture
def open_page(browser: Browser, live_server: object, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """`open_page("/", width=390, scheme="dark")` in a fresh session."""
    contexts: list[BrowserContext] = []

    def open_it(address: str, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=live_server.url,  # type: ignore[attr-defined]
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def administrator(transactional_db: None) -> User:
    """Somebody with a password, a verified address and an organisation to look after."""
    user = User.objects.create_user("ada@example.org", PASSWORD, display_name="Ada")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    brand = Organisation.objects.create(name="Qingshan Tea 青山茶业", kind=OrganisationKind.BRAND)
    Membership.objects.create(user=user, organisation=brand, role=Role.ADMINISTRATOR)
    Membership.objects.create(user=user, organisation=brand, role=Role.PRODUCER)
    return user


@pytest.fixture
def sign_in(administrator: User) -> Callable[[Page], None]:
    """Through the form, as a person does."""

    def sign_in_on(page: Page) -> None:
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(administrator.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Welcome, Ada").wait_for()

    return sign_in_on
