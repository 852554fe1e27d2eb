"""What a thief tries who knows this source, many releases and some patterns, but not the key.

Wherever the thief would have to estimate a mark from pictures, the test hands over the exact one: what then fails
cannot succeed with less.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import Embedder, Key, MarkMissing, MarkPattern, detect_frames, embed_frames, make_pattern, verify_mark
from watermark.payload import Payload

HEX = f"{MARK:016x}"
RELEASES = 150

Frames = list[av.VideoFrame]


def read(frames: Sequence[av.VideoFrame], key: Key) -> set[str]:
    return {found.mark for found in detect_frames(frames, key, search=False)}


def residual(pattern: MarkPattern, t_s: float) -> npt.NDArray[np.float64]:
    """float64[180, 320]: the very change that a mark makes to a grey wall."""
    wall = np.full((180, 320), 120, dtype=np.uint8)
    Embedder(pattern, 320, 180).embed(wall, t_s)
    return wall.astype(np.float64) - 120


def changed(frames: Frames, changes: Sequence[npt.NDArray[np.float64]]) -> Frames:
    lumas = [
        np.clip(np.rint(scenes.luma_of(f) + c), 0, 255).astype(np.uint8) for f, c in zip(frames, changes, strict=True)
    ]
    return [scenes.frame_of(luma, index) for index, luma in enumerate(lumas)]


def differences(clear: Frames, marked: Frames) -> list[npt.NDArray[np.float64]]:
    return [scenes.luma_of(m).astype(np.float64) - scenes.luma_of(c) for c, m in zip(clear, marked, strict=True)]


def test_averaging_the_beginnings_of_many_releases_shows_nothing(key: Key) -> None:
    """The tile of every mark begins elsewhere, so the mean falls as that of noise does: there is no common part."""
    shown = [residual(make_pattern(key, mark), 1.0) for mark in range(RELEASES)]
    alone = float(np.mean([np.square(one).mean() for one in shown])) ** 0.5
    assert np.square(np.mean(shown, axis=0)).mean() ** 0.5 < 1.5 * alone / RELEASES**0.5


def test_averaging_releases_moved_onto_each_other_gives_no_mark_to_forge(studio: Frames, key: Key) -> None:
    """What a thousand marks have in common are the synchronisation carriers. The rest averages out and is no word."""
    common = np.mean([np.exp(2j * np.pi * make_pattern(key, mark).phases / 65536) for mark in range(1000)], axis=0)
    steady = np.abs(common) > 0.5
    assert steady.sum() == 754 - 512
    phases = np.rint(np.angle(common) / (2 * np.pi) * 65536).astype(np.int64).astype(np.uint16)
    forged = MarkPattern(key.id, MARK, phases, make_pattern(key, MARK).hops, 8.0)
    assert read(list(embed_frames(studio[:25], forged)), key) == set()


def test_a_pattern_with_another_number_written_on_it_still_carries_its_own(studio: Frames, key: Key) -> None:
    """The number in the file is a label; what is embedded is what the phases say."""
    relabelled = dataclasses.replace(make_pattern(key, MARK), mark=MARK + 1)
    frames = list(embed_frames(studio[:50], MarkPattern.from_bytes(relabelled.to_bytes())))
    assert read(frames, key) == {HEX}
    with pytest.raises(MarkMissing):
        verify_mark(frames, key, MARK + 1)


def test_forging_a_mark_from_known_ones_passes_no_check(key: Key) -> None:
    """Patterns of many marks span code words; hardly any of them stands for a mark, and none for a wanted one."""
    payload, rng = Payload(key), np.random.default_rng(5)
    known = np.stack([payload.bits(mark) for mark in range(64)])
    for _ in range(3000):
        some = rng.choice(len(known), size=2 * int(rng.integers(1, 6)) + 1, replace=False)
        assert payload.mark(np.bitwise_xor.reduce(known[some])) is None


def test_marks_counted_up_tell_nothing_of_the_next(key: Key) -> None:
    words = np.stack([Payload(key).bits(mark) for mark in range(500)])
    apart = np.count_nonzero(words[:-1] != words[1:], axis=1)
    assert apart.min() > 30 and apart.max() < 66 and 46 < apart.mean() < 50


def test_a_copied_residual_shows_the_number_it_had_and_passes_for_no_other(
    street: Frames, studio: Frames, marked_studio: Frames, key: Key
) -> None:
    """A transplant reads as the mark it was taken from: the registry's fingerprint, not the mark, tells the footage."""
    laid = changed(street[:50], differences(studio[:50], marked_studio[:50]))
    assert read(laid, key) == {HEX}
    for other in (MARK + 1, MARK ^ 1 << 63):
        with pytest.raises(MarkMissing):
            verify_mark(laid, key, other)


