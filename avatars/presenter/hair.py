"""Long dark hair with a side parting, strand by strand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.presenter.canvas import Canvas, Colour, Image, linear, paint, smoothstep, spline

_ROOT, _BODY, _SHINE = linear(30, 20, 18), linear(62, 39, 30), linear(150, 104, 78)
_PART_X = 16.0
Curve = NDArray[np.float64]

# Control points (x, y) of guide curves on the right of the picture, from the parting down; hair between two
# neighbouring guides is a blend of them. The first hugs the face, the last is the outer silhouette.
_FRONT_GUIDES = (
    ((0, -152), (34, -132), (74, -98), (98, -50), (106, 8), (109, 70), (101, 130), (104, 195), (92, 262)),
    ((0, -172), (40, -160), (84, -124), (109, -66), (117, 4), (120, 78), (115, 144), (122, 206), (108, 276)),
    ((0, -182), (44, -181), (94, -148), (121, -82), (129, -2), (133, 82), (134, 154), (144, 214), (128, 284)),
    ((0, -190), (48, -196), (104, -165), (133, -95), (141, -6), (145, 84), (152, 158), (164, 218), (148, 280)),
)


def draw_back_hair(canvas: Canvas, random: np.random.Generator) -> tuple[Image, Image]:
    """(linear RGB, alpha) of the hair behind neck and shoulders."""
    mass = spline(
        [
            (-130, -40),
            (-108, -110),
            (0, -170),
            (120, -110),
            (136, -40),
            (146, 90),
            (150, 215),
            (90, 268),
            (0, 240),
            (-90, 268),
            (-150, 215),
            (-146, 90),
        ]
    )
    alpha = canvas.fill(mass, 1.0)
    light = np.empty((canvas.height, canvas.width, 3), dtype=np.float32)
    light[:] = _ROOT
    strands = []
    for x in random.uniform(-138, 138, 420):
        sway = random.normal(0, 5)
        strands.append(spline([(x * 0.9, -60.0), (x, 60.0), (x * 1.04 + sway, 170.0), (x + sway, 262.0)], closed=False))
    paint(light, _BODY, 0.35 * canvas.strokes(strands[::2], 0.7))
    paint(light, linear(14, 9, 9), 0.5 * canvas.strokes(strands[1::2], 0.9))
    return light * (0.5 + 0.5 * smoothstep(40, 240, canvas.y))[..., None], alpha


def draw_front_hair(canvas: Canvas, random: np.random.Generator) -> tuple[Image, Image]:
    """(linear RGB, alpha) of the hair in front of the forehead and down both sides."""
    colour = np.zeros((canvas.height, canvas.width, 3), dtype=np.float32)
    alpha = np.zeros((canvas.height, canvas.width), dtype=np.float32)
    for side in (-1, 1):
        guides = [_side_guide(guide, side) for guide in _FRONT_GUIDES]
        body = np.vstack([guides[0][:-4], _locks(guides, random), guides[-1][-4::-1]])
        mask = canvas.fill(body, 1.3)
        paint(colour, _ROOT, mask)
        alpha = np.maximum(alpha, mask)
        _strands(canvas, colour, alpha, guides, random)
        colour *= (1 - mask * (1 - _volume(canvas, mask)))[..., None]
    shadow = canvas.stroke(spline([(_PART_X, -190.0), (_PART_X - 1, -172.0), (_PART_X - 3, -158.0)], False), 1.4, 1.2)
    paint(colour, linear(120, 84, 68), 0.5 * shadow)
    return colour, alpha


def _side_guide(points: tuple[tuple[float, float], ...], side: int) -> Curve:
    """A guide on one side; near the top it leans to the parting, so the far side covers more forehead."""
    moved = []
    for x, y in points:
        pull = np.clip((-y - 70) / 90, 0, 1)
        moved.append((side * x + _PART_X * pull, y))
    return spline(moved, closed=False, steps=10)


def _volume(canvas: Canvas, mask: Image) -> Image:
    """Brightness of a bundle of hair: round in the middle, dark where it turns away."""
    inside = np.asarray(mask > 0.5, dtype=np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), dtype=np.float32) / canvas.scale
    return 0.5 + 0.62 * smoothstep(0, 17, depth) - 0.1 * smoothstep(17, 34, depth)


def _locks(guides: list[Curve], random: np.random.Generator) -> Curve:
    """The lower edge from the inner to the outer guide: locks of different length."""
    ends = np.array([guide[-4] for guide in guides])
    at = np.linspace(0, len(guides) - 1, 23)[1:-1]
    edge = np.stack([np.interp(at, np.arange(len(guides)), ends[:, column]) for column in (0, 1)], axis=1)
    edge[:, 1] -= np.where(np.arange(len(at)) % 2, 0.0, 9.0) + random.uniform(-5, 5, len(at))
    return edge


def _strands(canvas: Canvas, colour: Image, alpha: Image, guides: list[Curve], random: np.random.Generator) -> None:
    """Locks of strands: dark ones first, then lit ones, then the gloss where the head turns to the light."""
    stack = np.array(guides)
    tones: tuple[tuple[Colour, float, int, float], ...] = (
        (linear(18, 12, 12), 0.55, 260, 1.1),
        (_BODY, 0.5, 520, 0.8),
        (linear(88, 57, 43), 0.42, 300, 0.55),
        (linear(20, 13, 12), 0.4, 160, 0.6),
    )
    for tone, strength, count, width in tones:
        strands = [_strand(stack, random) for _ in range(count)]
        mask = canvas.strokes(strands, width)
        paint(colour, tone, strength * mask)
        np.maximum(alpha, mask * (alpha > 0.02), out=alpha)
    gloss = canvas.strokes([_strand(stack, random) for _ in range(420)], 0.6)
    band = np.exp(-0.5 * ((canvas.y + 96 + 0.12 * np.abs(canvas.x)) / 24) ** 2)
    lower = 0.45 * np.exp(-0.5 * ((canvas.y - 150) / 46) ** 2)
    paint(colour, _SHINE, np.asarray(0.62 * gloss * (band + lower), dtype=np.float32))
    loose = [_strand(stack, random, (0.97, 1.05)) for _ in range(14)]
    flyaway = canvas.strokes(loose, 0.45) * 0.55
    paint(colour, _BODY, flyaway * (1 - np.clip(alpha, 0, 1)))
    np.maximum(alpha, flyaway, out=alpha)


def _strand(
    stack: NDArray[np.float64], random: np.random.Generator, share_between: tuple[float, float] = (0.0, 1.0)
) -> Curve:
    """A curve between the guides that wanders a little; tips end at different heights."""
    at = random.uniform(*share_between) * (len(stack) - 1)
    low = int(np.clip(np.floor(at), 0, len(stack) - 2))
    share = at - low
    curve = stack[low] * (1 - share) + stack[low + 1] * share
    wander = np.cumsum(random.normal(0, 0.16, len(curve)))
    wave = np.sin(np.linspace(0, random.uniform(2, 6), len(curve)) + random.uniform(0, 6))
    wander += 2.2 * wave * np.linspace(0, 1, len(curve))
    begin, end = random.integers(0, 8), len(curve) - random.integers(0, 13)
    moved = curve + np.stack([wander, np.zeros(len(curve))], axis=1)
    return np.asarray(moved[begin:end], dtype=np.float64)


def hair_shadow(canvas: Canvas, alpha: Image) -> Image:
    """How much the front hair darkens the skin under it, 0..1."""
    moved = cv2.warpAffine(
        alpha, np.array([[1, 0, 5.0 * canvas.scale], [0, 1, 8.0 * canvas.scale]]), (canvas.width, canvas.height)
    )
    return canvas.soften(np.asarray(moved, dtype=np.float32), 6)
