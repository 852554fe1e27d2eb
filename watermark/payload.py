"""From a 64-bit mark to the 96 bits that are coded, and back.

The mark is first encrypted by a keyed 64-bit permutation and then authenticated by a keyed 32-bit check. Both
are there because a pattern leaves the gate: whoever collects patterns of many marks knows the carriers up to
sign and may combine them into the pattern of any code word of the span. Without the key they cannot say which
code word stands for a wanted mark, and a combination passes the check with probability 2**-32.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import numpy.typing as npt

from watermark.errors import BadMark
from watermark.keys import Key

MARK_BITS = 64
CHECK_BITS = 32
INFO_BITS = MARK_BITS + CHECK_BITS
_ROUNDS = 10

Bits = npt.NDArray[np.uint8]


def parse_mark(text: str) -> int:
    """The mark written as 1 to 16 hexadecimal digits; raises `BadMark` for anything else."""
    digits = text.lower().removeprefix("0x")
    if not 1 <= len(digits) <= 16 or any(c not in "0123456789abcdef" for c in digits):
        raise BadMark("bad_mark", "A mark is written as 1 to 16 hexadecimal digits.")
    return int(digits, 16)


class Payload:
    """The keyed permutation and the keyed check of one key."""

    def __init__(self, key: Key) -> None:
        self._permutation_key = key.derive("payload permutation", 32)
        self._check_key = key.derive("payload check", 32)

    def bits(self, mark: int) -> Bits:
        """The 96 bits uint8 {0, 1} that stand for `mark`; raises `BadMark` outside 0 .. 2**64-1."""
        if not 0 <= mark < 1 << MARK_BITS:
            raise BadMark("bad_mark", "A mark is a number from 0 to 2**64-1.")
        hidden = self._encrypt(mark).to_bytes(8, "big")
        return np.unpackbits(np.frombuffer(hidden + self._check(hidden), dtype=np.uint8))

    def mark(self, bits: Bits) -> int | None:
        """The mark for which 96 bits stand, or None when their check does not hold."""
        raw = np.packbits(bits).tobytes()
        hidden, check = raw[:8], raw[8:]
        if not hmac.compare_digest(check, self._check(hidden)):
            return None
        return self._decrypt(int.from_bytes(hidden, "big"))

    def _check(self, hidden: bytes) -> bytes:
        return hmac.new(self._check_key, hidden, hashlib.sha256).digest()[: CHECK_BITS // 8]

    def _round(self, index: int, half: int) -> int:
        message = bytes([index]) + half.to_bytes(4, "big")
        return int.from_bytes(hmac.new(self._permutation_key, message, hashlib.sha256).digest()[:4], "big")

    def _encrypt(self, value: int) -> int:
        # A balanced Feistel network (Luby and Rackoff 1988) over a PRF is a permutation; ten rounds exceed
        # the six after which generic distinguishers need more than 2**32 chosen marks (Patarin 2004).
        left, right = value >> 32, value & 0xFFFFFFFF
        for index in range(_ROUNDS):
            left, right = right, left ^ self._round(index, right)
        return left << 32 | right

    def _decrypt(self, value: int) -> int:
        left, right = value >> 32, value & 0xFFFFFFFF
        for index in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(index, left), left
        return left << 32 | right
