"""The person's own recording as the voice of a take: taken in, refused with a reason, approved by digest, spoken."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from avatars import recordings, services, vault
from avatars.models import Avatar, AvatarState, Recording, RecordingState, Script
from avatars.presenter.performance import rehearse
from avatars.speech import Phone, Speech, Voice, speak, write_wave
from avatars.speech.recorded import recorded_speech
from compliance import storage
from compliance.consent.services import withdraw_grant
from compliance.consent.terms import Modality
from compliance.errors import AvowError, Refused
from compliance.jobs.models import Job
from compliance.release.models import Review
from compliance.release.services import Campaign
from tests.road import World

pytestmark = pytest.mark.django_db
TEXT = "大家好，欢迎来到我的直播间。"
PERSON = Voice(pitch_hz=205, formant_scale=1.17, rate=0.9)


def avatar_of(world: World, **changes: Any) -> Avatar:
    """A ready avatar; its model is never opened here."""
    given = {
        "organisation": world.brand, "grant": world.grant, "created_by": world.producer, "name": "Mei",
        "footage_name": "c.mp4", "footage_sha256": "a" * 64, "digest": "b" * 64, "state": AvatarState.READY,
        "model": "models/none",
    }  # fmt: skip
    return Avatar.objects.create(**{**given, **changes})


def script_of(world: World, text: str = TEXT) -> Script:
    return services.write_script(
        organisation=world.brand, created_by=world.producer, title="Hello", language="zh", text=text
    )


def wave(tmp_path: Path, speech: Speech) -> bytes:
    write_wave(speech, tmp_path / "said.wav")
    return (tmp_path / "said.wav").read_bytes()


def silence(seconds: float) -> Speech:
    return Speech(np.zeros(round(seconds * 24000), np.float32), 24000, (Phone("sil", 0, seconds),), (), "", "zh")


def add(world: World, avatar: Avatar, script: Script, data: bytes | None) -> Recording:
    """Hand it in and let the worker check it."""
    upload = {} if data is None else {"upload": BytesIO(data), "upload_name": "said.wav", "upload_size": len(data)}
    recording = recordings.add_recording(created_by=world.producer, avatar=avatar, script=script, **upload)
    world.run_jobs()
    recording.refresh_from_db()
    return recording


def order(world: World, avatar: Avatar, script: Script, recording: Recording | None) -> Any:
    campaign = Campaign(
        brand_id=str(world.brand.id), brand_name="Lumen", product_category="cosmetics", purpose="product_presentation",
        platform="douyin", markets=("CN",), language="zh", channel="live_commerce",
    )  # fmt: skip
    return services.order_performance(
        created_by=world.producer, avatar=avatar, script=script, campaign=campaign, picture="landscape",
        recording=recording,
    )  # fmt: skip


def test_a_recording_is_approved_by_digest_spoken_as_it_is_and_dies_with_the_consent(
    world: World, tmp_path: Path, files: Path
) -> None:
    avatar, script = avatar_of(world), script_of(world)
    said = speak(TEXT, "zh", PERSON)
    recording = add(world, avatar, script, wave(tmp_path, said))
    assert recording.state == RecordingState.READY, recording.problem
    assert recording.seconds == pytest.approx(said.duration_s, abs=0.01)
    assert [path.name for path in (files / "recordings").iterdir()] == [f"{recording.id}.wav"]

    take = order(world, avatar, script, recording)
    assert take.estimated_s == recording.seconds and recordings.recording_of(take) == recording
    assert recordings.recording_of(order(world, avatar, script, None)) is None
    world.run_jobs()
    review = Review.objects.get(kind="script", digest=take.script_digest)
    with vault.local_copy(world.grant.pk, recording.sound) as plain:
        assert review.content["recording"]["sha256"] == recording.sha256 == storage.sha256_file(plain)
    legal = Client()
    legal.force_login(world.legal)
    assert f"/studio/recordings/{recording.pk}.wav" in legal.get(f"/legal/reviews/{review.pk}/").content.decode()
    assert legal.get(f"/studio/recordings/{recording.pk}.wav").status_code == 200

    world.approve_all()
    world.run_jobs()
    take.refresh_from_db()
    with vault.local_copy(world.grant.pk, recording.sound) as plain:
        spoken = recorded_speech(plain, TEXT, "zh")
    errors = [abs(one.start_s - two.start_s) for one, two in zip(spoken.words, said.words, strict=True)]
    assert np.median(errors) < 0.06 and spoken.duration_s == pytest.approx(said.duration_s, abs=0.01)

    withdraw_grant(grant=world.grant, by=world.streamer)
    world.run_jobs()
    recording.refresh_from_db()
    assert (recording.state, recording.sound) == (RecordingState.DESTROYED, "")
    assert not [path for path in (files / "recordings").rglob("*") if path.is_file()]


@pytest.mark.pictures
@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (lambda: silence(4), "alignment_no_sound"),
        (lambda: speak(TEXT * 6, "zh", PERSON), "alignment_text_differs"),
        (lambda: None, "recording_not_sound"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_deleted(
    world: World, tmp_path: Path, files: Path, said: Callable[[], Speech | None], problem: str
) -> None:
    speech = said()
    data = b"not a sound at all, but a text of some length" if speech is None else wave(tmp_path, speech)
    recording = add(world, avatar_of(world), script_of(world), data)
    assert (recording.state, recording.problem) == (RecordingState.REFUSED, problem)
    assert problem in recordings.PROBLEMS
    assert not [path for path in (files / "recordings").rglob("*") if path.is_file()]


@pytest.mark.pictures
def test_a_recording_longer_than_allowed(world: World, tmp_path: Path, settings: Any) -> None:
    settings.AVOW_RECORDING_MAX_S = 2
    recording = add(world, avatar_of(world), script_of(world), wave(tmp_path, speak(TEXT * 2, "zh")))
    assert recording.problem == "recording_too_long"


def test_the_minute_of_another_text_is_not_heard(world: World, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text that was read in the browser is known, so another script is refused without listening."""
    steps = [{"key": "reading", "least_s": 20, "silent": False, "start_s": 0.0, "end_s": 20.0}]
    capture = {"language": "zh", "reading": "别的话。", "steps": steps}
    avatar = avatar_of(world, capture=capture, footage=vault.seal_bytes(world.grant.pk, "footage/one", b"bundle"))
    monkeypatch.setattr(recordings, "footage_clip", lambda _context, _avatar, source: (source, steps))
    recording = add(world, avatar, script_of(world), None)
    assert recording.problem == "recording_other_words"
    assert (files / "footage/one").exists()


