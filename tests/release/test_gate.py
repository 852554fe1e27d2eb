"""The gate believes nothing: it opens the encoded bytes and lets through what holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from django.utils import timezone

from avatars.label import LabelOverlay
from avatars.media import Encoding, write_mp4
from avatars.rendering import Disclosure
from compliance import storage
from compliance.consent.services import withdraw_grant
from compliance.jobs.models import Job, JobState
from compliance.ledger.models import OutboxEntry
from compliance.provenance import aigc
from compliance.provenance.selectors import read_provenance
from compliance.release import gate
from compliance.release.models import Permit, Quarantine, Release, ReleaseState, Take, TakeState
from tests.road import World, disclosure_of, rendering_of, scenery, tone
from watermark import Key, embed_frames, make_patterns

pytestmark = pytest.mark.django_db


def through_the_gate(world: World, take: Take, path: Path) -> Take:
    world.submit(take, path)
    world.run_jobs()
    take.refresh_from_db()
    return take


def quarantined_for(take: Take) -> list[str]:
    assert not Release.objects.exists()
    assert take.state == TakeState.QUARANTINED
    held = Quarantine.objects.get(take=take)
    assert storage.private().exists(held.file)
    return held.codes


def test_an_honest_rendering_is_released_signed_and_logged(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    assert take.state == TakeState.PERMITTED, take.reasons
    through_the_gate(world, take, rendering_of(take, tmp_path / "take.mp4"))
    assert take.state == TakeState.RELEASED, take.reasons
    release = take.release
    with storage.local_copy(release.file) as path:
        assert storage.sha256_file(path) == release.sha256
        report = read_provenance(path)
        reading = aigc.read(path)
    assert (report.state, report.mark) == ("trusted", release.mark_id)
    assert reading.label is not None
    assert (reading.label.produce_id, reading.label.content_producer) == (str(take.id), world.brand.provider_code)
    assert OutboxEntry.objects.filter(event="release:asset:released", subject_id=release.id).count() == 1
    assert not storage.private().exists(take.rendering)


@pytest.mark.pictures
def test_a_market_without_aigc_duty_is_released_without_a_provider_code(world: World, tmp_path: Path) -> None:
    world.brand.provider_code = ""
    world.brand.save()
    take = world.permitted(markets=("EU",))
    through_the_gate(world, take, rendering_of(take, tmp_path / "take.mp4"))
    assert (take.state, take.release.aigc) == (TakeState.RELEASED, "")


def test_china_without_a_provider_code_is_held(world: World) -> None:
    world.brand.provider_code = ""
    world.brand.save()
    take = world.permitted()
    assert take.state == TakeState.HELD
    assert any("provider_code" in str(reason) for reason in take.reasons)


def unlabelled(disclosure: Disclosure) -> Disclosure:
    return Disclosure(None, disclosure.patterns)


@pytest.mark.pictures
def test_rendering_without_the_label(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    bare = unlabelled(disclosure_of(take.permits.get()))
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4", disclosure=bare))
    assert quarantined_for(take) == ["label_missing"]


@pytest.mark.pictures
def test_rendering_whose_label_is_a_pixel_too_small(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    honest = disclosure_of(take.permits.get())
    assert honest.label is not None
    # The painter stays one pixel above what it is told.
    small = dataclasses.replace(honest.label, min_glyph_px=honest.label.min_glyph_px - 2)
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4", disclosure=Disclosure(small, honest.patterns)))
    assert quarantined_for(take) == ["label_too_small"]


@pytest.mark.pictures
def test_rendering_whose_label_disappears_after_two_seconds(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    honest = disclosure_of(take.permits.get())
    assert honest.label is not None

    def frames() -> Iterator[av.VideoFrame]:
        overlay = None
        for index, frame in enumerate(scenery()):
            overlay = overlay or LabelOverlay(honest.label, frame.width, frame.height)  # type: ignore[arg-type]
            if index < 50:
                overlay.draw(frame, index / 25)
            yield frame

    path = rendering_of(take, tmp_path / "t.mp4", frames=frames(), disclosure=unlabelled(honest))
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["label_gap"]


@pytest.mark.pictures
def test_rendering_without_a_watermark(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    label = disclosure_of(take.permits.get()).label

    def frames() -> Iterator[av.VideoFrame]:
        overlay = None
        for index, frame in enumerate(scenery()):
            overlay = overlay or LabelOverlay(label, frame.width, frame.height)  # type: ignore[arg-type]
            overlay.draw(frame, index / 25)
            yield frame

    path = tmp_path / "t.mp4"
    write_mp4(path, frames(), fps=25, sound=[tone().samples], rate=24000, encoding=Encoding())
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["watermark_missing"]


@pytest.mark.pictures
def test_rendering_with_the_mark_of_another_take(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    honest = disclosure_of(take.permits.get())
    other = make_patterns(Key(id="x", secret=bytes(32)), 0x1122334455667788)
    foreign = Disclosure(honest.label, other)
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4", disclosure=foreign))
    assert quarantined_for(take) == ["watermark_missing"]


@pytest.mark.pictures
def test_rendering_that_is_no_video(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    path = tmp_path / "t.mp4"
    path.write_bytes(b"PK\x03\x04" + bytes(4096))
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["rendering_unreadable"]


@pytest.mark.pictures
def test_rendering_without_sound(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    honest = disclosure_of(take.permits.get())

    def frames() -> Iterator[av.VideoFrame]:
        overlay = LabelOverlay(honest.label, 640, 360)  # type: ignore[arg-type]
        for index, frame in enumerate(scenery()):
            overlay.draw(frame, index / 25)
            yield frame

    path = tmp_path / "t.mp4"
    write_mp4(path, embed_frames(frames(), honest.patterns.picture), fps=25, encoding=Encoding())
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["no_sound"]


def test_consent_withdrawn_while_the_file_waits_at_the_gate(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    world.submit(take, rendering_of(take, tmp_path / "t.mp4"))
    withdraw_grant(grant=world.grant, by=world.streamer)
    world.run_jobs()
    take.refresh_from_db()
    assert (take.state, Release.objects.count(), Quarantine.objects.count()) == (TakeState.CANCELLED, 0, 0)
    assert not any(storage.private().exists(permit.pattern) for permit in Permit.objects.all())


def test_consent_withdrawn_while_the_file_is_being_signed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = world.permitted()
    sign = gate.sign_file

    def withdrawn_meanwhile(*args: Any, **kwargs: Any) -> Any:
        signed = sign(*args, **kwargs)
        withdraw_grant(grant=world.grant, by=world.streamer)
        return signed

    monkeypatch.setattr(gate, "sign_file", withdrawn_meanwhile)
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4"))
    assert (take.state, Release.objects.count()) == (TakeState.CANCELLED, 0)
    assert not _released_files()


def _released_files() -> list[str]:
    store = storage.private()
    folders = store.listdir("releases")[0] if store.exists("releases") else []
    return [name for folder in folders for name in store.listdir(f"releases/{folder}")[1]]


def test_expired_permit_is_no_permit(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    path = rendering_of(take, tmp_path / "t.mp4")
    Permit.objects.filter(take=take).update(expires_at=timezone.now() - timedelta(seconds=1))
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["permit_not_alive"]


def test_permit_whose_row_was_prolonged_in_the_database(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    path = rendering_of(take, tmp_path / "t.mp4")
    permit = take.permits.get()
    permit.envelope["payload"]["expires_at"] = "2099-01-01T00:00:00+00:00"
    Permit.objects.filter(pk=permit.pk).update(envelope=permit.envelope)
    through_the_gate(world, take, path)
    assert quarantined_for(take) == ["signature_invalid"]


def test_without_a_time_stamp_nothing_is_released_and_nothing_is_lost(
    world: World, tmp_path: Path, settings: Any
) -> None:
    take = world.permitted()
    working, settings.AVOW_TSA_URL = settings.AVOW_TSA_URL, "http://127.0.0.1:9/"
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4"))
    job = Job.objects.get(kind="release.gate")
    assert (take.state, job.state, Release.objects.count()) == (TakeState.RENDERED, JobState.QUEUED, 0)
    settings.AVOW_TSA_URL = working
    Job.objects.filter(pk=job.pk).update(not_before=None)
    world.run_jobs()
    take.refresh_from_db()
    assert take.state == TakeState.RELEASED


@pytest.mark.parametrize("step", ["_measure", "sign_file", "_create_release"])
def test_gate_killed_at_a_step_finishes_once_after_restart(
    step: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = world.permitted()
    world.submit(take, rendering_of(take, tmp_path / "t.mp4"))
    real, died = getattr(gate, step), []

    class Killed(BaseException):
        """kill -9: nothing that catches errors may catch it."""

    def die_once(*args: Any, **kwargs: Any) -> Any:
        if not died:
            died.append(step)
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(gate, step, die_once)
    with pytest.raises(Killed):
        world.run_jobs()
    assert Release.objects.count() == 0
    Job.objects.filter(kind="release.gate").update(state=JobState.QUEUED)
    world.run_jobs()
    take.refresh_from_db()
    assert (take.state, Release.objects.count(), len(_released_files())) == (TakeState.RELEASED, 1, 1)


def test_a_message_delivered_twice_releases_once(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4"))
    Job.objects.filter(kind="release.gate").update(state=JobState.QUEUED)
    world.run_jobs()
    assert Release.objects.count() == 1


def test_withdrawal_lists_what_was_released_for_takedown(world: World, tmp_path: Path) -> None:
    take = world.permitted()
    through_the_gate(world, take, rendering_of(take, tmp_path / "t.mp4"))
    withdrawal = withdraw_grant(grant=world.grant, by=world.streamer)
    world.run_jobs()
    release = Release.objects.get()
    assert release.state == ReleaseState.TAKEDOWN
    assert all(step.state == "done" and step.delay_s is not None for step in withdrawal.steps.all())
