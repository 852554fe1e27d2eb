"""Checkpoints as C2SP specifies them (c2sp.org/tlog-checkpoint): a signed note over origin, size and root."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compliance.ledger.errors import NoteMalformed, SignatureInvalid
from compliance.ledger.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE
from compliance.ledger.note import VerifierKey, decode64, encode64, open_note, sign_note

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: the log's name, its number of entries, the 32-byte root over them."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The note text; no extension lines, because monitors cannot audit them."""
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> TreeHead:
        """Read the note text strictly; raises NoteMalformed (``checkpoint_malformed``)."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise NoteMalformed("checkpoint_malformed", "A checkpoint is three lines: origin, size, root.")
        head = cls(lines[0], parse_decimal(lines[1]), decode64(lines[2]))
        empty = head.size == 0
        if len(head.root) != HASH_SIZE or head.size > MAX_SIZE or empty != (head.root == EMPTY_ROOT):
            raise NoteMalformed("checkpoint_malformed", "The checkpoint's size or root is impossible.")
        return head


def parse_decimal(text: str) -> int:
    """ASCII decimal without leading zeros; raises NoteMalformed (``number_malformed``)."""
    if _DECIMAL.fullmatch(text) is None:
        raise NoteMalformed("number_malformed", "A number is not written in plain decimal form.")
    return int(text)


def sign_checkpoint(head: TreeHead, key: VerifierKey, sign: Callable[[bytes], bytes]) -> str:
    """The signed note; ``key.name`` must be the origin, as C2SP recommends and this log requires."""
    if key.name != head.origin:
        raise NoteMalformed("origin_mismatch", "The checkpoint's origin is not the name of the log's key.")
    return sign_note(head.to_text(), key, sign)


def open_checkpoint(text: str, keys: Iterable[VerifierKey]) -> TreeHead:
    """Verify a signed checkpoint; a known key named like the origin must have signed it.

    Raises NoteMalformed or SignatureInvalid.
    """
    known = list(keys)
    note = open_note(text, known)
    head = TreeHead.parse(note.text)
    own = [key for key in known if key.name == head.origin]
    if not any(key.matches(signature) for key in own for signature in note.signatures):
        raise SignatureInvalid("note_not_signed_by_known_key", "No key that you trust has signed this note.")
    return head
