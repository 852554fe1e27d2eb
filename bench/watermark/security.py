"""What a thief can do to the picture mark who knows this source but not the key: `python -m bench.watermark.security`.

Averaging works on amplitudes of the carriers as the reader takes them, at the reference scale and without a codec in
between, which favours the thief: each release is a real picture (a random cut of a frame of the bench clips, mirrored
or not) with a mark of its own. All other attacks run on pixels of real clips and are read by the real reader.
"""

from __future__ import annotations

import argparse
import itertools
import math
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from bench.watermark.clips import available
from bench.watermark.quality import luma_of
from tests.watermark.scenes import frame_of, reencoded
from watermark import Embedder, Key, MarkMissing, MarkPattern, detect_frames, make_pattern, verify_mark
from watermark.carriers import Carriers
from watermark.geometry import Geometry
from watermark.lattice import REFERENCE_SHORT_SIDE, SHIFT_GRID, TILE_AT_REFERENCE, frequencies
from watermark.payload import Payload
from watermark.polar import encode
from watermark.residual import suppress_host
from watermark.spectrum import carrier_lines
from watermark.synchronisation import whiten

KEY = Key("bench", bytes(range(32)))
MARK = 0xA5A5_0123_4567_89AB
FPS = 25
_WIDTH, _HEIGHT = 640, REFERENCE_SHORT_SIDE
_FRAMES_A_RELEASE = 3

Luma = npt.NDArray[np.uint8]
Amplitudes = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Row:
    """An attack, what came of it, and what it cost the picture."""

    attack: str
    outcome: str
    cost: str = ""


def amplitudes_of(pictures: Sequence[Luma]) -> Amplitudes:
    """complex128[K]: what the thief sees of the carriers in the mean residual; phases as seen from the upper left."""
    residual = torch.stack([suppress_host(torch.from_numpy(p).float()) for p in pictures]).mean(dim=0)
    rows, columns = residual.shape
    tile = TILE_AT_REFERENCE * min(rows, columns) / REFERENCE_SHORT_SIDE
    lines = whiten(*carrier_lines(residual, (tile, tile), Geometry()))
    middle = np.array([columns, rows]) / (2 * tile)
    seen: Amplitudes = lines * np.exp(-2j * np.pi * (frequencies() @ middle))
    return seen


def shifted_onto(seen: Amplitudes, known: Amplitudes) -> Amplitudes:
    """`seen` moved to the place of the grid where it agrees best with `known`."""
    lattice, fine = frequencies(), 2 * SHIFT_GRID
    grid = np.zeros((fine, fine), dtype=np.complex128)
    grid[lattice[:, 1], lattice[:, 0] % fine] = seen * known.conj()
    y, x = np.unravel_index(int(np.fft.fft2(grid).real.argmax()), grid.shape)
    moved: Amplitudes = seen * np.exp(-2j * np.pi * (lattice @ np.array([x, y]) / fine))
    return moved


def agreement(estimate: Amplitudes, truth: Amplitudes) -> float:
    """Correlation of an estimate with the truth at its best place; 1 if they are one pattern, near 0 by chance."""
    moved = shifted_onto(estimate, truth)
    size = float(np.linalg.norm(moved) * np.linalg.norm(truth))
    return float((moved * truth.conj()).sum().real) / size


def releases(pool: Sequence[Luma], count: int, seed: int = 1) -> Iterator[Amplitudes]:
    """What the thief sees of `count` releases with marks of their own, in their first time slot."""
    rng = np.random.default_rng(seed)
    for mark in range(count):
        embedder = Embedder(make_pattern(KEY, mark), _WIDTH, _HEIGHT)
        shown = []
        for _ in range(_FRAMES_A_RELEASE):
            picture = random_cut(pool, rng)
            embedder.embed(picture, 1.0)
            shown.append(picture)
        yield amplitudes_of(shown)


