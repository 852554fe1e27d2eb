"""The gate's question."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.watermark.sound import sounds
from tests.watermark.sound.conftest import MARK, OTHER_MARK, RATE, marked
from watermark import BadMark, Key, MarkMissing
from watermark.sound import SoundPattern, make_sound_pattern, verify_sound

Sound = sounds.Sound


def test_marked_sound_passes_as_it_is_and_encoded(key: Key, marked_talk: Sound, marked_tune: Sound) -> None:
    for sound, rate in ((marked_talk, RATE), (marked_tune, RATE), sounds.recoded(marked_talk, RATE, "aac", 96_000)):
        found = verify_sound([sound], rate, key, MARK)
        assert found.mark == f"{MARK:016x}"
        assert found.key_id == key.id
        assert max(part.p_false for part in found.slices) <= 1e-6
        assert found.slices[0].from_s == 0.0
        assert found.slices[-1].to_s == pytest.approx(10.0, abs=0.1)
        assert found.silent == ()


def test_unmarked_sound_fails(key: Key, talk: Sound, tune: Sound) -> None:
    for sound in (talk, tune):
        with pytest.raises(MarkMissing):
            verify_sound([sound], RATE, key, MARK)


def test_another_mark_of_the_same_key_fails(key: Key, marked_talk: Sound) -> None:
    with pytest.raises(MarkMissing):
        verify_sound([marked_talk], RATE, key, OTHER_MARK)


def test_the_mark_of_another_key_fails(other_key: Key, marked_talk: Sound) -> None:
    with pytest.raises(MarkMissing):
        verify_sound([marked_talk], RATE, other_key, MARK)


def test_an_unmarked_stretch_amid_marked_sound_fails_where_it_is(key: Key, talk: Sound, marked_talk: Sound) -> None:
    tampered = marked_talk.copy()
    tampered[:, 4 * RATE : 7 * RATE] = talk[:, 4 * RATE : 7 * RATE]
    with pytest.raises(MarkMissing) as missing:
        verify_sound([tampered], RATE, key, MARK)
    assert 2.0 < missing.value.from_s < 5.5
    assert 6.0 < missing.value.to_s < 8.5


def test_a_stretch_with_another_mark_fails(key: Key, talk: Sound, marked_talk: Sound) -> None:
    other = marked(talk, make_sound_pattern(key, OTHER_MARK))
    tampered = np.concatenate([marked_talk[:, : 6 * RATE], other[:, 6 * RATE :]], axis=1)
    with pytest.raises(MarkMissing) as missing:
        verify_sound([tampered], RATE, key, MARK)
    assert missing.value.to_s == pytest.approx(10.0, abs=0.1)


def test_silence_is_excused_and_told(key: Key, talk: Sound, sound_pattern: SoundPattern) -> None:
    sound = np.concatenate([talk, np.zeros((1, 5 * RATE), dtype=np.float32), talk], axis=1)
    found = verify_sound([marked(sound, sound_pattern)], RATE, key, MARK)
    assert len(found.silent) == 1
    assert found.silent[0] == pytest.approx((10.0, 15.0), abs=0.5)


def test_a_whisper_of_noise_before_the_loud_part_does_not_pass_for_silence(key: Key, marked_talk: Sound) -> None:
    noise = 0.02 * np.random.default_rng(0).standard_normal((1, 4 * RATE)).astype(np.float32)
    with pytest.raises(MarkMissing) as missing:
        verify_sound([noise, marked_talk], RATE, key, MARK)
    assert missing.value.from_s == 0.0


def test_nothing_but_silence_has_nothing_to_carry(key: Key) -> None:
    found = verify_sound([np.zeros((1, 3 * RATE), dtype=np.float32)], RATE, key, MARK)
    assert found.slices == ()
    assert found.silent[0] == pytest.approx((0.0, 3.0), abs=0.1)
    assert verify_sound([], RATE, key, MARK).slices == ()


def test_a_long_sound_is_verified_in_pieces(key: Key, tune: Sound, sound_pattern: SoundPattern) -> None:
    blocks = np.array_split(marked(np.tile(tune, 5), sound_pattern), 50, axis=1)
    found = verify_sound(blocks, RATE, key, MARK)
    assert found.slices[-1].to_s == pytest.approx(50.0, abs=0.1)
    assert all(a.to_s == pytest.approx(b.from_s, abs=0.05) for a, b in itertools.pairwise(found.slices))


def test_numbers_beyond_64_bits_are_refused(key: Key, talk: Sound) -> None:
    with pytest.raises(BadMark):
        verify_sound([talk], RATE, key, 2**64)
