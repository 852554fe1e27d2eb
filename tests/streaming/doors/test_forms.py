"""The form in which a room is planned: what was entered is what legal and the gate read."""

from __future__ import annotations

import pytest
from django.test import Client

from streaming.models import Room
from tests.road import World

pytestmark = pytest.mark.django_db


def test_what_was_entered_is_what_is_ordered(room: Room, world: World) -> None:
    client = Client()
    client.force_login(world.producer)
    form = {
        "title": "Tea", "avatar": str(room.avatar.pk), "language": "zh", "rundown": "# 开场 x2\n大家好。",
        "quote_comments": "on", "pace": "gentle", "picture": "portrait", "channel": "live_commerce",
        "product_category": "cosmetics", "purpose": "product_presentation", "platform": "douyin",
        "markets": ["CN", "EU"],
    }  # fmt: skip
    assert client.post("/studio/rooms/new/", {**form, "markets": []}).status_code == 422
    assert client.post("/studio/rooms/new/", form).status_code == 302
    made = Room.objects.get(title="Tea")
    assert made.plan["quote_comments"] is True and (made.take.width, made.take.height) == (720, 1280)
    campaign = made.take.campaign
    assert (campaign["mode"], campaign["markets"], campaign["platform"]) == ("live", ["CN", "EU"], "douyin")
