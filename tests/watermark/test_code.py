"""The payload and the code: laws for all marks, and noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark import BadMark, Key, parse_mark
from watermark.bounds import needed_score, needed_total, tail, tail_of
from watermark.payload import INFO_BITS, Payload
from watermark.polar import CODE_BITS, LIST_SIZE, decode, decode_each, encode

marks = st.integers(0, 2**64 - 1)
PAYLOAD = Payload(Key("k", b"\x01" * 32))


@given(marks)
@settings(max_examples=100, deadline=None)
def test_every_mark_comes_back(mark: int) -> None:
    assert PAYLOAD.mark(PAYLOAD.bits(mark)) == mark


@given(marks, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_mark_survives_noise_stronger_than_the_signal(mark: int, seed: int) -> None:
    bits = PAYLOAD.bits(mark)
    noise = np.random.default_rng(seed).standard_normal(CODE_BITS)
    soft = 0.95 * (1.0 - 2.0 * encode(bits)) + noise
    assert mark in [PAYLOAD.mark(word) for word in decode(soft)]


def test_words_are_decoded_side_by_side_as_one_by_one() -> None:
    rng = np.random.default_rng(3)
    softs = 1.0 - 2.0 * encode(rng.integers(0, 2, INFO_BITS).astype(np.uint8)) + rng.normal(0, 1.6, (5, CODE_BITS))
    for soft, words in zip(softs, decode_each(softs, 32), strict=True):
        assert np.array_equal(words, decode(soft, 32))


def test_more_paths_lead_to_more_marks_at_the_edge() -> None:
    """The best words of a longer list hold the mark more often, so that no more checks need be tried."""
    found = {32: 0, 1024: 0}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        bits = PAYLOAD.bits(seed)
        soft = 0.55 * (1.0 - 2.0 * encode(bits)) + rng.standard_normal(CODE_BITS)
        for paths in found:
            found[paths] += seed in [PAYLOAD.mark(word) for word in decode(soft, paths)[:32]]
    assert found[1024] > found[32] > 0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_noise_alone_never_passes_the_check(seed: int) -> None:
    words = decode(np.random.default_rng(seed).standard_normal(CODE_BITS))
    assert 1 <= len(words) <= LIST_SIZE
    assert all(PAYLOAD.mark(word) is None for word in words)


@given(marks, st.integers(0, INFO_BITS - 1))
@settings(max_examples=100, deadline=None)
def test_a_changed_bit_fails_the_check(mark: int, position: int) -> None:
    bits = PAYLOAD.bits(mark).copy()
    bits[position] ^= 1
    assert PAYLOAD.mark(bits) is None


def test_three_patterns_combined_by_a_thief_pass_for_no_mark() -> None:
    """The code is linear, so the sum of three code words is a code word; the keyed check refuses it."""
    words = [PAYLOAD.bits(mark) for mark in (1, 2, 3)]
    forged = words[0] ^ words[1] ^ words[2]
    assert np.array_equal(encode(forged), encode(words[0]) ^ encode(words[1]) ^ encode(words[2]))
    assert PAYLOAD.mark(forged) is None


def test_another_key_hides_a_mark_in_other_bits() -> None:
    stranger = Payload(Key("k", b"\x02" * 32))
    assert stranger.mark(PAYLOAD.bits(7)) is None


@pytest.mark.parametrize("mark", [-1, 2**64])
def test_numbers_beyond_64_bits_are_refused(mark: int) -> None:
    with pytest.raises(BadMark, match="bad_mark"):
        PAYLOAD.bits(mark)


@pytest.mark.parametrize("text", ["", "12345678901234567", "xyz", "-1", " 1", "0x"])
def test_marks_are_parsed_strictly(text: str) -> None:
    with pytest.raises(BadMark):
        parse_mark(text)


def test_marks_are_hexadecimal() -> None:
    assert parse_mark("0xC0ffee") == parse_mark("0000000000c0ffee") == 0xC0FFEE


def test_the_bound_holds_for_random_phases_whatever_the_weights() -> None:
    rng = np.random.default_rng(3)
    weights = rng.pareto(1.5, 512)
    angles = rng.uniform(0, 2 * np.pi, (20000, 512))
    scores = (np.cos(angles) @ weights) / np.sqrt((weights**2).sum() / 2)
    for level in (1.0, 2.0, 3.0):
        assert np.mean(scores >= level) <= tail(level, 1)


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_the_bound_of_given_amplitudes_holds_and_is_sharper(spread: float) -> None:
    rng = np.random.default_rng(4)
    amplitudes = rng.lognormal(0, spread, 64)
    sums = np.cos(rng.uniform(0, 2 * np.pi, (200000, 64))) @ amplitudes
    unit = np.sqrt((amplitudes**2).sum() / 2)
    for level in (1.0, 2.0, 3.0, 4.0):
        assert np.mean(sums >= level * unit) <= tail_of(amplitudes, level * unit, 1) <= tail(level, 1)
    assert tail_of(amplitudes, 9 * unit, 2.0**64) <= 0.5 * tail(9, 2.0**64) or tail(9, 2.0**64) == 1.0


def test_the_bound_of_given_amplitudes_ends_where_all_agree() -> None:
    """One carrier cannot exceed its amplitude; many may, and huge ones do not overflow."""
    assert tail_of(np.full(512, 1e6), 512e6, 2.0**64) < 1e-100
    assert tail_of(np.ones(3), 0.0, 1) == tail_of(np.zeros(3), -1.0, 1) == 1.0


def test_the_needed_score_is_where_the_bound_falls_to_p() -> None:
    assert tail(needed_score(1e-12, 2.0**64), 2.0**64) == pytest.approx(1e-12)
    assert tail(0.0, 1) == tail(-3.0, 1) == 1.0


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32), p=st.sampled_from([1e-6, 5e-11, 1e-15]),
    alternatives=st.sampled_from([1.0, 2e4, 2.0**70]),
)  # fmt: skip
def test_the_needed_sum_is_where_the_bound_falls_to_p(seed: int, p: float, alternatives: float) -> None:
    amplitudes = np.random.default_rng(seed).rayleigh(1.0, 512)
    needed = needed_total(amplitudes, p, alternatives)
    assert tail_of(amplitudes, needed, alternatives) == pytest.approx(p, rel=0.1)
    assert tail_of(amplitudes, 0.97 * needed, alternatives) > p > tail_of(amplitudes, 1.03 * needed, alternatives)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_list_is_in_the_order_of_agreement(seed: int) -> None:
    soft = np.random.default_rng(seed).normal(0, 1, CODE_BITS)
    agreeing = (1.0 - 2.0 * encode(np.stack(decode(soft, 64)))) @ soft
    assert bool((np.diff(agreeing) <= 1e-9).all())
