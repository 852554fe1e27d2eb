"""The resting head without eyes and lips: a relief of the face under studio light.

Origin: midway between the pupils; 104 units from pupil to pupil; proportions of an adult woman after
Farkas (1994), features rounded off towards an illustration.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from avatars.presenter.canvas import Canvas, Image, linear, paint, smoothstep, spline

EYE_X, MOUTH_Y = 52.0, 119.0
SKIN = linear(240, 197, 172)
BROW_HAIR = linear(52, 36, 30)

_KEY, _FILL, _RIM = (-0.42, -0.52, 0.74), (0.62, -0.1, 0.78), (0.93, -0.2, 0.3)
# y -> half width of the head.
_OUTLINE_Y = (-186, -181, -155, -112, -60, -5, 40, 80, 111, 135, 156, 172, 182, 187)
_OUTLINE_X = (12, 42, 82, 105, 113, 112.5, 108.5, 100.5, 90, 77, 61, 43, 25, 9)


def head_outline() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The closed outline of face and skull, (n, 2) units."""
    right = list(zip(_OUTLINE_X, _OUTLINE_Y, strict=True))
    left = [(-x, y) for x, y in reversed(right)]
    return spline([(float(x), float(y)) for x, y in (*right, *left)])


def relief(canvas: Canvas) -> Image:
    """Height of the face above the plane of the picture, units."""
    outline = head_outline()
    right = outline[outline[:, 0] > 0]
    right = right[np.argsort(right[:, 1])]
    half = np.maximum(np.interp(canvas.y, right[:, 1], right[:, 0]), 13)
    across = np.clip(np.abs(canvas.x) / half, 0, 1)
    profile = _smooth_curve(
        canvas.y, (-190, -150, -100, -40, 0, 60, 120, 165, 193), (25, 62, 84, 92, 88, 88, 88, 83, 56)
    )
    height = profile * (1 - across**2.7) ** 0.62
    for bump, amount in _bumps(canvas):
        height = height + bump * amount
    return np.asarray(height + _nose(canvas), dtype=np.float32)


def _bumps(canvas: Canvas) -> list[tuple[Image, float]]:
    return [
        (canvas.pair(EYE_X, -6, 30, 16), -11.0),
        (canvas.pair(EYE_X, 1, 21, 11), 7.0),
        (canvas.pair(22, -4, 9, 15), -4.0),
        (canvas.pair(48, -33, 34, 9, 6), 4.0),
        (canvas.pair(66, 46, 28, 22, -20), 7.0),
        (canvas.pair(37, 104, 5, 20, -32), -1.8),
        (canvas.blob(0, 118, 42, 27), 9.0),
        (canvas.blob(0, 97, 3.6, 9), -2.0),
        (canvas.blob(0, 145, 26, 7), -4.5),
        (canvas.blob(0, 165, 22, 14), 8.0),
        (canvas.pair(45, MOUTH_Y + 1, 5, 7), -3.0),
        (canvas.blob(0, -95, 60, 36), 3.0),
    ]


def _smooth_curve(at: Image, knots: tuple[float, ...], values: tuple[float, ...]) -> Image:
    return np.asarray(PchipInterpolator(knots, values)(np.clip(at, knots[0], knots[-1])), dtype=np.float32)


def _nose(canvas: Canvas) -> Image:
    """Bridge, tip and wings; the underside falls off below them."""
    down = canvas.y
    ridge_width = _smooth_curve(down, (-30, 10, 50, 80), (11, 10.5, 12.5, 14))
    ridge = np.exp(-0.5 * np.abs(canvas.x / ridge_width) ** 2.0)
    rise = _smooth_curve(down, (-50, -20, 10, 45, 68, 90), (0, 5, 9.5, 15, 18.5, 17))
    edge = 86 - 5 * np.exp(-0.5 * ((np.abs(canvas.x) - 11) / 5) ** 2)
    fall = smoothstep(4, -11, down - edge)
    tip = 9 * canvas.blob(0, 67, 11, 10) + 9 * canvas.pair(17.5, 74.5, 6.5, 6.5)
    return np.asarray((ridge * rise + tip) * fall, dtype=np.float32)


