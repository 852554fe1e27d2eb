"""What leaves the house: segments that the gate has listed, and whose signature was verified once more here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from compliance.provenance.live import LiveInvalid, LiveVerifier
from streaming.packager.playlist import Entry, PlaylistState, init_name, segment_name

logger = logging.getLogger(__name__)
_OLDEST = timedelta(seconds=60)
_AT_ONCE = 4
"""Further behind than this, what is old is left out: an output is live or it is nothing."""


@dataclass(frozen=True)
class Published:
    """One verified segment with the init it needs."""

    init: bytes
    segment: bytes
    duration_s: float


@dataclass
class Feed:
    """Follows one rendition of one room. `refused`: why the newest segment was not passed on, empty when it was."""

    folder: Path
    anchors: Sequence[Path]
    refused: str = ""
    _verifier: LiveVerifier = field(init=False)
    _last: int | None = None
    _init: tuple[str, bytes | None] = ("", None)

    def __post_init__(self) -> None:
        self._verifier = LiveVerifier(self.anchors, max_age=_OLDEST)

    def follow(self, playlist: str) -> list[Published]:
        """What was listed since the last call, oldest first; at first the newest segment only."""
        entries = list(PlaylistState.from_json(playlist).entries) if playlist else []
        last = self._last
        fresh = entries[-1:] if last is None else [one for one in entries if one.sequence > last][-_AT_ONCE:]
        return [found for one in fresh if (found := self._pass(one)) is not None]

    def _pass(self, entry: Entry) -> Published | None:
        after_seek = self._last is None or entry.sequence != self._last + 1 or bool(self.refused)
        self._last = entry.sequence
        try:
            init = self._init_of(entry)
            segment = (self.folder / segment_name(entry)).read_bytes()
            self._verifier.segment(segment, after_seek=after_seek)
        except LiveInvalid as error:
            self.refused = "segment_unverified"
            logger.error("%s is not sent: %s", segment_name(entry), error)
            return None
        except FileNotFoundError:
            self.refused = "segment_gone"
            return None
        self.refused = ""
        return Published(init, segment, float(entry.seconds))

    def _init_of(self, entry: Entry) -> bytes:
        """The init segment, verified when it is new; raises LiveInvalid."""
        name, known = self._init
        if name != entry.init or known is None:
            self._init = (entry.init, None)
            known = (self.folder / init_name(entry.init)).read_bytes()
            self._verifier.init(known)
            self._init = (entry.init, known)
        return known
