"""The lower face as a small shape model learnt from one person's own footage.

Points are complex numbers x + iy, so that a similarity is one product and one sum. Canonical coordinates have
the outer eye corners one unit apart, in the person's average frontal arrangement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from avatars.faces import LOWER_INNER, UPPER_INNER

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]
Triangles = NDArray[np.int32]

# Numbers of the canonical MediaPipe face mesh; the two lip rings start at the same corner, in the same order.
OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
RING = (164, 167, 165, 92, 186, 57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 410, 322, 391, 393)
CHIN = (204, 194, 201, 200, 421, 418, 424, 32, 208, 199, 428, 262, 206, 426, 216, 436, 212, 432, 214, 434)
JAW = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
STILL = (2, 98, 327, 129, 358, 50, 280, 205, 425)
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 98, 327)

BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # left to right in the picture

EYES = (STABLE.index(33), STABLE.index(263))  # outer corners, as places in STABLE

POINTS = (*OUTER, *INNER, *RING, *CHIN, *JAW, *STILL)
LIPS = len(OUTER) + len(INNER)
MOUTH = LIPS + len(RING)
MOVING = MOUTH + len(CHIN) + len(JAW)
_INDEX = {point: index for index, point in enumerate(POINTS)}
_UPPER = np.array([_INDEX[point] for point in (81, 82, 13, 312, 311)])
_LOWER = np.array([_INDEX[point] for point in (178, 87, 14, 317, 402)])
_MEASURED = [INNER.index(point) - 1 for point in (178, 87, 14, 317, 402)]  # pairs of `with_gap` that `gap` sees
_RIDGE = 1e-2
MODES = 4  # further ways in which this person's lower face moves, beside opening and width
_BROW_ROOM = (0.03, 0.06)
_MODE_ROOM = 2.0  # standard deviations: further out a warp tears


def as_points(mesh: Reals) -> Complex:
    """Mesh float64 [..., 478, >=2] -> the `POINTS` of it, complex [..., len(POINTS)]."""
    chosen = mesh[..., list(POINTS), :]
    return np.asarray(chosen[..., 0] + 1j * chosen[..., 1])


def stable_points(mesh: Reals) -> Complex:
    """Mesh -> points that speech does not move, complex [..., len(STABLE)]."""
    chosen = mesh[..., list(STABLE), :]
    return np.asarray(chosen[..., 0] + 1j * chosen[..., 1])


def brow_points(mesh: Reals) -> Complex:
    """Mesh -> upper edge of the brows, complex [..., len(BROWS)]."""
    chosen = mesh[..., list(BROWS), :]
    return np.asarray(chosen[..., 0] + 1j * chosen[..., 1])


@dataclass(frozen=True)
class Similarity:
    """z -> turn * z + shift; `turn` carries scale and rotation."""

    turn: complex
    shift: complex

    @classmethod
    def between(cls, source: Complex, target: Complex) -> Similarity:
        """Least-squares similarity from `source` to `target` (Umeyama 1991, without reflection)."""
        a, b = source - source.mean(), target - target.mean()
        turn = complex(np.vdot(a, b) / np.vdot(a, a).real)
        return cls(turn, complex(target.mean() - turn * source.mean()))

    def __call__(self, points: Complex) -> Complex:
        return self.turn * points + self.shift

    def inverse(self) -> Similarity:
        return Similarity(1 / self.turn, -self.shift / self.turn)


def eye_unit(stable: Complex) -> Similarity:
    """Brings the outer eye corners of one face to -0.5 and 0.5."""
    left, right = stable[EYES[0]], stable[EYES[1]]
    return Similarity(complex(1 / (right - left)), complex(-(left + right) / 2 / (right - left)))


def gap(points: Complex) -> Reals:
    """Lip opening of canonical points [..., P], in canonical units; zero when the inner lips meet."""
    return np.asarray(np.maximum(0.0, (points[..., _LOWER] - points[..., _UPPER]).imag.mean(axis=-1)))


def spread(points: Complex) -> Reals:
    """Mouth width of canonical points [..., P], in canonical units."""
    return np.asarray(np.abs(points[..., _INDEX[291]] - points[..., _INDEX[61]]))


def with_gap(points: Complex, wanted: float) -> Complex:
    """Move the lips apart or together along the face's vertical until the mean inner gap is `wanted`.

    Each lip takes half of the change, less towards the corners, and the outer lip follows the inner one.
    """
    moved = points.copy()
    inner = points[len(OUTER) : LIPS]
    half = len(INNER) // 2
    heights = np.array([(inner[i] - inner[-i % len(INNER)]).imag for i in range(1, half)])
    change = (wanted - float((points[_LOWER] - points[_UPPER]).imag.mean())) / 2
    profile = np.sin(np.linspace(0, np.pi, half + 1)[1:-1]) ** 0.7
    profile /= profile[_MEASURED].mean()
    if wanted <= 1e-6:  # every pair must meet, not only the middle ones on average
        shift = -heights / 2
    else:
        shift = change * profile
        shift = np.maximum(shift, -heights / 2)  # lips do not pass through each other
    for ring in (0, len(OUTER)):
        moved[ring + 1 : ring + half] += 1j * shift
        moved[ring + half + 1 : ring + 2 * half] -= 1j * shift[::-1]
    return moved


@dataclass(frozen=True)
class ShapeModel:
    """How this person's lower face moves with the lips.

    `reference`: complex [len(STABLE)], canonical stable points. `neutral`: complex [len(POINTS)], lips closed.
    `effect`: complex [4, len(POINTS)], displacement per opening, width, opening squared, opening times width.
    `modes`: complex [MODES, len(POINTS)], what the rest of the movement is made of (principal components), one
    standard deviation each.
    `brows`: complex [len(BROWS)], where they rest. `opening_max`, `width_low`, `width_rest`, `width_high`,
    `brow_room` (up and down from rest), `gaze_room` (of the irises, any way): the person's range, canonical units.
    """

    reference: Complex
    neutral: Complex
    effect: Complex
    modes: Complex
    brows: Complex
    opening_max: float
    width_low: float
    width_rest: float
    width_high: float
    brow_room: float
    gaze_room: float

    def displacement(self, opening: float, width: float) -> Complex:
        """Movement of every point away from rest, for an opening and a width beyond rest."""
        features = np.array([opening, width, opening**2, opening * width])
        return np.asarray(features @ self.effect)

    def carriage(self, modes: Reals) -> Complex:
        """Movement of every point by the modes, float64 [MODES] in standard deviations, inside the person's range."""
        return np.asarray(np.clip(modes, -_MODE_ROOM, _MODE_ROOM) @ self.modes)

    def mode_values(self, points: Complex) -> Reals:
        """Canonical points [n, POINTS] -> modes float64 [n, MODES], what opening and width leave unexplained."""
        opening, width = gap(points), spread(points) - self.width_rest
        features = np.stack([opening, width, opening**2, opening * width], axis=1)
        rest = flat((points - self.neutral - features @ self.effect)[:, :MOUTH])
        basis = flat(self.modes[:, :MOUTH])  # orthogonal there
        return np.asarray(rest @ basis.T / np.maximum((basis**2).sum(axis=1), 1e-12))

    def canonical(self, stable: Complex) -> Similarity:
        """The similarity from picture coordinates to canonical ones for one face."""
        return Similarity.between(stable, self.reference)

    def opening(self, share: float) -> float:
        """A commanded opening 0..1 in canonical units."""
        return share * self.opening_max

    def width(self, share: float) -> float:
        """A commanded width -1..1 as the change from rest, in canonical units."""
        room = self.width_high - self.width_rest if share > 0 else self.width_rest - self.width_low
        return share * room

    def shares(self, opening: Reals, width: Reals) -> tuple[Reals, Reals]:
        """Measured opening and width (canonical units) as commands: 0..1 and -1..1, a little beyond allowed."""
        change = width - self.width_rest
        room = np.where(change > 0, self.width_high - self.width_rest, self.width_rest - self.width_low)
        return opening / self.opening_max, np.clip(change / np.maximum(room, 1e-3), -1.5, 1.5)


