"""`manage.py room rehearse`: a room on air without a browser, and everything it published kept in a folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from avatars import services as avatars
from avatars.demo import draw_presenter, seed
from avatars.models import Avatar, AvatarState
from compliance.consent.models import Grant
from compliance.consent.services import withdraw_grant
from compliance.jobs.models import Job, JobState
from compliance.release.models import Review, ReviewState, TakeState
from compliance.release.services import decide_review
from streaming.air.folders import room_folder
from streaming.demo import give_live_grant, person, plan_demo_room
from streaming.models import Air, Room, Showing
from streaming.services import go_on_air, receive_comments, stop_room

T = TypeVar("T")
Json = dict[str, Any]
_PATIENCE_S = 900
_LONG_HELD = timedelta(seconds=60)
_LOOK_S = 0.05


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=60, help="how long to stay on air")
    parser.add_argument("--out", type=Path, required=True, help="folder for what was published and report.json")
    parser.add_argument("--withdraw-at", type=float, help="withdraw the person's consent after so many seconds")
    parser.add_argument("--comments", type=Path, help="JSON lines {at, text, user}: seconds on air, words, who")
    parser.add_argument("--room", help="id of a permitted room; default: a demonstration room is planned")
    parser.add_argument("--clip", type=Path, help="the consented minute of the demonstration; default: it is drawn")
    parser.add_argument("--picture", default="landscape", help="picture format of the demonstration room")


@dataclass
class Recording:
    """Copies every published file as it appears and notes when it did."""

    source: Path
    target: Path
    segments: list[Json] = field(default_factory=list)
    _seen: dict[Path, int] = field(default_factory=dict)

    def look(self) -> None:
        for path in sorted(self.source.rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            changed = path.stat().st_mtime_ns
            if self._seen.get(path) == changed:
                continue
            self._seen[path] = changed
            self._keep(path)

    def _keep(self, path: Path) -> None:
        place = self.target / path.relative_to(self.source)
        place.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        place.write_bytes(data)
        if path.suffix == ".m4s":
            name = str(path.relative_to(self.source))
            self.segments.append({"file": name, "bytes": len(data), "seen_at": _now()})


def rehearse(options: Json) -> str:
    """Put a room on air for `seconds`; returns the place of the report.

    Raises:
        CommandError: it could not be prepared, or did not go on air.
    """
    out: Path = options["out"].resolve()
    out.mkdir(parents=True, exist_ok=True)
    with _processes():
        room = Room.objects.get(pk=options["room"]) if options["room"] else _demonstration_room(options, out)
        times = _on_air(room, options, out)
    report = out / "report.json"
    report.write_text(json.dumps(times, ensure_ascii=False, indent=2), encoding="utf-8")
    return str(report)


def _on_air(room: Room, options: Json, out: Path) -> Json:
    recording = Recording(room_folder(room.pk), out)
    asked = time.monotonic()
    times: Json = {"room": str(room.pk), "grant": str(room.take.grant_id), "asked_at": _now()}
    go_on_air(room=room, by=room.created_by)
    first_host: float | None = None
    withdrawn = False
    comments = _comments(options["comments"])
    while time.monotonic() - asked < options["seconds"]:
        recording.look()
        while comments and comments[0]["at"] <= time.monotonic() - asked:
            _say(room, comments.pop(0))
        if first_host is None and Air.objects.get(pk=room.pk).showing == Showing.HOST:
            first_host = time.monotonic()
            times["host_on_air_at"] = _now()
        at = options["withdraw_at"]
        if at is not None and not withdrawn and time.monotonic() - asked >= at:
            withdrawn = True
            times["withdrawn_at"] = _now()
            grant = Grant.objects.get(pk=room.take.grant_id)
            withdraw_grant(grant=grant, by=grant.principal, reason="rehearsal")
        time.sleep(_LOOK_S)
    room.refresh_from_db()
    if room.wanted_on_air:
        stop_room(room=room, by=room.created_by, because="rehearsal ends")
    _wait(lambda: _ended(room), "The end of the playlist", seconds=30)
    recording.look()
    return times | _account(room, recording)


def _comments(path: Path | None) -> list[Json]:
    if path is None:
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return sorted(lines, key=lambda line: float(line["at"]))


def _say(room: Room, comment: Json) -> None:
    message = {
        "platform": "rehearsal",
        "room": str(room.pk),
        "id": uuid4().hex,
        "user_ref": str(comment.get("user", "viewer")),
        "text": comment["text"],
        "ts": time.time(),
    }
    receive_comments(room=room, messages=[message])


def _ended(room: Room) -> bool | None:
    return '"ended":true' in Air.objects.get(pk=room.pk).playlist or None


def _account(room: Room, recording: Recording) -> Json:
    return {
        "ended_at": _now(),
        "segments": recording.segments,
        "events": _plain(room.events.values("at", "code", "text", "data")),
        "lines": _plain(room.lines.values("at", "until", "source", "text", "blocked", "comment")),
        "decisions": _plain(room.director_log.values("ordinal", "at", "kind", "decision_id", "item_id", "reward")),
        "comments": _plain(room.comments.values("id", "text", "received_at", "answered_at")),
        "marks": list(room.take.marks.order_by("slice").values("slice", "value")),
    }


def _plain(rows: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Rows with their times as text."""
    return [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat()


# --- the stage ---
def _demonstration_room(options: Json, out: Path) -> Room:
    """A room of the demonstration's brand with everybody's agreement."""
    seed()
    grant = give_live_grant()
    _wait(lambda: Grant.objects.filter(pk=grant.pk, receipt__isnull=False).first(), "The receipt")
    clip = options["clip"] or out / "presenter.mp4"
    if not clip.exists():
        draw_presenter(clip, seconds=20)
    with clip.open("rb") as upload:
        avatar = avatars.start_avatar(
            organisation=grant.grantee,
            created_by=person("producer"),
            grant=grant,
            name="Lin Mei",
            upload=upload,
            upload_name=clip.name,
            upload_size=clip.stat().st_size,
        )
    avatar = _wait(lambda: _built(avatar), "The avatar")
    if not avatar.ready:
        raise CommandError(f"The avatar could not be built: {avatar.findings}")
    room = plan_demo_room(avatar, picture=options["picture"])
    for review in Review.objects.filter(organisation=room.organisation, state=ReviewState.PENDING):
        decide_review(review=review, decided_by=person("legal"), approve=True, comment="rehearsal")
    _wait(lambda: _permitted(room), "The permit")
    return Room.objects.select_related("take").get(pk=room.pk)


def _built(avatar: Avatar) -> Avatar | None:
    job = Job.objects.filter(subject_id=avatar.pk, state=JobState.FAILED).first()
    if job is not None:
        raise CommandError(f"{job.error_code}: {job.error_text}")
    return Avatar.objects.exclude(state=AvatarState.BUILDING).filter(pk=avatar.pk).first()


def _permitted(room: Room) -> bool | None:
    room.take.refresh_from_db()
    reviews = Review.objects.filter(organisation=room.organisation, state=ReviewState.PENDING).exists()
    if room.take.state == TakeState.HELD and not reviews and timezone.now() > room.created_at + _LONG_HELD:
        raise CommandError(f"The gate holds the room: {room.take.reasons}")
    return room.take.state == TakeState.PERMITTED or None


def _wait(read: Callable[[], T | None], what: str, *, seconds: float = _PATIENCE_S) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := read()) is not None:
            return found
        time.sleep(0.2)
    raise CommandError(f"{what} did not come within {seconds:.0f} s; see {settings.VAR_DIR}/processes.log.")


# --- the processes ---
@contextmanager
def _processes() -> Iterator[None]:
    """Those that run already, or all of them (but the web server) for as long as the rehearsal lasts."""
    if _gate_answers():
        yield
        return
    call_command("bootstrap")
    config = settings.BASE_DIR / "deploy" / "supervisord.conf"
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(config)]
    defaults = {"AVOW_VAR_DIR": str(settings.VAR_DIR), "AVOW_WEB": "false", "AVOW_PORT": "8000"}
    defaults |= {"AVOW_TSA_PORT": "8318", "AVOW_RENDER_WORKERS": "1"}
    environment = {**defaults, **os.environ, "AVOW_WEB": "false"}
    with (Path(settings.VAR_DIR) / "processes.log").open("ab") as log:
        supervisor = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log)
        try:
            _wait(lambda: _gate_answers() or None, "The live gate", seconds=60)
            yield
        finally:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(timeout=60)


def _gate_answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(settings.AVOW_LIVE_SOCKET)
        except OSError:
            return False
    return True
