"""What the host says next: answers to comments first, the approved rundown otherwise, nothing the guard stops.

`next_line` never waits: comments are read, ranked and answered by a thread of their own, and what is ready is there.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from streaming.dialogue.answering import Answerer
from streaming.dialogue.comments import Comment
from streaming.dialogue.composer import Composer
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.intake import CommentIntake
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.screening import Verdict, quote_copy
from streaming.models import Room, RoomComment, Source
from streaming.rundown import Rundown
from streaming.services import note

logger = logging.getLogger(__name__)
_LOOK_S = 0.3
_AT_ONCE = 2000
_READY = 2
_IN_A_ROW = 3
"""So many answers follow each other before the rundown goes on by a line."""


@dataclass(frozen=True)
class Line:
    """One line to be spoken, then `pause_s` seconds of silence. `stopped`: what the guard held back before it."""

    text: str
    source: Source
    item_id: str = ""
    product_id: str = ""
    pause_s: float = 0.4
    comment_id: int | None = None
    stopped: tuple[dict[str, Any], ...] = ()


class Host(Protocol):
    """Whoever decides on the next line."""

    def next_line(self) -> Line:
        """Never fails and never waits: a room cannot stop for an idea."""
        ...

    def close(self) -> None: ...


def host_of(room: Room) -> Host:
    """The host of a room's plan: one that also answers where legal has approved facts and a policy for it."""
    rundown = Rundown.from_json(room.plan["rundown"])
    policy = room.plan.get("speech_policy")
    if not policy:
        return RundownHost(rundown)
    products = tuple(ProductFacts.from_json(json.dumps(facts)) for facts in room.plan["products"])
    return TalkingHost(room, rundown, products, LiveSpeechPolicy.from_json(json.dumps(policy)))


class RundownHost:
    """Speaks the rundown in its order, for ever."""

    def __init__(self, rundown: Rundown) -> None:
        self._lines = self._walk(rundown)

    @staticmethod
    def _walk(rundown: Rundown) -> Iterator[Line]:
        while True:
            for item in rundown.round():
                for text in item.lines:
                    yield Line(text, Source.RUNDOWN, item.id, item.product_id, item.pause_s)

    def next_line(self) -> Line:
        return next(self._lines)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class TalkingHost:
    """Speaks the rundown and answers the audience, every line by the guard's leave."""

    room: Room
    rundown: Rundown
    products: tuple[ProductFacts, ...]
    policy: LiveSpeechPolicy
    _ready: queue.Queue[Line] = field(default_factory=lambda: queue.Queue(maxsize=8))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _in_a_row: int = 0

    def __post_init__(self) -> None:
        self._guard = Guard(self.policy)
        self._script = RundownHost(self.rundown)
        desk = CommentDesk(self)
        threading.Thread(target=desk.run, name=f"comments-{self.room.pk}", daemon=True).start()

    @property
    def stopping(self) -> threading.Event:
        return self._stopping

    @property
    def guard(self) -> Guard:
        return self._guard

    @property
    def waiting(self) -> int:
        """How many answers are ready."""
        return self._ready.qsize()

    def close(self) -> None:
        """End the thread that reads comments."""
        self._stopping.set()

    def answer_with(self, line: Line) -> None:
        """Hand in an answer; dropped when more is ready than can be said in time."""
        try:
            self._ready.put_nowait(line)
        except queue.Full:
            logger.warning("room %s: an answer was dropped, too many are ready", self.room.pk)

    def next_line(self) -> Line:
        if self._in_a_row < _IN_A_ROW:
            try:
                line = self._ready.get_nowait()
            except queue.Empty:
                pass
            else:
                self._in_a_row += 1
                return line
        self._in_a_row = 0
        return self._guarded(self._script.next_line())

    def _guarded(self, line: Line) -> Line:
        """An approved line may have become untrue: a price that ran out, a stock that was counted too long ago."""
        result = self._guard.check(line.text, GuardContext(self.products, timezone.now()))
        if result.allowed:
            return line
        safe = result.replacement or ""
        return Line(safe, Source.SAFE, line.item_id, line.product_id, line.pause_s, stopped=(result.to_json(),))


class CommentDesk:
    """Reads a room's comments from the database, and has the best of them answered."""

    def __init__(self, host: TalkingHost) -> None:
        self._host, self._room = host, host.room
        self._intake = CommentIntake(str(host.room.pk))
        self._answerer = Answerer(host.guard, Composer(host.policy))
        self._rows: dict[tuple[str, str], int] = {}
        last = RoomComment.objects.filter(room=host.room, answered_at__isnull=False).order_by("-id").first()
        self._last = last.pk if last else 0

    def run(self) -> None:
        """Until the host is closed. A database that is away only makes it wait."""
        while not self._host.stopping.wait(_LOOK_S):
            try:
                close_old_connections()
                self._read()
                if self._host.waiting < _READY:
                    self._answer_one()
            except DatabaseError:
                logger.exception("room %s: comments cannot be read", self._room.pk)
            except Exception:
                logger.exception("room %s: a comment could not be answered", self._room.pk)

    def _read(self) -> None:
        rows = RoomComment.objects.filter(room=self._room, pk__gt=self._last).order_by("pk")[:_AT_ONCE]
        for row in rows:
            self._last = row.pk
            comment = Comment(
                row.platform, str(self._room.pk), row.external_id, row.user_ref, row.text, row.received_at.timestamp()
            )
            if self._intake.offer(comment, time.time()).is_held:
                self._rows[comment.key] = row.pk
        if len(self._rows) > 2 * _AT_ONCE:
            self._rows = dict(list(self._rows.items())[-_AT_ONCE:])

    def _answer_one(self) -> None:
        for ranked, screening in self._intake.take(time.time(), self._host.products):
            comment = ranked.candidate.comment
            row_id = self._rows.pop(comment.key, None)
            self._keep(row_id, screening.to_json(), ranked.to_json())
            if screening.verdict is Verdict.ESCALATE:
                note(room=self._room, code="comment_for_a_person", text=quote_copy(comment.text))
                continue
            self._answer(comment, row_id)

    def _answer(self, comment: Comment, row_id: int | None) -> None:
        facts, *others = self._host.products
        reply = self._answerer.answer(comment.text, facts, datetime.now(UTC), others=tuple(others))
        for code, text in reply.incidents:
            note(room=self._room, code=code, text=text)
        if reply.answer.hand_over is not None:
            hint = reply.answer.hand_over
            note(room=self._room, code=f"handover_{hint.code}", text=hint.question)
        stopped = tuple(result.to_json() for result in reply.judged if not result.allowed)
        for number, text in enumerate(reply.lines):
            about = stopped if number == 0 else ()
            self._host.answer_with(
                Line(text, Source.ANSWER, product_id=facts.id, pause_s=0.3, comment_id=row_id, stopped=about)
            )

    def _keep(self, row_id: int | None, screening: dict[str, Any], score: dict[str, Any]) -> None:
        if row_id is not None:
            RoomComment.objects.filter(pk=row_id).update(
                screening=screening, score=score, answered_at=timezone.now()
            )