def learn_shape(points: Complex, brows: Complex, reference: Complex, gaze_room: float) -> ShapeModel:
    """Fit a ridge regression of every point on opening and width.

    Args:
        points: complex [frames, len(POINTS)], canonical, frontal frames only.
        brows: complex [frames, len(BROWS)], the same frames.
        reference: complex [len(STABLE)].
        gaze_room: see `ShapeModel`.
    """
    opening, width = gap(points), spread(points)
    closed = opening < np.percentile(opening, 30) + 0.005
    rest = float(np.median(width[closed]))
    change = width - rest
    features = np.stack([np.ones_like(opening), opening, change, opening**2, opening * change], axis=1)
    scale = np.maximum(features.std(axis=0), 1e-6)
    scale[0] = 1.0
    scaled = features / scale
    penalty = _RIDGE * len(points) * np.diag([0.0, 1.0, 1.0, 1.0, 1.0])
    weights = np.linalg.solve(scaled.T @ scaled + penalty, scaled.T @ points) / scale[:, None]
    weights[1:, MOVING:] = 0
    modes = _modes(points - features @ weights)
    limit = 0.15 * rest
    return ShapeModel(
        reference=reference,
        neutral=with_gap(weights[0], 0.0),
        effect=weights[1:],
        modes=modes,
        brows=np.asarray(np.median(brows.real, axis=0) + 1j * np.median(brows.imag, axis=0)),
        opening_max=float(np.percentile(opening, 96)),
        width_low=float(max(rest - limit, np.percentile(width, 5))),
        width_rest=rest,
        width_high=float(min(rest + limit, np.percentile(width, 95))),
        brow_room=_brow_room(brows),
        gaze_room=gaze_room,
    )