@pytest.mark.pictures
def test_the_consented_footage_is_heard(world: World, presenter_clip: Path, files: Path) -> None:
    """Footage of which nobody knows the words is heard whole, with the script as what is said in it."""
    text = next(part.text for part in rehearse(11, "zh", 1).segments if part.kind == "read")
    avatar = avatar_of(world, footage=vault.seal_file(world.grant.pk, "footage/two", presenter_clip))
    recording = add(world, avatar, script_of(world, text), None)
    assert recording.state == RecordingState.READY, recording.problem
    assert recording.seconds == pytest.approx(11, abs=0.1)


def test_a_consent_without_the_voice(world: World) -> None:
    silent = world.give_grant(modalities=frozenset({Modality.FACE}))
    world.run_jobs()
    avatar, script = avatar_of(world, grant=silent), script_of(world)
    with pytest.raises(Refused) as refused:
        recordings.add_recording(created_by=world.producer, avatar=avatar, script=script)
    assert refused.value.code == "consent_without_voice"


def test_another_person_or_another_script_cannot_have_it(world: World, tmp_path: Path) -> None:
    avatar, script = avatar_of(world), script_of(world)
    recording = add(world, avatar, script, wave(tmp_path, speak(TEXT, "zh", PERSON)))
    other = world.give_grant()
    world.run_jobs()
    for double, words, code in (
        (avatar_of(world, grant=other), script, "recording_other_person"),
        (avatar, script_of(world, "另外一句话。"), "recording_other_script"),
    ):
        with pytest.raises(AvowError) as refused:
            order(world, double, words, recording)
        assert refused.value.code == code


def test_the_page_takes_it_and_a_stranger_hears_nothing(world: World, tmp_path: Path) -> None:
    avatar, script = avatar_of(world), script_of(world)
    page = Client()
    page.force_login(world.producer)
    address = f"/studio/scripts/{script.pk}/recordings/new/"
    given = {"avatar": str(avatar.pk), "source": "upload", "own_voice": "on"}
    assert page.post(address, given).status_code == 422
    empty = page.post(address, {**given, "sound": SimpleUploadedFile("e.wav", b"")})
    assert empty.status_code == 422 and "The file is empty" in empty.content.decode()
    sound = SimpleUploadedFile("said.wav", wave(tmp_path, speak(TEXT, "zh", PERSON)))
    assert page.post(address, {**given, "sound": sound}).status_code == 302
    assert "Being checked" in page.get(f"/studio/scripts/{script.pk}/").content.decode()
    world.run_jobs()
    recording = Recording.objects.get()
    assert f"recording={recording.pk}" in page.get(f"/studio/scripts/{script.pk}/recordings/").content.decode()
    assert str(recording) in page.get("/studio/takes/new/").content.decode()
    stranger = Client()
    stranger.force_login(world.streamer)
    assert stranger.get(f"/studio/recordings/{recording.pk}.wav").status_code in (302, 403, 404)


def test_a_check_that_was_given_up_is_told_and_cleared_away(world: World, files: Path, tmp_path: Path) -> None:
    data = wave(tmp_path, speak(TEXT, "zh"))
    recording = recordings.add_recording(
        created_by=world.producer, avatar=avatar_of(world), script=script_of(world), upload=BytesIO(data),
        upload_name="said.wav", upload_size=len(data),
    )  # fmt: skip
    Job.objects.filter(subject_id=recording.pk).update(state="failed")
    assert recordings.close_given_up() == 1
    recording.refresh_from_db()
    assert (recording.state, recording.problem) == (RecordingState.REFUSED, "job_gave_up")
    assert not list((files / "recordings").iterdir())
