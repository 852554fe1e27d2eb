"""Teach the network that corrects pasted mouths: the person's own moments, with another moment's mouth pasted in.

For every moment that is learnt from, the mouth of the bank that the engine would choose for these lips is bent to them
and pasted into the true frame, as in a performance. What the network is asked for is the true frame again. Every fifth
second is kept from it, and says afterwards what it is worth.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from avatars.engine.contract import Progress
from avatars.engine.footage import Footage, stored_frames
from avatars.engine.geometry import LIPS, MOUTH, Similarity
from avatars.engine.package import AvatarModel, Weights
from avatars.engine.paste import MouthPaster, Mouths
from avatars.engine.patch import Place, corners_of, outlines
from avatars.engine.refiner import MouthNet, net_of, seen_by, weights_of
from avatars.engine.stages import Stages
from avatars.media import planes_of

_Share = Callable[[float], None]
_STAGE = "refined"
_SPEAKING, _RESTING = 560, 140  # moments that are learnt from, at most
_OPEN = 0.06  # of the range: lips further apart are speaking
_BESIDE = 12  # a mouth of the bank from so few frames away is nearly the same picture
_NEXT_BEST = ((1.0,), (0.5, 0.25, 0.25))  # shares in which the nearest mouths are pasted: alone, or mixed as in speech
_KEPT_FROM = 5  # every so manieth second
_EPOCHS, _BATCH, _KEEP_EVERY = 12, 16, 1
_RATE, _DECAY, _LONGEST = 1e-3, 1e-4, 1.0  # of a step: its size, what it forgets, its longest gradient
# Weights beside the luma of pixels: colour; differences between neighbours; and how much fine texture there is about
# eight pixels, wherever it lies. Without the last, what cannot be told exactly is best guessed by blurring it.
_COLOUR, _EDGES, _TEXTURE, _ABOUT = 0.5, 0.3, 6.0, 8


@dataclass(frozen=True)
class Pairs:
    """n pasted pictures and the true ones. uint8: `cut`, `true` [n, 3, h, w]; `pasted` [n, h, w] and `drawn`
    [n, 2, h, w] in shares of 255 (see `patch`). `held`: bool [n], kept from the network.
    """

    cut: NDArray[np.uint8]
    true: NDArray[np.uint8]
    pasted: NDArray[np.uint8]
    drawn: NDArray[np.uint8]
    held: NDArray[np.bool_]


@dataclass(frozen=True)
class Lesson:
    """What was learnt, and what it leaves of the difference to the true luma in moments kept from the network, 0..1."""

    weights: Weights
    left: float


def learn_refiner(
    clip: Path, footage: Footage, model: AvatarModel, *, seed: int, stages: Stages, progress: Progress
) -> Lesson:
    """Learn from the clip that `model` was made of; a training that was interrupted goes on with its last epochs.

    The same inputs on the same kind of machine give the same weights.
    """
    pairs = pairs_of(clip, footage, model, lambda share: progress(0.1 * share, "Choosing moments to learn from"))
    net = _taught(pairs, seed, stages, lambda share: progress(0.1 + 0.9 * share, "Learning the mouth"))
    weights = weights_of(net)
    return Lesson(weights, _left(net_of(weights), pairs))


# --- what is learnt from ---
def pairs_of(clip: Path, footage: Footage, model: AvatarModel, progress: _Share) -> Pairs:
    """Read the clip once more. At most 700 moments, each pasted in two ways."""
    moments = _moments(footage, model)
    wanted = set(moments.tolist())
    paster, corners = MouthPaster(model.bank, model.shape), corners_of(model.shape.neutral)
    rows: list[tuple[NDArray[np.uint8], ...]] = []
    held = []
    for number, frame in enumerate(stored_frames(clip, footage.fps)):
        if number not in wanted:
            continue
        place = Place.at(Similarity.between(footage.reference, footage.stable[number])(corners))
        for shares in _NEXT_BEST:
            rows.append(_pair(frame, footage, number, place, paster, _mouths(footage, model, number, shares)))
            held.append(number // footage.fps % _KEPT_FROM == _KEPT_FROM - 1)
        progress(len(rows) / (len(wanted) * len(_NEXT_BEST)))
    cut, true, pasted, drawn = (np.stack(part) for part in zip(*rows, strict=True))
    return Pairs(cut, true, pasted, drawn, np.asarray(held))


def _moments(footage: Footage, model: AvatarModel) -> NDArray[np.int64]:
    """Frames to learn from, rising: seen from the front, most of them speaking."""
    frontal = np.flatnonzero(footage.frontal)
    opening, _width = model.shape.shares(footage.opening[frontal], footage.lip_width[frontal])
    chosen = (
        part[np.linspace(0, len(part) - 1, min(most, len(part))).astype(np.int64)]
        for part, most in ((frontal[opening > _OPEN], _SPEAKING), (frontal[opening <= _OPEN], _RESTING))
    )
    return np.unique(np.concatenate(list(chosen)))


def _mouths(footage: Footage, model: AvatarModel, number: int, shares: tuple[float, ...]) -> Mouths:
    """The mouths of other moments that are nearest to the lips of this one, as `bank.pick_mouths` weighs them."""
    opening, width = model.shape.shares(footage.opening[number : number + 1], footage.lip_width[number : number + 1])
    bank = model.bank
    cost = bank.penalty + np.abs(opening - bank.opening) + 0.35 * np.abs(width - bank.width)
    cost[np.abs(bank.frames - number) <= _BESIDE] += 10
    return tuple(zip(map(int, np.argsort(cost, kind="stable")), shares, strict=False))


def _pair(
    frame: av.VideoFrame, footage: Footage, number: int, place: Place, paster: MouthPaster, mouths: Mouths
) -> tuple[NDArray[np.uint8], ...]:
    y, u, v = (plane.copy() for plane in planes_of(frame))
    true, points = place.cut((y, u, v)), footage.points[number]
    pasted = paster.paste((y, u, v), points[:MOUTH], mouths, 1.0)
    shown = place.cut_map(pasted.weight, pasted.region)
    lips = outlines(place.points(points[:LIPS]))
    return _bytes(place.cut((y, u, v))), _bytes(true), _bytes(255 * shown), _bytes(255 * lips)


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# --- learning ---
def _taught(pairs: Pairs, seed: int, stages: Stages, progress: _Share) -> MouthNet:
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = MouthNet().to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    usable = np.flatnonzero(~pairs.held)
    steps = -(-len(usable) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_EPOCHS * steps)
    begun = _taken_up(net, optimizer, schedule, stages)
    for epoch in range(begun, _EPOCHS):
        order = np.random.default_rng((seed, epoch)).permutation(usable)
        for step in range(steps):
            seen, pasted, true = _batch(pairs, order[step * _BATCH : (step + 1) * _BATCH], device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = _loss(net(seen), seen, pasted, true)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), _LONGEST)
            optimizer.step()
            schedule.step()
            progress((epoch * steps + step + 1) / (_EPOCHS * steps))
        if (epoch + 1) % _KEEP_EVERY == 0 and epoch + 1 < _EPOCHS:
            stages.keep(_STAGE, _packed(net, optimizer, schedule, epoch + 1))
    return net


def _batch(pairs: Pairs, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What the network sees, how much of it was pasted [n, 1, h, w], and the true pictures, all on 0..1."""
    cut, pasted, drawn = (part[rows].astype(np.float32) for part in (pairs.cut, pairs.pasted, pairs.drawn))
    seen = np.stack([seen_by(*one) for one in zip(cut, pasted / 255, drawn / 255, strict=True)])
    true = torch.from_numpy(pairs.true[rows].astype(np.float32) / 255)
    return torch.from_numpy(seen).to(device), torch.from_numpy(pasted / 255)[:, None].to(device), true.to(device)


