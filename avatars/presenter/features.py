"""The parts of the face that move by themselves: lips and eyes, drawn anew for every pose.

Each patch is a small canvas in the head's own units; drawing one costs about a millisecond.
"""

from __future__ import annotations

import numpy as np

from avatars.presenter.canvas import Bytes, Canvas, Colour, Image, encode, linear, paint, smoothstep
from avatars.presenter.face import EYE_X, MOUTH_Y

# Distance of the lips' inner edges at opening 1, units; about a third of the distance of the pupils.
FULL_GAP = 31.0

_HALF_WIDTH = 40.0
_UPPER_LIP, _LOWER_LIP = linear(190, 92, 92), linear(208, 112, 110)
_LIP_SHADOW, _CAVITY = linear(112, 38, 42), linear(48, 12, 14)
_TEETH, _TONGUE = linear(232, 224, 214), linear(186, 86, 88)
_SCLERA, _IRIS, _LASH = linear(238, 235, 232), linear(92, 58, 38), linear(30, 20, 18)
_LID = linear(214, 160, 136)


def lip_gap(opening: float) -> float:
    """Units between the inner edges of the lips. Small openings are drawn a little wider than in proportion:
    face meshes read a gap under a tenth of the pupils' distance as closed."""
    return float(FULL_GAP * opening**0.75)


class Mouth:
    """Lips, teeth and tongue over the skin of the lower face."""

    def __init__(self, scale: float, random: np.random.Generator) -> None:
        self.canvas = Canvas(-58, MOUTH_Y - 26, 58, MOUTH_Y + 56, scale)
        fine = random.standard_normal(self.canvas.width).astype(np.float32)
        creases = np.convolve(fine, np.hanning(max(3, round(1.6 * scale)) + 2)[1:-1], mode="same")
        self._creases = (creases / creases.std()).astype(np.float32)

    def draw(self, skin: Bytes, opening: float, width: float) -> Bytes:
        """`skin` (RGB under the canvas, jaw already dropped) with lips. `opening` 0..1, `width` -1..1."""
        x, y = self.canvas.x, self.canvas.y - MOUTH_Y
        half = _HALF_WIDTH + (6.0 if width > 0 else 12.0) * width - 2.5 * opening
        pout = max(-width, 0.0)
        gap = lip_gap(opening)
        u = np.clip(np.abs(x) / half, 0, 1)
        bow = np.sqrt(np.clip(1 - u**1.9, 0, 1))
        corner = -5.2 * u**2.4 * (1 - 0.6 * opening)
        inner_top = -0.24 * gap * bow + corner + 0.9 * np.exp(-((x / 7) ** 2)) * (1 - opening)
        inner_low = 0.76 * gap * bow**0.9 + corner
        top = inner_top - (8.6 + 2.2 * pout) * _cupid(u) * (1 - 0.16 * opening)
        low = inner_low + (12.0 + 3.0 * pout) * (1 - u**2) ** 0.8 * (1 - 0.12 * opening)
        light = (skin.astype(np.float32) / 255) ** 2.2
        self._shade_around(light, half, y, low, opening)
        self._cavity(light, u, y, inner_top, inner_low, gap)
        self._lips(light, u, y, (top, inner_top, inner_low, low))
        return encode(light)

    def _edge(self, distance: Image, soft: float) -> Image:
        """1 where `distance` (units) is positive, with an edge `soft` units wide."""
        return np.asarray(np.clip(distance / soft + 0.5, 0, 1), dtype=np.float32)

    def _shade_around(self, light: Image, half: float, y: Image, low: Image, opening: float) -> None:
        u = np.clip(np.abs(self.canvas.x) / half, 0, 1)
        below = np.exp(-0.5 * ((y - low - 5.5) / 3.6) ** 2) * (1 - u**2)
        paint(light, linear(186, 118, 98), np.asarray(0.3 * below, dtype=np.float32))
        outward = np.abs(self.canvas.x) / half - 1.0
        corner = np.exp(-0.5 * ((outward / 0.06) ** 2 + ((y + 1.5) / (3.0 + 5 * opening)) ** 2))
        paint(light, linear(140, 70, 62), np.asarray(0.34 * corner, dtype=np.float32))

    def _cavity(self, light: Image, u: Image, y: Image, top: Image, low: Image, gap: float) -> None:
        inside = self._edge(y - top, 1.0) * self._edge(low - y, 1.0) * smoothstep(1.0, 0.96, u)
        depth = np.empty_like(light)
        depth[:] = _CAVITY
        tongue_top = low - 0.5 * gap + 5 * u**2
        tongue = smoothstep(-3, 5, y - tongue_top) * smoothstep(0.82, 0.55, u) * min(gap / 12, 1)
        paint(depth, _TONGUE, 0.75 * tongue)
        reach = top + min(10.5, 0.5 * gap)
        teeth = self._edge(reach - 3.5 * u**2 - y, 1.4) * smoothstep(0.84, 0.6, u)
        seams = 1 - 0.14 * np.exp(-(((np.abs(self.canvas.x) % 8.4) / 0.55) ** 2))
        shaded = np.array(_TEETH, dtype=np.float32) * (seams * (1 - 0.5 * u**2))[..., None]
        paint(depth, shaded * (0.3 + 0.6 * smoothstep(0, 7, y - top))[..., None], teeth)
        paint(light, depth, inside)

    def _lips(self, light: Image, u: Image, y: Image, edges: tuple[Image, Image, Image, Image]) -> None:
        top, inner_top, inner_low, low = edges
        within = smoothstep(1.0, 0.985, u)
        upper = self._edge(y - top, 1.9) * self._edge(inner_top - y + 0.4, 1.0) * within
        lower = self._edge(y - inner_low + 0.4, 1.0) * self._edge(low - y, 2.2) * within
        share_up = np.clip((y - top) / np.maximum(inner_top - top, 1), 0, 1)
        share_low = np.clip((y - inner_low) / np.maximum(low - inner_low, 1), 0, 1)
        relief = 1 + 0.035 * self._creases
        paint(light, self._lip_colour(_UPPER_LIP, 0.96 - 0.3 * share_up**2, relief), 0.94 * upper)
        bulge = 0.78 + 0.36 * np.sin(np.pi * np.clip(share_low * 0.95 + 0.08, 0, 0.99)) ** 1.3 - 0.16 * share_low**3
        paint(light, self._lip_colour(_LOWER_LIP, bulge, relief), 0.94 * lower)
        glint = np.exp(-0.5 * (((share_low - 0.42) / 0.15) ** 2 + ((self.canvas.x + 7) / 13) ** 2)) * lower
        paint(light, linear(255, 226, 220), np.asarray(0.34 * glint * (1 + 0.16 * self._creases), dtype=np.float32))
        ridge = np.exp(-0.5 * (((y - top + 1.4) / 1.1) ** 2)) * (1 - u**2)
        paint(light, linear(255, 222, 204), np.asarray(0.2 * ridge, dtype=np.float32))
        line = np.exp(-0.5 * ((y - inner_top) / 1.0) ** 2) + 0.7 * np.exp(-0.5 * ((y - inner_low) / 0.9) ** 2)
        paint(light, _LIP_SHADOW, np.asarray(np.clip(0.72 * line * within, 0, 1), dtype=np.float32))

    def _lip_colour(self, colour: Colour, shade: Image, relief: Image) -> Image:
        return np.asarray(np.array(colour, dtype=np.float32) * (shade * relief)[..., None], dtype=np.float32)


