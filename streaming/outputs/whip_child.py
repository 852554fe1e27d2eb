"""The process that talks to one WHIP endpoint (RFC 9725): `python -m streaming.outputs.whip_child`.

Driven over its standard input like `rtmp_child`, and killed like it when it stops answering. Pictures are sent as they
were published, in H.264 as RFC 6184 packs it, so label and mark stay as the gate measured them; sound is decoded and
sent as Opus, which is what WebRTC takes (RFC 7874). Nothing is received.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO
from urllib.parse import urljoin

import av
import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av.bitstream import BitStreamFilterContext

from streaming.outputs.rtmp_child import LOST
from streaming.outputs.target import Target
from streaming.outputs.wire import Kind, answer, read_message

_ANSWER_S = 10.0
_LARGEST_ANSWER = 64 * 1024
_JOIN_S, _LATE_S = Fraction(1, 10), 1.0
_RATE, _OPUS_SAMPLES = 48_000, 960
_PARTED = 2 * 1024
"""Samples by which sound may run before or behind its pictures: two AAC frames, 43 ms."""
_CODECS = {"video": "video/H264", "audio": "audio/opus"}


class WhipRefused(Exception):
    """The endpoint does not take the stream. The argument is a code: http_<status>, not_whip, no_media_path."""


@dataclass(frozen=True)
class _Timed:
    """Something to send, and when, in seconds of the connection."""

    data: Any
    seconds: Fraction


class Track(MediaStreamTrack):  # type: ignore[misc]  # the library's types are not looked at
    """One track that gives what was put into it when its time has come."""

    def __init__(self, kind: str, pacer: Pacer) -> None:
        super().__init__()
        self.kind = kind
        self._pacer = pacer
        self.waiting: asyncio.Queue[_Timed] = asyncio.Queue()

    async def recv(self) -> Any:
        """The next packet or frame."""
        item = await self.waiting.get()
        await self._pacer.until(item.seconds)
        self.waiting.task_done()
        return item.data


@dataclass
class Pacer:
    """Connection time against the clock: nothing early, and after a stall no hurry to make it up."""

    begun: float | None = None

    async def until(self, seconds: Fraction) -> None:
        now = asyncio.get_running_loop().time()
        if self.begun is None:
            self.begun = now - float(seconds)
        wait = self.begun + float(seconds) - now
        if wait > 0:
            await asyncio.sleep(wait)
        elif wait < -_LATE_S:
            self.begun -= wait


@dataclass
class Connection:
    """One WHIP session, from the first segment on."""

    target: Target
    http: httpx.AsyncClient
    peer: RTCPeerConnection = field(
        # Without a server named here the library asks one of its own choice for our address.
        default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[]))
    )
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _place: str = ""
    _init: bytes = b""
    _shift: Fraction = Fraction(0)  # from session time to connection time
    _end: Fraction = Fraction(0)  # connection time reached
    _sound_at: int = 0  # samples sent

    def __post_init__(self) -> None:
        pacer = Pacer()
        self._video, self._audio = Track("video", pacer), Track("audio", pacer)
        self._resampler = av.AudioResampler(format="s16", layout="stereo", rate=_RATE, frame_size=_OPUS_SAMPLES)

    def use(self, init: bytes) -> None:
        """What follows belongs to this init segment."""
        self._init = init

    async def send(self, segment: bytes) -> None:
        """Send one segment, at the pace of its time stamps.

        Raises:
            WhipRefused, httpx.HTTPError, OSError: the endpoint cannot be reached, or does not take it.
            av.FFmpegError: the segment cannot be read.
        """
        if not self._place:
            await self._connect()
        self._queue(segment)
        sent: asyncio.Future[Any] = asyncio.gather(self._video.waiting.join(), self._audio.waiting.join())
        lost: asyncio.Future[Any] = asyncio.ensure_future(self.lost.wait())
        await asyncio.wait({sent, lost}, return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        if self.lost.is_set():
            sent.cancel()
            raise WhipRefused("no_media_path")

    def _queue(self, segment: bytes) -> None:
        with av.open(io.BytesIO(self._init + segment), "r", format="mp4") as source:
            plain = BitStreamFilterContext("h264_mp4toannexb", source.streams.video[0])
            pictures: list[Any] = []
            frames: list[Any] = []
            for packet in source.demux():
                if packet.dts is None:
                    continue
                if packet.stream.type == "video":
                    pictures += plain.filter(packet)
                else:
                    frames += packet.decode()
        if not pictures:
            return
        self._join(pictures[0].pts * pictures[0].time_base)
        for picture in pictures:
            at = picture.pts * picture.time_base + self._shift
            picture.pts = picture.dts = round(at / picture.time_base)
            self._end = max(self._end, at + (picture.duration or 0) * picture.time_base)
            self._video.waiting.put_nowait(_Timed(picture, at))
        self._queue_sound(frames, pictures[0].pts * pictures[0].time_base)

    def _queue_sound(self, frames: list[Any], at: Fraction) -> None:
        """Sound follows on: it is cut where the pictures are, up to a frame later, and so longer with each session.

        `at`: connection time of the segment's first picture.
        """
        ahead = self._sound_at - round(at * _RATE)
        if ahead < -_PARTED:
            self._sound_at -= ahead
        left_out = ahead // _OPUS_SAMPLES if ahead > _PARTED else 0
        for frame in frames:
            frame.pts = None  # the resampler counts by itself
            for piece in self._resampler.resample(frame):
                if left_out > 0:
                    left_out -= 1
                    continue
                piece.pts, piece.time_base = self._sound_at, Fraction(1, _RATE)
                self._audio.waiting.put_nowait(_Timed(piece, Fraction(self._sound_at, _RATE)))
                self._sound_at += piece.samples

    def _join(self, seconds: Fraction) -> None:
        """A new session starts its media time again: go on where the connection's time ended."""
        if abs(seconds + self._shift - self._end) > _JOIN_S:
            self._shift = self._end - seconds

    async def _connect(self) -> None:
        self.peer.on("connectionstatechange", self._look)
        for track in (self._video, self._audio):
            transceiver = self.peer.addTransceiver(track, direction="sendonly")
            known = RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([one for one in known if one.mimeType == _CODECS[track.kind]])
        await self.peer.setLocalDescription(await self.peer.createOffer())
        await self.peer.setRemoteDescription(RTCSessionDescription(await self._offered(), "answer"))
        await self._connected()

    async def _offered(self) -> str:
        """The endpoint's answer to our offer (RFC 9725, 4.2)."""
        headers = self._headers | {"Content-Type": "application/sdp"}
        offer = self.peer.localDescription.sdp
        async with self.http.stream("POST", self.target.address, content=offer, headers=headers) as reply:
            if reply.status_code != httpx.codes.CREATED:
                raise WhipRefused(f"http_{reply.status_code}")
            if not reply.headers.get("Location"):
                raise WhipRefused("not_whip")
            self._place = urljoin(self.target.address, reply.headers["Location"])
            return await _text_of(reply)

    async def _connected(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _ANSWER_S
        while self.peer.connectionState != "connected":
            if self.lost.is_set() or loop.time() > deadline:
                raise WhipRefused("no_media_path")
            await asyncio.sleep(0.02)

    def _look(self) -> None:
        if self.peer.connectionState in ("failed", "closed"):
            self.lost.set()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.target.key}"}

    async def close(self) -> None:
        """End the session at the endpoint (RFC 9725, 4.4) and here."""
        if self._place:
            await self.http.delete(self._place, headers=self._headers)
        await self.peer.close()


