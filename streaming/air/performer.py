"""Performing a room: speech, figure, label, mark, encoder, in real time, without any key.

Two threads: one makes pictures, sound and segments, the other hands finished segments to the gate and brings permits
back, so that the gate's work and a slow disk never hold a picture up.
"""

from __future__ import annotations

import base64
import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av import VideoFrame
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from scipy.signal import resample_poly

from avatars import vault
from avatars.engine.package import load_model
from avatars.label import LabelOverlay
from avatars.media import frame_of, planes_of
from avatars.speech import Phone, Speech, SpeechError, Voice, speak
from compliance.connections import renew_connections
from compliance.errors import AvowError
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.selectors import permit_key
from streaming.air.effort import Double, Exertion, hold_of
from streaming.air.host import Host
from streaming.air.lines import Line
from streaming.air.manner import voiced
from streaming.air.sound_marking import SoundMarker
from streaming.air.spec import drawn_label, duties_of, stream_spec
from streaming.air.wire import Wire
from streaming.clock import SECOND_NS, Effort, RoomClock, Tick, said
from streaming.errors import OwnershipLost, RoomRefused
from streaming.leases import Lease
from streaming.models import Room, Source, SpokenLine
from streaming.packager.packager import Packager, Segment
from streaming.packager.spec import StreamSpec
from streaming.services import note
from watermark import Embedder, MarkPatterns
from watermark.frames import luma_view

logger = logging.getLogger(__name__)
Json = dict[str, Any]
_AHEAD_FRAMES = 8
"""Pictures are made so far ahead of their time: what a longer line to speak may cost without being late."""
_MOST_AHEAD_S = 4
_WAITING_SEGMENTS = 4
_RENEW_S = 8
_AGAIN_S = 1.0
_STUCK_S = 10
_STEP_NS = SECOND_NS
"""A wall clock that was set by more is followed by a new session: what is signed says when it was shown."""


@dataclass(frozen=True)
class Slice:
    """What one slice of `seconds` is performed under."""

    permit_id: str
    patterns: MarkPatterns
    claims: PermitClaims
    seconds: int

    @classmethod
    def read(cls, answer: Json) -> Slice:
        """Raises VerificationFailed, Refused: a permit that is not genuine or not in force performs nothing."""
        claims = verify_permit(answer["envelope"], now=timezone.now(), key_for=permit_key)
        patterns = MarkPatterns.from_bytes(base64.b64decode(answer["pattern"]))
        return cls(str(answer["permit"]), patterns, claims, int(answer["slice_s"]))


class GateLine:
    """The connection to the gate: questions are answered in turn, segments are handed over in the background."""

    def __init__(self, path: Path, room: Room, fence: int) -> None:
        """Raises OSError when the gate is not there."""
        end = socket.socket(socket.AF_UNIX)
        end.connect(str(path))
        self._wire, self._room, self._fence = Wire(end), room, fence
        self._lock = threading.Lock()

    def ask(self, op: str, parts: dict[str, bytes] | None = None, **fields: Any) -> Json:
        """The gate's answer.

        Raises:
            RoomRefused: with the gate's code and text.
            OSError: the gate is gone.
        """
        with self._lock:
            self._wire.send({"op": op, "room": str(self._room.pk), "fence": self._fence, **fields}, parts)
            message = self._wire.receive()
        if message is None:
            raise ConnectionError("the gate has hung up")
        if not message.header.get("ok"):
            raise RoomRefused(str(message.header.get("code")), str(message.header.get("text")))
        return message.header

    def close(self) -> None:
        self._wire.close()


