"""A room that was on air: slate, host, slate, published by the gate's own broadcast with its own keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.utils import timezone

from avatars.models import Avatar, AvatarState
from compliance.consent.terms import Mode
from compliance.keys.custody import open_custody
from compliance.release.issuing import permit_slice
from compliance.release.models import Take
from compliance.release.services import Campaign
from streaming.air.broadcast import Broadcast
from streaming.leases import take_lease
from streaming.models import Room
from streaming.packager.packager import Packager, Segment
from streaming.rundown import Rundown, RundownItem
from streaming.services import go_on_air, plan_room, stop_room
from streaming.showing import handed_over, no_performer
from tests.road import World, tsa_url, world

__all__ = ["tsa_url", "world"]
RUNDOWN = Rundown(
    (RundownItem("a", "开场", ("大家好。",)), RundownItem("b", "产品", ("这是润肤霜。",), product_id="c"))
)


@pytest.fixture
def room(world: World, tmp_path: Path, settings: Any) -> Room:
    """Permitted, not on air yet."""
    settings.AVOW_LIVE_DIR = str(tmp_path / "live")
    settings.AVOW_LIVE_PRESET = "ultrafast"
    if world._grant is None:
        world._grant = world.give_grant(modes=frozenset({Mode.RECORDED, Mode.LIVE}))
    world.run_jobs()
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
    )  # fmt: skip
    campaign = Campaign(
        brand_id=str(world.brand.id), brand_name=world.brand.name, product_category="cosmetics",
        purpose="product_presentation", platform="douyin", markets=("CN", "EU"), language="zh",
        channel="live_commerce", mode="live",
    )  # fmt: skip
    made = plan_room(
        created_by=world.producer, avatar=avatar, title="Cream", rundown=RUNDOWN, products=(), campaign=campaign,
        picture="landscape",
    )  # fmt: skip
    world.run_jobs()
    world.approve_all()
    world.run_jobs()
    Take.objects.filter(pk=made.take_id).update(width=320, height=180)
    made.refresh_from_db()
    return made


@pytest.fixture
def aired(room: Room, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A second of slate, two of a host, one of slate; then stopped, long enough ago to be complete."""
    # However slow the machine, whatever the hour: no permit ends meanwhile, nothing has a hole, it is one file.
    settings.AVOW_LIVE_SLICE_S = 900
    monkeypatch.setattr("streaming.air.broadcast.WINDOW_S", 900)
    for module in ("timeline", "parts"):
        monkeypatch.setattr(f"streaming.archive.{module}.HOUR_NS", 10**20)
    go_on_air(room=room, by=world.producer)
    room.take.refresh_from_db()
    with world.as_role("gate"):
        for broadcast in on_the_gate(room):
            broadcast.put_slate(no_performer())
            put_host(broadcast, room, seconds=2)
            broadcast.put_slate(handed_over())
            broadcast.end()
    stop_room(room=room, by=world.producer, because="done")
    Room.objects.filter(pk=room.pk).update(ended_at=timezone.now() - timedelta(minutes=5))
    room.refresh_from_db()
    return room


class Unmeasured:
    """In the place of the child that measures label and mark."""

    def check(self, *_segment: Any) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Nothing to end."""


def on_the_gate(room: Room) -> Iterator[Broadcast]:
    lease = take_lease(room.pk, "publisher")
    assert lease is not None
    broadcast = Broadcast.open(room, lease, open_custody(), lambda _name, _data: None)
    # What the gate measures is shown elsewhere, with real processes; here it is what becomes of what was published.
    broadcast.checker = Unmeasured()  # type: ignore[assignment]
    try:
        yield broadcast
    finally:
        broadcast.close()
        lease.give_up()


def put_host(broadcast: Broadcast, room: Room, *, seconds: int) -> None:
    """What a performer would send, under the permit of the first slice: a picture that moves, and a tone."""
    permit = permit_slice(take_id=room.take_id, part=1, now=timezone.now())
    assert permit is not None and broadcast.end_ns is not None
    packager = Packager(broadcast.spec, start_ns=broadcast.end_ns)
    broadcast.begin_host({one.name: packager.init(one.name) for one in broadcast.spec.renditions})
    for segments in performed(packager, seconds):
        broadcast.put_host(segments, str(permit.pk))


def performed(packager: Packager, seconds: int) -> Iterator[list[Segment]]:
    spec, first = packager.spec, packager.spec.renditions[0]
    y, x = np.mgrid[0 : first.height, 0 : first.width]
    samples = (0.1 * np.sin(np.arange(spec.sample_rate // spec.fps) / 9)).astype(np.float32)
    for number in range(seconds * spec.fps + 2):
        luma = (110 + 60 * np.sin((x + 4 * number) / 40) * np.cos(y / 30)).astype(np.uint8)
        grey = np.full((first.height // 2, first.width), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.concatenate([luma, grey]), format="yuv420p")
        if segments := packager.push(frame, samples):
            yield segments
