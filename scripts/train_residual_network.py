"""Train the residual network: `python scripts/train_residual_network.py PAIRS [--out FILE] [--steps 6000]`.

PAIRS is a folder of files made by `scripts/make_residual_pairs.py`; the last of them is held out. The same seed,
pairs, machine and number of threads give the same weights. On a CPU with bfloat16 a step of 16 takes about a third
of a second; `--device cuda` works as well.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from watermark.host_network import WEIGHTS, MarkEstimator, features, read_weights, save_weights
from watermark.residual import suppress_host

MARK_UNIT = 32.0  # of the stored marks, see make_residual_pairs.py
_MARGIN = 16  # pixels along the sides of a patch that are not judged: what lies beyond is unknown to the layers
_REPORT_STEPS = 200
_WARM_UP = 100
_AVERAGE = 0.998  # of the weights over the last few hundred steps


class Pairs(NamedTuple):
    """luma: uint8[n, s, s]; mark: int8[n, s, s]."""

    luma: Tensor
    mark: Tensor


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 when there are fewer than two files of pairs."""
    options = _parser().parse_args(arguments)
    files = sorted(options.pairs.glob("pairs_*.npz"))
    if len(files) < 2:
        print("At least two files of pairs are needed: one is held out.", file=sys.stderr)
        return 2
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    held_out, pairs = read_pairs(files[-1:]), read_pairs(files[:-1])
    layers = MarkEstimator() if options.start is None else read_weights(options.start)
    layers = layers.to(device)
    print(f"{len(pairs.luma)} pairs, {len(held_out.luma)} held out, classical {classical(held_out):.4f}", flush=True)
    train(layers, pairs, held_out, options, device)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the network that tells the mark from the picture.")
    parser.add_argument("pairs", type=Path, metavar="PAIRS")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE")
    parser.add_argument("--start", type=Path, metavar="FILE", help="go on from these weights")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser


def read_pairs(files: list[Path]) -> Pairs:
    """All pairs of the files in memory."""
    lumas, marks = [], []
    for path in files:
        with np.load(path, allow_pickle=False) as stored:
            lumas.append(stored["luma"])
            marks.append(stored["mark"])
    return Pairs(torch.from_numpy(np.concatenate(lumas)), torch.from_numpy(np.concatenate(marks)))


def train(
    layers: MarkEstimator, pairs: Pairs, held_out: Pairs, options: argparse.Namespace, device: torch.device
) -> None:
    """AdamW, a cosine of the rate; writes the averaged weights to `options.out` with every report."""
    averaged = copy.deepcopy(layers)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=options.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, options.steps))
    shown = 0.0
    for step in range(1, options.steps + 1):
        luma, mark = _batch(pairs, options.batch, device)
        loss = _loss(_inner(_estimate(layers, luma)), _inner(mark))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _follow(averaged, layers, min(_AVERAGE, step / (step + 10)))
        shown += loss.item()
        if step % _REPORT_STEPS == 0 or step == options.steps:
            score = agreement(averaged, held_out, device)
            print(f"step {step} loss {shown / _REPORT_STEPS:.4f} held out {score:.4f}", flush=True)
            shown = 0.0
            save_weights(averaged, options.out)


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))


def _batch(pairs: Pairs, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """float[n, 1, s, s] lumas and marks, turned and mirrored together, with another contrast."""
    chosen = torch.randint(len(pairs.luma), (size,))
    luma = pairs.luma[chosen].to(device).float()[:, None]
    mark = pairs.mark[chosen].to(device).float()[:, None] / MARK_UNIT
    if torch.rand(()) < 0.5:
        luma, mark = luma.transpose(2, 3), mark.transpose(2, 3)
    for axis in (2, 3):
        if torch.rand(()) < 0.5:
            luma, mark = luma.flip(axis), mark.flip(axis)
    gain = 0.7 + 0.6 * torch.rand(size, 1, 1, 1, device=device)
    return luma * gain, levelled(mark)


def levelled(mark: Tensor) -> Tensor:
    """The tile with all its carriers equally strong, of the same RMS: float[n, 1, s, s].

    The embedder lets them fall with frequency, but the reader counts each in units of the noise about it. An estimate
    of the tile as it is would be judged by the few slow ones.
    """
    side = mark.shape[-1]
    down, across = torch.fft.fftfreq(side, device=mark.device), torch.fft.rfftfreq(side, device=mark.device)
    level: Tensor = torch.fft.irfft2(torch.fft.rfft2(mark) * torch.hypot(down[:, None], across), s=(side, side))
    return level * (_rms(mark) / (_rms(level) + 1e-6))


def _rms(planes: Tensor) -> Tensor:
    return planes.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def _estimate(layers: MarkEstimator, luma: Tensor) -> Tensor:
    entry = features(luma).contiguous(memory_format=torch.channels_last)
    with torch.autocast(luma.device.type, torch.bfloat16):
        estimate: Tensor = layers(entry)
    return estimate.float()


def _loss(estimate: Tensor, mark: Tensor) -> Tensor:
    """Squared error, which makes the estimate as weak as it is unsure, and disagreement patch by patch, which keeps
    the patches where little is left of the mark from being given up.
    """
    return F.mse_loss(estimate, mark) + 1 - _cosine(estimate, mark).mean()


def _cosine(estimate: Tensor, mark: Tensor) -> Tensor:
    return F.cosine_similarity(estimate.flatten(1), mark.flatten(1), eps=1e-3)


def _inner(planes: Tensor) -> Tensor:
    return planes[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


@torch.no_grad()
def _follow(averaged: MarkEstimator, layers: MarkEstimator, inertia: float) -> None:
    for slow, fast in zip(averaged.parameters(), layers.parameters(), strict=True):
        slow.lerp_(fast, 1 - inertia)


@torch.no_grad()
def agreement(layers: MarkEstimator, pairs: Pairs, device: torch.device) -> float:
    """Mean cosine between estimate and levelled tile over all pairs."""
    found = []
    for luma, mark in zip(torch.split(pairs.luma, 25), torch.split(pairs.mark, 25), strict=True):
        estimate = _estimate(layers, luma.to(device).float()[:, None])
        found.append(_cosine(_inner(estimate), _inner(levelled(mark.to(device).float()[:, None]))))
    return float(torch.cat(found).mean())


def classical(pairs: Pairs) -> float:
    """The same of `suppress_host`."""
    estimates = torch.stack([suppress_host(luma.float()) for luma in pairs.luma])
    return float(_cosine(_inner(estimates), _inner(levelled(pairs.mark.float()[:, None])[:, 0])).mean())


if __name__ == "__main__":
    sys.exit(main())
