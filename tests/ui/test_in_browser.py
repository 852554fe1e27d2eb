"""The pages in a real browser: accessible, usable by keyboard, quiet under the strict policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from compliance.accounts.models import Organisation

pytestmark = pytest.mark.browser

SCREENS = [(1280, "light"), (360, "dark")]
OPEN_PAGES = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
OWN_PAGES = [
    "/",
    "/me/",
    "/accounts/2fa/",
    "/accounts/2fa/webauthn/",
    "/accounts/email/",
    "/accounts/logout/",
]


def assert_well_made(page: Page) -> None:
    """No accessibility violation, and nothing that makes the page scroll sideways."""
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in violations] == [], page.url
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{page.url} is {overflow} px too wide"


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_for_everybody_are_well_made(
    open_page: Callable[..., Page], complaints: list[str], width: int, scheme: str
) -> None:
    page = open_page("/", width=width, scheme=scheme)
    for address in OPEN_PAGES:
        page.goto(address)
        assert_well_made(page)
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_of_ones_own_are_well_made(
    open_page: Callable[..., Page],
    sign_in: Callable[[Page], None],
    complaints: list[str],
    width: int,
    scheme: str,
) -> None:
    page = open_page("/", width=width, scheme=scheme)
    sign_in(page)
    for address in [*OWN_PAGES, f"/organisations/{Organisation.objects.get().pk}/"]:
        page.goto(address)
        assert_well_made(page)
    assert complaints == []


def test_one_signs_in_and_out_with_the_keyboard_alone(
    open_page: Callable[..., Page], administrator: object
) -> None:
    page = open_page("/accounts/login/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("ada@example.org")
    page.keyboard.press("Tab")
    while not page.get_by_label("Password").evaluate("field => field === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("a-long-password-of-tests")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Welcome, Ada")).to_be_visible()
    page.locator("details.menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(page.locator("details.menu summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="AI hosts that can prove who agreed")).to_be_visible()


def test_an_error_in_a_form_is_tied_to_its_field(
    open_page: Callable[..., Page], sign_in: Callable[[Page], None]
) -> None:
    page = open_page("/")
    sign_in(page)
    page.goto(f"/organisations/{Organisation.objects.get().pk}/")
    page.get_by_label("Provider code").fill("0011")
    page.get_by_role("button", name="Save").click()
    field = page.get_by_label("Provider code")
    described = field.get_attribute("aria-describedby")
    assert field.get_attribute("aria-invalid") == "true"
    texts = [page.locator(f"#{name}").inner_text() for name in (described or "").split()]
    assert any("this one has 4" in text for text in texts)


def test_a_passkey_is_added_and_opens_the_account_under_the_strict_policy(
    open_page: Callable[..., Page],
    sign_in: Callable[[Page], None],
    complaints: list[str],
    settings: object,
) -> None:
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # type: ignore[attr-defined]
    page = open_page("/")
    _plug_in_authenticator(page)
    sign_in(page)
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill("a-long-password-of-tests")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_label("Sign in with it alone")).to_be_checked()
    page.get_by_role("button", name="Add a passkey").click()
    # allauth leads to the recovery codes that come with the first key.
    page.get_by_role("heading", name="Recovery codes").wait_for()
    assert page.locator(".codes li").count() == 10
    assert_well_made(page)
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_role("row")).to_have_count(2)
    assert_well_made(page)
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("heading", name="Welcome, Ada")).to_be_visible()
    assert complaints == []


def _plug_in_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_that_fails_is_told_on_the_page(open_page: Callable[..., Page], settings: object) -> None:
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # type: ignore[attr-defined]
    page = open_page("/accounts/login/")
    page.context.route("**/2fa/webauthn/login/", lambda route: route.abort())
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not used")


def test_without_scripts_every_control_still_works(
    browser: object, live_server: object, administrator: object
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("ada@example.org")
    page.get_by_label("Password").fill("a-long-password-of-tests")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="AI hosts that can prove who agreed")).to_be_visible()
    context.close()
