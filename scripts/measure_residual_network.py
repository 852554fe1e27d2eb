"""What the residual network gains over the classical host suppression, on clips it was not trained on.

`python scripts/measure_residual_network.py CLIP ... [--weights FILE]` marks the first 2.5 s of each clip with a
random key, attacks them and reads the last second (five frames) and the last frame with both. The table shows, per
attack, the score of all carriers at the true geometry and place (0 +- 1 without a mark), its gain in decibels, and in
how many clips the mark is decoded with the place found by the synchronisation carriers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from av.video.reformatter import VideoReformatter
from make_residual_pairs import Luma, coded, frame_of, jpeg, read_film, resized
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from watermark.carriers import Carriers
from watermark.embedding import Embedder
from watermark.geometry import Geometry
from watermark.host_network import WEIGHTS, load_network
from watermark.keys import Key
from watermark.lattice import TILE_AT_REFERENCE, carrier_count
from watermark.pattern import make_pattern
from watermark.payload import Payload
from watermark.polar import decode
from watermark.residual import View, reference_luma, suppress_host
from watermark.synchronisation import look

_FRAMES, _STEP, _READ = 62, 5, 5  # marked; between frames that are read; read
_SHORT_SIDE = 720
_CROP = 0.6

Suppression = Callable[[Tensor], Tensor]
Attack = Callable[[Sequence[Luma]], list[av.VideoFrame]]


@dataclass(frozen=True)
class Case:
    """One clip after one attack: the lumas that are read, float[5, h, w], and how its tile lies in them."""

    clip: str
    attack: str
    key: Key
    mark: int
    geometry: Geometry
    tile: tuple[float, float]
    lumas: Tensor
    clean: Tensor
    """The same frames, marked and not attacked."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 without weights."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    network = load_network(path=options.weights)
    if network is None:
        print(f"There are no weights at {options.weights}.", file=sys.stderr)
        return 2
    rng = np.random.default_rng(options.seed)
    cases = [case for path in options.clips for case in cases_of(path, rng)]
    print_table(cases, {"classical": suppress_host, "network": network.residual})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare the residual network with the classical suppression.")
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def attacks(height: int) -> dict[str, Attack]:
    """What is done to frames of that height, by name."""
    table: dict[str, Attack] = {f"x264 CRF {crf}": partial(_x264, crf=str(crf)) for crf in (28, 32, 35, 40)}
    if height >= 540:
        table["540p at 0.8 Mb/s"] = lambda f: _at(f, 540, "800k")
    return table | {
        "360p at 0.4 Mb/s": lambda f: _at(f, 360, "400k"),
        "crop 60 %, CRF 30": lambda f: _x264([_cropped(luma) for luma in f], crf="30"),
        "blur 1.5, CRF 23": lambda f: _x264([_blurred(luma) for luma in f], crf="23"),
        "JPEG q20": lambda f: [frame_of(jpeg(luma, 20), i) for i, luma in enumerate(f)],
    }


def _x264(frames: Sequence[Luma], **options: str) -> list[av.VideoFrame]:
    return list(coded(frames, "libx264", {"preset": "veryfast", "threads": "1", **options}))


def _at(frames: Sequence[Luma], short_side: int, bitrate: str) -> list[av.VideoFrame]:
    small = [resized(frame, short_side / min(frame.shape)) for frame in frames]
    return _x264(small, b=bitrate, maxrate=bitrate, bufsize=bitrate)


def _blurred(luma: Luma) -> Luma:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.5), dtype=np.uint8)


