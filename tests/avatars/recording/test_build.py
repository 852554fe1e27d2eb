"""One build from the terminal: paused, resumed after the stage it had finished, shown, held at the gate, withdrawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from avatars import making, services, vault
from avatars.engine import AvatarCard
from avatars.engine.warp_engine import WarpEngine
from avatars.models import Avatar, AvatarState, Recording
from avatars.recordings import recording_of
from avatars.speech import Voice, speak, write_wave
from avatars.stages import StoredStages
from compliance import storage
from compliance.accounts.models import User
from compliance.consent.services import withdraw_grant
from compliance.jobs.models import Job
from compliance.release.models import Release, Take
from compliance.release.services import cancel_take
from tests.road import World

pytestmark = [pytest.mark.django_db, pytest.mark.pictures]


@dataclass(frozen=True)
class Lenient(WarpEngine):
    """The real engine; only its bar is set aside, which eleven seconds of a small picture need not reach."""

    def build(self, *args: Any, **kwargs: Any) -> AvatarCard:
        return replace(super().build(*args, **kwargs), usable=True, reasons=())


SPOKEN = "大家好，欢迎来到我的直播间，今天介绍一款润肤霜。"


def avatar_command(*words: object) -> str:
    out = StringIO()
    call_command("avatar", *map(str, words), stdout=out, stderr=StringIO())
    return out.getvalue()


def stored(folder: Path) -> set[str]:
    """Kinds of private files there are about avatars."""
    kinds = ("building", "recordings", "footage", "models", "posters", "previews", "findings", "comparisons")
    return {kind for kind in kinds if any(path.is_file() for path in (folder / kind).rglob("*"))}


def pause_after_the_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = StoredStages.keep

    def keep_and_pause(self: StoredStages, name: str, content: bytes) -> None:
        keep(self, name, content)
        if name == "survey":
            services.pause_build(avatar=Avatar.objects.get(pk=self.avatar_id))
            self.context._next_write = 0.0  # look at once, not half a second later

    monkeypatch.setattr(StoredStages, "keep", keep_and_pause)


def never(*_args: Any, **_kwargs: Any) -> Any:
    raise AssertionError("a finished stage was done again")


def test_paused_resumed_shown_held_and_withdrawn(
    world: World,
    presenter_clip: Path,
    files: Path,
    run_jobs: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Any,
) -> None:
    monkeypatch.setattr("avatars.terminal.time.sleep", lambda _seconds: run_jobs())
    monkeypatch.setattr(making, "building_engine", Lenient)
    settings.AVOW_CPU_HOUR_PRICE = 0.1
    with monkeypatch.context() as paused:
        pause_after_the_survey(paused)
        with pytest.raises(CommandError, match="being built"):
            avatar_command("build", presenter_clip, "--grant", world.grant.pk, "--name", "Mei")
    avatar = Avatar.objects.get()
    assert stored(files) == {"building", "footage"}
    page = Client()
    page.force_login(world.streamer)
    assert b"What is finished is kept" in page.get(f"/studio/avatars/{avatar.pk}/").content

    with monkeypatch.context() as again:
        again.setattr("avatars.engine.warp_engine.survey", never)
        again.setattr(making, "_check_footage", never)
        assert page.post(f"/studio/avatars/{avatar.pk}/resume/").status_code == 302
        run_jobs()
    avatar.refresh_from_db()
    assert avatar.state == AvatarState.READY, avatar.findings
    assert avatar.face and "face" not in avatar.facts
    assert stored(files) == {"footage", "models", "posters", "previews", "comparisons"}

    shown = page.get(f"/studio/avatars/{avatar.pk}/").content.decode()
    assert "Processor time, measured" in shown and "cannot be released" in shown
    assert Job.objects.get(subject_id=avatar.pk, kind="avatars.build").cpu_s > 1
    assert page.get(f"/studio/avatars/{avatar.pk}/preview.mp4").status_code == 200
    beside = f"/studio/avatars/{avatar.pk}/comparison/{{}}.jpg"
    assert all(beside.format(number) in shown for number in range(len(avatar.comparison["pairs"])))
    assert page.get(beside.format(0)).status_code == 200 and page.get(beside.format(99)).status_code == 404
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve@example.org", None))
    assert stranger.get(beside.format(0)).status_code == 404

    card = json.loads(avatar_command("card", avatar.pk, "--json"))
    assert card["footage_sha256"] == storage.sha256_file(presenter_clip)
    assert card["card"]["opening_r"] == avatar.card["opening_r"]
    told = {figure["code"]: figure for figure in card["quality"]}
    assert told["opening_does_not_follow"]["value"] == avatar.card["opening_r"]
    assert all(figure["meaning"] in unescape(shown) for figure in card["quality"])
    assert (told["mouth_flickers"]["good"], told["mouth_flickers"]["floor"]) == (1.0, 1.4)
    assert told["lips_do_not_close"]["title"] in avatar_command("card", avatar.pk)

    script, out = tmp_path / "hello.txt", tmp_path / "hello.mp4"
    script.write_text(SPOKEN, encoding="utf-8")
    write_wave(speak(SPOKEN, "zh", Voice(pitch_hz=200, formant_scale=1.15)), tmp_path / "said.wav")
    order = ("perform", avatar.pk, "--script", script, "--speech", tmp_path / "said.wav", "--out", out)
    with pytest.raises(CommandError, match=r"on hold. Nothing was written.\n.*script_not_approved"):
        avatar_command(*order)
    assert not out.exists()

    settings.AVOW_JOBS = {**settings.AVOW_JOBS, "avatars.perform": ("render", "avatars.tasks.perform")}
    cancel_take(take=Take.objects.get(), by=world.producer)
    world.approve_all()
    told = avatar_command(*order)
    release = Release.objects.get()
    assert told.split() == [str(out), release.sha256] and storage.sha256_file(out) == release.sha256
    recording = Recording.objects.get()
    assert recording_of(release.take) == recording and release.take.estimated_s == recording.seconds
    assert abs(release.duration_s - recording.seconds) < 0.1
    vault.seal_bytes(world.grant.pk, recording.sound, b"another voice")
    with pytest.raises(CommandError, match="permit_recording_differs"):
        avatar_command(*order)
    storage.save_bytes(recording.sound, b"another voice")
    with pytest.raises(CommandError, match="likeness_not_sealed"):
        avatar_command(*order)
    script.write_text("好。", encoding="utf-8")
    with pytest.raises(CommandError, match="alignment_text_differs"):
        avatar_command(*order)
    with pytest.raises(CommandError, match="cannot be written"):
        avatar_command(*order[:-1], tmp_path / "nowhere" / "hello.mp4")

    withdraw_grant(grant=world.grant, by=world.streamer)
    run_jobs()
    avatar.refresh_from_db()
    assert (avatar.state, avatar.face, avatar.preview) == (AvatarState.DESTROYED, "", "")
    assert stored(files) == set()


def test_a_withdrawal_during_the_build_leaves_no_stage_behind(
    world: World, presenter_clip: Path, files: Path, run_jobs: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has just finished a stage when the consent ends: it may not store it any more."""
    grant = world.grant
    with presenter_clip.open("rb") as upload:
        avatar = services.start_avatar(
            organisation=world.brand, created_by=world.producer, grant=grant, name="Mei",
            upload=upload, upload_name="c.mp4", upload_size=presenter_clip.stat().st_size,
        )  # fmt: skip
    keep = StoredStages.keep

    def withdraw_first(self: StoredStages, name: str, content: bytes) -> None:
        withdraw_grant(grant=grant, by=world.streamer)
        keep(self, name, content)

    monkeypatch.setattr(StoredStages, "keep", withdraw_first)
    monkeypatch.setattr(making, "_check_footage", lambda *_args: {"findings": [], "facts": {}, "pictures": {}})
    run_jobs()
    avatar.refresh_from_db()
    assert avatar.state == AvatarState.DESTROYED
    assert stored(files) == set()


def test_a_face_model_that_is_not_there_refuses_nobodys_footage(
    world: World, presenter_clip: Path, files: Path, run_jobs: Callable[[], int], settings: Any
) -> None:
    settings.AVOW_FACE_MODEL = str(files / "gone.onnx")
    with presenter_clip.open("rb") as upload:
        avatar = services.start_avatar(
            organisation=world.brand, created_by=world.producer, grant=world.grant, name="Mei",
            upload=upload, upload_name="c.mp4", upload_size=presenter_clip.stat().st_size,
        )  # fmt: skip
    run_jobs()
    avatar.refresh_from_db()
    job = Job.objects.get(subject_id=avatar.pk, kind="avatars.build")
    assert (avatar.state, job.error_code) == (AvatarState.BUILDING, "face_model_unfit")
    assert "AVOW_FACE_MODEL" in job.error_text
    assert "footage" in stored(files)


def test_the_wrong_person_cannot_steer_a_build(world: World) -> None:
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="M", footage_name="c",
        footage_sha256="a" * 64,
    )  # fmt: skip
    legal = Client()
    legal.force_login(world.legal)
    assert legal.post(f"/studio/avatars/{avatar.pk}/pause/").status_code == 404
