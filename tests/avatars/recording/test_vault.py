"""What lies in the storage of a person: nothing a thief can read or exchange, and nothing after the consent."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone, translation

from avatars import vault
from avatars.errors import LikenessGone, LikenessUnreadable
from avatars.likeness_keys import destroy_key_of_grant
from avatars.models import Avatar, AvatarState, LikenessKey
from avatars.services import start_avatar
from avatars.stages import StoredStages
from compliance import storage
from compliance.accounts.models import User
from compliance.consent.models import CascadeStep, Grant, StepState
from compliance.consent.rules import AgeBand
from compliance.consent.services import expire_grants, supersede_grant, withdraw_grant
from compliance.consent.terms import GrantTerms
from compliance.errors import AvowError
from compliance.keys.errors import KeyAccessDenied
from compliance.keys.purposes import KeyPurpose
from compliance.keys.services import rotate
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry
from tests.road import World

pytestmark = pytest.mark.django_db
FACE = b"\xff\xd8\xff the face of Mei " * 9000
REMOTE = {"BACKEND": "tests.remote_storage.RemoteStorage"}


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(AvowError) as refused:
        act()
    return refused.value.code


def avatar_of(world: World, grant: Grant | None = None) -> Avatar:
    """An avatar with a preview and a still."""
    grant = grant or world.grant
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, digest="b" * 64, state=AvatarState.READY,
    )  # fmt: skip
    avatar.preview = vault.seal_bytes(grant.pk, f"previews/{avatar.pk}.mp4", FACE)
    avatar.poster = vault.seal_bytes(grant.pk, f"posters/{avatar.pk}.jpg", FACE)
    avatar.save()
    return avatar


def page_of(person: Any) -> Client:
    page = Client()
    page.force_login(person)
    return page


# --- the disk ---
def test_stolen_disk_shows_no_face(world: World, files: Path, tmp_path: Path, settings: Any) -> None:
    """An upload from the first byte on, and what is made of it: no run of its bytes lies anywhere in clear."""
    settings.VAR_DIR = tmp_path
    clip = tmp_path / "clip"
    clip.write_bytes(FACE)
    with clip.open("rb") as upload:
        avatar = start_avatar(
            organisation=world.brand, created_by=world.producer, grant=world.grant, name="Mei", upload=upload,
            upload_name="c", upload_size=len(FACE),
        )  # fmt: skip
    clip.unlink()
    avatar_of(world)
    assert avatar.footage_sha256 == hashlib.sha256(FACE).hexdigest()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) >= 3 and not [path for path in left if b"the face of Mei" in path.read_bytes()]
    assert vault.read(world.grant.pk, avatar.footage) == FACE


def test_stolen_disk_and_database_open_nothing_without_the_custody(
    world: World, keystore: tuple[Path, Path], settings: Any
) -> None:
    avatar = avatar_of(world)
    settings.AVOW_SECRET_FILE = keystore[1] / "gate.secret"
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "role_secret_of_another_role"


@pytest.mark.parametrize("role", ["gate", "outputs", "sequencer", "scheduler", "tsa"])
def test_a_process_without_the_likeness_key_reads_nothing(world: World, role: str) -> None:
    avatar = avatar_of(world)
    with world.as_role(role), pytest.raises(KeyAccessDenied, match="key_not_for_role"):
        vault.read(avatar.grant_id, avatar.preview)


@pytest.mark.parametrize("role", ["web", "worker", "inspector"])
def test_who_works_with_footage_reads_it(world: World, role: str) -> None:
    avatar = avatar_of(world)
    with world.as_role(role):
        assert vault.read(avatar.grant_id, avatar.preview) == FACE


# --- exchanged, altered, planted ---
def test_file_of_another_grant_is_refused(world: World, files: Path) -> None:
    mine, other = avatar_of(world), avatar_of(world, world.give_grant())
    (files / mine.preview).write_bytes((files / other.preview).read_bytes())
    assert code_of(lambda: vault.read(mine.grant_id, mine.preview)) == "likeness_damaged"


def test_file_of_another_name_under_the_same_grant_is_refused(world: World, files: Path) -> None:
    avatar = avatar_of(world)
    (files / avatar.preview).write_bytes((files / avatar.poster).read_bytes())
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_damaged"


def test_key_row_of_another_grant_is_refused(world: World) -> None:
    mine, other = avatar_of(world), avatar_of(world, world.give_grant())
    stolen = LikenessKey.objects.get(pk=other.grant_id)
    LikenessKey.objects.filter(pk=mine.grant_id).update(wrapped=stolen.wrapped, master=stolen.master)
    assert code_of(lambda: vault.read(mine.grant_id, mine.preview)) == "likeness_key_damaged"


def test_planted_plain_file_is_refused_on_every_road(world: World) -> None:
    avatar = avatar_of(world)
    storage.save_bytes(avatar.preview, FACE)
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_not_sealed"
    with (
        pytest.raises(LikenessUnreadable, match="likeness_not_sealed"),
        vault.local_copy(avatar.grant_id, avatar.preview),
    ):
        pass
    shown = page_of(world.producer).get(f"/studio/avatars/{avatar.pk}/preview.mp4")
    assert shown.status_code == 422 and b"likeness_not_sealed" in shown.content and b"the face" not in shown.content


def test_truncated_and_tampered_media_are_refused_before_a_byte_leaves(world: World, files: Path) -> None:
    """Also where the part that is asked for lies before the damage."""
    avatar, page = avatar_of(world), page_of(world.producer)
    path = files / avatar.preview
    good = path.read_bytes()
    for bad in (good[:-1], good[: 51 + 65552], good[:70000] + b"\0\0" + good[70002:], good + b"x"):
        path.write_bytes(bad)
        for headers in ({}, {"Range": "bytes=0-9"}):
            shown = page.get(f"/studio/avatars/{avatar.pk}/preview.mp4", headers=headers)
            assert shown.status_code == 422 and b"likeness_damaged" in shown.content


def test_planted_stage_of_a_build_is_not_believed(world: World) -> None:
    """A stage decides what is drawn of whom; one that does not open is made again."""
    avatar = avatar_of(world)
    stages = StoredStages(avatar.pk, avatar.grant_id, "label", context=None)  # type: ignore[arg-type] # only read here
    name = f"building/{avatar.pk}/check"
    vault.seal_bytes(avatar.grant_id, name, b"label\nfound")
    assert stages.load("check") == b"found"
    storage.save_bytes(name, b"label\nplanted")
    assert stages.load("check") is None
    vault.seal_bytes(world.give_grant().pk, name, b"label\nof another grant")
    assert stages.load("check") is None


def test_a_missing_file_and_a_missing_key_are_told_apart(world: World) -> None:
    avatar = avatar_of(world)
    storage.delete(avatar.preview)
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_missing"
    LikenessKey.objects.all().delete()
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.poster)) == "likeness_key_missing"


def test_the_refusal_is_told_in_chinese(world: World) -> None:
    avatar = avatar_of(world)
    storage.save_bytes(avatar.preview, FACE)
    with pytest.raises(LikenessUnreadable) as refused, translation.override("zh-hans"):
        vault.read(avatar.grant_id, avatar.preview)
    with translation.override("zh-hans"):
        assert "未加密" in refused.value.text
    assert "unsealed" in refused.value.text


# --- showing ---
def test_a_player_can_seek_in_a_sealed_preview(world: World, files: Path, settings: Any) -> None:
    for remote in (False, True):
        if remote:
            settings.STORAGES = {**settings.STORAGES, "default": REMOTE}
        avatar, page = avatar_of(world), page_of(world.streamer)
        address, size = f"/studio/avatars/{avatar.pk}/preview.mp4", len(FACE)
        whole = page.get(address)
        assert (whole.status_code, whole["Content-Length"]) == (200, str(size)) and b"".join(whole) == FACE
        part = page.get(address, headers={"Range": "bytes=65530-65549"})
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes 65530-65549/{size}")
        assert b"".join(part) == FACE[65530:65550]
        assert page.get(address, headers={"Range": f"bytes={size}-"}).status_code == 416


def test_a_stranger_is_not_shown_what_is_opened_for_others(world: World) -> None:
    avatar = avatar_of(world)
    stranger = page_of(User.objects.create_user("eve@example.org", None))
    assert stranger.get(f"/studio/avatars/{avatar.pk}/preview.mp4").status_code == 404
    assert stranger.get(f"/studio/avatars/{avatar.pk}/poster.jpg").status_code == 404


# --- copies for libraries ---
def test_a_plain_copy_is_private_and_gone_afterwards_also_on_error(world: World, tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path / "var"
    avatar = avatar_of(world)
    with pytest.raises(RuntimeError), vault.local_copy(avatar.grant_id, avatar.preview) as path:
        assert path.read_bytes() == FACE
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        raise RuntimeError("the library broke")
    storage.save_bytes(avatar.poster, b"planted")
    with pytest.raises(LikenessUnreadable), vault.local_copy(avatar.grant_id, avatar.poster):
        pass
    assert not [path for path in (tmp_path / "var").rglob("*") if path.is_file()]


def test_what_performs_lies_on_no_disk(world: World, tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path / "var"
    avatar = avatar_of(world)
    with vault.in_memory(avatar.grant_id, avatar.preview) as path:
        assert path.read_bytes() == path.read_bytes() == FACE  # every reader begins at the beginning
        assert path.stat().st_nlink == 0  # no folder names it
        assert not [one for one in (tmp_path / "var").rglob("*") if one.is_file()]
    with pytest.raises(OSError):
        path.read_bytes()
    storage.save_bytes(avatar.poster, b"planted")
    with pytest.raises(LikenessUnreadable), vault.in_memory(avatar.grant_id, avatar.poster):
        pass


# --- the end of the consent ---
def test_key_destroyed_on_withdrawal(world: World, files: Path, tmp_path: Path) -> None:
    """At once, before the files are gone, and whoever has kept a copy of them has kept nothing."""
    avatar = avatar_of(world)
    shutil.copytree(files, tmp_path / "backup")
    withdraw_grant(grant=world.grant, by=world.streamer)
    assert (files / avatar.preview).exists(), "the files go later, by a job"
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_key_destroyed"
    row = LikenessKey.objects.get(pk=avatar.grant_id)
    assert row.wrapped == "" and row.destroyed_at is not None
    world.run_jobs()
    assert not (files / avatar.preview).exists()

    shutil.copytree(tmp_path / "backup", files, dirs_exist_ok=True)
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_key_destroyed"


def test_the_destruction_is_a_step_of_the_withdrawal_and_in_the_ledger(world: World) -> None:
    avatar_of(world)
    withdraw_grant(grant=world.grant, by=world.streamer)
    step = CascadeStep.objects.get(name="keys")
    assert (step.state, step.affected) == (StepState.DONE, 1) and step.delay_s is not None
    logged = OutboxEntry.objects.filter(event=Event.AVATARS_KEY_DESTROYED.value, subject_id=world.grant.pk)
    assert logged.count() == 1
    assert destroy_key_of_grant(world.grant.pk, "again") == 0 and logged.count() == 1
    assert page_of(world.streamer).get(f"/consent/{world.grant.pk}/").status_code == 200


def test_key_destroyed_when_the_term_ends(world: World) -> None:
    avatar = avatar_of(world)
    assert expire_grants(timezone.now() + timedelta(days=31)) == 1
    assert code_of(lambda: vault.read(avatar.grant_id, avatar.preview)) == "likeness_key_destroyed"


def test_keys_of_replaced_grants_go_too_and_those_of_others_stay(world: World) -> None:
    old, other = avatar_of(world), avatar_of(world, world.give_grant())
    new = supersede_grant(
        grant=world.grant, by=world.streamer, terms=GrantTerms.from_json(world.grant.terms),
        notice=world.grant.notice, separate_consent=True, age_band=AgeBand.ADULT,
    )  # fmt: skip
    assert vault.read(old.grant_id, old.preview) == FACE, "a change of the terms is not the end of the consent"
    avatar = avatar_of(world, new)
    withdraw_grant(grant=new, by=world.streamer)
    for gone in (old, avatar):
        assert code_of(lambda one=gone: vault.read(one.grant_id, one.preview)) == "likeness_key_destroyed"
    assert vault.read(other.grant_id, other.preview) == FACE


def test_nothing_is_sealed_for_a_grant_that_has_ended(world: World) -> None:
    """Also where no key was ever made: an upload that comes too late finds none, and makes none."""
    grant = world.grant
    withdraw_grant(grant=grant, by=world.streamer)
    assert CascadeStep.objects.get(name="keys").affected == 0
    with pytest.raises(LikenessGone, match="likeness_key_destroyed"):
        vault.seal_bytes(grant.pk, "footage/late", FACE)
    assert not storage.private().exists("footage/late")


def test_the_database_overwrites_what_is_erased() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other databases have no such switch; docs/avatars.md says what to do there")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_files_from_before_a_rotation_still_open(
    world: World, tmp_path: Path, keystore: tuple[Path, Path], settings: Any
) -> None:
    keys, secrets = (shutil.copytree(folder, tmp_path / folder.name) for folder in keystore)
    settings.AVOW_KEYS_DIR, settings.AVOW_SECRET_FILE = keys, secrets / "web.secret"
    before = avatar_of(world)
    rotate(purpose=KeyPurpose.LIKENESS, keys_dir=keys, secrets_dir=secrets)
    after = avatar_of(world, world.give_grant())
    masters = set(LikenessKey.objects.values_list("master", flat=True))
    assert len(masters) == 2
    assert vault.read(before.grant_id, before.preview) == vault.read(after.grant_id, after.preview) == FACE


def test_a_face_in_the_database_is_sealed(world: World) -> None:
    grant = world.grant
    sealed = vault.seal_text(grant.pk, "faces/one", "0.1 0.2 0.3")
    assert "0.1" not in sealed and vault.open_text(grant.pk, "faces/one", sealed) == "0.1 0.2 0.3"
    assert code_of(lambda: vault.open_text(grant.pk, "faces/two", sealed)) == "likeness_damaged"
