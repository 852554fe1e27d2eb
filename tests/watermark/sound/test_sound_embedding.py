"""Embedding as a stream: nothing lost, nothing added to silence, nothing that depends on how it is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.watermark.sound_quality import quality
from tests.watermark.sound import sounds
from tests.watermark.sound.conftest import MARK, RATE, marked
from watermark import BadMedia, Key
from watermark.sound import SoundEmbedder, SoundPattern, embed_sound, make_sound_pattern

PATTERN = make_sound_pattern(Key("test-key", bytes(range(32))), MARK)
NOISE = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 24_000)).astype(np.float32)


@given(
    st.lists(st.integers(0, 24_000), max_size=12),
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    st.floats(-5, 500),
)
@settings(max_examples=25, deadline=None)
def test_the_result_does_not_depend_on_how_the_stream_is_cut(cuts: list[int], rate: int, start_s: float) -> None:
    borders = [0, *sorted(cuts), 24_000]
    blocks = [NOISE[:, a:b] for a, b in itertools.pairwise(borders)]
    pieces = list(embed_sound(blocks, PATTERN, rate, start_s=start_s))
    assert np.array_equal(np.concatenate(pieces, axis=1), marked(NOISE, PATTERN, rate, start_s))


@given(st.integers(0, 5_000), st.sampled_from([8_000, 16_000, 44_100, 48_000]), st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_as_many_samples_come_out_as_went_in(length: int, rate: int, channels: int) -> None:
    embedder = SoundEmbedder(PATTERN, rate, channels)
    sound = np.full((channels, length), 0.25, dtype=np.float32)
    first = embedder.process(sound)
    assert length - first.shape[1] <= embedder.delay_samples
    assert first.shape[1] + embedder.flush().shape[1] == length


@given(st.integers(1, 24_000), st.sampled_from([8_000, 22_050, 48_000]))
@settings(max_examples=15, deadline=None)
def test_silence_stays_silence_to_the_last_bit(length: int, rate: int) -> None:
    assert not marked(np.zeros((1, length), dtype=np.float32), PATTERN, rate).any()


def test_a_pause_of_digital_silence_stays_silent() -> None:
    sound = NOISE.copy()
    sound[:, 8_000:16_000] = 0
    out = marked(sound, PATTERN)
    reach = RATE // 50
    assert not out[:, 8_000 + reach : 16_000 - reach].any()
    assert (out != sound).any()


def test_all_channels_get_the_same_change_and_frequencies_outside_the_bands_none(talk: sounds.Sound) -> None:
    out = marked(np.concatenate([talk, 0.5 * talk]), PATTERN)
    assert np.allclose(out[1], 0.5 * out[0], atol=1e-6)
    t = np.arange(2 * RATE) / RATE
    high = (0.3 * np.sin(2 * np.pi * 12_000 * t)).astype(np.float32)[None]
    edge = RATE // 50  # where the tone begins and ends it has all frequencies
    assert np.abs(marked(high, PATTERN) - high)[:, edge:-edge].max() < 1e-4


def test_what_did_not_clip_does_not_clip() -> None:
    loud = np.sign(NOISE)
    assert np.abs(marked(loud, PATTERN)).max() == 1.0


def test_the_change_stays_below_the_mask(talk: sounds.Sound, marked_talk: sounds.Sound) -> None:
    found = quality(talk[0].astype(np.float64), marked_talk[0].astype(np.float64), RATE)
    assert found.nmr_db < -11
    assert found.disturbed < 0.02


def test_eight_channels_are_marked_alike() -> None:
    assert marked(np.repeat(NOISE[:1], 8, axis=0), PATTERN).shape == (8, 24_000)


@pytest.mark.parametrize("rate", [0, 4_000, 1_000_000])
def test_other_sample_rates_are_refused(rate: int) -> None:
    with pytest.raises(BadMedia, match="sample_rate"):
        SoundEmbedder(PATTERN, rate, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(value: float) -> None:
    sound = NOISE.copy()
    sound[0, 100] = value
    with pytest.raises(BadMedia, match="samples_not_finite"):
        SoundEmbedder(PATTERN, RATE, 2).process(sound)


def test_other_shapes_types_and_counts_of_channels_are_refused() -> None:
    embedder = SoundEmbedder(PATTERN, RATE, 2)
    with pytest.raises(BadMedia, match="channels_change"):
        embedder.process(NOISE[:1])
    with pytest.raises(BadMedia, match="sample_format"):
        embedder.process((NOISE * 100).astype(np.int16))  # type: ignore[arg-type]
    with pytest.raises(BadMedia, match="channels"):
        SoundEmbedder(PATTERN, RATE, 0)
    with pytest.raises(BadMedia, match="start_time"):
        SoundEmbedder(PATTERN, RATE, 1, start_s=float("nan"))


def test_nothing_follows_the_end(sound_pattern: SoundPattern) -> None:
    embedder = SoundEmbedder(sound_pattern, RATE, 1)
    embedder.flush()
    with pytest.raises(BadMedia, match="stream_ended"):
        embedder.process(NOISE[:1])


def test_no_sound_gives_no_sound() -> None:
    assert list(embed_sound([], PATTERN, RATE)) == []
    assert list(embed_sound([np.zeros((1, 0), dtype=np.float32)], PATTERN, RATE)) == []
