"""Footage that shows a double already: told by the file itself, or by our invisible mark when nothing else is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatars import making, services
from avatars.copies import stripped_copy
from avatars.media import Plane, constant_rate_frames, frame_of, planes_of, write_mp4
from avatars.models import Avatar, AvatarState
from compliance.inspection.services import marks_in
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import run
from compliance.keys.custody import FileCustody
from compliance.keys.errors import KeyAccessDenied
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ProcessRole
from compliance.provenance import aigc
from compliance.provenance.manifest import DigitalSource, ManifestInput, ReceiptReference
from compliance.provenance.sign import sign_file
from tests.road import FPS, PROVIDER_CODE, World, rendering_of, scenery, tone

pytestmark = pytest.mark.django_db
MARK = bytes.fromhex("00112233445566aa")


def upload(world: World, clip: Path) -> Avatar:
    with clip.open("rb") as stream:
        return services.start_avatar(
            organisation=world.brand, created_by=world.producer, grant=world.grant, name="Mei", upload=stream,
            upload_name=clip.name, upload_size=clip.stat().st_size,
        )  # fmt: skip


def do(world: World, avatar: Avatar, kind: str, role: str) -> Job:
    """Let the process of that role do the avatar's newest job of a kind."""
    job = Job.objects.filter(subject_id=avatar.pk, kind=kind).latest("created_at")
    with world.as_role(role):
        run(job.id)
    job.refresh_from_db()
    avatar.refresh_from_db()
    return job


@pytest.fixture
def filmed(tmp_path: Path) -> Path:
    """What a camera might have made, three seconds, unmarked and without a word about itself."""
    said = tone()
    write_mp4(tmp_path / "filmed.mp4", scenery(), fps=FPS, sound=[said.samples], rate=said.rate)
    return tmp_path / "filmed.mp4"


