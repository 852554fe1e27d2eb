"""A room that legal has approved and a producer has put on air; nobody performs it yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avatars.models import Avatar, AvatarState
from compliance.consent.terms import Mode
from compliance.release.models import TakeState
from compliance.release.services import Campaign
from streaming.demo import FACTS
from streaming.dialogue.facts import ProductFacts
from streaming.director.expression import Expression, ExpressionLimits
from streaming.director.freedom import Freedom
from streaming.models import Room
from streaming.rundown import Rundown, RundownItem
from streaming.services import go_on_air, plan_room
from tests.road import World

FREE = Freedom(True, ExpressionLimits((Expression.WARM, Expression.CALM, Expression.CONCERNED), 0.9, 1.08), True)
RUNDOWN = Rundown(
    (
        RundownItem("hello", "开场", ("大家好。", "我是数字人主播。")),
        RundownItem("cream", "润肤霜", ("这是润肤霜。", "每瓶五十毫升。"), product_id="cream", repeats=3),
        RundownItem("use", "用法", ("取适量涂抹。",), product_id="cream", repeats=2),
    )
)


def room_on_air(
    world: World,
    *,
    freedom: Freedom | None = FREE,
    rundown: Rundown = RUNDOWN,
    products: Sequence[ProductFacts] = (FACTS,),
) -> Room:
    world._grant = world.give_grant(modes=frozenset({Mode.RECORDED, Mode.LIVE}))
    world.run_jobs()
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
    )  # fmt: skip
    given: dict[str, Any] = {
        "brand_id": str(world.brand.id), "brand_name": world.brand.name, "product_category": "cosmetics",
        "purpose": "product_presentation", "platform": "douyin", "markets": ("CN", "EU"), "language": "zh",
        "channel": "live_commerce", "mode": "live", "interactive": bool(products),
    }  # fmt: skip
    room = plan_room(
        created_by=world.producer, avatar=avatar, title="Cream", rundown=rundown, products=products,
        campaign=Campaign(**given), picture="landscape", freedom=freedom,
    )  # fmt: skip
    world.run_jobs()
    world.approve_all()
    world.run_jobs()
    room.take.refresh_from_db()
    assert room.take.state == TakeState.PERMITTED, room.take.reasons
    go_on_air(room=room, by=world.producer)
    return Room.objects.select_related("take__grant", "organisation", "air").get(pk=room.pk)
