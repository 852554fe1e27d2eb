"""A second double of the same footage that learns longer: asked for on the page, made behind other work, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from avatars import making, services, vault
from avatars.engine import AvatarCard, refining
from avatars.engine.card import DRAFT
from avatars.engine.warp_engine import WarpEngine
from avatars.models import Avatar, AvatarState
from compliance import storage
from compliance.consent.services import withdraw_grant
from compliance.errors import Refused
from tests.road import World

pytestmark = [pytest.mark.django_db, pytest.mark.pictures]


@pytest.fixture
def ready(world: World, presenter_clip: Path, files: Path) -> Avatar:
    """A double that the built-in engine has drawn, with its footage."""
    avatar = Avatar(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c.mp4",
        footage_sha256=storage.sha256_file(presenter_clip), origin={"marks": []}, engine="warp 5", digest="a" * 64,
        card=replace(DRAFT, engine="warp", version="5", usable=True, reasons=()).to_json(), state=AvatarState.READY,
        ready_at=timezone.now(),
    )  # fmt: skip
    avatar.footage = vault.seal_file(world.grant.pk, f"footage/{avatar.id}", presenter_clip)
    avatar.save()
    return avatar


@pytest.fixture
def page(world: World) -> Client:
    client = Client()
    client.force_login(world.producer)
    return client


def checked(*_args: Any) -> dict[str, Any]:
    return {"findings": [], "facts": {}, "pictures": {}}


@dataclass(frozen=True)
class NoGain(WarpEngine):
    """An engine whose longer lesson was of no use."""

    def build(self, *_args: Any, **_kwargs: Any) -> AvatarCard:
        return replace(DRAFT, engine="warp", version="5", usable=True, reasons=())


def test_asked_for_made_by_the_longer_lesson_and_the_first_stays(
    ready: Avatar, page: Client, run_jobs: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_EPOCHS": 1, "_SPEAKING": 24, "_RESTING": 8}.items():
        monkeypatch.setattr(refining, name, value)
    monkeypatch.setattr("avatars.engine.refined_engine.is_better", lambda _refined, _plain: True)
    monkeypatch.setattr(making, "_check_footage", checked)
    assert "Learn longer" in page.get(f"/studio/avatars/{ready.pk}/").content.decode()
    asked = page.post(f"/studio/avatars/{ready.pk}/refine/")
    refined = Avatar.objects.get(asked_engine="refined")
    assert asked.headers["Location"] == f"/studio/avatars/{refined.pk}/"
    run_jobs()
    refined.refresh_from_db()
    assert (refined.state, refined.engine, refined.name) == (AvatarState.READY, "refined 1", "Mei, refined")
    assert refined.digest != ready.digest and refined.card["refined"] > 0
    shown = page.get(f"/studio/avatars/{refined.pk}/").content.decode()
    assert "in moments it has not seen" in shown and "Learn longer" not in shown
    first = page.get(f"/studio/avatars/{ready.pk}/").content.decode()
    assert f"/studio/avatars/{refined.pk}/" in first and "Learn longer" not in first
    ready.refresh_from_db()
    assert ready.state == AvatarState.READY and storage.private().exists(ready.footage)


def test_without_a_gain_it_is_refused_its_copy_deleted_and_the_first_stays(
    ready: Avatar, page: Client, world: World, run_jobs: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_check_footage", checked)
    monkeypatch.setattr(making, "engine_named", lambda _name: NoGain())
    monkeypatch.setattr("avatars.terminal.time.sleep", lambda _seconds: run_jobs())
    with pytest.raises(CommandError, match="not usable"):
        call_command("avatar", "refine", str(ready.pk), stdout=StringIO(), stderr=StringIO())
    refined = Avatar.objects.get(asked_engine="refined")
    assert (refined.state, refined.footage) == (AvatarState.FAILED, "")
    assert [finding["code"] for finding in refined.findings] == ["refined_no_better"]
    assert not storage.private().exists(f"footage/{refined.pk}") and storage.private().exists(ready.footage)
    shown = page.get(f"/studio/avatars/{refined.pk}/").content.decode()
    assert "stays as it is" in shown and "upload a new one" not in shown
    assert services.refine_avatar(avatar=ready, created_by=world.producer).pk != refined.pk  # it may be tried again


def test_who_may_not_ask_and_what_cannot_be_refined(ready: Avatar, world: World, page: Client) -> None:
    legal = Client()
    legal.force_login(world.legal)
    assert legal.post(f"/studio/avatars/{ready.pk}/refine/").status_code in (403, 404)
    assert not Avatar.objects.filter(asked_engine="refined").exists()
    refined = services.refine_avatar(avatar=ready, created_by=world.producer)
    for avatar, code in (
        (ready, "refining_begun"),
        (refined, "avatar_not_ready"),
        (Avatar(state=AvatarState.READY, engine="elsewhere 2", footage_sha256="b" * 64, grant=world.grant),
         "refining_not_possible"),
    ):  # fmt: skip
        with pytest.raises(Refused) as caught:
            services.refine_avatar(avatar=avatar, created_by=world.producer)
        assert caught.value.code == code
    assert page.post(f"/studio/avatars/{ready.pk}/refine/", follow=True).content.count(b"already") == 1


def test_a_withdrawal_ends_both_and_leaves_nothing(
    ready: Avatar, world: World, run_jobs: Callable[[], int]
) -> None:
    refined = services.refine_avatar(avatar=ready, created_by=world.producer)
    withdraw_grant(grant=world.grant, by=world.streamer)
    run_jobs()
    for avatar in (ready, refined):
        avatar.refresh_from_db()
        assert avatar.state == AvatarState.DESTROYED
        assert not storage.private().exists(f"footage/{avatar.pk}")
