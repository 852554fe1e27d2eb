"""Reading marks from what became of the sound."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.watermark.sound import sounds
from tests.watermark.sound.conftest import MARK, OTHER_MARK, RATE, marked
from watermark import BadMark, BadMedia, Key
from watermark.sound import SoundDetection, SoundPattern, detect_sound, make_sound_pattern

Sound = sounds.Sound


def only(found: list[SoundDetection], mark: int = MARK) -> SoundDetection:
    assert [one.mark for one in found] == [f"{mark:016x}"]
    assert found[0].p_false <= 1e-12
    assert found[0].track == "sound"
    return found[0]


def test_a_mark_is_read_from_speech_and_music(key: Key, marked_talk: Sound, marked_tune: Sound) -> None:
    for sound in (marked_talk, marked_tune):
        found = only(detect_sound([sound], RATE, key))
        assert found.from_s <= 0.5
        assert found.to_s == pytest.approx(10.0, abs=0.5)
        assert (found.tempo, found.pitch) == (1.0, 1.0)
        assert len(found.seconds) == 10


def test_the_length_of_blocks_does_not_matter(key: Key, marked_talk: Sound) -> None:
    blocks = np.array_split(marked_talk, 97, axis=1)
    assert detect_sound(blocks, RATE, key) == detect_sound([marked_talk], RATE, key)


def test_a_stranger_finds_nothing(other_key: Key, marked_talk: Sound) -> None:
    assert detect_sound([marked_talk], RATE, other_key) == []


def test_nothing_is_found_in_unmarked_sound(key: Key, talk: Sound, tune: Sound) -> None:
    assert detect_sound([talk], RATE, key) == []
    assert detect_sound([tune], RATE, key) == []


@pytest.mark.parametrize(("codec", "bit_rate"), [("aac", 64_000), ("libmp3lame", 64_000), ("libopus", 32_000)])
def test_codecs_leave_the_mark(key: Key, marked_talk: Sound, codec: str, bit_rate: int) -> None:
    sound, rate = sounds.recoded(marked_talk, RATE, codec, bit_rate)
    only(detect_sound([sound], rate, key))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_other_sample_rates_leave_the_mark(key: Key, marked_talk: Sound, rate: int) -> None:
    only(detect_sound([sounds.resampled(marked_talk, RATE, rate)], rate, key))


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_sound_of_other_rates_is_marked(key: Key, sound_pattern: SoundPattern, rate: int) -> None:
    sound = marked(sounds.speech("en", 10.0, rate), sound_pattern, rate)
    only(detect_sound([sounds.resampled(sound, rate, RATE)], RATE, key))


@pytest.mark.parametrize("speed", [0.96, 1.03])
def test_tape_played_faster_or_slower_is_read(key: Key, marked_talk: Sound, speed: float) -> None:
    played = sounds.resampled(marked_talk, round(speed * 1000), 1000)
    found = only(detect_sound([played], RATE, key))
    assert found.tempo == pytest.approx(speed, abs=0.003)
    assert found.pitch == pytest.approx(speed, abs=0.021)
    assert detect_sound([played], RATE, key, search_speed=False) == []


def test_volume_noise_and_a_cut_leave_the_mark(key: Key, marked_talk: Sound) -> None:
    cut = marked_talk[:, 100_003:]
    noise = np.random.default_rng(0).standard_normal(cut.shape) * np.sqrt(np.square(cut).mean()) / 10
    only(detect_sound([(0.05 * (cut + noise)).astype(np.float32)], RATE, key))


def test_a_sound_stolen_into_one_channel_of_many_is_read(key: Key, marked_talk: Sound) -> None:
    surround = np.zeros((8, marked_talk.shape[1]), dtype=np.float32)
    surround[5] = marked_talk
    only(detect_sound([surround], RATE, key))


def test_two_marks_in_time_are_both_read_with_their_boundary(key: Key, talk: Sound) -> None:
    first = marked(talk, make_sound_pattern(key, MARK))
    second = marked(talk, make_sound_pattern(key, OTHER_MARK), start_s=10.0)
    found = detect_sound([first, second], RATE, key)
    assert [one.mark for one in found] == [f"{MARK:016x}", f"{OTHER_MARK:016x}"]
    assert found[0].to_s == pytest.approx(10.0, abs=1.0)
    assert found[1].from_s == pytest.approx(10.0, abs=1.0)


def test_a_marked_insert_is_found_where_it_is(key: Key, talk: Sound, marked_talk: Sound) -> None:
    found = only(detect_sound([talk, marked_talk, talk], RATE, key))
    assert found.from_s == pytest.approx(10.0, abs=1.0)
    assert found.to_s == pytest.approx(20.0, abs=1.0)


def test_one_mark_in_a_long_sound_is_one_detection(key: Key, tune: Sound, sound_pattern: SoundPattern) -> None:
    found = only(detect_sound([marked(np.tile(tune, 5), sound_pattern)], RATE, key))
    assert found.from_s <= 0.5
    assert found.to_s == pytest.approx(50.0, abs=0.5)
    assert len(found.seconds) == 50


def test_too_little_sound_shows_nothing(key: Key, marked_talk: Sound) -> None:
    for length in (0, 1, 100, 4_800, 24_000):
        assert detect_sound([marked_talk[:, :length]], RATE, key) == []
    assert detect_sound([], RATE, key) == []
    assert detect_sound([np.zeros((2, 10 * RATE), dtype=np.float32)], RATE, key) == []


def test_broken_sound_is_refused(key: Key) -> None:
    with pytest.raises(BadMedia, match="samples_not_finite"):
        detect_sound([np.full((1, RATE), np.nan, dtype=np.float32)], RATE, key)
    with pytest.raises(BadMedia, match="sample_rate"):
        detect_sound([np.zeros((1, RATE), dtype=np.float32)], 100, key)
    with pytest.raises(BadMedia, match="channels_change"):
        detect_sound([np.zeros((1, RATE), dtype=np.float32), np.zeros((2, RATE), dtype=np.float32)], RATE, key)


def test_real_speech_keeps_the_mark_through_opus(key: Key, sound_pattern: SoundPattern, shared_media: Path) -> None:
    sound, rate = sounds.decoded(str(shared_media / "grid_s1_60s.mp4"))
    sound, rate = sounds.recoded(marked(sound[:1, : 10 * rate], sound_pattern, rate), rate, "libopus", 32_000)
    only(detect_sound([sound], rate, key))


# --- marks that were given out ---
STRANGERS = [random.Random(5).getrandbits(64) for _ in range(1000)]


@pytest.fixture(scope="module")
def drowned(marked_talk: Sound) -> Sound:
    """Six seconds in noise that leaves too little to tell any mark."""
    part = marked_talk[:, : 6 * RATE]
    noise = np.random.default_rng(1).standard_normal(part.shape) * np.sqrt(np.square(part).mean() / 10)
    return (part + noise).astype(np.float32)


def test_what_is_too_noisy_to_tell_any_mark_tells_one_of_a_thousand(key: Key, drowned: Sound) -> None:
    only(detect_sound([drowned], RATE, key, search_speed=False, known=[*STRANGERS, MARK]))


@pytest.mark.parametrize("known", [[], STRANGERS])
def test_nothing_is_made_of_it_without_its_mark_in_the_list(key: Key, drowned: Sound, known: list[int]) -> None:
    assert detect_sound([drowned], RATE, key, search_speed=False, known=known) == []


def test_unmarked_sound_shows_none_of_the_list(key: Key, talk: Sound, tune: Sound) -> None:
    for sound in (talk, tune):
        assert detect_sound([sound], RATE, key, search_speed=False, known=[*STRANGERS, MARK]) == []


def test_a_clear_mark_is_told_though_the_list_knows_only_others(key: Key, marked_talk: Sound) -> None:
    only(detect_sound([marked_talk], RATE, key, known=STRANGERS))


def test_a_known_mark_beyond_64_bits_is_refused(key: Key, drowned: Sound) -> None:
    with pytest.raises(BadMark):
        detect_sound([drowned], RATE, key, search_speed=False, known=[1 << 64])