@dataclass
class Stage:
    """One session of a double in front of one permit after another. Ends with an exception that says why."""

    room: Room
    lease: Lease
    gate: GateLine
    host: Host
    stopping: threading.Event
    clock: RoomClock
    spec: StreamSpec
    exertion: Exertion = field(default_factory=Exertion)
    voice: Voice = field(default_factory=Voice)
    _outbox: queue.Queue[tuple[Slice, list[Segment]]] = field(default_factory=lambda: queue.Queue(_WAITING_SEGMENTS))
    _failure: Exception | None = None
    _next: Slice | None = None
    _before: tuple[int, Slice] | None = None
    _renewing: bool = False

    def run(self, model: Path) -> None:
        """Perform until stopped.

        Raises:
            RoomRefused: the gate has refused; OwnershipLost: another performs this room now; OSError: the gate is gone.
        """
        with self.lease.held():  # on a busy machine loading takes longer than a lease, and others would take the room
            double = Double(model, self.spec)
            double.prepare(self.exertion.effort)
            probe = Packager(self.spec, start_ns=0)
            answer = self.gate.ask("begin", {one.name: probe.init(one.name) for one in self.spec.renditions})
        current = Slice.read(answer)
        packager = Packager(self.spec, start_ns=int(answer["start_ns"]))
        sender = threading.Thread(target=self._send, daemon=True)
        sender.start()
        try:
            self._perform(double, packager, current)
        finally:
            with suppress(queue.Full):
                self._outbox.put_nowait((current, []))
            sender.join(timeout=10)

    def _perform(self, double: Double, packager: Packager, current: Slice) -> None:
        # The first segment is made at once and handed over when it is due: speech and drawing have to be got going, and
        # a busy machine that came too late for it would begin all over again.
        until_start = min(self.clock.frames_until(packager.start_ns), _MOST_AHEAD_S * self.spec.fps)
        self.clock.rebase(2 * _AHEAD_FRAMES - until_start)
        self.exertion.begin()
        paced = False
        painter, marker = Painter(self.spec, current), SoundMarker(self.spec, current.patterns.sound)
        ends_at = current.seconds * self.spec.fps
        for picture, sound in self._takes(double, packager, marker):
            frame = packager.clock.frames
            if frame >= ends_at and frame % self.spec.segment_frames == 0:
                self._before, current = (frame, current), self._take_next()
                painter.change(current)
                marker.change(current.patterns.sound)
                ends_at = frame + current.seconds * self.spec.fps
            elif not self._renewing and frame >= ends_at - _RENEW_S * self.spec.fps:
                self._renewing = True
                threading.Thread(target=self._renew, daemon=True).start()
            painter.paint(picture, frame)
            frames = sound.shape[1] // packager.clock.samples_for()
            segments = packager.push(picture, sound, frames=frames)
            if segments and not paced:
                self._pace(frame)
                paced = True
            if segments:
                self._hand_over(self._slice_of(segments, current), segments)
            tick = self._pace(frame) if paced else None
            if segments and tick:
                self._measure(tick, segments[0].frames / self.spec.fps, double)

    def _pace(self, frame: int) -> Tick:
        """Wait until the frame is due.

        Raises:
            RoomRefused: clock_stepped; media time and wall clock have parted, and a new session brings them together.
        """
        before = self.exertion.now()
        tick = self.clock.pace(frame)
        self.exertion.rested(self.exertion.now() - before)
        if tick.paused or abs(tick.stepped_ns) > _STEP_NS:
            text = _("The clock was set, or the machine stood still: the host begins anew.")
            raise RoomRefused("clock_stepped", text)
        return tick

    def _measure(self, tick: Tick, media_s: float, double: Double) -> None:
        """Take a step down, or up again, when the machine asks for it.

        Raises:
            RoomRefused: machine_too_slow; nothing is left but the slate.
        """
        if not self.exertion.segment(lag_s=tick.lag_ns / SECOND_NS, media_s=media_s):
            return
        effort = self.exertion.effort
        double.prepare(effort)
        tell_effort(self.room, self.lease, effort)
        if effort is Effort.SLATE:
            raise RoomRefused("machine_too_slow", said(effort))

    def _slice_of(self, segments: list[Segment], current: Slice) -> Slice:
        """A segment comes out two sound frames late: the first after a change still belongs to the slice before."""
        if self._before is not None and segments[0].first_frame < self._before[0]:
            return self._before[1]
        return current

    # --- what is said ---
    def _takes(
        self, double: Double, packager: Packager, marker: SoundMarker
    ) -> Iterator[tuple[VideoFrame, NDArray[np.float32]]]:
        """Pictures with their marked sound, of one frame interval or more, line after line."""
        for picture, sound in self._spoken(double, packager, marker):
            yield from marker.take(picture, sound)

    def _spoken(
        self, double: Double, packager: Packager, marker: SoundMarker
    ) -> Iterator[tuple[VideoFrame, NDArray[np.float32]]]:
        while not self.stopping.is_set():
            line = self.host.next_line()
            place = Place(packager, marker)
            speech = self._speech(line) if line.text else None
            samples = np.zeros((1, 0), np.float32) if speech is None else _at_rate(speech, self.spec.sample_rate)
            if speech is not None:
                self._note(line, speech, packager.wall_ns(place.frame))
                yield from self._shown(double, line, speech, samples, place)
            answers_now = line.source is not Source.ANSWER and self.host.answer_waits
            if line.pause_s > 0 and not answers_now:
                pause = _silence(line.pause_s, self._language)
                yield from self._shown(double, line, pause, np.zeros((1, 0), np.float32), place)

    def _shown(
        self, double: Double, line: Line, speech: Speech, samples: NDArray[np.float32], place: Place
    ) -> Iterator[tuple[VideoFrame, NDArray[np.float32]]]:
        """The line in pictures, each with its own sound. Fewer are drawn from the next line on; meanwhile those that
        are drawn too often are left out.
        """
        step, shown = self.spec.sample_rate // self.spec.fps, 0
        drawn_for = hold_of(effort := self.exertion.effort)
        for number, picture in enumerate(double.pictures(speech, line.manner, effort)):
            if number * drawn_for < shown:
                continue
            for piece, frames in self._pieces(picture, max(drawn_for, hold_of(self.exertion.effort)), place):
                sound = np.zeros((self.spec.channels, frames * step), np.float32)
                part = samples[:, shown * step : (shown + frames) * step]
                sound[:, : part.shape[1]] = part
                shown += frames
                yield piece, sound

    def _pieces(self, picture: VideoFrame, frames: int, place: Place) -> Iterator[tuple[VideoFrame, int]]:
        """The picture for so many frame intervals, in two pieces where a segment ends between them."""
        left = self.spec.segment_frames - place.frame % self.spec.segment_frames
        if left < frames:
            yield frame_of(planes_of(picture)), left
            frames -= left
        yield picture, frames

    def _speech(self, line: Line) -> Speech | None:
        try:
            return speak(line.text, self._language, voiced(self.voice, line.manner))
        except SpeechError as error:
            logger.warning("a line cannot be spoken: %s", error)
            return None

    def _note(self, line: Line, speech: Speech, wall_ns: int) -> None:
        start = datetime.fromtimestamp(wall_ns / 1e9, UTC)
        for result in line.stopped:
            SpokenLine.objects.create(
                room=self.room,
                source=Source.ANSWER if line.comment_id else Source.RUNDOWN,
                item_id=line.item_id,
                product_id=line.product_id,
                text=result["line"],
                blocked=True,
                findings=result["findings"],
                comment_id=line.comment_id,
            )
        SpokenLine.objects.create(
            room=self.room,
            at=start,
            until=start + timedelta(seconds=speech.duration_s),
            source=line.source,
            item_id=line.item_id,
            product_id=line.product_id,
            text=line.text,
            manner={"expression": str(line.manner.expression), "pace": line.manner.pace},
            comment_id=line.comment_id,
        )

    @property
    def _language(self) -> str:
        return str(self.room.take.campaign["language"])

    # --- slices ---
    def _renew(self) -> None:
        try:
            self._next = Slice.read(self.gate.ask("slice"))
        except Exception as error:
            self._failure = self._failure or error

    def _take_next(self) -> Slice:
        following, self._next, self._renewing = self._next, None, False
        if following is None:
            raise self._failure or RoomRefused("permit_not_renewed", "The next permit did not come in time.")
        return following

    # --- the way out ---
    def _hand_over(self, current: Slice, segments: list[Segment]) -> None:
        if self._failure is not None:
            raise self._failure
        self.lease.write()
        try:
            self._outbox.put((current, segments), timeout=_STUCK_S)
        except queue.Full:
            raise RoomRefused("gate_too_slow", "The gate has not taken a segment for ten seconds.") from self._failure

    def _send(self) -> None:
        while True:
            current, segments = self._outbox.get()
            if not segments:
                return
            first = segments[0]
            try:
                self.gate.ask(
                    "segment",
                    {one.rendition: one.data for one in segments},
                    permit=current.permit_id,
                    first_frame=first.first_frame,
                    frames=first.frames,
                    start_ns=first.start_ns,
                    ticks=first.ticks,
                )
            except Exception as error:
                self._failure = self._failure or error
                return