def _cupid(u: Image) -> Image:
    """Height of the upper lip along its half width: a dip in the middle, a peak beside it."""
    return np.asarray((1 - u**1.7) ** 0.85 * (1 - 0.24 * np.exp(-((u / 0.13) ** 2))), dtype=np.float32)


class Eye:
    """One eye; `side` -1 is on the left of the picture."""

    def __init__(self, side: int, scale: float, random: np.random.Generator) -> None:
        self.side = side
        centre = side * EYE_X
        self.canvas = Canvas(centre - 40, -26, centre + 40, 22, scale)
        self._fibres = random.uniform(0.0, 1.0, 90).astype(np.float32)

    def draw(self, skin: Bytes, closed: float, gaze: tuple[float, float]) -> Bytes:
        """`skin` (RGB under the canvas) with the eye. `closed` 0..1; `gaze`: units right and down."""
        x = (self.canvas.x - self.side * EYE_X) * self.side
        y = self.canvas.y
        u = np.clip((x + 1) / 28.5, -1, 1)
        tilt = -1.8 * u
        upper = tilt - 12.4 * (1 - np.abs(u + 0.08) ** 2.3).clip(0, 1) ** 0.8
        lower = tilt + 7.0 * (1 - np.abs(u - 0.12) ** 2.0).clip(0, 1) ** 0.9
        lid = upper + (lower - upper - 0.6) * closed
        within = smoothstep(1.0, 0.94, np.abs(u))
        light = (skin.astype(np.float32) / 255) ** 2.2
        self._lid(light, y, (upper, lid), within, closed)
        ball = np.clip((y - lid) / 0.9 + 0.5, 0, 1) * np.clip((lower - y) / 0.9 + 0.5, 0, 1) * within
        paint(light, self._eyeball(x * self.side - gaze[0], y - gaze[1], y - lid, u), np.asarray(ball, np.float32))
        self._rims(light, x, y, u, (lid, lower), within, closed)
        return encode(light)

    def _lid(self, light: Image, y: Image, edges: tuple[Image, Image], within: Image, closed: float) -> None:
        upper, lid = edges
        crease_y = upper - 5.2 + 2.0 * closed
        fold = smoothstep(0, 1.5, y - crease_y) * smoothstep(1.5, -0.5, y - lid) * within
        roundness = 1.05 - 0.22 * np.clip((y - crease_y) / 18, 0, 1)
        tint = np.array(_LID, dtype=np.float32) * roundness[..., None]
        paint(light, tint, np.asarray((0.4 + 0.55 * closed) * fold, dtype=np.float32))
        crease = np.exp(-0.5 * ((y - crease_y) / 0.85) ** 2) * within
        paint(light, linear(120, 68, 54), np.asarray((0.62 - 0.3 * closed) * crease, dtype=np.float32))

    def _eyeball(self, across: Image, down: Image, under_lid: Image, u: Image) -> Image:
        radius = np.hypot(across, down + 1.5)
        ball = np.empty((*across.shape, 3), dtype=np.float32)
        ball[:] = np.array(_SCLERA) * 0.86
        paint(ball, linear(196, 130, 122), np.asarray(0.5 * smoothstep(0.7, 1.0, np.abs(u)), dtype=np.float32))
        turn = (np.arctan2(down + 1.5, across) / (2 * np.pi) % 1.0) * len(self._fibres)
        fibre = np.interp(turn, np.arange(len(self._fibres) + 1), np.append(self._fibres, self._fibres[0]))
        glow = 0.55 + 0.35 * fibre + 0.75 * smoothstep(-4, 9, down) * smoothstep(10, 4, radius)
        iris = np.array(_IRIS, dtype=np.float32) * glow[..., None]
        paint(ball, iris, np.asarray(np.clip((11.9 - radius) / 1.1 + 0.5, 0, 1), dtype=np.float32))
        ring = np.exp(-0.5 * ((radius - 11.2) / 1.1) ** 2)
        paint(ball, linear(30, 18, 14), np.asarray(0.75 * ring, dtype=np.float32))
        paint(ball, linear(10, 7, 7), np.asarray(np.clip((4.7 - radius) / 1.0 + 0.5, 0, 1), dtype=np.float32))
        ball *= (0.45 + 0.55 * smoothstep(-1, 8, under_lid))[..., None]
        spark = np.clip((2.5 - np.hypot(across + 3.8, down + 5.6)) / 1.0 + 0.5, 0, 1)
        second = np.clip((1.2 - np.hypot(across - 4.2, down - 2.6)) / 1.0 + 0.5, 0, 1)
        paint(ball, (0.95, 0.97, 1.0), np.asarray(np.maximum(spark, 0.4 * second), dtype=np.float32))
        return ball

    def _rims(
        self, light: Image, x: Image, y: Image, u: Image, edges: tuple[Image, Image], within: Image, closed: float
    ) -> None:
        lid, lower = edges
        waterline = np.exp(-0.5 * ((y - lower - 0.2) / 0.8) ** 2) * within
        paint(light, linear(205, 138, 126), np.asarray(0.6 * waterline, dtype=np.float32))
        lower_lash = np.exp(-0.5 * ((y - lower - 1.4) / 0.8) ** 2) * within * smoothstep(-0.6, 0.7, u)
        paint(light, _LASH, np.asarray(0.42 * lower_lash, dtype=np.float32))
        thick = 1.3 + 1.3 * smoothstep(-0.8, 0.6, u)
        lash = np.clip((thick - np.abs(y - lid + 0.8)) / 1.0 + 0.5, 0, 1) * smoothstep(1.0, 0.97, np.abs(u))
        wing_y = -1.8 + 1.4 * closed - 0.42 * (x - 25.5)
        wing = np.clip((1.5 * smoothstep(35, 26, x) - np.abs(y - wing_y + 0.6)) / 0.9 + 0.2, 0, 1)
        wing = wing * smoothstep(24, 26.5, x) * smoothstep(35, 33, x)
        paint(light, _LASH, np.asarray(0.93 * np.maximum(lash, wing), dtype=np.float32))
