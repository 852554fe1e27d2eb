"""The pattern of one mark: all an embedder needs and nothing from which the key or another mark follows."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from watermark.carriers import SLOT_S, Carriers
from watermark.errors import BadPattern
from watermark.keys import Key
from watermark.lattice import SHIFT_GRID, carrier_count
from watermark.payload import Payload

_MAGIC = b"AVWM"
_VERSION = 2  # stands also for the strength of each carrier
_HEADER = struct.Struct(">4sBBQHHH")
_DIGEST_BYTES = 8
_PHASE_STEPS = 1 << 16
_KEY_ID = re.compile(rb"[A-Za-z0-9._-]{1,32}")
MAX_PATTERN_BYTES = 16 * 1024


@dataclass(frozen=True, eq=False)
class MarkPattern:
    """A mark ready to be embedded at any frame size.

    key_id: name of the key it was made with; mark: the 64-bit mark; phases: uint16[K], one per carrier in
    1/65536 cycle; hops: uint8[S, 2], shift (x, y) of the tile in 1/64 tile for each time slot; slot_s:
    seconds per slot.
    """

    key_id: str
    mark: int
    phases: npt.NDArray[np.uint16]
    hops: npt.NDArray[np.uint8]
    slot_s: float

    def to_bytes(self) -> bytes:
        """The format of `docs/watermark.md`, about 1.8 KB."""
        name = self.key_id.encode()
        slot_ms = round(self.slot_s * 1000)
        header = _HEADER.pack(_MAGIC, _VERSION, len(name), self.mark, slot_ms, len(self.phases), len(self.hops))
        body = header + name + self.phases.astype(">u2").tobytes() + self.hops.tobytes()
        return body + hashlib.sha256(body).digest()[:_DIGEST_BYTES]

    @classmethod
    def from_bytes(cls, data: bytes) -> MarkPattern:
        """Reads `to_bytes`; raises `BadPattern` for anything truncated, extended, changed or out of range."""
        if not _HEADER.size + _DIGEST_BYTES < len(data) <= MAX_PATTERN_BYTES:
            raise BadPattern("bad_pattern_size", "The bytes are too short or too long for a mark pattern.")
        magic, version, name_len, mark, slot_ms, carriers, slots = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise BadPattern("not_a_pattern", "The bytes are not a mark pattern.")
        if version != _VERSION:
            raise BadPattern("pattern_version", f"Mark pattern version {version} is not known here.")
        if carriers != carrier_count() or not 1 <= slots <= 1024 or not 100 <= slot_ms <= 60_000:
            raise BadPattern("bad_pattern_fields", "The mark pattern has fields out of range.")
        if len(data) != _HEADER.size + name_len + 2 * carriers + 2 * slots + _DIGEST_BYTES:
            raise BadPattern("bad_pattern_size", "The mark pattern is truncated or has bytes left over.")
        body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
        if hashlib.sha256(body).digest()[:_DIGEST_BYTES] != digest:
            raise BadPattern("pattern_damaged", "The mark pattern was changed on the way; ask for it again.")
        start = _HEADER.size + name_len
        name = body[_HEADER.size : start]
        phases = np.frombuffer(body, dtype=">u2", count=carriers, offset=start).astype(np.uint16)
        hops = np.frombuffer(body, dtype=np.uint8, offset=start + 2 * carriers).reshape(slots, 2)
        if not _KEY_ID.fullmatch(name) or hops.max() >= SHIFT_GRID:
            raise BadPattern("bad_pattern_fields", "The mark pattern has fields out of range.")
        return cls(name.decode(), mark, phases, hops, slot_ms / 1000)


def make_pattern(key: Key, mark: int) -> MarkPattern:
    """The pattern of `mark` (0 .. 2**64-1) under `key`; the only step of embedding that sees the key.

    Raises `BadMark`.
    """
    carriers = Carriers(key)
    turns = carriers.phases(Payload(key), mark) / (2 * np.pi)
    phases = (np.rint(turns * _PHASE_STEPS).astype(np.int64) % _PHASE_STEPS).astype(np.uint16)
    return MarkPattern(key.id, mark, phases, carriers.hops_of(mark), SLOT_S)