def random_cut(pool: Sequence[Luma], rng: np.random.Generator) -> Luma:
    """A part of a picture, mirrored or not, at the reference scale."""
    picture = pool[int(rng.integers(len(pool)))]
    share = rng.uniform(0.5, 1.0)
    height = int(share * min(picture.shape[0], picture.shape[1] * _HEIGHT / _WIDTH))
    width = int(height * _WIDTH / _HEIGHT)
    top, left = (int(rng.integers(side - part + 1)) for side, part in zip(picture.shape, (height, width), strict=True))
    part = cv2.resize(picture[top : top + height, left : left + width], (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(part[:, :: int(rng.choice([1, -1]))])


def averaging(pool: Sequence[Luma], counts: Sequence[int]) -> Iterator[Row]:
    """The mean over releases: as they are, and moved onto each other by what they have in common."""
    carriers = Carriers(KEY)
    truth = np.exp(1j * carriers.theta)
    chance = agreement(np.exp(2j * np.pi * np.random.default_rng(0).random(len(truth))), truth)
    plain = np.zeros(len(truth), dtype=np.complex128)
    common, squares, reached = plain.copy(), plain.copy(), 0
    stream = releases(pool, max(counts))
    for count in counts:
        for seen in itertools.islice(stream, count - reached):
            plain += seen
            moved = shifted_onto(seen, common) if common.any() else seen
            common += moved
            squares += moved**2
        reached = count
        sync = np.zeros(len(truth))
        sync[carriers.sync] = 1
        guess = np.zeros(len(truth))
        guess[np.argsort(-np.abs(common))[: len(carriers.sync)]] = 1
        yield Row(
            f"average of {count} releases",
            f"agreement with the synchronisation carriers: {agreement(plain * sync, truth * sync):.2f} as they are, "
            f"{agreement(common * sync, truth * sync):.2f} moved onto each other (chance {chance:.2f}); "
            f"roles told apart: {np.mean(guess == sync):.0%}; all carriers but for signs: "
            f"{agreement_of_squares(squares, truth):.2f}",
        )
    yield removal_by(common, squares, pool, carriers)


def agreement_of_squares(squares: Amplitudes, truth: Amplitudes) -> float:
    """As `agreement`, of doubled phases: signs, which carry the code, drop out."""
    lattice, fine = frequencies(), 2 * SHIFT_GRID
    grid = np.zeros((fine, fine), dtype=np.complex128)
    np.add.at(grid, (2 * lattice[:, 1] % fine, 2 * lattice[:, 0] % fine), squares * (truth**2).conj())
    return float(np.fft.fft2(grid).real.max() / (np.linalg.norm(squares) * np.linalg.norm(truth)))


def removal_by(common: Amplitudes, squares: Amplitudes, pool: Sequence[Luma], carriers: Carriers) -> Row:
    """Whether carriers learnt from others help to clean a release that was not among them."""
    rng = np.random.default_rng(99)
    embedder = Embedder(make_pattern(KEY, MARK), _WIDTH, _HEIGHT)
    shown = [random_cut(pool, rng) for _ in range(2 * _FRAMES_A_RELEASE)]
    for picture in shown:
        embedder.embed(picture, 1.0)
    seen = amplitudes_of(shown)
    truth = pattern_amplitudes(make_pattern(KEY, MARK), 0)
    own = agreement(np.exp(1j * np.angle(seen)), truth)
    place = shifted_onto(common, seen)
    back = place / np.where(common == 0, 1, common)
    # Doubled phases give every carrier up to its sign; the release itself shows the sign.
    learnt = np.exp(0.5j * np.angle(squares)) * back
    learnt *= np.sign((seen * learnt.conj()).real)
    return Row(
        "the pattern of a release not among them",
        f"agreement {own:.2f} from the release alone, {agreement(learnt, truth):.2f} with what the others taught",
    )


def pattern_amplitudes(pattern: MarkPattern, slot: int) -> Amplitudes:
    """complex128[K] of modulus 1: the pattern's carriers in a slot."""
    turns = pattern.phases / 65536 + frequencies() @ (pattern.hops[slot] / SHIFT_GRID)
    truth: Amplitudes = np.exp(2j * np.pi * turns)
    return truth


def forging(trials: int) -> Iterator[Row]:
    """A mark of the thief's choice, from patterns of other marks."""
    payload = Payload(KEY)
    known = np.stack([payload.bits(mark) for mark in range(64)])
    rng = np.random.default_rng(5)
    passed = 0
    for _ in range(trials):
        some = known[rng.choice(len(known), size=2 * int(rng.integers(1, 6)) + 1, replace=False)]
        passed += payload.mark(np.bitwise_xor.reduce(some)) is not None
    yield Row(f"{trials} words put together from 64 known marks", f"{passed} pass the check")
    wanted = payload.bits(MARK)
    nearest = min(int((encode(payload.bits(mark)) != encode(wanted)).sum()) for mark in range(1000))
    yield Row("1,000 marks counted up to a wanted one", f"the nearest code word differs in {nearest} of 512 bits")


class Clip:
    """A clip in the clear and marked."""

    def __init__(self, name: str, luma: Luma) -> None:
        self.name, self.clear = name, luma
        self.marked = marked(luma, make_pattern(KEY, MARK))

    def row(self, attack: str, attacked: Luma, *, key: Key = KEY, marks: int = 1) -> Row:
        """What the reader says of a copy that may hold the first `marks` marks, and how far it is from the original."""
        copy = list(reencoded([frame_of(plane, i) for i, plane in enumerate(attacked)], crf="23"))
        found = {int(d.mark, 16) - MARK for d in detect_frames(copy, key)}
        word = f"{len(found)} of {marks} marks found" if found else "nothing found"
        if not found <= set(range(marks)):
            word = "WRONG MARK"
        return Row(f"{self.name}: {attack}", word, f"{psnr(self.clear, attacked):.1f} dB")


def marked(luma: Luma, pattern: MarkPattern) -> Luma:
    """The frames with the mark of a pattern, from time 0."""
    embedder = Embedder(pattern, luma.shape[2], luma.shape[1])
    out = luma.copy()
    for index, frame in enumerate(out):
        embedder.embed(frame, index / FPS)
    return out


def psnr(before: Luma, after: Luma) -> float:
    """Luma PSNR in dB."""
    changes = (b.astype(np.int16) - a for a, b in zip(before, after, strict=True))
    error = float(np.mean([np.mean(np.square(change, dtype=np.int32)) for change in changes]))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def pixel_attacks(clip: Clip, other: Clip) -> Iterator[Row]:
    """All that can be tried on one clip."""
    yield clip.row("none", clip.marked)
    yield clip.row("a wrong key", clip.marked, key=Key("stranger", secrets.token_bytes(32)))
    own = make_pattern(KEY, MARK)
    yield clip.row("the worker subtracts the pattern it holds", marked(clip.marked, opposite(own)))
    for times in (1, 2):
        yield clip.row(f"pattern estimated from this clip alone, subtracted {times} x", erased(clip.marked, times))
    yield other.row(f"residual of {clip.name} pasted on it", pasted(clip, other))
    others = [marked(clip.clear, make_pattern(KEY, MARK + i)) for i in range(1, 8)]
    for count in (2, 4, 8):
        copies = np.stack([clip.marked, *others[: count - 1]])
        mean = copies.mean(axis=0).round().astype(np.uint8)
        yield clip.row(f"mean of {count} copies with marks of their own", mean, marks=count)
    turns = np.stack([[clip.marked, *others][i % 8][i] for i in range(len(clip.marked))])
    yield clip.row("each frame from another of 8 copies", turns, marks=8)


def opposite(pattern: MarkPattern) -> MarkPattern:
    """The pattern that takes another away."""
    return MarkPattern(pattern.key_id, pattern.mark, pattern.phases + np.uint16(32768), pattern.hops, pattern.slot_s)


def erased(luma: Luma, times: int) -> Luma:
    """Each pass reads the carriers' phases off the clip, for which one needs no key, and embeds their opposite."""
    for _ in range(times):
        scale = REFERENCE_SHORT_SIDE / min(luma.shape[1:])
        size = round(luma.shape[2] * scale), round(luma.shape[1] * scale)
        small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in luma[::3]]
        turns = np.angle(amplitudes_of([np.asarray(s, np.uint8) for s in small])) / (2 * math.pi)
        phases = (np.rint(turns * 65536).astype(np.int64) % 65536).astype(np.uint16)
        luma = marked(luma, opposite(MarkPattern("thief", 0, phases, np.zeros((1, 2), np.uint8), 60.0)))
    return luma


def pasted(source: Clip, target: Clip) -> Luma:
    """What denoising takes out of the marked source, averaged over its frames, laid over other pictures."""
    taken = np.mean([plane - cv2.bilateralFilter(plane.astype(np.float32), 9, 6, 9) for plane in source.marked], axis=0)
    rows, columns = (min(a, b) for a, b in zip(source.clear.shape[1:], target.clear.shape[1:], strict=True))
    laid = target.clear[: len(source.clear)].copy()
    there = laid[:, :rows, :columns]
    there[:] = np.clip(np.rint(there + 1.5 * np.clip(taken[:rows, :columns], -4, 4)), 0, 255)
    return laid


def gate_refuses(clip: Clip) -> Row:
    """Whether a worker passes the gate with the pattern of another permit's mark."""
    frames = [frame_of(plane, i) for i, plane in enumerate(clip.marked)]
    try:
        verify_mark(frames, KEY, MARK + 1)
    except MarkMissing:
        return Row(f"{clip.name}: offered to the gate for another mark", "refused")
    return Row(f"{clip.name}: offered to the gate for another mark", "ACCEPTED")


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.watermark.security")
    parser.add_argument("--clips", nargs="+", default=["two-men", "presenter"], metavar="NAME", help="two or more")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip, default 3")
    parser.add_argument("--releases", nargs="+", type=int, default=[10, 100, 1000])
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watermark"), help="where clips are kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    files = [clip.file(options.folder, 10.0) for clip in available()]
    pool = [frame for file in files for frame in luma_of(file, 8.0)[::40]]
    print("| attack | outcome | PSNR-Y to the clear clip |\n|---|---|---|")
    chosen = [c for c in available() if c.name in options.clips]
    clips = [Clip(c.name, luma_of(c.file(options.folder, 10.0), options.seconds)) for c in chosen]
    rows = itertools.chain(
        averaging(pool, sorted(options.releases)),
        forging(100_000),
        *(pixel_attacks(clip, clips[index - 1]) for index, clip in enumerate(clips)),
        (gate_refuses(clip) for clip in clips),
    )
    for row in rows:
        print(f"| {row.attack} | {row.outcome} | {row.cost} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
