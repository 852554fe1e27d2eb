"""What does not talk: the studio behind, and neck, shoulders and clothes below."""

from __future__ import annotations

import numpy as np

from avatars.presenter.canvas import Canvas, Colour, Image, linear, paint, smoothstep, spline
from avatars.presenter.face import SKIN, hollows, light_relief

# The head's origin in the picture, units.
HEAD_X, HEAD_Y = 640.0, 292.0

_WALL, _WALL_SHADE = linear(214, 206, 198), linear(150, 138, 132)
_BOARD, _LAMP = linear(152, 112, 80), linear(255, 214, 150)
_JACKET, _JACKET_DARK, _BLOUSE = linear(36, 92, 104), linear(16, 48, 58), linear(244, 238, 230)

# (x, width, height, kind, colour) of what stands on a shelf; kinds: bottle, jar, box, plant.
_GOODS: tuple[tuple[tuple[float, float, float, str, Colour], ...], ...] = (
    (
        (60, 40, 116, "bottle", linear(52, 120, 128)),
        (116, 40, 98, "bottle", linear(232, 226, 214)),
        (180, 58, 62, "jar", linear(214, 150, 120)),
        (262, 64, 88, "box", linear(236, 206, 158)),
        (330, 38, 110, "bottle", linear(196, 88, 78)),
    ),
    (
        (70, 70, 96, "plant", linear(86, 128, 84)),
        (152, 62, 70, "box", linear(96, 126, 150)),
        (226, 54, 58, "jar", linear(240, 232, 222)),
        (300, 40, 104, "bottle", linear(72, 78, 96)),
    ),
    (
        (56, 60, 84, "box", linear(190, 96, 84)),
        (132, 40, 108, "bottle", linear(226, 196, 120)),
        (196, 58, 60, "jar", linear(92, 140, 138)),
        (272, 72, 72, "box", linear(238, 228, 214)),
    ),
)


def draw_background(scale: float, random: np.random.Generator) -> Image:
    """Linear RGB of the studio, out of focus, 1280 x 720 units."""
    canvas = Canvas(0, 0, 1280, 720, scale)
    light = np.empty((canvas.height, canvas.width, 3), dtype=np.float32)
    light[:] = _WALL
    paint(light, _WALL_SHADE, smoothstep(500, 1250, np.hypot(canvas.x - 520, (canvas.y - 260) * 1.2)))
    paint(light, linear(255, 246, 232), 0.55 * canvas.blob(640, 250, 210, 210))
    for left, turn in ((0, 0), (900, 1)):
        for row, floor in enumerate((212, 402, 592)):
            _shelf(canvas, light, left, floor, _GOODS[(row + turn) % len(_GOODS)])
    light = np.stack([canvas.soften(light[..., channel], 4.2) for channel in range(3)], axis=-1)
    for x, y in ((430, 70), (860, 62), (1262, 120), (18, 84)):
        paint(light, _LAMP, 0.5 * canvas.blob(x, y, 15, 15) + 0.16 * canvas.blob(x, y, 60, 60))
    vignette = 1 - 0.34 * smoothstep(420, 860, np.hypot(canvas.x - 640, (canvas.y - 340) * 1.25))
    dither = 1 + 0.004 * random.standard_normal(vignette.shape).astype(np.float32)
    return np.asarray(light * (vignette * dither)[..., None], dtype=np.float32)


def _rectangle(canvas: Canvas, left: float, top: float, right: float, bottom: float, blur: float = 0.0) -> Image:
    return canvas.fill(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float), blur)


def _shelf(
    canvas: Canvas, light: Image, left: float, floor: float, goods: tuple[tuple[float, float, float, str, Colour], ...]
) -> None:
    right = left + 380
    paint(light, linear(178, 160, 146), 0.55 * _rectangle(canvas, left, floor - 176, right, floor, 3))
    glow = smoothstep(170, 0, floor - canvas.y) * _rectangle(canvas, left, floor - 176, right, floor, 6)
    paint(light, _LAMP, 0.2 * glow)
    for x, width, height, kind, colour in goods:
        paint(light, linear(92, 72, 62), 0.4 * canvas.blob(left + x + 6, floor - 2, width * 0.6, 7))
        _product(canvas, light, (left + x, floor, width, height), kind, colour)
    paint(light, _BOARD, _rectangle(canvas, left, floor, right, floor + 15))
    paint(light, linear(204, 164, 124), 0.8 * _rectangle(canvas, left, floor, right, floor + 3))
    paint(light, _LAMP, 0.75 * _rectangle(canvas, left + 8, floor + 15, right - 8, floor + 18, 1))
    below = smoothstep(60, 0, canvas.y - floor - 18) * _rectangle(canvas, left, floor + 18, right, floor + 80)
    paint(light, _LAMP, 0.26 * below)


