"""The pattern that leaves the gate: what it holds, what it does not, and strict reading."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark import BadKey, BadPattern, Key, MarkPattern, generate_key, load_key, make_pattern

KEY = Key("k", b"\x07" * 32)
GOOD = make_pattern(KEY, 42).to_bytes()


def resealed(body: bytes) -> bytes:
    """What an attacker who can count writes: any body with a fitting digest."""
    return body + hashlib.sha256(body).digest()[:8]


def test_a_pattern_survives_its_bytes() -> None:
    read = MarkPattern.from_bytes(GOOD)
    assert (read.key_id, read.mark, read.slot_s) == ("k", 42, 8.0)
    assert read.to_bytes() == GOOD
    assert len(GOOD) < 4096


@given(st.integers(0, len(GOOD) - 1))
@settings(max_examples=60, deadline=None)
def test_truncated_patterns_are_refused(length: int) -> None:
    with pytest.raises(BadPattern):
        MarkPattern.from_bytes(GOOD[:length])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_changed_patterns_are_refused(position: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] ^= change
    with pytest.raises(BadPattern):
        MarkPattern.from_bytes(bytes(damaged))


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadPattern):
        MarkPattern.from_bytes(data)


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [
        (4, b"\x01", "pattern_version"),
        (5, b"\x00", "bad_pattern_size"),
        (14, b"\x00\x01", "bad_pattern_fields"),
        (16, b"\xff\xff", "bad_pattern_fields"),
        (18, b"\x00\x00", "bad_pattern_fields"),
        (20, b"\n", "bad_pattern_fields"),
        (len(GOOD) - 9, b"\xff", "bad_pattern_fields"),
    ],
)
def test_fields_out_of_range_are_refused_even_with_a_fitting_digest(offset: int, value: bytes, code: str) -> None:
    body = bytearray(GOOD[:-8])
    body[offset : offset + len(value)] = value
    with pytest.raises(BadPattern) as refusal:
        MarkPattern.from_bytes(resealed(bytes(body)))
    assert refusal.value.code == code


def test_bytes_left_over_and_huge_inputs_are_refused() -> None:
    for data in (resealed(GOOD[:-8] + b"\x00"), GOOD + b"\x00", GOOD * 20):
        with pytest.raises(BadPattern):
            MarkPattern.from_bytes(data)


def test_a_pattern_holds_no_secret() -> None:
    assert KEY.secret not in GOOD
    for purpose, length in (("payload permutation", 32), ("payload check", 32)):
        assert KEY.derive(purpose, length) not in GOOD


def test_two_marks_share_phases_up_to_half_cycles_and_two_keys_nothing() -> None:
    one, two = make_pattern(KEY, 1).phases.astype(int), make_pattern(KEY, 2).phases.astype(int)
    assert set(np.unique((one - two) % 65536)) <= {0, 32767, 32768, 32769, 1, 65535}
    stranger = make_pattern(Key("k", b"\x08" * 32), 1).phases.astype(int)
    agreement = np.mean(np.cos((one - stranger) / 65536 * 2 * np.pi))
    assert abs(agreement) < 0.15


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2, unique=True))
@settings(max_examples=50, deadline=None)
def test_marks_begin_elsewhere_and_move_alike(marks: list[int]) -> None:
    """The reader, which does not know the mark yet, adds up slots by their differences."""
    one, two = (make_pattern(KEY, mark).hops.astype(int) for mark in marks)
    assert len(np.unique((one - two) % 64, axis=0)) == 1
    assert np.array_equal(one, make_pattern(KEY, marks[0]).hops)


def test_the_first_places_of_a_thousand_marks_have_nothing_in_common() -> None:
    starts = np.array([make_pattern(KEY, mark).hops[0] for mark in range(1000)])
    for wave in ((1, 0), (0, 1), (5, 7), (-20, 3)):
        assert abs(np.exp(2j * np.pi * (starts @ wave) / 64).mean()) < 0.12
    assert len(np.unique(starts, axis=0)) > 800


def test_a_key_file_is_private_and_never_overwritten(tmp_path) -> None:
    path = tmp_path / "key.json"
    key = generate_key(path)
    assert load_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert key.secret.hex() not in repr(key)
    with pytest.raises(BadKey, match="key_exists"):
        generate_key(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"type":"avow-watermark-key"}', b"x" * 5000])
def test_other_files_are_no_keys(tmp_path, content: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(BadKey):
        load_key(path)
    with pytest.raises(BadKey):
        load_key(tmp_path / "absent")


def test_short_secrets_and_odd_names_are_no_keys() -> None:
    for name, secret in (("k", b"short"), ("", b"x" * 32), ("a b", b"x" * 32), ("k" * 33, b"x" * 32)):
        with pytest.raises(BadKey):
            Key(name, secret)
