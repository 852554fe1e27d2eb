"""A file sealed chunk by chunk with AES-256-GCM: any size in little memory, any part of it readable alone.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", CRYPTO 2015), as age and Tink's streaming AEAD use it. Layout:

    19 bytes   MAGIC
    32 bytes   random salt: the file's own key is HKDF-SHA256 (RFC 5869) of the data key, this salt and MAGIC
    chunks     CHUNK_BYTES each, the last one as long or shorter; every one is followed by its tag of 16 bytes

The nonce of a chunk is its number (11 bytes, big-endian) and one byte that is 1 for the last chunk alone, so chunks can
be neither dropped, added, repeated nor moved. `about` is authenticated with every chunk: under another one none opens.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext_lazy as _

from avatars.errors import LikenessUnreadable

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"avow-sealed-file-1\n"
CHUNK_BYTES = 64 * 1024
_SALT_BYTES, _TAG_BYTES = 32, 16
_HEADER_BYTES = len(MAGIC) + _SALT_BYTES
_SEALED_CHUNK = CHUNK_BYTES + _TAG_BYTES


class Readable(Protocol):
    """What can be sealed; an answer may be shorter than asked for, an empty one is the end."""

    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Sealed(Protocol):
    """What can be opened: sealed bytes in which one can go to any place."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def close(self) -> None: ...


def seal(source: Readable, target: Writable, key: bytes, about: bytes) -> None:
    """Write what `source` still holds to `target`, sealed with the 32-byte data key `key`."""
    salt = os.urandom(_SALT_BYTES)
    target.write(MAGIC + salt)
    cipher, number, chunk = _cipher(key, salt), 0, _filled(source, CHUNK_BYTES)
    while following := _filled(source, CHUNK_BYTES):
        target.write(cipher.encrypt(_nonce(number, last=False), chunk, MAGIC + about))
        number, chunk = number + 1, following
    target.write(cipher.encrypt(_nonce(number, last=True), chunk, MAGIC + about))


class SealedReader(io.RawIOBase):
    """The plain bytes of a sealed file, to read and to go about in. No byte is given out that was not authenticated.

    Its end is authenticated when it is opened, so `length` is true and a file that was cut off is refused at once.
    Closing it closes `source`.

    Raises:
        LikenessUnreadable: likeness_not_sealed; likeness_damaged, also while reading.
    """

    def __init__(self, source: Sealed, key: bytes, about: bytes) -> None:
        super().__init__()
        self._source, self._associated = source, MAGIC + about
        body = source.seek(0, os.SEEK_END) - _HEADER_BYTES
        source.seek(0)
        header = _filled(source, _HEADER_BYTES)
        if not header.startswith(MAGIC):
            raise _not_sealed()
        self._chunks = -(-body // _SEALED_CHUNK)
        last = body - (self._chunks - 1) * _SEALED_CHUNK
        if body <= 0 or last < _TAG_BYTES or (last == _TAG_BYTES and self._chunks > 1):
            raise _damaged()
        self.length = body - self._chunks * _TAG_BYTES
        self._cipher = _cipher(key, header[len(MAGIC) :])
        self._place, self._held, self._chunk = 0, -1, b""
        self._load(self._chunks - 1)

    def verify(self) -> None:
        """Authenticate the whole file, so that nothing of a damaged one is given out."""
        for number in range(self._chunks):
            self._load(number)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.length}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._place >= self.length or not len(view):
            return 0
        number, within = divmod(self._place, CHUNK_BYTES)
        self._load(number)
        part = self._chunk[within : within + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _load(self, number: int) -> None:
        if number == self._held:
            return
        self._source.seek(_HEADER_BYTES + number * _SEALED_CHUNK)
        sealed, last = _filled(self._source, _SEALED_CHUNK), number == self._chunks - 1
        try:
            self._chunk = self._cipher.decrypt(_nonce(number, last=last), sealed, self._associated)
        except InvalidTag as error:
            raise _damaged() from error
        self._held = number


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _filled(source: Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the source."""
    parts, missing = [], size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _not_sealed() -> LikenessUnreadable:
    text = _(
        "This file lies in the storage unsealed: an earlier version of Avow stored it, or somebody put it there. "
        "It is not used. Please build the avatar, or hand in the recording, again."
    )
    return LikenessUnreadable("likeness_not_sealed", text)


def _damaged() -> LikenessUnreadable:
    text = _(
        "A stored file of this person was changed, cut off or exchanged, and is not used. "
        "Restore it from a backup, or build the avatar again."
    )
    return LikenessUnreadable("likeness_damaged", text)
