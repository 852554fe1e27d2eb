"""Every line of every room passes the guard at the moment it is spoken, with product facts or without."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from compliance.release.models import Review, ReviewKind
from streaming.air.host import host_of
from streaming.demo import FACTS
from streaming.dialogue.facts import ProductFacts
from streaming.director.expression import Expression, ExpressionLimits
from streaming.director.freedom import Freedom
from streaming.leases import take_lease
from streaming.models import Source
from streaming.rundown import Rundown, RundownItem
from tests.road import World
from tests.streaming.rooms.planned import room_on_air

pytestmark = pytest.mark.django_db
LINES = ("大家好，欢迎来到直播间。", "每瓶只要九十九元。", "我自己也在用。", "全网第一。", "我们下次再见。")


def test_a_room_without_facts_is_guarded_too(world: World) -> None:
    room = room_on_air(world, products=(), rundown=Rundown((RundownItem("a", "开场", LINES),)), freedom=None)
    assert "speech_policy" not in room.plan
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    host = host_of(room, lease)
    spoken = [host.next_line() for _line in LINES]
    host.close()
    assert [line.text for line in spoken if line.source == Source.RUNDOWN] == [LINES[0], LINES[4]]
    held = {line.stopped[0]["line"]: line for line in spoken if line.source == Source.SAFE}
    assert list(held) == list(LINES[1:4]) and all(line.text not in LINES for line in held.values())
    codes = [line.stopped[0]["findings"][0]["code"] for line in held.values()]
    assert codes == ["price_without_basis", "first_person_use", "banned_superlative"]


@pytest.mark.parametrize("products", [(), (FACTS,)], ids=["no facts", "facts"])
def test_legal_reads_what_that_means(world: World, client: Client, products: tuple[ProductFacts, ...]) -> None:
    room = room_on_air(world, products=products)
    review = Review.objects.get(kind=ReviewKind.SCRIPT, digest=room.take.script_digest)
    client.force_login(world.legal)
    page = client.get(reverse("legal:review", args=[review.pk])).content.decode()
    assert ("This room has no product facts" in page) == (not products)


def test_legal_reads_every_manner_by_its_name(world: World, client: Client) -> None:
    limits = ExpressionLimits(allowed=tuple(Expression))
    room = room_on_air(world, freedom=Freedom(reorder=True, expression=limits, model_words=False))
    review = Review.objects.get(kind=ReviewKind.SCRIPT, digest=room.take.script_digest)
    client.force_login(world.legal)
    page = client.get(reverse("legal:review", args=[review.pk])).content.decode()
    assert "<dd>Even, Warm, Lively, Calm, Concerned</dd>" in page
