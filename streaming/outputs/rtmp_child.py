"""The process that talks to one RTMP server: `python -m streaming.outputs.rtmp_child`, driven over its standard input.

It stands alone because FFmpeg's network code holds the interpreter while it connects and knows no time limit: whoever
started it kills it when it stops answering. It ends when its input ends, when the server is lost, or when the codecs
of a new session need a new connection (exit status 3).
"""

from __future__ import annotations

import io
import os
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import av
from av.container import InputContainer, OutputContainer

from streaming.outputs.target import Target
from streaming.outputs.tls_relay import open_tls_relay
from streaming.outputs.wire import Kind, answer, read_message

_JOIN_S, _LONGEST_GAP_S, _LATE_S = Fraction(1, 10), 60, 1.0

LOST, NEW_CODECS = 2, 3
"""Exit status: the server refused or went away; the stream's codecs changed."""


@dataclass(frozen=True)
class _Timed:
    """A packet and its decode time in seconds of the session."""

    packet: Any
    seconds: Fraction


class Connection:
    """One RTMP session: FLV packets from segments, at the pace of their own timestamps."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._output: OutputContainer | None = None
        self._streams: dict[str, Any] = {}
        self._codecs: list[bytes] | None = None
        self._init = b""
        self._shift = Fraction(0)  # from session time to connection time
        self._end = Fraction(0)  # connection time reached
        self._begun: float | None = None

    def use(self, init: bytes) -> None:
        """What follows belongs to this init segment."""
        self._init = init

    def send(self, segment: bytes) -> bool:
        """Send one segment; False when its codecs need a new connection.

        Raises:
            av.FFmpegError, OSError: the server cannot be reached or closed the connection.
        """
        with av.open(io.BytesIO(self._init + segment), "r", format="mp4") as source:
            codecs = [bytes(stream.codec_context.extradata or b"") for stream in source.streams]
            if self._codecs not in (None, codecs):
                return False
            timed = _in_time_order(source)
            if self._output is None:
                self._connect(source)
                self._codecs = codecs
            if timed:
                self._join(timed[0].seconds)
            for item in timed:
                self._mux(item)
        return True

    def close(self) -> None:
        if self._output is not None:
            self._output.close()

    def _connect(self, source: InputContainer) -> None:
        options = {"flvflags": "no_duration_filesize", "flush_packets": "1"}
        self._output = av.open(_plain_address(self._target), "w", format="flv", container_options=options)
        for stream in source.streams:
            self._streams[stream.type] = self._output.add_stream_from_template(stream)
        self._output.start_encoding()

    def _join(self, seconds: Fraction) -> None:
        """A new session starts its media time again: go on where the connection's time ended."""
        goes_on = -_JOIN_S <= seconds + self._shift - self._end <= _LONGEST_GAP_S
        if self._begun is None or not goes_on:
            self._shift = self._end - seconds

    def _mux(self, item: _Timed) -> None:
        assert self._output is not None
        packet, at = item.packet, item.seconds + self._shift
        self._pace(float(at))
        self._end = max(self._end, at + (packet.duration or 0) * packet.time_base)
        packet.pts = packet.dts = round(at / packet.time_base)  # no frame is shown out of order
        packet.stream = self._streams[packet.stream.type]
        self._output.mux_one(packet)

    def _pace(self, at: float) -> None:
        """Sleep until the packet's time has come; after a delay, count from now instead of hurrying for ever."""
        now = time.monotonic()
        if self._begun is None or self._begun + at < now - _LATE_S:
            self._begun = now - at
        time.sleep(max(0.0, self._begun + at - now))


def _plain_address(target: Target) -> str:
    """What FFmpeg connects to: the server, or for RTMPS the near end of a verified TLS connection to it."""
    address = target.address.rstrip("/")
    parts = urlsplit(address)
    if parts.scheme == "rtmps":
        port = open_tls_relay(parts.hostname or "", parts.port or 443)
        address = f"rtmp://127.0.0.1:{port}{parts.path}"
    return f"{address}/{target.key}"


def _in_time_order(source: InputContainer) -> list[_Timed]:
    timed = [
        _Timed(packet, packet.dts * packet.time_base)
        for packet in source.demux()
        if packet.dts is not None and packet.time_base is not None
    ]
    return sorted(timed, key=lambda item: item.seconds)


def converse(commands: BinaryIO, answers: BinaryIO) -> int:
    """Serve until the input ends. Returns the exit status."""
    first = read_message(commands)
    if first is None or first[0] is not Kind.TARGET:
        return LOST
    connection = Connection(Target.from_bytes(first[1]))
    try:
        while (received := read_message(commands)) is not None:
            kind, payload = received
            if kind is Kind.INIT:
                connection.use(payload)
            elif not connection.send(payload):
                connection.close()
                return NEW_CODECS
            else:
                answers.write(answer(sent=True))
                answers.flush()
        connection.close()
    except (av.FFmpegError, OSError) as error:
        # never str(error): it contains the address, and the address contains the stream key
        answers.write(answer(sent=False, reason=type(error).__name__, errno=getattr(error, "errno", None)))
        answers.flush()
        return LOST
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    status = converse(sys.stdin.buffer, sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(status)  # closing a lost connection in a finaliser could block for ever
