"""One room as the gate holds it: sessions to sign with, the playlist, what is on air now.

Whatever is published goes through `put`: measured, permit asked once more, signed, numbered, stored, listed, in this
order. The slate goes the same way.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from compliance.consent.services import record_usage
from compliance.envelope import canonical_bytes
from compliance.errors import AvowError
from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.live import LiveSession
from compliance.provenance.manifest import GENERATOR_VERSION, DigitalSource, ManifestInput, ReceiptReference
from compliance.release.gate import ENGINE_NAME
from compliance.release.models import Mark, Permit
from compliance.sandbox import SandboxedProcess
from streaming.air.checking import Bounds, Checker, permit_in_force
from streaming.air.folders import room_folder
from streaming.air.sequences import RoomSequences
from streaming.air.slate import Slate
from streaming.air.spec import drawn_label, duties_of, stream_spec
from streaming.archive.selectors import holds_on
from streaming.archive.timeline import OnScreen, Timeline, format_of
from streaming.leases import Lease
from streaming.models import Air, Room, Showing
from streaming.packager.packager import Packager, Segment
from streaming.packager.playlist import Entry, PlaylistState, init_name, multivariant
from streaming.packager.spec import StreamSpec
from streaming.packager.store import MULTIVARIANT, Publisher, Retention, SegmentStore
from streaming.services import note
from streaming.showing import on_screen
from watermark import Key, MarkPattern, make_pattern

logger = logging.getLogger(__name__)
Json = dict[str, Any]
SECOND_NS = 1_000_000_000
WINDOW_S = 20
"""Seconds listed in the playlist."""
AHEAD_LIMIT_NS = 4 * SECOND_NS
"""Nothing is published so far ahead of the clock; where it seems so, the clock was set back."""


@dataclass
class Session:
    """Init segments by rendition as they came, and what signs what follows them.

    `follows`: the session whose media goes on here under new keys.
    """

    inits: Mapping[str, bytes]
    signers: Mapping[str, LiveSession]
    signed_inits: Mapping[str, bytes]
    name: str = ""
    follows: Session | None = None

    @property
    def due(self) -> bool:
        """Whether one of its keys nears its end."""
        return any(signer.rotation_due for signer in self.signers.values())


@dataclass
class OpenSlate:
    """A slate that is being shown."""

    session: Session
    reel: Slate


@dataclass(frozen=True)
class Blank:
    """What follows from the stream's spec alone: init segments by rendition, and the multivariant playlist."""

    inits: Mapping[str, bytes]
    playlist: str

    @classmethod
    def of(cls, spec: StreamSpec) -> Blank:
        """Opens every encoder once, which takes a while."""
        packager, names = Packager(spec, start_ns=0), [one.name for one in spec.renditions]
        inits = {name: packager.init(name) for name in names}
        return cls(inits, multivariant(spec, {name: packager.codecs(name) for name in names}))


