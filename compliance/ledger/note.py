"""Signed notes after C2SP (c2sp.org/signed-note): text, blank line, signature lines. Ed25519 only.

A note is read strictly: what this module accepts has exactly one byte form, so a note cannot be changed
without breaking either the format or the signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from compliance.ledger.errors import NoteMalformed, SignatureInvalid

ED25519 = 0x01
"""Signature type byte of a plain Ed25519 note signature."""
MAX_NOTE_BYTES = 256 * 1024
MAX_SIGNATURES = 64
_SIGNATURE_LINE = re.compile(r"— (?P<name>\S+) (?P<blob>[A-Za-z0-9+/]+={0,2})")
_VKEY = re.compile(r"(?P<name>[^\s+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who claims to have signed, with which key, and the signature bytes."""

    name: str
    key_id: bytes
    value: bytes

    def to_line(self) -> str:
        return f"— {self.name} {encode64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. ``text`` ends in a newline and is worth nothing before it was verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_text(self) -> str:
        return self.text + "\n" + "".join(signature.to_line() for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key (32 bytes), written as ``name+keyid+base64`` (a *vkey*)."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or c < " " for c in self.name):
            raise NoteMalformed("key_name_malformed", "A key's name is empty or has a space or a plus sign.")
        if len(self.public_key) != 32:
            raise NoteMalformed("key_malformed", "An Ed25519 public key has 32 bytes.")

    @property
    def key_id(self) -> bytes:
        """``SHA-256(name || 0x0A || 0x01 || public key)[:4]``."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public_key).digest()[:4]

    def to_vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode64(bytes([ED25519]) + self.public_key)}"

    @classmethod
    def from_vkey(cls, text: str) -> VerifierKey:
        """Raises NoteMalformed when the form, the type or the key id is wrong."""
        match = _VKEY.fullmatch(text)
        if match is None:
            raise NoteMalformed("vkey_malformed", "A verifier key has the form name+keyid+base64.")
        blob = decode64(match["key"])
        if blob[:1] != bytes([ED25519]):
            raise NoteMalformed("vkey_algorithm_unknown", "The verifier key is not an Ed25519 key.")
        key = cls(match["name"], blob[1:])
        if key.key_id.hex() != match["id"]:
            raise NoteMalformed("vkey_id_mismatch", "The key id does not belong to this name and key.")
        return key

    def matches(self, signature: NoteSignature) -> bool:
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verify(self, text: str, signature: NoteSignature) -> None:
        """Raises SignatureInvalid (``signature_invalid``)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature.value, text.encode())
        except InvalidSignature as error:
            raise SignatureInvalid(
                "signature_invalid", "A signature on the note does not verify.", key=self.to_vkey()
            ) from error


def parse_note(text: str) -> Note:
    """Read a note strictly; raises NoteMalformed."""
    if len(text.encode(errors="surrogatepass")) > MAX_NOTE_BYTES:
        raise NoteMalformed("note_too_large", "The note is larger than any note this log writes.")
    if any((c < " " and c != "\n") or "\ud800" <= c <= "\udfff" for c in text):
        raise NoteMalformed("note_control_character", "The note contains a control character.")
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not body or not tail.endswith("\n"):
        raise NoteMalformed("note_incomplete", "The note lacks its text, its blank line or its signatures.")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteMalformed("note_too_many_signatures", "The note carries too many signatures.")
    return Note(body + "\n", tuple(_parse_signature(line) for line in lines))


def _parse_signature(line: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None or "+" in match["name"]:
        raise NoteMalformed("note_signature_malformed", "A signature line of the note is malformed.")
    blob = decode64(match["blob"])
    if len(blob) <= 4:
        raise NoteMalformed("note_signature_malformed", "A signature line of the note is malformed.")
    return NoteSignature(match["name"], blob[:4], blob[4:])


def sign_note(text: str, key: VerifierKey, sign: Callable[[bytes], bytes]) -> str:
    """The full note for ``text`` (must end in a newline); ``sign`` returns the 64-byte Ed25519 signature.

    The signature is verified before it is given out, so a key store that answers with another key is caught.
    """
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise NoteMalformed("note_text_malformed", "A note's text ends in a newline, without control characters.")
    signature = NoteSignature(key.name, key.key_id, sign(text.encode()))
    key.verify(text, signature)
    return Note(text, (signature,)).to_text()


def open_note(text: str, keys: Iterable[VerifierKey]) -> Note:
    """Parse and verify: signatures of known keys must hold, one must be there; unknown keys are ignored.

    Raises NoteMalformed, or SignatureInvalid (``signature_invalid``, ``note_not_signed_by_known_key``).
    """
    note, known, verified = parse_note(text), list(keys), 0
    for signature in note.signatures:
        for key in known:
            if key.matches(signature):
                key.verify(note.text, signature)
                verified += 1
    if not verified:
        raise SignatureInvalid("note_not_signed_by_known_key", "No key that you trust has signed this note.")
    return note


def encode64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(data).decode()


def decode64(text: str) -> bytes:
    """Standard base64, canonical form only; raises NoteMalformed (``base64_malformed``)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteMalformed("base64_malformed", "A value is not valid base64.") from error
    if encode64(data) != text:
        raise NoteMalformed("base64_malformed", "A value is not valid base64.")
    return data
