"""Read a playlist as a strict player would: RFC 8216 and Apple's HLS authoring rules, as refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NoReturn

from streaming.packager.errors import PlaylistRefused

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",]+)(?:,|$)')
_TOLERANCE = timedelta(milliseconds=2)  # dates are written in milliseconds


@dataclass(frozen=True)
class Line:
    """One listed segment as a player sees it."""

    sequence: int
    address: str
    duration: Decimal
    init: str
    discontinuity: int
    date: datetime | None


@dataclass
class Listed:
    """A parsed media playlist."""

    target: int = 0
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    ended: bool = False
    lines: list[Line] = field(default_factory=list)


def _refuse(text: str) -> NoReturn:
    raise PlaylistRefused("playlist_rule", text)


def check_playlist(text: str, previous: str | None = None) -> Listed:
    """Parse a live media playlist and hold it to the rules; with `previous`, the reload rules too (6.2.1, 6.2.2).

    Raises:
        PlaylistRefused: playlist_rule, naming the rule that is broken.
    """
    listed = _parse(text)
    for line in listed.lines:
        if int(line.duration.to_integral_value(ROUND_HALF_UP)) > listed.target:
            _refuse(f"{line.address} is longer than EXT-X-TARGETDURATION (4.3.3.1)")
    for before, after in pairwise(listed.lines):
        joined = before.discontinuity == after.discontinuity
        if joined and before.date and after.date:
            gap = after.date - before.date - timedelta(seconds=float(before.duration))
            if abs(gap) > _TOLERANCE:
                _refuse(f"EXT-X-PROGRAM-DATE-TIME jumps by {gap} before {after.address}")
    if len({line.address for line in listed.lines}) < len(listed.lines):
        _refuse("an address is listed twice")
    if previous is not None:
        _reloaded(_parse(previous), listed)
    return listed


def _parse(text: str) -> Listed:
    rows = text.split("\n")
    if rows[0] != "#EXTM3U" or rows[-1] != "" or "\r" in text:
        _refuse("the playlist must begin with #EXTM3U and end with a line feed (4.1)")
    listed = Listed()
    version, numbers = 1, 0
    init: str | None = None
    duration: Decimal | None = None
    date: datetime | None = None
    for row in rows[1:-1]:
        tag, _, value = row.partition(":")
        if row == "" or not row.isprintable():
            _refuse("empty or unprintable line")
        elif tag == "#EXT-X-VERSION":
            version = int(value)
        elif tag == "#EXT-X-TARGETDURATION":
            listed.target = int(value)
        elif tag in ("#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE") and (listed.lines or init):
            _refuse(f"{tag} must come before the first segment (4.3.3)")
        elif tag == "#EXT-X-MEDIA-SEQUENCE":
            listed.media_sequence = int(value)
        elif tag == "#EXT-X-DISCONTINUITY-SEQUENCE":
            listed.discontinuity_sequence = int(value)
        elif tag == "#EXT-X-MAP":
            init = dict(_ATTRIBUTE.findall(value)).get("URI", "").strip('"')
        elif tag == "#EXT-X-DISCONTINUITY":
            numbers += 1
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            date = datetime.fromisoformat(value.replace("Z", "+00:00"))
        elif tag == "#EXTINF":
            duration = Decimal(value.split(",")[0])
        elif tag == "#EXT-X-ENDLIST":
            listed.ended = True
        elif not row.startswith("#"):
            if duration is None or not init:
                _refuse(f"{row} needs EXTINF and, as fMP4, EXT-X-MAP before it (4.3.2.5)")
            sequence = listed.media_sequence + len(listed.lines)
            number = listed.discontinuity_sequence + numbers
            listed.lines.append(Line(sequence, row, duration, init, number, date))
            duration = date = None
    _head(listed, version, rows)
    return listed


def _head(listed: Listed, version: int, rows: list[str]) -> None:
    if listed.target < 1:
        _refuse("EXT-X-TARGETDURATION is required (4.3.3.1)")
    if version < 6:
        _refuse("EXT-X-MAP in a playlist of whole pictures needs EXT-X-VERSION 6 or more (7)")
    if "#EXT-X-INDEPENDENT-SEGMENTS" not in rows:
        _refuse("video segments must begin with an IDR frame and say so")
    if listed.lines and listed.lines[0].date is None:
        _refuse("a live playlist must carry EXT-X-PROGRAM-DATE-TIME")


def _reloaded(before: Listed, now: Listed) -> None:
    """What a client that loads the playlist again may rely on."""
    if now.target != before.target:
        _refuse("EXT-X-TARGETDURATION must not change (6.2.1)")
    if now.media_sequence < before.media_sequence or now.discontinuity_sequence < before.discontinuity_sequence:
        _refuse("sequence numbers must not decrease (6.2.2)")
    if before.ended and (not now.ended or now.lines != before.lines):
        _refuse("a playlist that has ended must not change (6.2.1)")
    known = {line.sequence: line for line in before.lines}
    if before.lines and now.lines:
        if now.lines[-1].sequence < before.lines[-1].sequence:
            _refuse("a listed segment was taken back (6.2.1)")
        if now.lines[0].sequence > before.lines[-1].sequence + 1:
            _refuse("segments were never listed")
    for line in now.lines:
        if line.sequence in known and known[line.sequence] != line:
            _refuse(f"{line.address} changed after it was listed (6.2.2)")
    if now.media_sequence > before.media_sequence and sum(line.duration for line in now.lines) < 3 * now.target:
        _refuse("a segment was removed although fewer than three target durations remain (6.2.2)")


def check_multivariant(text: str) -> dict[str, dict[str, str]]:
    """Parse a multivariant playlist and return each address with its attributes.

    Raises:
        PlaylistRefused: playlist_rule.
    """
    rows = text.split("\n")
    if rows[0] != "#EXTM3U" or rows[-1] != "":
        _refuse("the playlist must begin with #EXTM3U and end with a line feed (4.1)")
    variants: dict[str, dict[str, str]] = {}
    for row, following in pairwise(rows):
        if not row.startswith("#EXT-X-STREAM-INF:"):
            continue
        attributes = dict(_ATTRIBUTE.findall(row.partition(":")[2]))
        missing = {"BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE"} - attributes.keys()
        if missing or following.startswith("#") or not following:
            _refuse(f"a variant lacks {', '.join(sorted(missing)) or 'its address'}")
        if int(attributes["AVERAGE-BANDWIDTH"]) > int(attributes["BANDWIDTH"]):
            _refuse("AVERAGE-BANDWIDTH exceeds BANDWIDTH")
        variants[following] = attributes
    if not variants:
        _refuse("no variant is listed")
    return variants
