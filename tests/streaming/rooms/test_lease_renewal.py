"""A lease that a thread of its own renews, in a database that both commit to."""

from __future__ import annotations

import pytest

from streaming import leases
from streaming.leases import take_lease
from streaming.models import Air
from tests.road import World
from tests.streaming.rooms.planned import room_on_air


@pytest.mark.usefixtures("emptied")
def test_a_room_is_not_taken_from_one_that_still_prepares(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    room = room_on_air(world)
    monkeypatch.setattr(leases, "LEASE_S", 0.03)
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    until = Air.objects.get(pk=room.pk).performer_until
    with lease.held():
        while Air.objects.get(pk=room.pk).performer_until == until:
            pass  # the renewal has a thread of its own
    lease.give_up()
    assert take_lease(room.pk, "performer") is not None, "nothing renews it any more"
