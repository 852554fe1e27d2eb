"""From a geometry that is nearly right to the best one near it, and to the part of the picture that shows the tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from watermark.carriers import Carriers
from watermark.geometry import Geometry
from watermark.keyed_sweep import KeyedSweep
from watermark.residual import View
from watermark.spectrum import ROUGH_SAMPLES, carrier_lines
from watermark.synchronisation import polarity, whiten

Move = Callable[[Geometry], Geometry]
Moves = Callable[[float], Iterable[tuple[Move, Move]]]

RISES = 5.2
"""Score half-way up: with its perspective still to be found, a tile that can be read shows at 6 or more."""

STANDS_OUT = 5.6
"""Score of a geometry that is worth a reading; what noise reaches."""

_STEPS = (0.004, 0.002, 0.001, 0.0005)
_TILT_STEPS = (0.012, 0.006, 0.003)
_CLEAR = 15.0  # of at most about 22: a score that no perspective could raise by much
_TILTED = 1.05  # times the score that a perspective must reach; less, noise does too
_STRAIGHT = 0.985  # share of the score that an upright geometry must reach to be preferred


def agreement(view: View, carriers: Carriers, geometry: Geometry) -> tuple[float, bool]:
    """The synchronisation score of a view under a geometry at its best shift, and whether it is a negative."""
    return polarity(whiten(*carrier_lines(view.residual, view.tile, geometry, ROUGH_SAMPLES)), carriers)


def refined(geometry: Geometry, view: View, carriers: Carriers) -> tuple[Geometry, float]:
    """Ascends the synchronisation score from where `sketched` came to: perspective, if it is not clear yet, and at last
    whatever is simpler and explains as much. What does not stand out is left as it is.
    """
    score, _ = agreement(view, carriers, geometry)
    if RISES <= score < _CLEAR:
        tilted, higher = _ascended(geometry, score, view, carriers, _TILT_STEPS, _tilt_moves)
        if higher > _TILTED * score:
            geometry, score = _ascended(tilted, higher, view, carriers, _STEPS[1:], _affine_moves)
    if score < STANDS_OUT:
        return geometry, score
    geometry, score = _simplified(geometry, score, view, carriers)
    _, inverted = agreement(view, carriers, geometry)
    return replace(geometry, inverted=inverted), score


def straight(geometry: Geometry, view: View, carriers: Carriers) -> tuple[Geometry, float]:
    """The best geometry near by that changes nothing but the size, and its score.

    What fits less freely fits less of the picture's own: a faint tile may gain score by a tilt that is not there.
    """
    turns, square = 90.0 * round(geometry.angle / 90), geometry.scale
    plain = Geometry(square, square, turns, geometry.flip)
    score, _ = agreement(view, carriers, plain)
    plain, score = _ascended(plain, score, view, carriers, _STEPS[1:], _size_moves)
    _, inverted = agreement(view, carriers, plain)
    return replace(plain, inverted=inverted), score


def sketched(geometry: Geometry, sweep: KeyedSweep) -> tuple[Geometry, float]:
    """Steepest ascent with shrinking steps: size, angle, aspect and lean, and the score by the sweep.

    It scores less exactly than `agreement` and fifty times as fast, so it does the most of the climbing.
    """
    best = float(sweep.scores([geometry])[0])
    for step in _STEPS:
        step *= max(1.0, geometry.scale)
        while True:
            near = [move(geometry) for both in _affine_moves(step) for move in both]
            scores = sweep.scores(near)
            if scores.max() <= best:
                break
            geometry, best = near[int(scores.argmax())], float(scores.max())
    return geometry, best


def neighbours(geometry: Geometry, step: float) -> list[Geometry]:
    """A geometry changed by one step either way: size, sides, and where the picture is turned, angle and lean too."""
    moves = _straight_moves(step) if geometry.upright else _affine_moves(step)
    return [move(geometry) for both in moves for move in both]


def _simplified(geometry: Geometry, score: float, view: View, carriers: Carriers) -> tuple[Geometry, float]:
    """The simplest geometry that explains the picture nearly as well, if there is one.

    An upright picture is read exactly and faster; a trace of an angle is the noise of the ascent. What gives up its
    angle is fitted again before it is judged: the ascent trades angle, lean and size for each other and may end on a
    side ridge. A picture squeezed to 95 % stopped at half its score from one of four starts, and never does so now.
    """
    for simpler, moves in _simpler(geometry):
        plain, _ = agreement(view, carriers, simpler)
        fitted, plain = _ascended(simpler, plain, view, carriers, _STEPS[1:], moves)
        if plain >= _STRAIGHT * score:
            return fitted, plain
    return geometry, score


def _ascended(
    geometry: Geometry, score: float, view: View, carriers: Carriers, steps: Sequence[float], moves: Moves
) -> tuple[Geometry, float]:
    """Coordinate ascent with shrinking steps: a move that helps is repeated, else the next is tried."""
    for step in steps:
        step *= max(1.0, geometry.scale)
        for forward, backward in moves(step):
            for move in (forward, backward):
                moved = False
                while True:
                    near = move(geometry)
                    there, _ = agreement(view, carriers, near)
                    if there <= score:
                        break
                    geometry, score, moved = near, there, True
                if moved:
                    break
    return geometry, score


def _size_moves(step: float) -> Iterable[tuple[Move, Move]]:
    grow = 1 + step
    yield (
        lambda g: replace(g, scale_x=g.scale_x * grow, scale_y=g.scale_y * grow),
        lambda g: replace(g, scale_x=g.scale_x / grow, scale_y=g.scale_y / grow),
    )


def _side_moves(step: float) -> Iterable[tuple[Move, Move]]:
    grow = 1 + step
    yield lambda g: replace(g, scale_x=g.scale_x * grow), lambda g: replace(g, scale_x=g.scale_x / grow)
    yield lambda g: replace(g, scale_y=g.scale_y * grow), lambda g: replace(g, scale_y=g.scale_y / grow)


def _straight_moves(step: float) -> Iterable[tuple[Move, Move]]:
    yield from _size_moves(step)
    yield from _side_moves(step)


def _affine_moves(step: float) -> Iterable[tuple[Move, Move]]:
    degrees = math.degrees(step)
    yield from _size_moves(step)
    yield lambda g: replace(g, angle=g.angle + degrees), lambda g: replace(g, angle=g.angle - degrees)
    yield from _side_moves(step)
    yield lambda g: replace(g, shear=g.shear + step), lambda g: replace(g, shear=g.shear - step)


def _tilt_moves(step: float) -> Iterable[tuple[Move, Move]]:
    yield lambda g: replace(g, tilt_x=g.tilt_x + step), lambda g: replace(g, tilt_x=g.tilt_x - step)
    yield lambda g: replace(g, tilt_y=g.tilt_y + step), lambda g: replace(g, tilt_y=g.tilt_y - step)


def _simpler(geometry: Geometry) -> Iterable[tuple[Geometry, Moves]]:
    """The same without what cannot be told from noise, and what is to be fitted again then: exactly as it was, resized
    by sides, turned and resized, turned and resized by sides.
    """
    turns = 90.0 * round(geometry.angle / 90)
    square = geometry.scale
    plain = replace(geometry, shear=0.0, tilt_x=0.0, tilt_y=0.0)
    yield replace(plain, angle=turns, scale_x=square, scale_y=square), _size_moves
    yield replace(plain, angle=turns), _straight_moves
    yield replace(plain, scale_x=square, scale_y=square), _no_moves
    yield plain, _no_moves


def _no_moves(_step: float) -> Iterable[tuple[Move, Move]]:
    return ()