def _product(canvas: Canvas, light: Image, place: tuple[float, float, float, float], kind: str, colour: Colour) -> None:
    x, floor, width, height = place
    half = width / 2
    across = np.clip((canvas.x - x) / half, -1, 1)
    round_shade = 0.42 + 0.75 * np.sqrt(1 - 0.92 * across**2) * (1 - 0.35 * across)
    flat_shade = np.where(across < 0.45, 1.05, 0.62)
    shade = (flat_shade if kind == "box" else round_shade).astype(np.float32)
    body = np.array(colour, dtype=np.float32) * shade[..., None]
    if kind == "plant":
        _plant(canvas, light, place, colour)
        return
    shoulder = {"bottle": 0.74, "jar": 0.8, "box": 1.0}[kind]
    paint(light, body, _rectangle(canvas, x - half, floor - height * shoulder, x + half, floor, 0.8))
    if kind != "box":
        neck = half * (0.42 if kind == "bottle" else 1.04)
        cap = np.array(linear(66, 58, 54), dtype=np.float32) * shade[..., None]
        paint(light, body, canvas.blob(x, floor - height * shoulder, half * 0.62, height * 0.06).round())
        paint(light, cap, _rectangle(canvas, x - neck, floor - height, x + neck, floor - height * shoulder + 1, 0.8))
    label = _rectangle(canvas, x - half * 0.8, floor - height * 0.5, x + half * 0.8, floor - height * 0.2, 0.6)
    paint(light, np.array(linear(250, 246, 238), dtype=np.float32) * (0.6 * shade + 0.2)[..., None], 0.8 * label)


def _plant(canvas: Canvas, light: Image, place: tuple[float, float, float, float], colour: Colour) -> None:
    x, floor, width, height = place
    for lean in np.linspace(-1, 1, 9):
        tip = (x + lean * width * 0.75, floor - height * (1.05 - 0.35 * abs(lean)))
        leaf = spline(
            [
                (x + lean * 8, floor - 34),
                (x + lean * width * 0.3 - 7, floor - height * 0.6),
                tip,
                (x + lean * width * 0.5 + 7, floor - height * 0.5),
            ]
        )
        paint(light, np.array(colour) * (0.75 + 0.4 * (1 - abs(lean - 0.3))), canvas.fill(leaf, 0.6))
    pot = np.array([(x - 24, floor - 40), (x + 24, floor - 40), (x + 18, floor), (x - 18, floor)], dtype=float)
    paint(light, linear(214, 196, 178), canvas.fill(pot, 0.8))


def draw_body(scale: float, random: np.random.Generator) -> tuple[Image, Image, Canvas]:
    """(linear RGB, alpha, its canvas) of neck, blouse and jacket; head coordinates, down to below the picture."""
    canvas = Canvas(-420, 120, 420, 460, scale)
    light = np.zeros((canvas.height, canvas.width, 3), dtype=np.float32)
    skin, skin_alpha = _neck(canvas)
    paint(light, skin, skin_alpha)
    _necklace(canvas, light)
    blouse = spline(
        [(-92, 262), (-60, 290), (0, 335), (60, 290), (92, 262), (130, 300), (110, 470), (-110, 470), (-130, 300)]
    )
    cloth = np.array(_BLOUSE, dtype=np.float32) * _drape(canvas, random, 26, 0.8)[..., None]
    opening = canvas.fill(np.array([(-66, 240), (0, 346), (66, 240)], dtype=float), 0.8)
    blouse_alpha = canvas.fill(blouse, 0.7) * (1 - opening)
    paint(light, cloth, blouse_alpha)
    jacket_alpha = _jacket(canvas, light, random)
    return light, np.maximum.reduce([skin_alpha, blouse_alpha, jacket_alpha]), canvas


