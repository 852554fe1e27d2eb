"""Join verified sessions into one playable MP4, in the sandbox: ``python -m streaming.archive.join TARGET``.

Coded pictures and sound are moved, not encoded again. Standard input: JSON with ``sessions``, each with ``path`` (init
and segments in one file) and ``offset_ns`` (its first picture, from the beginning of the target).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream

from compliance.errors import BadInput
from compliance.sandbox import child_main


def join(target: Path, sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write `target`; its index comes first, so that a player can seek before the whole is there.

    Raises:
        BadInput: join_unreadable.
    """
    try:
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
            return _Joiner(output).run(sessions)
    except (av.FFmpegError, ValueError) as error:
        raise BadInput("join_unreadable", "The segments of this broadcast cannot be joined.", why=str(error)) from error


class _Joiner:
    def __init__(self, output: Any) -> None:
        self._output = output
        self._streams: dict[str, Stream] = {}
        self._ends: dict[str, int] = {}
        self._pictures = 0

    def run(self, sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
        for session in sessions:
            with av.open(session["path"], format="mp4") as source:
                self._add(source, Fraction(session["offset_ns"], 1_000_000_000))
        return {"pictures": self._pictures}

    def _add(self, source: Any, offset_s: Fraction) -> None:
        tracks = [source.streams.video[0], *source.streams.audio[:1]]
        for track in tracks:
            if track.type not in self._streams:
                self._streams[track.type] = self._output.add_stream_from_template(track)
        shift = offset_s
        for number, packet in enumerate(_in_order(source, tracks)):
            if number == 0:
                shift = offset_s - Fraction(packet.dts or 0) * packet.time_base
            self._put(packet, shift)

    def _put(self, packet: Packet[Any], shift: Fraction) -> None:
        kind = packet.stream.type
        assert packet.time_base is not None and packet.dts is not None and packet.pts is not None
        ticks = round(shift / packet.time_base)
        dts = packet.dts + ticks
        if dts < self._ends.get(kind, 0):
            return  # two sound frames meet at a seam: the later one is the shorter way to stay in time
        self._ends[kind] = dts + int(packet.duration or 1)
        self._pictures += kind == "video"
        packet.pts, packet.dts = packet.pts + ticks, dts
        packet.stream = self._streams[kind]
        self._output.mux(packet)


def _in_order(source: Any, tracks: Sequence[Any]) -> Iterator[Packet[Any]]:
    """Packets with times, the first one a picture: its time is what a session's beginning is known by."""
    waiting: list[Packet[Any]] = []
    started = False
    for packet in source.demux(tracks):
        if packet.dts is None:
            continue
        if not started and packet.stream.type != "video":
            waiting.append(packet)
            continue
        yield packet
        if not started:
            started = True
            yield from waiting


def _work(arguments: list[str]) -> dict[str, Any]:
    return join(Path(arguments[0]), json.load(sys.stdin)["sessions"])


if __name__ == "__main__":
    child_main(_work)
