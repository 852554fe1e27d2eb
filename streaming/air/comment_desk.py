"""Comments of a room: read from the database in a thread of its own, the best answered, everything bounded."""

from __future__ import annotations

import logging
import queue
import threading
import time
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.utils import timezone

from compliance.connections import Outage
from streaming.air.lines import Line
from streaming.dialogue.answering import Answerer
from streaming.dialogue.comments import SIGNALS, Comment, Kind
from streaming.dialogue.composer import Composer
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard
from streaming.dialogue.intake import CommentIntake
from streaming.dialogue.model_lines import ModelAccess
from streaming.dialogue.screening import Verdict, quote_copy
from streaming.models import Room, RoomComment, Source
from streaming.services import note

logger = logging.getLogger(__name__)
_LOOK_S = 0.15
_AT_ONCE = 2000
_READY = 2
_AGAIN_S = 60.0
"""The same trouble is told on the dashboard once in so many seconds."""


class CommentDesk:
    """Has the best comments answered from the products' facts; what is ready waits for the performer."""

    def __init__(
        self, room: Room, products: tuple[ProductFacts, ...], guard: Guard, model: ModelAccess | None = None
    ) -> None:
        """Goes on after the last comment that was answered. Raises DatabaseError."""
        self._room, self._products = room, products
        self._intake = CommentIntake(str(room.pk))
        self._answerer = Answerer(guard, Composer(guard.policy), model)
        self._ready: queue.Queue[Line] = queue.Queue(maxsize=8)
        self._rows: dict[tuple[str, str], int] = {}
        self._told: dict[str, float] = {}
        last = RoomComment.objects.filter(room=room, answered_at__isnull=False).order_by("-id").first()
        self._last = last.pk if last else 0

    def answer(self) -> Line | None:
        """The next answer that is ready, or None; never waits."""
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return None

    @property
    def waiting(self) -> bool:
        """Whether an answer is ready."""
        return not self._ready.empty()

    def run(self, stopping: threading.Event) -> None:
        """Until the host is closed. A database that is away only makes it wait."""
        database = Outage(logger, f"comments of room {self._room.pk}")
        while not stopping.wait(_LOOK_S):
            try:
                with database.waited_out():
                    self.look()
            except Exception:
                logger.exception("room %s: a comment could not be answered", self._room.pk)
        connections.close_all()

    def look(self) -> None:
        """Read what has come, and have one comment answered unless enough is ready. Raises DatabaseError."""
        self._read()
        if self._ready.qsize() < _READY:
            self._answer_one()

    def _read(self) -> None:
        rows = RoomComment.objects.filter(room=self._room, pk__gt=self._last).exclude(kind__in=SIGNALS).order_by("pk")
        for row in rows[:_AT_ONCE]:
            self._last = row.pk
            comment = Comment(
                row.platform, str(self._room.pk), row.external_id, row.user_ref, row.text, row.received_at.timestamp(),
                kind=Kind.CHAT if row.kind not in list(Kind) else Kind(row.kind), value=row.value,
            )  # fmt: skip
            if self._intake.offer(comment, time.time()).is_held:
                self._rows[comment.key] = row.pk
        if len(self._rows) > 2 * _AT_ONCE:
            self._rows = dict(list(self._rows.items())[-_AT_ONCE:])

    def _answer_one(self) -> None:
        for ranked, screening in self._intake.take(time.time(), self._products):
            comment = ranked.candidate.comment
            row_id = self._rows.pop(comment.key, None)
            self._keep(row_id, screening.to_json(), ranked.to_json())
            if screening.verdict is Verdict.ESCALATE:
                note(room=self._room, code="comment_for_a_person", text=quote_copy(comment.text))
                continue
            self._answer(comment, row_id)

    def _answer(self, comment: Comment, row_id: int | None) -> None:
        facts, *others = self._products
        reply = self._answerer.answer(comment.text, facts, datetime.now(UTC), others=tuple(others))
        for code, text in reply.incidents:
            self._tell(code, text)
        if reply.answer.hand_over is not None:
            hint = reply.answer.hand_over
            note(room=self._room, code=f"handover_{hint.code}", text=hint.question)
        stopped = tuple(result.to_json() for result in reply.judged if not result.allowed)
        for number, text in enumerate(reply.lines):
            about = stopped if number == 0 else ()
            self._hand_in(Line(text, Source.ANSWER, "", facts.id, 0.3, comment_id=row_id, stopped=about))

    def _hand_in(self, line: Line) -> None:
        """Dropped when more is ready than can be said in time."""
        try:
            self._ready.put_nowait(line)
        except queue.Full:
            logger.warning("room %s: an answer was dropped, too many are ready", self._room.pk)

    def _tell(self, code: str, text: str) -> None:
        """Trouble with the model, for the dashboard: a model that is away fails at every comment."""
        now = time.monotonic()
        if now - self._told.get(code, float("-inf")) >= _AGAIN_S:
            self._told[code] = now
            note(room=self._room, code=code, text=text)

    def _keep(self, row_id: int | None, screening: dict[str, Any], score: dict[str, Any]) -> None:
        if row_id is not None:
            RoomComment.objects.filter(pk=row_id).update(screening=screening, score=score, answered_at=timezone.now())