def _modes(rest: Complex) -> Complex:
    """Principal components of what is left, over the lips and the skin beside them: complex [MODES, len(POINTS)].

    They are learnt on the mouth alone; the movement of jaw and chin that goes with each is a regression on it.
    """
    moving = flat(rest[:, :MOVING])
    mouth = flat(rest[:, :MOUTH])
    _left, _sizes, axes = np.linalg.svd(mouth - mouth.mean(axis=0), full_matrices=False)
    scores = (mouth - mouth.mean(axis=0)) @ axes[:MODES].T
    scores /= np.maximum(scores.std(axis=0), 1e-9)
    whole = scores.T @ (moving - moving.mean(axis=0)) / len(scores)
    modes = np.zeros((MODES, rest.shape[1]), complex)
    modes[: len(whole), :MOVING] = whole[:, :MOVING] + 1j * whole[:, MOVING:]
    return modes


def _brow_room(brows: Complex) -> float:
    """How far the brows were seen above or below their rest, within what a warp carries."""
    height = brows.imag.mean(axis=1)
    return float(np.clip(np.percentile(np.abs(height - np.median(height)), 95), *_BROW_ROOM))


def flat(points: Complex) -> Reals:
    """Complex [n, P] as float64 [n, 2 * P]: real parts, then imaginary ones."""
    return np.concatenate([points.real, points.imag], axis=1)


def border(neutral: Complex) -> Complex:
    """Fixed points around the lower face, complex [16], canonical: where the warp has died away."""
    jaw = neutral[MOUTH + len(CHIN) : MOVING]
    bottom, side = float(jaw.imag.max()), float(np.abs(jaw.real).max())
    top = float(neutral[MOVING:].imag.min())
    low = bottom + 0.45 * (bottom - top)
    xs, ys = np.linspace(-1.25 * side, 1.25 * side, 5), np.linspace(top - 0.05, low, 5)
    ring = [x + 1j * ys[0] for x in xs] + [x + 1j * ys[-1] for x in xs]
    ring += [x + 1j * y for x in (xs[0], xs[-1]) for y in ys[1:-1]]
    return np.asarray(ring)


def triangulate(points: Complex) -> Triangles:
    """Delaunay triangles int32 [n, 3] of an open-mouthed face; the same triangles serve every shape."""
    return np.asarray(Delaunay(np.stack([points.real, points.imag], axis=1)).simplices, np.int32)


assert {*UPPER_INNER, *LOWER_INNER} <= {*INNER}
assert len(INNER) == len(OUTER)