def _cropped(luma: Luma) -> Luma:
    rows, columns = (int(side * _CROP) // 2 * 2 for side in luma.shape)
    top, left = (luma.shape[0] - rows) // 2, (luma.shape[1] - columns) // 2
    return np.ascontiguousarray(luma[top : top + rows, left : left + columns])


def cases_of(path: Path, rng: np.random.Generator) -> list[Case]:
    """One clip under all attacks, marked anew with a random key."""
    key, mark = Key("measured", rng.bytes(32)), int(rng.integers(1 << 62))
    film = [resized(frame, min(1.0, _SHORT_SIDE / min(frame.shape))) for frame in read_film(path, _FRAMES)]
    height, width = film[0].shape
    embedder = Embedder(make_pattern(key, mark), width, height)
    for index, frame in enumerate(film):
        embedder.embed(frame, float(Fraction(index, 25)))
    cases = []
    for name, attack in attacks(min(height, width)).items():
        crop = name.startswith("crop")
        clean, _ = _read([frame_of(_cropped(f) if crop else f, i) for i, f in enumerate(film)])
        lumas, tile = _read(attack(film))
        size = height / (int(height * _CROP) // 2 * 2) if crop else 1.0
        cases.append(Case(path.name, name, key, mark, Geometry(size, size), tile, lumas, clean))
    return cases


def _read(frames: Sequence[av.VideoFrame]) -> tuple[Tensor, tuple[float, float]]:
    scaler = VideoReformatter()
    read = [reference_luma(frame, TILE_AT_REFERENCE, scaler) for frame in frames[-1 - _STEP * (_READ - 1) :: _STEP]]
    return torch.stack([luma for luma, _ in read]), read[0][1]


@dataclass(frozen=True)
class Result:
    """The score at the true place and whether the mark was decoded."""

    score: float
    decoded: bool


def result(case: Case, suppress: Suppression, frames: int) -> Result:
    """Reads the last `frames` frames of a case."""
    carriers, payload = Carriers(case.key), Payload(case.key)
    phases = carriers.phases(payload, case.mark)
    seen, true = (_sum(lumas[-frames:], f, case) for lumas, f in ((case.lumas, suppress), (case.clean, suppress_host)))
    sighting, truth = look(seen, carriers, case.geometry), look(true, carriers, case.geometry)
    placed = sighting.raw * truth.still / np.where(truth.raw == 0, 1, truth.raw)
    soft = (sighting.still * np.exp(-1j * carriers.theta)).real[carriers.data]
    return Result(_score(placed, phases), any(payload.mark(bits) == case.mark for bits in decode(soft)))


def _sum(lumas: Tensor, suppress: Suppression, case: Case) -> View:
    residual = torch.stack([suppress(luma) for luma in lumas]).sum(dim=0)
    return View(residual, case.tile)


def _score(amplitudes: npt.NDArray[np.complex128], phases: npt.NDArray[np.float64]) -> float:
    agreeing = float((amplitudes * np.exp(-1j * phases)).real.sum())
    return agreeing / float(np.sqrt((np.abs(amplitudes) ** 2).sum() / 2))


def print_table(cases: Sequence[Case], suppressions: dict[str, Suppression]) -> None:
    """Mean scores and decodings of both ways of suppression; the highest possible score is printed above."""
    print(f"scores of {carrier_count()} carriers, at most {np.sqrt(2 * carrier_count()):.1f}; classical / network")
    for frames, title in ((_READ, "one second"), (1, "one frame")):
        print(f"{title:24} score          gain     decoded")
        totals = []
        for attack in dict.fromkeys(case.attack for case in cases):
            chosen = [case for case in cases if case.attack == attack]
            found = [[result(case, way, frames) for case in chosen] for way in suppressions.values()]
            old, new = (float(np.mean([r.score for r in results])) for results in found)
            counts = [sum(r.decoded for r in results) for results in found]
            totals.append((_decibels(new, old), *counts, len(chosen)))
            print(
                f"  {attack:20} {old:5.1f} / {new:5.1f}   {totals[-1][0]:+5.1f} dB   "
                f"{counts[0]} / {counts[1]} of {len(chosen)}",
                flush=True,
            )
        gains, *sums = (np.array(column) for column in zip(*totals, strict=True))
        print(f"  {'mean, sum':36} {gains.mean():+5.1f} dB   {sums[0].sum()} / {sums[1].sum()} of {sums[2].sum()}")


def _decibels(new: float, old: float) -> float:
    return 20 * float(np.log10(max(new, 0.5) / max(old, 0.5)))


if __name__ == "__main__":
    sys.exit(main())