def _neck(canvas: Canvas) -> tuple[Image, Image]:
    outline = spline(
        [
            (-58, 110),
            (-56, 170),
            (-62, 222),
            (-100, 258),
            (-180, 300),
            (-90, 470),
            (90, 470),
            (180, 300),
            (100, 258),
            (62, 222),
            (56, 170),
            (58, 110),
        ]
    )
    half = np.interp(canvas.y, (110, 205, 250, 300), (56, 60, 100, 190)).astype(np.float32)
    across = np.clip(np.abs(canvas.x) / half, 0, 1)
    height = 52 * (1 - across**2.2) ** 0.6
    height += 5 * canvas.pair(24, 232, 6, 34, -18) - 7 * canvas.blob(0, 262, 11, 13)
    height += 7 * canvas.pair(66, 272, 44, 6, 8) - 4 * canvas.pair(70, 286, 40, 8, 8)
    albedo = np.empty((canvas.height, canvas.width, 3), dtype=np.float32)
    albedo[:] = np.array(SKIN) * 0.94
    light = light_relief(canvas.soften(height, 4), albedo, canvas.scale, np.full_like(height, 0.25))
    light *= hollows(height, canvas.scale)[..., None] * 0.97
    jaw = 1 - 0.7 * np.exp(-0.5 * (canvas.x / 66) ** 4) * smoothstep(250, 184, canvas.y - 0.1 * canvas.x)
    light *= np.stack([jaw**0.8, jaw, jaw**1.08], axis=-1)
    return np.asarray(light, dtype=np.float32), canvas.fill(outline, 0.5)


def _necklace(canvas: Canvas, light: Image) -> None:
    chain = spline([(-64.0, 236.0), (-40.0, 268.0), (0.0, 292.0), (40.0, 268.0), (64.0, 236.0)], closed=False)
    shifted = chain + np.array([0.8, 1.6])
    paint(light, linear(120, 76, 58), 0.4 * canvas.stroke(shifted, 1.0, 0.8))
    paint(light, linear(236, 200, 132), 0.9 * canvas.stroke(chain, 0.7))
    paint(light, linear(238, 232, 226), canvas.blob(0, 297, 3.4, 3.8).round())
    paint(light, (1.0, 1.0, 1.0), canvas.blob(-1, 295.4, 1.1, 1.1))


def _drape(canvas: Canvas, random: np.random.Generator, fold: float, depth: float) -> Image:
    """Brightness of cloth: broad folds and a fine weave, about 1."""
    folds = canvas.soften(canvas.grain(random, fold / 3), fold / 4)
    weave = canvas.grain(random, 0.4)
    return np.asarray(0.86 + 0.05 * depth * folds / folds.std() + 0.012 * weave, dtype=np.float32)


def _jacket(canvas: Canvas, light: Image, random: np.random.Generator) -> Image:
    shade = _drape(canvas, random, 60, 1.0) * (1.06 - 0.3 * smoothstep(40, 330, np.abs(canvas.x + 50)))
    shade = shade * (1.08 - 0.22 * smoothstep(270, 460, canvas.y))
    cloth = np.array(_JACKET, dtype=np.float32) * shade[..., None]
    total = np.zeros_like(shade)
    for side in (-1, 1):
        panel = spline(
            [
                (side * x, y)
                for x, y in (
                    (74, 248),
                    (120, 252),
                    (190, 276),
                    (262, 312),
                    (312, 372),
                    (345, 480),
                    (60, 490),
                    (2, 470),
                    (6, 404),
                    (40, 330),
                )
            ]
        )
        mask = canvas.fill(panel, 0.7)
        paint(light, linear(60, 52, 50), 0.35 * canvas.soften(mask, 6))
        paint(light, cloth, mask)
        lapel = np.array(
            [
                (side * x, y)
                for x, y in ((74, 244), (112, 268), (126, 318), (104, 322), (112, 340), (8, 452), (3, 410), (44, 322))
            ],
            dtype=float,
        )
        lapel_mask = canvas.fill(lapel, 0.6)
        paint(light, _JACKET_DARK, 0.6 * canvas.soften(lapel_mask, 3.5) * mask)
        paint(light, cloth * (1.22 if side < 0 else 1.06), lapel_mask)
        notch = spline([(side * 74, 262), (side * 100, 300), (side * 104, 322)], closed=False, steps=6)
        paint(light, _JACKET_DARK, 0.55 * canvas.stroke(notch, 0.9, 0.6))
        seam = spline([(side * 252, 306), (side * 222, 372), (side * 214, 470)], closed=False)
        paint(light, _JACKET_DARK, 0.7 * canvas.stroke(seam, 1.4, 2.2))
        total = np.maximum(total, np.maximum(mask, lapel_mask))
    _microphone(canvas, light)
    return np.asarray(total, dtype=np.float32)


def _microphone(canvas: Canvas, light: Image) -> None:
    clip = spline([(-66.0, 352.0), (-58.0, 350.0), (-56.0, 374.0), (-64.0, 376.0)])
    paint(light, linear(22, 22, 24), canvas.fill(clip, 0.5))
    head = canvas.blob(-62, 346, 7.5, 8.5)
    paint(light, linear(30, 30, 33), smoothstep(0.45, 0.55, head))
    paint(light, linear(120, 120, 126), 0.5 * canvas.blob(-64, 343, 2.2, 2.2))
