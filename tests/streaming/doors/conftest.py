"""A room that is on air, as far as its doors are concerned: nobody performs it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from avatars.models import Avatar, AvatarState
from streaming.models import Air, Room, RoomState
from tests.road import World, tsa_url, world
from tests.streaming.outputs.conftest import rtmp_server

__all__ = ["rtmp_server", "tsa_url", "world"]


@pytest.fixture
def room(world: World) -> Room:
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
    )  # fmt: skip
    made = Room.objects.create(
        organisation=world.brand, created_by=world.producer, take=world.order(), avatar=avatar, title="Cream",
        plan={"rundown": [], "quote_comments": True, "speech_policy": {}}, state=RoomState.ON_AIR, wanted_on_air=True,
        on_air_at=timezone.now(),
    )  # fmt: skip
    Air.objects.create(room=made)
    return made
