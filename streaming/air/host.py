"""What the host says next: answers to comments first, the approved rundown otherwise, nothing the guard stops.

`next_line` never waits: comments are answered, and the director's log is kept, by threads of their own.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Protocol

from django.utils import timezone

from streaming.air.comment_desk import CommentDesk
from streaming.air.director_desk import DirectorDesk
from streaming.air.lines import Line
from streaming.air.model_access import model_access
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.director.freedom import Freedom
from streaming.leases import Lease
from streaming.models import Room, Source
from streaming.rundown import Rundown
from streaming.services import live_policy

_IN_A_ROW = 3
"""So many answers follow each other before the rundown goes on by a line."""
_CLOSE_S = 5.0


class Host(Protocol):
    """Whoever decides on the next line."""

    def next_line(self) -> Line:
        """Never fails and never waits: a room cannot stop for an idea."""
        ...

    @property
    def answer_waits(self) -> bool:
        """Whether the next line is an answer to somebody who waits for it."""
        ...

    def close(self) -> None: ...


def host_of(room: Room, lease: Lease) -> RoomHost:
    """The host of a room's plan: every line passes the guard; comments are answered where legal has approved facts and
    a policy for it.

    Raises DatabaseError, PolicyRefused, FactsRefused.
    """
    freedom = Freedom.from_json(room.plan.get("freedom"))
    director = DirectorDesk(room, lease, Rundown.from_json(room.plan["rundown"]), freedom)
    products = tuple(ProductFacts.from_json(json.dumps(facts)) for facts in room.plan["products"])
    guard = Guard(_policy_of(room, products))
    if not room.plan.get("speech_policy"):
        return RoomHost(director, guard, products)
    model = model_access(room) if freedom.model_words else None
    return RoomHost(director, guard, products, CommentDesk(room, products, guard, model))


def _policy_of(room: Room, products: tuple[ProductFacts, ...]) -> LiveSpeechPolicy:
    """The policy legal approved with the plan; where it has none, what the approved campaign allows and no more."""
    if policy := room.plan.get("speech_policy"):
        return LiveSpeechPolicy.from_json(json.dumps(policy))
    campaign = room.take.campaign
    return live_policy(products, campaign["brand_name"], campaign["product_category"], campaign["language"])


class RoomHost:
    """Speaks what the director chooses and answers the audience, every line by the guard's leave."""

    def __init__(
        self,
        director: DirectorDesk,
        guard: Guard,
        products: tuple[ProductFacts, ...] = (),
        comments: CommentDesk | None = None,
    ) -> None:
        self._director, self._guard, self._products, self._comments = director, guard, products, comments
        self._stopping = threading.Event()
        self._in_a_row = 0
        desks = [desk for desk in (director, comments) if desk is not None]
        self._threads = [threading.Thread(target=desk.run, args=(self._stopping,), daemon=True) for desk in desks]

    def start(self) -> None:
        """Begin to read the audience."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads; the director's log is written before."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_CLOSE_S)

    def next_line(self) -> Line:
        """An answer if one is ready, but not more than three in a row; the rundown otherwise."""
        line = self._comments.answer() if self._comments is not None and self.answer_waits else None
        self._in_a_row = self._in_a_row + 1 if line is not None else 0
        said = line or self._guarded(self._director.script_line(time.time()))
        return replace(said, manner=self._director.manner)

    @property
    def answer_waits(self) -> bool:
        return self._comments is not None and self._comments.waiting and self._in_a_row < _IN_A_ROW

    def _guarded(self, line: Line) -> Line:
        """An approved line may have become untrue: a price that ran out, a stock that was counted too long ago.
        Of goods without facts nothing that would need one is said.
        """
        if not line.text:
            return line
        result = self._guard.check(line.text, GuardContext(self._products, timezone.now()))
        if result.allowed:
            return line
        return replace(line, text=result.replacement or "", source=Source.SAFE, stopped=(result.to_json(),))
