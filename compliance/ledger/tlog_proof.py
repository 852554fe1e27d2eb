"""Offline proofs after C2SP (c2sp.org/tlog-proof): index, inclusion hashes and checkpoint in one text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compliance.ledger.checkpoint import TreeHead, open_checkpoint, parse_decimal
from compliance.ledger.errors import NoteMalformed
from compliance.ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from compliance.ledger.note import VerifierKey, decode64, encode64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 62
MAX_PROOF_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof with the checkpoint it leads to.

    ``extra`` holds the leaf itself in proofs this log writes, so that one file is enough; nothing but the
    proof over it makes it true.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def to_text(self) -> str:
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode64(self.extra)}")
        lines += [f"index {self.index}", *map(encode64, self.hashes), ""]
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Read strictly; raises NoteMalformed (``proof_malformed`` and the codes of its parts)."""
        if len(text) > MAX_PROOF_BYTES:
            raise NoteMalformed("proof_too_large", "The proof is larger than any proof this log writes.")
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines.pop(0) != HEADER:
            raise NoteMalformed("proof_malformed", "A proof begins with the line c2sp.org/tlog-proof@v1.")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise NoteMalformed("proof_malformed", "The proof does not name the entry's index.")
        index = parse_decimal(lines.pop(0).removeprefix("index "))
        hashes = tuple(map(decode64, lines))
        if len(hashes) > MAX_HASHES or any(len(value) != HASH_SIZE for value in hashes):
            raise NoteMalformed("proof_malformed", "The proof's hashes are malformed.")
        return cls(index, hashes, checkpoint, extra)

    def verify(self, leaf: bytes, keys: Iterable[VerifierKey]) -> TreeHead:
        """Check the checkpoint's signature and that ``leaf`` is entry ``index`` of it; returns the tree head.

        Raises NoteMalformed, SignatureInvalid or ProofInvalid.
        """
        head = open_checkpoint(self.checkpoint, keys)
        verify_inclusion(leaf=leaf_hash(leaf), index=self.index, size=head.size, proof=self.hashes, root=head.root)
        return head