@dataclass
class Broadcast:
    """The publishing side of one room. One thread uses it."""

    room: Room
    lease: Lease
    custody: Custody
    spec: StreamSpec
    sequences: RoomSequences
    publisher: Publisher
    checker: Checker
    timeline: Timeline
    on_event: Callable[[str, Json], None]
    now_ns: Callable[[], int]
    _slate: OpenSlate | None = None
    _standby: Future[Session] | None = None
    _host_session: Session | None = None
    _listed: Session | None = None
    _counted: set[str] = field(default_factory=set)
    _background: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    _successor: Future[Session] | None = None

    @classmethod
    def open(
        cls,
        room: Room,
        lease: Lease,
        custody: Custody,
        on_event: Callable[[str, Json], None],
        now_ns: Callable[[], int] = time.time_ns,
        child: SandboxedProcess | None = None,
    ) -> Broadcast:
        """Take up a room where whoever held it before left it. `now_ns`: its wall clock, in ns since 1970; `child`:
        what measures, where one is running.
        """
        take, air = room.take, Air.objects.get(pk=room.pk)
        spec = stream_spec(take.width, take.height, take.fps)
        known = PlaylistState.from_json(air.playlist) if air.playlist else None
        state = known or PlaylistState(target_s=spec.segment_s, window_s=WINDOW_S)
        retention = Retention(settings.AVOW_LIVE_KEEP_S, held=holds_on(room).exists)
        store = SegmentStore(room_folder(room.pk), retention=retention, sync=False)
        timeline = Timeline(lease)
        publisher = Publisher(store, state, persist=timeline.persist, now_s=lambda: now_ns() / SECOND_NS)
        sequences = RoomSequences.load(lease)
        checker = Checker(custody, child)
        checker.start()
        return cls(room, lease, custody, spec, sequences, publisher, checker, timeline, on_event, now_ns)

    # --- time ---
    @property
    def end_ns(self) -> int | None:
        """Wall time at which what is published ends; None when nothing is, or the clock was set away from it."""
        end, now = self.publisher.state.end_ns, self.now_ns()
        joins = end is not None and now - WINDOW_S * SECOND_NS < end < now + AHEAD_LIMIT_NS
        return end if joins else None

    @property
    def host_is_listed(self) -> bool:
        """Whether the newest published segment is the host's: its next one has to follow on without a gap."""
        session = self._host_session
        if session is None or self._listed is None:
            return False
        return self._listed is session or self._listed is session.follows

    # --- the host ---
    def begin_host(self, inits: Mapping[str, bytes]) -> None:
        """Make the session of a performer ready: sign its init segments. Nothing is on air yet.

        Raises whatever `LiveSession.sign_init` raises; the room then stays on the slate.
        """
        self._host_session = self._session(inits, self._manifest(DigitalSource.COMPOSITE))
        self.prepare_slate()

    def put_host(self, segments: Sequence[Segment], permit_id: str) -> Entry:
        """Publish one segment of the host, in all renditions.

        Raises:
            NotPermitted, SegmentRefused, SandboxFailure, BadInput, VerificationFailed: it must not be seen.
            StoreUnavailable, OwnershipLost, Unavailable.
        """
        assert self._host_session is not None
        permitted = permit_in_force(permit_id, timezone.now())
        permit, claims = permitted.permit, permitted.claims
        bounds = Bounds.of(self.spec, claims.duties, claims.language, permit.mark)
        session = self._host_session = self._with_fresh_keys(self._host_session)
        measured = [self.checker.check(bounds, session.inits[one.rendition], one) for one in segments]
        permitted.confirm(timezone.now())  # a withdrawal may have come while it was measured
        entry = self._publish(session, segments, Showing.HOST, permit.mark)
        self._count_use(permit, measured)
        self._show(Showing.HOST, on_screen(), slice=permit.mark.slice)
        return entry

    def _with_fresh_keys(self, session: Session) -> Session:
        """The session, or its successor once that is signed: signing takes a second, which no segment can wait for."""
        if not session.due:
            return session
        if self._successor is None:
            given = self._manifest(DigitalSource.COMPOSITE)
            self._successor = self._background.submit(self._session, session.inits, given)
        if not self._successor.done():
            return session
        signed, self._successor = self._successor, None
        try:
            return replace(signed.result(), follows=session)
        except AvowError:
            logger.exception("room %s: the next keys cannot be signed yet; tried again", self.room.pk)
            return session

    def _count_use(self, permit: Permit, measured: Sequence[Json]) -> None:
        """A slice counts whole against the granted hours once its first segment is seen."""
        if str(permit.pk) in self._counted:
            return
        with transaction.atomic():
            record_usage(
                grant=permit.take.grant,
                release_id=permit.pk,
                seconds=float(settings.AVOW_LIVE_SLICE_S),
                markets=permit.take.markets,
            )
        self._counted.add(str(permit.pk))
        self.on_event("slice_on_air", {"slice": permit.mark.slice, "mark": permit.mark.value, "measured": measured[0]})

    # --- the slate ---
    def prepare_slate(self) -> None:
        """Have the init segments of the next slate signed ahead, so that it can begin while the TSA is away; in the
        background, as a host that joins need not wait for it.
        """
        ahead = self._standby
        if ahead is None or (ahead.done() and (ahead.exception() is not None or ahead.result().due)):
            given = self._manifest(DigitalSource.DRAWN)
            self._standby = self._background.submit(self._session, self._blank.inits, given)

    def put_slate(self, why: Json) -> Entry:
        """Publish one segment of the slate and say why it is there: a reason of `streaming.showing`."""
        if self._slate is None or self._listed is not self._slate.session or self.end_ns is None:
            self._slate = self._begin_slate()
        segments = self._slate.reel.segments()
        bounds = Bounds.of(self.spec, self._duties(), self._language(), self._room_mark())
        for segment in segments:
            self.checker.check(bounds, self._slate.session.inits[segment.rendition], segment)
        entry = self._publish(self._slate.session, segments, Showing.SLATE, self._room_mark())
        self._show(Showing.SLATE, why)
        return entry

    def _begin_slate(self) -> OpenSlate:
        self.prepare_slate()
        assert self._standby is not None
        session = self._standby.result()
        self._standby = None
        start_ns = self.end_ns or self.now_ns() // 1_000_000 * 1_000_000
        label = drawn_label(duties_of(self._duties()), [self._language()], self.spec)
        return OpenSlate(session, Slate.begin(self.spec, label, self._room_pattern(), start_ns))

    def _duties(self) -> list[Json]:
        decision = self.room.take.decision or {}
        return list(decision.get("duties", []))

    def _language(self) -> str:
        return str(self.room.take.campaign["language"])

    def _room_mark(self) -> Mark:
        return self.room.take.mark

    def _room_pattern(self) -> MarkPattern:
        mark = self._room_mark()
        key = Key(mark.key_id, self.custody.secret(KeyPurpose.WATERMARK, mark.key_id))
        return make_pattern(key, int(mark.value, 16))

    # --- what both share ---
    @cached_property
    def _blank(self) -> Blank:
        return Blank.of(self.spec)

    def _session(self, inits: Mapping[str, bytes], given: ManifestInput) -> Session:
        """Sign the init segments: the claim key and the time-stamp authority take part here and nowhere later. Asks no
        database, so that any thread may do it.
        """
        signers = {
            name: LiveSession(given, self.custody, settings.AVOW_TSA_URL, self.sequences.of(name)) for name in inits
        }
        return Session(inits, signers, {name: signers[name].sign_init(init) for name, init in inits.items()})

    def _manifest(self, source: DigitalSource) -> ManifestInput:
        take = self.room.take
        receipt = hashlib.sha256(canonical_bytes(take.grant.receipt)).hexdigest()
        label = drawn_label(duties_of(self._duties()), [self._language()], self.spec)
        return ManifestInput(
            title=self.room.title,
            digital_source=source,
            engine_name=ENGINE_NAME,
            engine_version=GENERATOR_VERSION,
            mark=bytes.fromhex(self._room_mark().value),
            receipt=ReceiptReference(str(take.grant_id), receipt),
            visible_label=" ".join(label.lines) if label else "",
        )

    def _publish(self, session: Session, segments: Sequence[Segment], showing: Showing, mark: Mark) -> Entry:
        if self._listed is not session:
            self._list(session)
        label = drawn_label(duties_of(self._duties()), [self._language()], self.spec)
        said = " ".join(label.lines) if label else ""
        init = session.inits[self.spec.renditions[0].name]
        self.timeline.announce(OnScreen(showing, mark.slice, mark.value, said, format_of(init)))
        next_sequence = self.publisher.state.next_sequence
        numbered, signed = [], {}
        for one in segments:
            number = self.sequences.of(one.rendition).last() + 1
            # the fragment's own number and the signed one are the same (C2PA 2.4, 19.4.2)
            numbered.append(one.numbered(next_sequence, fragment=number))
            signed[one.rendition] = session.signers[one.rendition].sign_segment(numbered[-1].data, number)
        return self.publisher.publish(numbered, signed)

    def _list(self, session: Session) -> None:
        """The next segments need this session's init segments."""
        if not session.name:
            sessions = Air.objects.get(pk=self.room.pk).sessions + 1
            self.lease.write(sessions=sessions)
            session.name = f"s{sessions:06d}"
        continues = session.follows is not None and session.follows is self._listed
        self.publisher.store.put_playlist(MULTIVARIANT, self._blank.playlist)
        self.publisher.begin(session.name, session.signed_inits, continues=continues)
        self._listed = session
        self.on_event("session", {"init": init_name(session.name)})

    def go_dark(self, why: Json) -> None:
        """Nothing may be or can be published now: say why."""
        self._show(Showing.NOTHING, why)

    def _show(self, showing: Showing, why: Json, **fields: Any) -> None:
        """Tell the dashboard what is seen, once per change."""
        air, code, text = Air.objects.get(pk=self.room.pk), why["code"], why["text"]
        changed = (air.showing, air.slate_code) != (showing, code)
        if changed or any(getattr(air, name) != value for name, value in fields.items()):
            self.lease.write(showing=showing, slate_code=code, slate_words=why, **fields)
        if changed:
            data = {"code": code, "reason": {"en": text, "zh": why["text_zh"]}}
            note(room=self.room, code=f"showing_{showing}", text=text, data=data)
            self.on_event(f"showing_{showing}", {"code": code, "text": text, "at": datetime.now(UTC).isoformat()})

    def end(self) -> None:
        """Say that nothing follows, and let go."""
        self.publisher.end([rendition.name for rendition in self.spec.renditions])
        self.close()

    def close(self) -> None:
        self._background.shutdown(wait=False, cancel_futures=True)
        self.checker.close()
