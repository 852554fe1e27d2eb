"""How high scores get where there is no mark: the bound of `docs/watermark.md` against what is measured.

A key has nothing to do with a clip that was not made with it, so that many keys on few clips are as good as few keys
on many clips: hours of unmarked video are seconds of clip times keys. Each second is taken as the reader takes it (the
tile where the synchronisation carriers like it best), then scored against some marks, and against the best of all
marks that the decoder can find, whether its check holds or not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.table import Row
from bench.watermark.attacked import attacked, marked
from bench.watermark.attacks import all_attacks
from bench.watermark.clips import Clip
from bench.watermark.readings import decoded
from watermark import Geometry, Key, detect_frames
from watermark.bounds import ALL_MARKS, needed_score
from watermark.carriers import Carriers
from watermark.decoding import P_ACCEPT
from watermark.host_network import load_network
from watermark.lattice import TILE_AT_REFERENCE, frequencies
from watermark.payload import INFO_BITS
from watermark.polar import CODE_BITS, decode, encode
from watermark.residual import windows
from watermark.spectrum import Lines, carrier_lines
from watermark.synchronisation import best_shift, whiten

_MARKS = 64
_LEVELS = (2.0, 3.0, 4.0)
_FRAMES = 5  # of each second that the learned suppression sees
_STRANGERS = 2

Scores = npt.NDArray[np.float64]


def rows(clips: Sequence[Clip], folder: Path, seconds: float, keys: int) -> Iterator[Row]:
    """The study over unmarked clips, as they are and marked with another key and encoded again."""
    for learned in (False, True):
        seen = [lines for clip in clips for lines in _seconds(clip, folder, seconds, learned=learned)]
        if seen:
            how = "learned suppression, motion compensated" if learned else "plain suppression"
            yield Row(f"unmarked seconds, {how}", f"{len(seen)} s x {keys} keys = {len(seen) * keys / 3600:.1f} h")
            yield from _distribution(seen, keys)
    found = sum(len(found) for found in _strangers(clips, folder, seconds))
    what = f"whole reader, {_STRANGERS} other keys on {len(clips)} marked clips"
    yield Row(what, f"{found} marks found", "none", found == 0)


def _distribution(seen: Sequence[Lines], keys: int) -> Iterator[Row]:
    """How high scores go in what carries no mark, beside what the bounds allow."""
    single, best = _scores(seen, [_key(number) for number in range(keys)])
    for level in _LEVELS:
        share, bound = float((single >= level).mean()), math.exp(-level * level / 2)
        yield Row(f"one mark: score >= {level:g}", f"{share:.1e}", f"at most {bound:.1e}", share <= bound)
    highest, bound = float(single.max()), needed_score(1e-3, len(single))
    yield Row(f"one mark: highest of {len(single):,}", f"{highest:.2f}", f"at most {bound:.2f}", highest <= bound)
    needed = needed_score(P_ACCEPT, ALL_MARKS)
    far = (needed - float(best.mean())) / float(best.std())
    remark = f"{best.max():.2f}  (mean {best.mean():.2f}, {far:.0f} deviations below)"
    yield Row(f"best of all marks: highest of {len(best):,}", remark, f"below {needed:.2f}", float(best.max()) < needed)


def _key(number: int) -> Key:
    return Key(f"false-{number}", hashlib.sha256(f"unmarked {number}".encode()).digest())


def _seconds(clip: Clip, folder: Path, seconds: float, *, learned: bool) -> Iterator[Lines]:
    """complex128[K] for each second: the carriers' amplitudes, which do not depend on a key. None with the learned
    suppression where that is not installed.
    """
    network = load_network()
    if learned and network is None:
        return
    for window in windows(decoded(clip.file(folder / "clips", seconds)), tile_at_reference=TILE_AT_REFERENCE):
        view = (window.seen_with(network.suppressed, _FRAMES) if learned and network is not None else window).view()
        yield whiten(*carrier_lines(view.residual, view.tile, Geometry()))


def _scores(seen: Sequence[Lines], keys: Sequence[Key]) -> tuple[Scores, Scores]:
    """Of each second and key: against `_MARKS` code words, and against the best code word."""
    rng = np.random.default_rng(6)
    words = np.stack([1.0 - 2.0 * encode(rng.integers(0, 2, INFO_BITS).astype(np.uint8)) for _ in range(_MARKS)])
    assert words.shape == (_MARKS, CODE_BITS)
    single, best = [], []
    for key in keys:
        carriers = Carriers(key)
        for lines in seen:
            _, (x, y) = best_shift(lines, carriers.theta, carriers.sync)
            turn = carriers.theta + 2 * np.pi * (frequencies() @ np.array([x, y]))
            soft = (lines * np.exp(-1j * turn)).real[carriers.data]
            norm = math.sqrt(float((np.abs(lines[carriers.data]) ** 2).sum()) / 2)
            single.append(words @ soft / norm)
            best.append(max(float(soft @ (1.0 - 2.0 * encode(bits))) / norm for bits in decode(soft)))
    return np.concatenate(single), np.array(best)


def _strangers(clips: Sequence[Clip], folder: Path, seconds: float) -> Iterator[list[object]]:
    """A clip that carries a mark of another key is the hardest of unmarked clips: the tile is there."""
    attack = next(a for a in all_attacks() if a.name == "x264 CRF 28")
    for clip in clips:
        copy = attacked(attack, marked(clip, folder, seconds), folder)
        for number in range(_STRANGERS):
            yield list(detect_frames(decoded(copy), _key(number)))