async def _text_of(reply: httpx.Response) -> str:
    """The body, which a server may make as long as it likes. Raises WhipRefused: not_whip."""
    body = b""
    async for piece in reply.aiter_bytes():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise WhipRefused("not_whip")
    return body.decode("utf-8", "replace")


async def converse(commands: BinaryIO, answers: BinaryIO) -> int:
    """Serve until the input ends. Returns the exit status."""
    first = await asyncio.to_thread(read_message, commands)
    if first is None or first[0] is not Kind.TARGET:
        return LOST
    async with httpx.AsyncClient(timeout=_ANSWER_S, follow_redirects=False) as http:
        connection = Connection(Target.from_bytes(first[1]), http)
        try:
            while (received := await asyncio.to_thread(read_message, commands)) is not None:
                kind, payload = received
                if kind is Kind.INIT:
                    connection.use(payload)
                    continue
                await connection.send(payload)
                answers.write(answer(sent=True))
                answers.flush()
            await connection.close()
        except (WhipRefused, httpx.HTTPError, OSError, ValueError, av.FFmpegError) as error:
            # never str(error): it may contain the address, and what a server says to the key
            reason = str(error) if isinstance(error, WhipRefused) else type(error).__name__
            answers.write(answer(sent=False, reason=reason))
            answers.flush()
            return LOST
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    status = asyncio.run(converse(sys.stdin.buffer, sys.stdout.buffer))
    sys.stdout.flush()
    os._exit(status)  # as in `rtmp_child`: nothing that a lost connection left behind may hold the end up