# --- the mark ---
def cropped_copy(source: Path, target: Path) -> Path:
    """The upper right of the picture, four fifths of each side: no label, no sound, no metadata."""

    def cut(plane: Plane) -> Plane:
        return np.ascontiguousarray(plane[: plane.shape[0] * 4 // 5, plane.shape[1] // 5 :])

    whole = map(planes_of, constant_rate_frames(source, fps=FPS, max_side=1920))
    write_mp4(target, (frame_of((cut(y), cut(u), cut(v))) for y, u, v in whole), fps=FPS)
    return target


def assert_refused_for(mark: str, world: World, clip: Path, files: Path) -> None:
    """The clip is refused because of the mark, nothing is built of it and nothing of it is kept."""
    avatar = upload(world, clip)
    job = do(world, avatar, "avatars.origin", "inspector")
    assert (job.state, job.error_code) == (JobState.FAILED, "own_mark")
    (finding,) = avatar.findings
    assert (avatar.state, finding["code"]) == (AvatarState.FAILED, "own_mark")
    assert finding["values"]["mark"] == mark
    assert avatar.footage == "" and not list((files / "footage").iterdir())
    assert not Job.objects.filter(kind="avatars.build").exists()


@pytest.mark.pictures
def test_a_clip_of_a_double_is_known_by_its_mark_when_it_is_stripped_or_cropped(
    world: World, tmp_path: Path, files: Path, settings: Any
) -> None:
    world.width, world.height = 1280, 720
    take = world.permitted()
    film = rendering_of(take, tmp_path / "take.mp4")

    settings.AVOW_ORIGIN_SEARCH_S = 0.0  # whole pictures are read without any search
    stripped_copy(film, tmp_path / "stripped.mp4")
    assert_refused_for(take.mark.value, world, tmp_path / "stripped.mp4", files)

    settings.AVOW_ORIGIN_SEARCH_S = 12.0
    assert_refused_for(take.mark.value, world, cropped_copy(film, tmp_path / "cropped.mp4"), files)


def test_a_camera_s_clip_goes_on_to_the_build(world: World, filmed: Path) -> None:
    avatar = upload(world, filmed)
    assert not Job.objects.filter(kind="avatars.build").exists()
    assert do(world, avatar, "avatars.origin", "inspector").state == JobState.SUCCEEDED
    assert avatar.origin == {"marks": []}
    assert Job.objects.get(kind="avatars.build", subject_id=avatar.pk).state == JobState.QUEUED


def test_a_worker_may_not_look_for_marks(world: World, filmed: Path) -> None:
    with world.as_role("worker"), pytest.raises(KeyAccessDenied):
        marks_in(filmed)


@pytest.mark.pictures
def test_what_is_no_film_is_told_by_the_capture_check(world: World, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("My holiday, in words.")
    avatar = upload(world, tmp_path / "notes.txt")
    do(world, avatar, "avatars.origin", "inspector")
    assert avatar.origin == {"problem": "file_not_media"}
    assert do(world, avatar, "avatars.build", "worker").state == JobState.FAILED
    assert "not_a_video" in {finding["code"] for finding in avatar.findings}


def test_nothing_is_built_of_which_the_origin_is_not_known(
    world: World, filmed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a clip that passes every other check."""
    monkeypatch.setattr(making, "_check_footage", lambda *_args: {"findings": [], "facts": {}, "pictures": {}})
    avatar = upload(world, filmed)
    services.enqueue_build(avatar)  # as queued by an older version
    do(world, avatar, "avatars.build", "worker")
    assert avatar.state == AvatarState.BUILDING
    assert Job.objects.filter(kind="avatars.origin", subject_id=avatar.pk).count() == 2

    Avatar.objects.filter(pk=avatar.pk).update(origin={"problem": "sandbox_timeout"})
    services.enqueue_build(avatar)
    assert do(world, avatar, "avatars.build", "worker").error_code == "origin_unknown"
    assert (avatar.state, avatar.footage) == (AvatarState.FAILED, "")


def test_it_can_be_paused_before_it_is_built(world: World, filmed: Path) -> None:
    avatar = upload(world, filmed)
    services.pause_build(avatar=avatar)
    job = Job.objects.get(kind="avatars.origin", subject_id=avatar.pk)
    assert job.state == JobState.PAUSED
    services.resume_build(avatar=avatar)
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


# --- what the file says itself ---
def refused(world: World, clip: Path) -> dict[str, Any]:
    avatar = upload(world, clip)
    Avatar.objects.filter(pk=avatar.pk).update(origin={"marks": []})
    services.enqueue_build(avatar)
    assert do(world, avatar, "avatars.build", "worker").state == JobState.FAILED
    (finding,) = avatar.findings
    assert (avatar.state, avatar.footage) == (AvatarState.FAILED, "")
    return dict(finding)


def test_a_file_labelled_as_made_by_ai(world: World, filmed: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.mp4"
    aigc.write(filmed, labelled, aigc.compose(aigc.Synthesis.IS, PROVIDER_CODE, "take-1"))
    finding = refused(world, labelled)
    assert (finding["code"], finding["values"]["source"]) == ("ai_declared", "AIGC, GB 45438")


def test_a_file_whose_credentials_say_so(
    world: World, filmed: Path, tmp_path: Path, tsa_url: str, keystore: tuple[Path, Path]
) -> None:
    keys, secrets = keystore
    given = ManifestInput(
        title="Take", digital_source=DigitalSource.COMPOSITE, engine_name="Avow lips", engine_version="1", mark=MARK,
        receipt=ReceiptReference("8c7d8a52-3f5d-4a3f-9d39-1f1a5bb0a0c1", "ab" * 32), visible_label="AI",
    )  # fmt: skip
    signed = tmp_path / "signed.mp4"
    sign_file(filmed, signed, given, FileCustody(ProcessRole.GATE, KeyStore(keys), secrets / "gate.secret"), tsa_url)
    finding = refused(world, signed)
    assert finding["code"] == "ai_declared"
    assert finding["values"]["source"] == "Avow, compositeWithTrainedAlgorithmicMedia"
