"""Sealed files: what is put in comes out, whole or in parts; what anybody has touched is refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.errors import LikenessUnreadable
from avatars.sealed_stream import CHUNK_BYTES, MAGIC, SealedReader, seal

KEY, ABOUT = bytes(range(32)), b"grant models/one"
HEADER, SEALED_CHUNK = len(MAGIC) + 32, CHUNK_BYTES + 16


class Dribbling:
    """A source that answers with fewer bytes than it is asked for, as sockets do."""

    def __init__(self, content: bytes, most: int) -> None:
        self._source, self._most = io.BytesIO(content), most

    def read(self, size: int, /) -> bytes:
        return self._source.read(min(size, self._most))


def sealed(content: bytes, *, most: int = 1 << 30, about: bytes = ABOUT, key: bytes = KEY) -> bytes:
    target = io.BytesIO()
    seal(Dribbling(content, most), target, key, about)
    return target.getvalue()


def opened(data: bytes, *, about: bytes = ABOUT, key: bytes = KEY) -> SealedReader:
    return SealedReader(io.BytesIO(data), key, about)


def refusal(data: bytes, **how: Any) -> str:
    """The code with which reading it whole is refused."""
    with pytest.raises(LikenessUnreadable) as refused, opened(data, **how) as reader:
        reader.readall()
    assert refused.value.text
    return refused.value.code


contents = st.builds(
    lambda seed, length: (seed * (length // len(seed) + 1))[:length],
    st.binary(min_size=1, max_size=64),
    st.one_of(
        st.integers(0, 300),
        st.builds(lambda n, off: max(0, n * CHUNK_BYTES + off), st.integers(0, 3), st.integers(-2, 2)),
    ),
)


@given(content=contents, most=st.sampled_from([7919, CHUNK_BYTES - 1, CHUNK_BYTES, 1 << 20]))
def test_any_bytes_in_any_pieces_come_back(content: bytes, most: int) -> None:
    with opened(sealed(content, most=most)) as reader:
        reader.verify()
        assert (reader.length, reader.readall()) == (len(content), content)


@given(content=contents, start=st.integers(0, 4 * CHUNK_BYTES), length=st.integers(0, 2 * CHUNK_BYTES))
def test_any_part_can_be_read_alone(content: bytes, start: int, length: int) -> None:
    with opened(sealed(content)) as reader:
        reader.seek(start)
        assert io.BufferedReader(reader).read(length) == content[start : start + length]


@given(content=contents, at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(content: bytes, at: float, bit: int) -> None:
    data = bytearray(sealed(content))
    place = int(at * len(data))
    data[place] ^= 1 << bit
    assert refusal(bytes(data)) == ("likeness_not_sealed" if place < len(MAGIC) else "likeness_damaged")


@given(content=contents, cut=st.integers(1, 2 * SEALED_CHUNK))
def test_truncated_anywhere_is_refused_when_it_is_opened(content: bytes, cut: int) -> None:
    data = sealed(content)[:-cut]
    with pytest.raises(LikenessUnreadable):
        opened(data)


def test_truncated_between_two_chunks_is_refused() -> None:
    data = sealed(bytes(3 * CHUNK_BYTES))
    assert refusal(data[: HEADER + 2 * SEALED_CHUNK]) == "likeness_damaged"


def test_something_appended_is_refused() -> None:
    data = sealed(bytes(CHUNK_BYTES))
    assert {refusal(data + extra) for extra in (b"x", bytes(16), data[HEADER:])} == {"likeness_damaged"}


def test_chunks_in_another_order_are_refused() -> None:
    data = sealed(bytes(3 * CHUNK_BYTES))
    first, second = data[HEADER : HEADER + SEALED_CHUNK], data[HEADER + SEALED_CHUNK : HEADER + 2 * SEALED_CHUNK]
    assert refusal(data[:HEADER] + second + first + data[HEADER + 2 * SEALED_CHUNK :]) == "likeness_damaged"


def test_a_chunk_of_another_file_under_the_same_key_is_refused() -> None:
    mine, other = sealed(bytes(2 * CHUNK_BYTES)), sealed(bytes(2 * CHUNK_BYTES))
    mixed = mine[:HEADER] + other[HEADER : HEADER + SEALED_CHUNK] + mine[HEADER + SEALED_CHUNK :]
    assert refusal(mixed) == "likeness_damaged"


def test_under_another_key_or_about_another_thing_nothing_opens() -> None:
    data = sealed(b"a face")
    assert refusal(data, key=bytes(32)) == refusal(data, about=b"grant models/two") == "likeness_damaged"


@pytest.mark.parametrize("planted", [b"", b"\xff\xd8\xff a JPEG", b"PK\x03\x04 a model", MAGIC[:-1]])
def test_a_plain_file_is_refused(planted: bytes) -> None:
    assert refusal(planted) in ("likeness_not_sealed", "likeness_damaged")


def test_the_same_bytes_are_never_sealed_the_same_way_twice() -> None:
    assert sealed(b"a face")[len(MAGIC) :] != sealed(b"a face")[len(MAGIC) :]
