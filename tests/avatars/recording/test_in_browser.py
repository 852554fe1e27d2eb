"""The minute is recorded in a real browser whose camera plays a clip, and the server's checks judge what arrives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from avatars.media import constant_rate_frames, mono_sound
from avatars.models import Avatar, AvatarState
from avatars.speech import Speech
from avatars.speech.wave_file import write_wave
from tests.e2e.people import assert_well_made
from tests.road import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("emptied")]
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def camera(presenter_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The presenter's clip as Chromium's fake devices read it: YUV4MPEG2 and WAV."""
    folder = tmp_path_factory.mktemp("camera")
    picture, sound = folder / "camera.y4m", folder / "microphone.wav"
    with picture.open("wb") as out:
        out.write(b"YUV4MPEG2 W640 H360 F25:1 Ip A1:1 C420jpeg\n")
        for frame in constant_rate_frames(presenter_clip, fps=25, max_side=640):
            out.write(b"FRAME\n" + frame.to_ndarray().tobytes())
    write_wave(Speech(mono_sound(presenter_clip, 48000), 48000, (), (), "", "en"), sound)
    return picture, sound


@pytest.fixture(scope="module")
def filming(camera: tuple[Path, Path]) -> Iterator[Browser]:
    """A browser whose camera and microphone play the clip and are allowed without asking."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: recording was not tried in a browser")
    args = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera[0]}",
        f"--use-file-for-fake-audio-capture={camera[1]}",
    ]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=args)
        yield browser
        browser.close()


@pytest.fixture
def context_of(filming: Browser, live_server: Any) -> Iterator[Callable[[Any], BrowserContext]]:
    """A browser session in which somebody is signed in."""
    contexts: list[BrowserContext] = []

    def make(user: Any) -> BrowserContext:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        context = filming.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def record_take(page: Page, key: str) -> None:
    """Press Record, and Done where a text is read; silent takes end by themselves."""
    step = page.locator(f'[data-step="{key}"]')
    step.get_by_role("button", name="Record").click()
    if step.locator("blockquote").count():
        step.get_by_role("button", name="Done").click()
    expect(step.locator("[data-state]")).to_have_text("Recorded")


def test_the_likeness_owner_records_the_minute_and_learns_what_to_do_again(
    context_of: Callable[[Any], BrowserContext],
    world: World,
    run_jobs: Callable[[], int],
    settings: Any,
) -> None:
    """The clip speaks all the time, so that the takes that must be silent are refused, by name and second."""
    expect.set_options(timeout=PATIENCE_MS)
    settings.AVOW_CAPTURE_SECONDS = {"still": (3, 6), "passcode": (2, 9), "idle": (3, 6), "reading": (4, 9)}
    grant = world.grant
    page = context_of(world.streamer).new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"/studio/avatars/record/{grant.pk}/")
    expect(page.get_by_role("button", name="Send, check and build")).to_be_disabled()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator('[data-word="light"]')).to_have_text("Good light")
    record_take(page, "still")
    page.locator('[data-step="still"]').get_by_role("button", name="Record again").click()
    expect(page.locator('[data-step="still"] [data-state]')).to_have_text("Recorded")
    for key in ("passcode", "idle", "reading"):
        record_take(page, key)
    page.locator('[data-step="reading"]').get_by_role("button", name="Look at it").click()
    expect(page.locator('[data-step="reading"] video')).to_be_visible()
    assert_well_made(page)
    page.get_by_role("button", name="Send, check and build").click()
    expect(page.get_by_role("heading", name="Origin")).to_be_visible()
    run_jobs()
    avatar = Avatar.objects.get(grant=grant, created_by=world.streamer)
    assert avatar.state == AvatarState.FAILED, avatar.findings
    assert len(avatar.capture["words"]) == 3 and avatar.footage == ""
    # On a machine that is too slow to film, the frame rate is what is refused; that too is a verdict of the check.
    named = {finding["code"]: finding for finding in avatar.findings}
    assert {"not_silent", "frame_rate_low", "frame_rate_irregular"} & set(named), named
    if "not_silent" in named:
        assert named["not_silent"]["values"]["step"] in ("still", "idle") and avatar.pictures
        page.reload()
        assert page.locator("img.reasons__picture").first.evaluate("i => i.decode().then(() => i.naturalWidth)") == 320
    assert complaints == []


def test_camera_and_microphone_are_for_the_recording_page_alone(client: Client, world: World) -> None:
    client.force_login(world.streamer, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/studio/avatars/record/{world.grant.pk}/")
    assert page["Permissions-Policy"].startswith("camera=(self), microphone=(self)")
    assert "media-src 'self' blob:" in page["Content-Security-Policy"]
    other = client.get("/")
    assert other["Permissions-Policy"].startswith("camera=(), microphone=()")
    assert "blob:" not in other["Content-Security-Policy"]