@dataclass(frozen=True)
class Place:
    """Where in the session the next picture comes: behind those that wait for their sound."""

    packager: Packager
    marker: SoundMarker

    @property
    def frame(self) -> int:
        return self.packager.clock.frames + self.marker.waiting


class Painter:
    """Label and mark on every picture, in place."""

    def __init__(self, spec: StreamSpec, current: Slice) -> None:
        first = spec.renditions[0]
        label = drawn_label(duties_of(current.claims.duties), [current.claims.language], spec)
        self._overlay = LabelOverlay(label, first.width, first.height) if label else None
        self._size, self._fps = (first.width, first.height), spec.fps
        self.change(current)

    def change(self, current: Slice) -> None:
        """From the next picture on under another permit, with another mark."""
        self._embedder = Embedder(current.patterns.picture, *self._size)

    def paint(self, picture: VideoFrame, frame: int) -> None:
        at_s = float(Fraction(frame, self._fps))
        if self._overlay is not None:
            self._overlay.draw(picture, at_s)
        self._embedder.embed(luma_view(picture), at_s)


def _at_rate(speech: Speech, rate: int) -> NDArray[np.float32]:
    """float32 [1, n] at `rate` Hz."""
    ratio = Fraction(rate, speech.rate)
    samples = resample_poly(speech.samples, ratio.numerator, ratio.denominator)
    return np.asarray(np.clip(samples, -1, 1)[None], np.float32)


