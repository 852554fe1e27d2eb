"""Drawing surface in picture units: 1 unit = 1 pixel of a 1280x720 picture, whatever is really drawn.

Colours are linear light, float32 RGB in 0..1; masks are float32 in 0..1 of the canvas's shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Points = Sequence[tuple[float, float]]
Colour = tuple[float, float, float]

_SUBPIXEL_BITS = 4


def linear(red: int, green: int, blue: int) -> Colour:
    """An sRGB colour (0..255) as linear light."""
    return tuple(float((value / 255) ** 2.2) for value in (red, green, blue))  # type: ignore[return-value]


def encode(light: Image) -> Bytes:
    """Linear light to 8 bit sRGB; what is too bright is cut."""
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255 + 0.5, dtype=np.uint8)


def develop(light: Image) -> Bytes:
    """Linear light to 8 bit sRGB, with a soft shoulder above 0.85."""
    return encode(np.where(light > 0.85, 0.85 + 0.15 * np.tanh((light - 0.85) / 0.15), light))


def smoothstep(low: float, high: float, value: Image) -> Image:
    """Hermite step from 0 at `low` to 1 at `high` (which may be below `low`)."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def spline(points: Points, closed: bool = True, steps: int = 14) -> NDArray[np.float64]:
    """Catmull-Rom curve through `points`, shape (n, 2)."""
    knots = np.asarray(points, dtype=np.float64)
    ring = np.vstack([knots[-1], knots, knots[:2]]) if closed else np.vstack([knots[0], knots, knots[-1]])
    share = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False):
        pieces.append(
            0.5
            * (2 * b + (c - a) * share + (2 * a - 5 * b + 4 * c - d) * share**2 + (3 * b - a - 3 * c + d) * share**3)
        )
    return np.vstack(pieces if closed else [*pieces, knots[-1:]])


class Canvas:
    """A rectangle of picture units from (`left`, `top`), `scale` pixels per unit; `x`, `y`: units per pixel."""

    def __init__(self, left: float, top: float, right: float, bottom: float, scale: float) -> None:
        self.left, self.top, self.scale = left, top, scale
        self.width, self.height = round((right - left) * scale), round((bottom - top) * scale)
        across = left + (np.arange(self.width, dtype=np.float32) + 0.5) / scale
        down = top + (np.arange(self.height, dtype=np.float32) + 0.5) / scale
        self.x, self.y = np.meshgrid(across, down)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Units to OpenCV's fixed-point pixel coordinates."""
        moved = (points - (self.left, self.top)) * self.scale - 0.5
        return np.round(moved * (1 << _SUBPIXEL_BITS)).astype(np.int32)

    def fill(self, outline: NDArray[np.float64], blur: float = 0.0) -> Image:
        """Mask of a polygon, softened by a Gaussian of `blur` units."""
        mask = np.zeros((self.height, self.width), dtype=np.uint8)
        cv2.fillPoly(mask, [self.pixels(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return self.soften(mask.astype(np.float32) / 255, blur)

    def stroke(self, curve: NDArray[np.float64], width: float, blur: float = 0.0) -> Image:
        """Mask of a line of `width` units along `curve`."""
        mask = np.zeros((self.height, self.width), dtype=np.uint8)
        thick = max(1, round(width * self.scale))
        cv2.polylines(mask, [self.pixels(curve)], False, 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)
        return self.soften(mask.astype(np.float32) / 255, blur)

    def strokes(self, curves: Sequence[NDArray[np.float64]], width: float) -> Image:
        """Mask of many lines of one width."""
        mask = np.zeros((self.height, self.width), dtype=np.uint8)
        thick = max(1, round(width * self.scale))
        pixels = [self.pixels(curve) for curve in curves]
        cv2.polylines(mask, pixels, False, 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)
        return np.asarray(mask.astype(np.float32) / 255, dtype=np.float32)

    def soften(self, mask: Image, blur: float) -> Image:
        if blur <= 0:
            return mask
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur * self.scale), dtype=np.float32)

    def blob(self, x: float, y: float, wide: float, high: float, degrees: float = 0.0) -> Image:
        """Gaussian bump of height 1 at (x, y) with standard deviations `wide`, `high`."""
        turn = np.deg2rad(degrees)
        along = (self.x - x) * np.cos(turn) + (self.y - y) * np.sin(turn)
        across = (self.y - y) * np.cos(turn) - (self.x - x) * np.sin(turn)
        return np.asarray(np.exp(-0.5 * ((along / wide) ** 2 + (across / high) ** 2)), dtype=np.float32)

    def pair(self, x: float, y: float, wide: float, high: float, degrees: float = 0.0) -> Image:
        """The same bump on both sides of the face."""
        return self.blob(x, y, wide, high, degrees) + self.blob(-x, y, wide, high, -degrees)

    def grain(self, random: np.random.Generator, size: float) -> Image:
        """Smooth noise, mean 0, standard deviation 1, with spots of about `size` units."""
        noise = random.standard_normal((self.height, self.width)).astype(np.float32)
        soft = self.soften(noise, size)
        return np.asarray(soft / soft.std(), dtype=np.float32)


def paint(picture: Image, colour: Colour | Image, mask: Image) -> None:
    """Lay `colour` over `picture` in place where `mask` is 1."""
    picture += (np.asarray(colour, dtype=np.float32) - picture) * mask[..., None]


def premultiplied(light: Image, alpha: Image) -> Bytes:
    """8 bit RGBA, colours multiplied by alpha, ready for `over`."""
    colours = develop(light).astype(np.float32) * alpha[..., None]
    return np.dstack([colours + 0.5, alpha * 255 + 0.5]).astype(np.uint8)


def over(picture: Bytes, layer: Bytes) -> None:
    """Composite a premultiplied RGBA `layer` onto RGB `picture` of the same size, in place."""
    keep = 255 - cv2.merge([layer[..., 3]] * 3)
    under = cv2.multiply(picture, keep, scale=1 / 255)
    cv2.add(under, layer[..., :3], dst=picture)
