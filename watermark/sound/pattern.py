"""The pattern of one mark for sound: all an embedder needs and nothing from which the key or another mark follows."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from watermark.errors import BadPattern
from watermark.keys import Key
from watermark.payload import Payload
from watermark.sound.carriers import SoundCarriers
from watermark.sound.grid import BANDS, CELL_S, CYCLE_ROWS, ROWS, SLOTS

_MAGIC = b"AVWS"
_VERSION = 1
_HEADER = struct.Struct(">4sBBQHBBH")
_DIGEST_BYTES = 8
_CELL_MS = round(CELL_S * 1000)
_BODY_BYTES = CYCLE_ROWS * BANDS // 8
_KEY_ID = re.compile(rb"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True, eq=False)
class SoundPattern:
    """A mark ready to be embedded in sound of any sample rate.

    key_id: name of the key it was made with; mark: the 64-bit mark; raised: bool[CYCLE_ROWS, BANDS], True
    where a cell is to be made louder, False where softer.
    """

    key_id: str
    mark: int
    raised: npt.NDArray[np.bool_]

    def to_bytes(self) -> bytes:
        """The format of `docs/watermark-sound.md`, about 5.2 KB."""
        name = self.key_id.encode()
        header = _HEADER.pack(_MAGIC, _VERSION, len(name), self.mark, SLOTS, ROWS, BANDS, _CELL_MS)
        body = header + name + np.packbits(self.raised).tobytes()
        return body + hashlib.sha256(body).digest()[:_DIGEST_BYTES]

    @classmethod
    def from_bytes(cls, data: bytes) -> SoundPattern:
        """Reads `to_bytes`; raises `BadPattern` for anything truncated, extended, changed or out of range."""
        if len(data) < _HEADER.size:
            raise BadPattern("bad_pattern_size", "The bytes are too short for a sound pattern.")
        magic, version, name_len, mark, *shape = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise BadPattern("not_a_sound_pattern", "The bytes are not a sound pattern.")
        if version != _VERSION:
            raise BadPattern("pattern_version", f"Sound pattern version {version} is not known here.")
        if len(data) != _HEADER.size + name_len + _BODY_BYTES + _DIGEST_BYTES:
            raise BadPattern("bad_pattern_size", "The sound pattern is truncated or has bytes left over.")
        body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
        if hashlib.sha256(body).digest()[:_DIGEST_BYTES] != digest:
            raise BadPattern("pattern_damaged", "The sound pattern was changed on the way; ask for it again.")
        start = _HEADER.size + name_len
        name = body[_HEADER.size : start]
        if shape != [SLOTS, ROWS, BANDS, _CELL_MS] or not _KEY_ID.fullmatch(name):
            raise BadPattern("bad_pattern_fields", "The sound pattern has fields out of range.")
        bits = np.unpackbits(np.frombuffer(body, dtype=np.uint8, offset=start))
        return cls(name.decode(), mark, bits.reshape(CYCLE_ROWS, BANDS).astype(bool))


def make_sound_pattern(key: Key, mark: int) -> SoundPattern:
    """The pattern of `mark` (0 .. 2**64-1) under `key`; the only step of embedding that sees the key.

    Raises `BadMark`.
    """
    return SoundPattern(key.id, mark, SoundCarriers(key).cells(Payload(key), mark) > 0)