def _loss(added: Tensor, seen: Tensor, pasted: Tensor, true: Tensor) -> Tensor:
    """Mean error over what was pasted: of pixels, of their differences, and of how much texture there is."""
    drawn = seen[:, :3] + added * pasted
    off = (drawn - true) * pasted
    luma, colour = off[:, :1], off[:, 1:]
    edges = (luma.diff(dim=2).abs().sum() + luma.diff(dim=3).abs().sum()) / 2
    rough = (_roughness(drawn[:, :1], pasted) - _roughness(true[:, :1], pasted)).abs().sum() * _ABOUT**2
    total = luma.abs().sum() + _COLOUR * colour.abs().sum() / 2 + _EDGES * edges + _TEXTURE * rough
    return total / pasted.sum()


def _roughness(luma: Tensor, pasted: Tensor) -> Tensor:
    """Mean absolute Laplacian after a pixel of smoothing against noise, as the card measures detail; of every block."""
    soft = torch.exp(-torch.arange(-2.0, 3.0, device=luma.device) ** 2 / 2)
    soft = torch.outer(soft, soft) / soft.sum() ** 2
    edge = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]], device=luma.device)
    bent = F.conv2d(F.conv2d(luma.float(), soft[None, None], padding=2), edge[None, None], padding=1)
    return F.avg_pool2d(bent.abs() * pasted, _ABOUT)


@torch.inference_mode()
def _left(net: MouthNet, pairs: Pairs) -> float:
    """Mean absolute luma difference with the network over that without, in what was kept from it."""
    before = after = 0.0
    for rows in np.array_split(np.flatnonzero(pairs.held), max(1, int(pairs.held.sum()) // _BATCH)):
        seen, pasted, true = _batch(pairs, rows, torch.device("cpu"))
        off = seen[:, :1] - true[:, :1]
        before += float((off * pasted).abs().sum())
        after += float(((off + net(seen)[:, :1] * pasted) * pasted).abs().sum())
    return after / before if before else 1.0


# --- going on after a break ---
def _packed(
    net: MouthNet, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler, epoch: int
) -> bytes:
    """Everything that decides how the training goes on."""
    buffer = io.BytesIO()
    torch.save([net.state_dict(), optimizer.state_dict(), schedule.state_dict(), epoch], buffer)
    return buffer.getvalue()


def _taken_up(
    net: MouthNet, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler, stages: Stages
) -> int:
    """Go on from what was kept; returns the epochs that are done."""
    kept = stages.load(_STAGE)
    if kept is None:
        return 0
    device = next(net.parameters()).device  # it may have begun on another
    layers, moments, rates, epoch = torch.load(io.BytesIO(kept), map_location=device, weights_only=True)
    net.load_state_dict(layers)
    optimizer.load_state_dict(moments)
    schedule.load_state_dict(rates)
    return int(epoch)