def test_a_residual_estimated_by_denoising_shows_no_other_mark(street: Frames, marked_studio: Frames, key: Key) -> None:
    taken = np.mean([scenes.luma_of(f) - blurred(scenes.luma_of(f)) for f in marked_studio[:25]], axis=0)
    laid = changed(street[:25], [np.clip(2 * taken, -5, 5)] * 25)
    assert read(laid, key) <= {HEX}


def blurred(luma: scenes.Luma) -> npt.NDArray[np.float64]:
    padded = np.pad(luma.astype(np.float64), 3, mode="edge").cumsum(0).cumsum(1)
    sums = np.pad(padded, ((1, 0), (1, 0)))
    return (sums[7:, 7:] - sums[:-7, 7:] - sums[7:, :-7] + sums[:-7, :-7]) / 49


@pytest.mark.parametrize("stripped", ["every other second", "the second half"])
def test_stripping_half_of_the_slices_does_not_pass_the_gate(
    stripped: str, street: Frames, marked_street: Frames, key: Key
) -> None:
    """What is left still tells the mark; the gate names the first stretch without it."""
    length = 100
    bare = [index // 25 % 2 == 1 if stripped == "every other second" else index >= 50 for index in range(length)]
    kept = [(street if gone else marked_street)[index % 75] for index, gone in enumerate(bare)]
    frames = scenes.shifted(kept)
    with pytest.raises(MarkMissing) as refusal:
        verify_mark(frames, key, MARK, slice_s=1.0)
    assert refusal.value.from_s == pytest.approx(bare.index(True) / 25)
    assert read(frames, key) == {HEX}


def test_subtracting_ones_own_pattern_in_some_slices_does_not_pass_the_gate(
    marked_studio: Frames, pattern: MarkPattern, key: Key
) -> None:
    opposite = dataclasses.replace(pattern, phases=pattern.phases + np.uint16(32768))
    frames = [*marked_studio[:25], *embed_frames(marked_studio[25:50], opposite), *marked_studio[50:]]
    with pytest.raises(MarkMissing) as refusal:
        verify_mark(frames, key, MARK, slice_s=1.0)
    assert (refusal.value.from_s, refusal.value.to_s) == (pytest.approx(1.0), pytest.approx(2.0))


@pytest.mark.parametrize("way", ["mean", "turns"])
def test_mixing_copies_with_marks_of_their_own_accuses_nobody_else(
    way: str, studio: Frames, marked_studio: Frames, key: Key
) -> None:
    """Five who compare their copies: whoever is found is one of them."""
    copies = [marked_studio[:25]] + [list(embed_frames(studio[:25], make_pattern(key, mark))) for mark in range(4)]
    lumas = np.stack([[scenes.luma_of(frame) for frame in copy] for copy in copies])
    mixed = lumas.mean(axis=0).round() if way == "mean" else np.stack([lumas[i % 5][i] for i in range(25)])
    frames = [scenes.frame_of(luma.astype(np.uint8), index) for index, luma in enumerate(mixed)]
    assert read(frames, key) <= {HEX, *(f"{mark:016x}" for mark in range(4))}


def test_a_guessed_key_of_the_same_name_finds_nothing(marked_studio: Frames, marked_street: Frames, key: Key) -> None:
    for number in range(8):
        guess = Key(key.id, bytes([number]) * 32)
        assert read(marked_studio[:25], guess) == set()
        assert read(marked_street[:25], guess) == set()
