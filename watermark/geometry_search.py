"""Finding what was done to a picture: size, mirror image, angle, aspect and perspective, from likely to unlikely."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from torch import Tensor

from watermark.carriers import Carriers
from watermark.evidence_map import evidence_map
from watermark.geometry import Geometry
from watermark.keyed_sweep import KeyedSweep
from watermark.periodicity import Lattice, Periodicity
from watermark.refinement import RISES, STANDS_OUT, agreement, refined, sketched, straight
from watermark.residual import Level, View, Window
from watermark.synchronisation import level_for

_REPEATS = 4.6  # score of a lattice below which the repetition is noise
_LATTICES = 6
_CANDIDATES = 3
_PLAUSIBLE = 4.8  # synchronisation score before the ascent, at the best of 4096 shifts
_STEP = 0.006  # relative change of scale, or radians, that turns the outermost carriers by about a radian
_SCALES = {Level.REFERENCE: (0.68, 1.6), Level.COARSE: (1.45, 4.2), Level.FINE: (0.24, 0.72)}
_LIKELY_DEG, _LARGEST_DEG = 5.0, 16.0
_ASPECTS = tuple(math.exp(0.012 * i) for i in range(-28, 29) if i)


class GeometrySearch:
    """Looks for the tile in all windows together and in either half of them.

    The tile jumps from slot to slot, so that a sum over all windows may blur it; one of the halves holds enough of one
    slot. What repeats is found first, without the key and at any angle; what is too weak for that, with the key.
    """

    def __init__(self, windows: Sequence[Window], carriers: Carriers) -> None:
        shapes = [window.lumas[0].shape for window in windows]
        commonest = max(set(shapes), key=shapes.count)
        self._windows = [w for w, shape in zip(windows, shapes, strict=True) if shape == commonest]
        self._carriers = carriers
        self._sums: dict[Level, list[View]] = {}
        self._sweeps: dict[Level, list[KeyedSweep]] = {}
        self._repetitions: dict[Level, Periodicity] = {}
        self._climbed: dict[tuple[Level, int], list[Geometry]] = {}
        self._tried: list[Geometry] = []

    def likely(self) -> Iterator[Geometry]:
        """Refined geometries of pictures that were cut or turned; lazily, so that a caller may stop early."""
        yield from self._repeating(Level.REFERENCE, (1.0,), math.pi / 4)
        yield from self._swept(Level.REFERENCE, _sizes(Level.REFERENCE))
        yield from self._repeating(Level.COARSE, (1.0,), math.pi / 4)
        yield from self._swept(Level.COARSE, _sizes(Level.COARSE))

    def unlikely(self) -> Iterator[Geometry]:
        """The same of pictures that were set into others, squeezed, or turned and hardly show the tile."""
        yield from self._repeating(Level.FINE, (1.0,), math.pi / 4)
        yield from self._swept(Level.FINE, _sizes(Level.FINE), halves=False)
        yield from self._repeating(Level.REFERENCE, _ASPECTS, math.radians(3))
        for level in (Level.REFERENCE, Level.COARSE):
            yield from self._swept(level, _rotations(level, 0, _LIKELY_DEG), halves=False)
        yield from self._swept(Level.REFERENCE, _squeezes(), halves=False)
        yield from self._swept(Level.REFERENCE, _quarter_turns(), halves=False)
        yield from self._swept(Level.REFERENCE, _rotations(Level.REFERENCE, _LIKELY_DEG, _LARGEST_DEG), halves=False)

    def views(self, level: Level) -> list[View]:
        """The sum of all residuals at a level, and those of either half of the windows."""
        if level not in self._sums:
            views = [window.view(level) for window in self._windows]
            middle = len(views) // 2
            # At the fine level there is a frame a second, which is too little to be halved.
            whole = len(views) < 4 or level is Level.FINE
            groups = [views] if whole else [views, views[:middle], views[middle:]]
            self._sums[level] = [View(sum((v.residual for v in g[1:]), g[0].residual), g[0].tile) for g in groups]
        return self._sums[level]

    def region(self, geometry: Geometry) -> Tensor:
        """Where in the picture the tile shows under a geometry: float[h, w] weights, for `sight`."""
        views = self.views(level_for(geometry))
        view = max(views, key=lambda v: agreement(v, self._carriers, geometry)[0])
        return evidence_map(view, self._carriers, geometry)

    def _repeating(self, level: Level, aspects: Sequence[float], angles: float) -> Iterator[Geometry]:
        repetition, tile = self._repetition(level), self.views(level)[0].tile
        for lattice in repetition.best(_LATTICES, aspects, angles):
            if lattice.score < _REPEATS:
                return
            yield from self._settled(_placements(lattice, tile))

    def _repetition(self, level: Level) -> Periodicity:
        if level not in self._repetitions:
            residuals = [window.view(level).residual for window in self._windows]
            low, high = _SCALES[level]
            unit = math.sqrt(math.prod(self.views(level)[0].tile))
            longest = min(high * unit, 0.75 * max(residuals[0].shape))
            self._repetitions[level] = Periodicity(residuals, low * unit, longest)
        return self._repetitions[level]

    def _swept(self, level: Level, geometries: Sequence[Geometry], *, halves: bool = True) -> Iterator[Geometry]:
        sweeps = self._keyed(level) if halves else self._keyed(level)[:1]
        scores = np.max([sweep.scores(geometries) for sweep in sweeps], axis=0)
        for index in np.argsort(-scores, kind="stable")[:_CANDIDATES]:
            yield from self._settled([geometries[int(index)]])

    def _keyed(self, level: Level) -> list[KeyedSweep]:
        """The sweeps over `views`."""
        if level not in self._sweeps:
            self._sweeps[level] = [KeyedSweep(view, self._carriers) for view in self.views(level)]
        return self._sweeps[level]

    def _settled(self, supposed: Sequence[Geometry]) -> Iterator[Geometry]:
        """The best of some geometries, refined where it is seen best, freely and in size alone, if it stands out."""
        level = level_for(supposed[0])
        scores = np.stack([sweep.scores(supposed) for sweep in self._keyed(level)])
        which, index = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[which, index] < _PLAUSIBLE:
            return
        view, sweep = self.views(level)[which], self._keyed(level)[which]
        start = supposed[int(index)]
        sketch, score = sketched(start, sweep)
        if score < RISES or self._was_here(level, int(which), sketch):
            return
        geometry, score = refined(sketch, view, self._carriers)
        yield from self._new(geometry, score)
        if not geometry.upright:
            yield from self._new(*straight(start, view, self._carriers))

    def _was_here(self, level: Level, which: int, sketch: Geometry) -> bool:
        """Whether an ascent in the same residual came to the same place before: one tile draws many to it."""
        climbed = self._climbed.setdefault((level, which), [])
        if any(_same(sketch, other) for other in climbed):
            return True
        climbed.append(sketch)
        return False

    def _new(self, geometry: Geometry, score: float) -> Iterator[Geometry]:
        if score >= STANDS_OUT and not any(_same(geometry, other) for other in self._tried):
            self._tried.append(geometry)
            yield geometry


def _placements(lattice: Lattice, tile: tuple[float, float]) -> list[Geometry]:
    """The eight ways in which a tile may lie in a lattice: quarter turns and mirror images."""
    x, y = lattice.length / tile[0], lattice.length * lattice.aspect / tile[1]
    angle = -math.degrees(lattice.angle)
    turns = (0.0, 90.0, 180.0, 270.0)
    lying = [Geometry(*((x, y) if turn % 180 == 0 else (y, x)), (angle + turn + 180) % 360 - 180) for turn in turns]
    return lying + [replace(g, flip=True) for g in lying]


def _same(one: Geometry, other: Geometry) -> bool:
    turned = abs((one.angle - other.angle + 180) % 360 - 180)
    near = abs(math.log(one.scale_x / other.scale_x)) + abs(math.log(one.scale_y / other.scale_y)) < 0.002
    return near and turned < 0.1 and one.flip == other.flip


def _scale_grid(low: float, high: float) -> list[float]:
    """Sizes of the tile; a larger tile means fewer in the picture, so that the steps may grow with it."""
    sizes = [low]
    while sizes[-1] < high:
        sizes.append(sizes[-1] * (1 + _STEP * max(1.0, sizes[-1])))
    return sizes


def _sizes(level: Level) -> list[Geometry]:
    return [Geometry(s, s, 0.0, flip) for flip in (False, True) for s in _scale_grid(*_SCALES[level])]


def _quarter_turns() -> list[Geometry]:
    sizes = _scale_grid(*_SCALES[Level.REFERENCE])
    return [Geometry(s, s, angle, flip) for flip in (False, True) for angle in (90.0, 180.0, -90.0) for s in sizes]


def _rotations(level: Level, beyond: float, up_to: float) -> list[Geometry]:
    found = []
    for scale, after in pairwise(_scale_grid(*_SCALES[level])):
        step = math.degrees(after / scale - 1)
        angles = np.arange(beyond + step, up_to + step, step).tolist()
        found += [Geometry(scale, scale, sign * a, flip) for a in angles for sign in (1, -1) for flip in (False, True)]
    return found


def _squeezes() -> list[Geometry]:
    ratios = [math.sqrt(aspect) for aspect in _ASPECTS]
    return [Geometry(s / r, s * r) for r in ratios for s in _scale_grid(0.85, 1.4)]
