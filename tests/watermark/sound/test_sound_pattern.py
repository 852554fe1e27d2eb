"""The bytes that leave the gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark import BadMark, BadPattern, Key
from watermark.sound import SoundPattern, make_sound_pattern
from watermark.sound.carriers import SoundCarriers

KEY = Key("test-key", bytes(range(32)))
BYTES = make_sound_pattern(KEY, 7).to_bytes()


def test_a_pattern_comes_back_from_its_bytes() -> None:
    pattern = SoundPattern.from_bytes(BYTES)
    assert (pattern.key_id, pattern.mark) == ("test-key", 7)
    assert np.array_equal(pattern.raised, make_sound_pattern(KEY, 7).raised)
    assert pattern.to_bytes() == BYTES
    assert len(BYTES) == 5156


@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_no_changed_byte_is_accepted(position: int, change: int) -> None:
    damaged = bytearray(BYTES)
    damaged[position] ^= change
    with pytest.raises(BadPattern):
        SoundPattern.from_bytes(bytes(damaged))


@pytest.mark.parametrize("data", [b"", BYTES[:-1], BYTES + b"\0", BYTES[:19], b"AVWM" + BYTES[4:]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadPattern):
        SoundPattern.from_bytes(data)


def test_a_stolen_pattern_holds_neither_the_key_nor_the_roles_of_the_cells() -> None:
    """All cells look alike: about half are raised, whatever their role."""
    carriers = SoundCarriers(KEY)
    raised = make_sound_pattern(KEY, 7).raised.reshape(carriers.signs.shape)
    sync = np.take_along_axis(raised, carriers.sync, axis=1)
    assert abs(raised.mean() - 0.5) < 0.01
    assert abs(sync.mean() - 0.5) < 0.02
    assert KEY.secret not in BYTES


def test_two_marks_differ_in_about_half_of_the_data_cells_and_in_no_other() -> None:
    carriers = SoundCarriers(KEY)
    a, b = (make_sound_pattern(KEY, mark).raised.reshape(carriers.signs.shape) for mark in (7, 8))
    assert not (np.take_along_axis(a, carriers.sync, 1) ^ np.take_along_axis(b, carriers.sync, 1)).any()
    assert 0.35 < (np.take_along_axis(a, carriers.data, 1) ^ np.take_along_axis(b, carriers.data, 1)).mean() < 0.65


def test_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(BadMark):
        make_sound_pattern(KEY, 2**64)
