"""Attacks that lay something over the picture, or lay the picture into something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from bench.watermark.film import Picture, Step, each, numbered
from bench.watermark.geometric import even, scaled

_FONT = cv2.FONT_HERSHEY_DUPLEX
_LINES = (
    "THIS PRICE ENDS AT MIDNIGHT",
    "TWO FOR ONE, LINK BELOW",
    "she really said that",
    "wait for the end of it",
    "ORDER NOW: FREE DELIVERY",
)


def _box(picture: Picture, left: float, top: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
    rows, columns = picture.shape[:2]
    corner = int(left * columns), int(top * rows)
    far = int((left + width) * columns), int((top + height) * rows)
    cv2.rectangle(picture, corner, far, colour, -1)


def _write(picture: Picture, text: str, left: float, top: float, size: float) -> None:
    """`size`: height of the letters as a share of the picture's height."""
    rows, columns = picture.shape[:2]
    scale = size * rows / 22
    thick, shade = max(1, round(1.5 * scale)), max(1, round(2 * scale))
    left_px, top_px = int(left * columns), int(top * rows)
    cv2.putText(picture, text, (left_px + shade, top_px + shade), _FONT, scale, (0, 0, 0), thick, cv2.LINE_AA)
    cv2.putText(picture, text, (left_px, top_px), _FONT, scale, (255, 255, 255), thick, cv2.LINE_AA)


def live_shop() -> Step:
    """A shop's banner, a product card, a sticker that hops and running comments: about a quarter is covered."""

    def change(picture: Picture, index: int) -> Picture:
        out = picture.copy()
        _box(out, 0, 0, 1, 0.09, (40, 30, 200))
        _write(out, _LINES[0], 0.03, 0.065, 0.045)
        _box(out, 0.7, 0.66, 0.27, 0.28, (250, 250, 250))
        _box(out, 0.72, 0.69, 0.1, 0.15, (120, 180, 60))
        _box(out, 0.7, 0.86, 0.27, 0.08, (40, 40, 40))
        _write(out, "39.90", 0.72, 0.92, 0.05)
        hop = 0.02 * np.sin(index / 5)
        centre = int(0.12 * out.shape[1]), int((0.3 + hop) * out.shape[0])
        cv2.circle(out, centre, out.shape[0] // 12, (0, 220, 255), -1)
        for line in range(4):
            text = _LINES[(index // 20 + line) % len(_LINES)].lower()
            _write(out, text, 0.03, 0.72 + 0.06 * line, 0.03)
        return out

    return numbered(change)


def forty_percent() -> Step:
    """Banners, a panel and moving stickers over 40 % of the picture."""

    def change(picture: Picture, index: int) -> Picture:
        out = picture.copy()
        _box(out, 0, 0, 1, 0.14, (30, 160, 240))
        _box(out, 0, 0.86, 1, 0.14, (60, 40, 40))
        _write(out, _LINES[0], 0.04, 0.1, 0.06)
        _write(out, _LINES[1], 0.04 - 0.2 * ((index / 100) % 1), 0.95, 0.06)
        _box(out, 0.78, 0.14, 0.22, 0.72, (235, 225, 215))  # 0.158 of the area, the banners 0.28
        drift = 0.1 * np.sin(index / 12)
        for x, y in ((0.2, 0.35), (0.45, 0.6)):
            centre = int((x + drift) * out.shape[1]), int(y * out.shape[0])
            cv2.circle(out, centre, out.shape[0] // 20, (80, 80, 255), -1)
        return out

    return numbered(change)


def captions() -> Step:
    """Burned-in words, two lines that change every second, as video apps add them."""

    def change(picture: Picture, index: int) -> Picture:
        out = picture.copy()
        _box(out, 0.08, 0.74, 0.84, 0.17, (0, 0, 0))
        for line in range(2):
            _write(out, _LINES[(index // 25 + line) % len(_LINES)], 0.11, 0.81 + 0.08 * line, 0.05)
        return out

    return numbered(change)


def banner() -> Step:
    """The narrow one of a repost: a handle above, a line of text below."""

    def change(picture: Picture) -> Picture:
        out = picture.copy()
        _write(out, "@best.clips.daily", 0.04, 0.1, 0.05)
        _box(out, 0, 0.85, 1, 0.1, (20, 20, 20))
        _write(out, _LINES[3], 0.05, 0.92, 0.05)
        return out

    return each(change)


def with_a_face_in_the_corner() -> Step:
    """Somebody else's film in a window over a ninth of the picture."""

    def change(picture: Picture, index: int) -> Picture:
        out = picture.copy()
        rows, columns = out.shape[0] // 3, out.shape[1] // 3
        out[-rows - 12 : -12, 12 : columns + 12] = _other_film(columns, rows, index)
        return out

    return numbered(change)


def inside_another(share: float = 0.6) -> Step:
    """The film in a window of `share` of the sides within somebody else's, as in reaction videos."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        for index, picture in enumerate(film):
            rows, columns = picture.shape[:2]
            out = _other_film(columns, rows, index).copy()
            small = scaled(picture, even(columns * share), even(rows * share))
            top, left = int(0.1 * rows), int(0.34 * columns)
            out[top : top + small.shape[0], left : left + small.shape[1]] = small
            yield out

    return step


def _other_film(width: int, height: int, index: int) -> Picture:
    """Footage that never saw a mark: a coloured cloud of natural spectrum, panned."""
    cloud = _clouds(width, height)
    x = int(40 + 38 * np.sin(index / 17))
    return cloud[:, x : x + width]


_CLOUDS: dict[tuple[int, int], Picture] = {}


def _clouds(width: int, height: int) -> Picture:
    if (width, height) not in _CLOUDS:
        rng = np.random.default_rng(11)
        rows, columns = height, width + 80
        falloff = 1 / np.maximum(np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)), 1 / columns) ** 1.6
        layers = []
        for _ in range(3):
            waves = rng.standard_normal(falloff.shape) + 1j * rng.standard_normal(falloff.shape)
            plane = np.fft.irfft2(waves * falloff, s=(rows, columns))
            layers.append(np.clip(120 + 34 * plane / plane.std(), 0, 255).astype(np.uint8))
        _CLOUDS[width, height] = cv2.merge(layers)
    return _CLOUDS[width, height]
