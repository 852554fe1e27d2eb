"""A double that was really built, and rooms with it: consent, review and permit by the services the pages use."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

from avatars import vault
from avatars.demo import draw_presenter, seed
from avatars.models import Avatar
from avatars.services import FORMATS, start_avatar
from bench.room.house import Impossible, run_jobs, wait_for
from compliance.consent.models import Grant
from compliance.release.models import Review, ReviewState, TakeState
from compliance.release.services import decide_review
from streaming.air.folders import room_folder
from streaming.archive.models import Stretch
from streaming.demo import give_live_grant, person, plan_demo_room
from streaming.models import Air, Room, Showing
from streaming.packager.playlist import Entry, segment_name
from streaming.services import go_on_air

SMALL = (640, 360)
"""A quarter of the pictures' size: so several rooms at once are on air on two cores."""
CLIP_S = 12
_PATIENCE_S = 120


def build_double() -> Avatar:
    """The invented presenter, drawn in 720p and built as any double is."""
    seed()
    grant = _granted()
    with tempfile.TemporaryDirectory(prefix="presenter-") as folder:
        clip = Path(folder) / "presenter.mp4"
        draw_presenter(clip, seconds=CLIP_S)
        with clip.open("rb") as upload:
            avatar = start_avatar(
                organisation=grant.grantee, created_by=person("producer"), grant=grant, name="Lin Mei", upload=upload,
                upload_name=clip.name, upload_size=clip.stat().st_size,
            )  # fmt: skip
    run_jobs()
    avatar.refresh_from_db()
    if not avatar.ready:
        raise Impossible(f"the double could not be built: {avatar.findings}")
    return avatar


def _granted() -> Grant:
    grant = give_live_grant()
    run_jobs()
    grant.refresh_from_db()
    return grant


def room_on_air(double: Avatar, *, size: tuple[int, int] = FORMATS["landscape"]) -> Room:
    """A room with a consent and a double of its own, permitted and asked on air. Nobody performs it yet."""
    with patch.dict(FORMATS, bench=size):
        room = plan_demo_room(_twin(double), picture="bench")
    run_jobs()
    for review in Review.objects.filter(organisation=room.organisation, state=ReviewState.PENDING):
        decide_review(review=review, decided_by=person("legal"), approve=True, comment="Bench")
    run_jobs()
    room.take.refresh_from_db()
    if room.take.state != TakeState.PERMITTED:
        raise Impossible(f"the gate holds the room: {room.take.reasons}")
    go_on_air(room=room, by=person("producer"))
    return Room.objects.select_related("take__grant", "air").get(pk=room.pk)


def _twin(double: Avatar) -> Avatar:
    """The same model under a grant of its own, which may be withdrawn without the others."""
    model = f"bench/{uuid4().hex}.avatar"
    grant = _granted()
    with vault.local_copy(double.grant_id, double.model) as path:
        vault.seal_file(grant.pk, model, path)
    twin = Avatar.objects.get(pk=double.pk)
    twin.pk, twin.grant, twin.model = uuid4(), grant, model
    twin.footage = twin.poster = twin.preview = ""
    twin._state.adding = True
    twin.save()
    return twin


# --- what is on air ---
def wait_for_host(room: Room, *, segments: int = 1, seconds: float = _PATIENCE_S) -> None:
    """Until so many segments of the host have been published in one stretch."""
    wait_for(lambda: _host_segments(room) >= segments, f"the host of {room.pk}", seconds=seconds)


def _host_segments(room: Room) -> int:
    shown = Air.objects.filter(pk=room.pk, showing=Showing.HOST).exists()
    newest = Stretch.objects.filter(room=room).last()
    return newest.count if shown and newest is not None and newest.showing == Showing.HOST else 0


def published_at(stretch: Stretch, sequence: int) -> float:
    """When (epoch seconds) the segment's file was complete, which is just before its line in the playlist."""
    return file_of(stretch, sequence).stat().st_mtime


def file_of(stretch: Stretch, sequence: int, rendition: str = "high") -> Path:
    """Where the segment lies."""
    at = stretch.start_ns_of(sequence - stretch.first_sequence)
    entry = Entry(sequence, stretch.init, at, stretch.ticks, discontinuity=False)
    return room_folder(stretch.room_id) / rendition / segment_name(entry)


def last_of(room: Room, showing: Showing) -> tuple[Stretch, float] | None:
    """The newest stretch of this kind, and when its last segment was published."""
    found = Stretch.objects.filter(room=room, showing=showing).last()
    return None if found is None else (found, published_at(found, found.last_sequence))


def first_after(room: Room, sequence: int, showing: Showing | None = None) -> tuple[int, float] | None:
    """Number and time of publication of the first segment behind `sequence`, of this kind where one is named."""
    for stretch in Stretch.objects.filter(room=room).order_by("first_sequence"):
        if stretch.last_sequence <= sequence or showing not in (None, stretch.showing):
            continue
        first = max(stretch.first_sequence, sequence + 1)
        return first, published_at(stretch, first)
    return None


def last_sequence(room: Room) -> int:
    newest = Stretch.objects.filter(room=room).last()
    return -1 if newest is None else newest.last_sequence
