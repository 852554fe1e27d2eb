"""The archive's records to take away: one JSON document, or a ZIP of it with a digest for everything.

Films are not in the ZIP, so that a broadcast of weeks can be exported: each is downloaded by itself and has its digest
in `parts`, by which a copy is known to be the one that was signed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from io import TextIOWrapper
from typing import IO, Any, cast

from django.db.models import Model, QuerySet
from django.utils import timezone

from streaming.archive.models import Stretch
from streaming.archive.retention import clocks
from streaming.models import Room

Json = dict[str, Any]
SCHEMA = "avow.archive/1"
README = """Records of one live room, as they were written while it was on air.

room.json         the room, what was planned and approved, how it ended, what is kept until when
timeline.jsonl    published segments, in stretches that have everything in common: session, label, mark, host or slate
transcript.jsonl  every line said, and every line held back with what the guard found; "comment": which one it answers
comments.jsonl    what the audience wrote, with screening and ranking
events.jsonl      decisions and events
parts.jsonl       the films, with SHA-256, C2PA manifest, and the ranges of segments that are in them or were left out
SHA256SUMS        digests of all these files: sha256sum -c SHA256SUMS

Times are UTC, ISO 8601. One JSON object a line.
"""


def document(room: Room) -> Json:
    """The whole archive as one JSON object; for rooms of hours, not of weeks."""
    lists = {name: list(rows) for name, rows in _lists(room).items()}
    return {"schema": SCHEMA, "exported_at": _text(timezone.now()), "room": _room(room), **lists}


def write_zip(target: IO[bytes], room: Room) -> str:
    """Write the ZIP to `target`, row by row; returns the SHA-256 of `SHA256SUMS`, which covers all the rest."""
    sums: dict[str, str] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        sums["README.txt"] = _put(archive, "README.txt", iter([README]))
        whole = json.dumps({"schema": SCHEMA, "exported_at": _text(timezone.now()), **_room(room)}, **_PRETTY)
        sums["room.json"] = _put(archive, "room.json", iter([whole + "\n"]))
        for name, rows in _lists(room).items():
            lines = (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
            sums[f"{name}.jsonl"] = _put(archive, f"{name}.jsonl", lines)
        listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
        return _put(archive, "SHA256SUMS", iter([listing]))


_PRETTY: Json = {"ensure_ascii": False, "indent": 2, "sort_keys": True}


def _put(archive: zipfile.ZipFile, name: str, pieces: Iterator[str]) -> str:
    digest = hashlib.sha256()
    with archive.open(name, "w") as file, TextIOWrapper(file, "utf-8", newline="") as text:
        for piece in pieces:
            text.write(piece)
            digest.update(piece.encode())
    return digest.hexdigest()


def _lists(room: Room) -> dict[str, Iterator[Json]]:
    return {
        "timeline": (_stretch(one) for one in room.stretches.iterator()),
        "transcript": _rows(
            room.lines.all(),
            "id", "at", "until", "source", "item_id", "product_id", "text", "blocked", "findings", "comment",
            "created_at",
        ),
        "comments": _rows(
            room.comments.all(),
            "id", "platform", "external_id", "user_ref", "kind", "value", "text", "screening", "score", "received_at",
            "answered_at",
        ),
        "events": _rows(room.events.all(), "id", "at", "code", "text", "data"),
        "parts": _rows(
            room.parts.all(),
            "id", "state", "first_sequence", "last_sequence", "start_ns", "end_ns", "sha256", "size", "manifest_label",
            "aigc", "ranges", "sessions", "signed_at", "erased_at",
        ),
    }  # fmt: skip


def _rows(rows: QuerySet[Any, Any], *names: str) -> Iterator[Json]:
    for row in cast("QuerySet[Model, Json]", rows.values(*names)).iterator():
        yield {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    """JSON's own types as they are, everything else as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _stretch(one: Stretch) -> Json:
    names = ("init", "first_sequence", "count", "start_ns", "ticks", "showing", "slice", "mark", "label")
    return {name: getattr(one, name) for name in names} | {"start": _text(one.start), "end": _text(one.end)}


def _room(room: Room) -> Json:
    return {
        "id": str(room.pk),
        "title": room.title,
        "organisation": room.organisation.name,
        "avatar": room.avatar.name,
        "take": str(room.take_id),
        "grant": str(room.take.grant_id),
        "campaign": room.take.campaign,
        "plan": room.plan,
        "decision": room.take.decision,
        "on_air_at": _text(room.on_air_at),
        "ended_at": _text(room.ended_at),
        "ended_because": room.ended_because,
        "kept": [
            {
                "class": str(clock.data_class),
                "days": clock.days,
                "law_months": clock.months,
                "rules": list(clock.rule_ids),
                "until": _text(clock.ends_at),
            }
            for clock in clocks(room)
        ],
        "holds": list(_rows(room.holds.all(), "because", "of_an_authority", "placed_at", "lifted_at")),
        "erased": list(_rows(room.erasures.all(), "data_class", "count", "at")),
    }
