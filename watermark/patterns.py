"""The patterns of one mark for picture and sound together: what a worker is given."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from watermark.errors import BadPattern
from watermark.keys import Key
from watermark.pattern import MAX_PATTERN_BYTES, MarkPattern, make_pattern
from watermark.sound import SoundPattern, make_sound_pattern

_HEADER = struct.Struct(">4sI")
_MAGIC = b"AVWB"
MAX_BYTES = 2 * MAX_PATTERN_BYTES


@dataclass(frozen=True, eq=False)
class MarkPatterns:
    """One mark, ready for both tracks."""

    picture: MarkPattern
    sound: SoundPattern

    def to_bytes(self) -> bytes:
        """`AVWB`, length of the picture's pattern (32 bits, big-endian), it, and the sound's pattern; about 7 KB."""
        picture = self.picture.to_bytes()
        return _HEADER.pack(_MAGIC, len(picture)) + picture + self.sound.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads `to_bytes`; raises `BadPattern` for anything else, and for patterns of two marks or keys."""
        if not _HEADER.size < len(data) <= MAX_BYTES:
            raise BadPattern("bad_pattern_size", "The bytes are too short or too long for the patterns of a mark.")
        magic, length = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise BadPattern("not_patterns", "The bytes are not the patterns of a mark.")
        body = data[_HEADER.size :]
        made = cls(MarkPattern.from_bytes(body[:length]), SoundPattern.from_bytes(body[length:]))
        if (made.picture.mark, made.picture.key_id) != (made.sound.mark, made.sound.key_id):
            raise BadPattern("patterns_differ", "Picture and sound would carry different marks; ask for them again.")
        return made


def make_patterns(key: Key, mark: int) -> MarkPatterns:
    """Both patterns of `mark` (0 .. 2**64-1) under `key`. Raises `BadMark`."""
    return MarkPatterns(make_pattern(key, mark), make_sound_pattern(key, mark))