def _silence(seconds: float, language: str) -> Speech:
    rate = 24_000
    return Speech(np.zeros(int(seconds * rate), np.float32), rate, (Phone("sil", 0.0, seconds),), (), "", language)


def perform_room(
    room: Room, lease: Lease, host: Host, socket_path: Path, stopping: threading.Event, on_event: Callable[[str], None]
) -> None:
    """Perform a room until it is off air, `stopping` is set, or another process has it. The gate's refusals are
    waited out: it shows the slate meanwhile.
    """
    exertion = Exertion()
    while not stopping.is_set():
        try:
            renew_connections()  # what ended the last session may have been the database
            lease.write(effort=int(exertion.effort))
            room.refresh_from_db()
            if not room.wanted_on_air:
                return
            if exertion.effort is not Effort.SLATE or _recovered(room, lease, exertion):
                _session(room, lease, host, socket_path, stopping, exertion)
        except OwnershipLost:
            raise
        except (AvowError, OSError, DatabaseError) as error:
            on_event(str(error))
            _tell(room, error)
        stopping.wait(_AGAIN_S)


def _session(
    room: Room, lease: Lease, host: Host, socket_path: Path, stopping: threading.Event, exertion: Exertion
) -> None:
    """Perform until something ends it; see `Stage.run`."""
    spec = stream_spec(room.take.width, room.take.height, room.take.fps)
    gate = GateLine(socket_path, room, lease.fence)
    try:
        with vault.in_memory(room.avatar.grant_id, room.avatar.model) as model:
            with lease.held():
                voice = load_model(model).voice
            Stage(room, lease, gate, host, stopping, RoomClock(spec.fps), spec, exertion, voice).run(model)
    finally:
        gate.close()


def _recovered(room: Room, lease: Lease, exertion: Exertion) -> bool:
    """While the slate is shown because the machine is too slow: whether the host may try again."""
    if not exertion.recover(_AGAIN_S):
        return False
    tell_effort(room, lease, exertion.effort)
    return True


def tell_effort(room: Room, lease: Lease, effort: Effort) -> None:
    """Say on the dashboard what the room performs now. Raises OwnershipLost."""
    lease.write(effort=int(effort))
    note(room=room, code=f"effort_{effort.name.lower()}", text=said(effort))


def _tell(room: Room, error: AvowError | OSError | DatabaseError) -> None:
    """What only the performer knows. What the gate refuses it tells itself, and while nothing answers nobody can."""
    if isinstance(error, RoomRefused) and error.code == "clock_stepped":
        with suppress(DatabaseError):
            note(room=room, code=error.code, text=str(error.text))