def light_relief(height: Image, albedo: Image, scale: float, gloss: Image) -> Image:
    """Linear RGB of a relief under key, fill and rim light.

    Red light travels farther under skin, so each channel wraps around the shadow edge by its own amount
    (Green, GPU Gems 2004, ch. 16).
    """
    slope_x, slope_y = np.gradient(height * 1.0, 1 / scale)[::-1]
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    normal = np.stack([-slope_x / length, -slope_y / length, 1 / length], axis=-1)
    wrap = np.array([0.5, 0.3, 0.22], dtype=np.float32)
    out = np.zeros_like(albedo)
    for direction, colour, amount in (
        (_KEY, (1.0, 0.965, 0.91), 0.86),
        (_FILL, (0.86, 0.93, 1.0), 0.3),
        (_RIM, (1.0, 0.9, 0.8), 0.12),
    ):
        towards = np.array(direction) / np.linalg.norm(direction)
        facing = (normal @ towards)[..., None]
        lit = np.clip((facing + wrap) / (1 + wrap), 0, 1) ** 1.25
        out += albedo * lit * np.array(colour) * amount
    out += albedo * np.array((0.14, 0.13, 0.14)) * (0.7 - 0.3 * normal[..., 1:2])
    halfway = np.array(_KEY) / np.linalg.norm(_KEY) + (0, 0, 1)
    shine = np.clip(normal @ (halfway / np.linalg.norm(halfway)), 0, 1)
    out += (gloss * (0.16 * shine**22 + 0.1 * shine**70))[..., None]
    return np.asarray(out, dtype=np.float32)


def hollows(height: Image, scale: float) -> Image:
    """Ambient occlusion: 1 on open skin, less where the surroundings stand higher."""
    shade = np.zeros_like(height)
    for size, weight in ((5, 0.05), (14, 0.022)):
        shade += weight * np.maximum(cv2.GaussianBlur(height, (0, 0), size * scale) - height, 0)
    return np.asarray(np.exp(-shade), dtype=np.float32)


def draw_face(canvas: Canvas, random: np.random.Generator) -> tuple[Image, Image]:
    """(linear RGB, alpha) of the head without hair, eyes and lips."""
    height = relief(canvas)
    alpha = canvas.fill(head_outline())
    albedo = _complexion(canvas, random)
    gloss = 0.35 + 0.65 * np.clip(canvas.blob(0, 20, 13, 60) + canvas.pair(60, 38, 20, 13) * 0.6, 0, 1)
    light = light_relief(height, albedo, canvas.scale, gloss) * hollows(height, canvas.scale)[..., None]
    _nostrils(canvas, light)
    _brows(canvas, light, random)
    return light, alpha


def _complexion(canvas: Canvas, random: np.random.Generator) -> Image:
    albedo = np.empty((canvas.height, canvas.width, 3), dtype=np.float32)
    albedo[:] = SKIN
    paint(albedo, linear(232, 142, 128), 0.36 * canvas.pair(70, 56, 26, 19, -15))
    paint(albedo, linear(226, 150, 132), 0.3 * canvas.blob(0, 70, 17, 13) + 0.16 * canvas.blob(0, 172, 24, 14))
    paint(albedo, linear(205, 140, 128), 0.22 * canvas.pair(EYE_X, 15, 22, 6) + 0.34 * canvas.pair(56, -12, 26, 8, -5))
    paint(albedo, linear(222, 150, 132), 0.25 * canvas.blob(0, MOUTH_Y, 48, 24))
    mottle = 1 + 0.012 * canvas.grain(random, 3.0) + 0.010 * canvas.grain(random, 0.7)
    return np.asarray(albedo * mottle[..., None], dtype=np.float32)


def _nostrils(canvas: Canvas, light: Image) -> None:
    for side in (-1, 1):
        hole = spline([(side * 6.0, 81.0), (side * 12.0, 78.8), (side * 16.0, 81.5), (side * 10.5, 83.6)])
        paint(light, linear(82, 34, 28), 0.82 * canvas.fill(hole, 1.1))
        wing = spline([(side * 24.0, 68.0), (side * 26.5, 76.0), (side * 22.5, 83.0)], closed=False)
        paint(light, linear(150, 84, 66), 0.4 * canvas.stroke(wing, 1.3, 1.5))
    paint(light, linear(150, 82, 66), 0.28 * canvas.blob(0, 87, 17, 3.2))


def _brows(canvas: Canvas, light: Image, random: np.random.Generator) -> None:
    """Hair by hair along an arch, under a soft powder."""
    for side in (-1, 1):
        arch = spline(
            [(side * x, y) for x, y in ((23.0, -31.0), (40.0, -36.5), (62.0, -39.5), (84.0, -30.0))], closed=False
        )
        paint(light, BROW_HAIR, 0.55 * canvas.stroke(arch[4:-8], 4.6, 1.8))
        hairs = []
        for share in np.linspace(0, 0.99, 150):
            root = arch[int(share * (len(arch) - 1))]
            thick = 4.2 * (1 - share) ** 0.5 * (0.75 + 0.25 * min(share * 8, 1))
            start = root + np.array([random.normal(0, 0.6), random.uniform(-0.55, 0.8) * thick])
            lean = np.array([side * (2.2 + 5.5 * share), -4.0 * (1 - share) ** 1.5 + 2.4 * share])
            bend = np.array([0.0, -0.4])
            hairs.append(np.array([start, start + lean * 0.55 + bend, start + lean]))
        paint(light, BROW_HAIR, 0.75 * canvas.strokes(hairs, 0.6))
