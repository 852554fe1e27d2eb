"""Attacks on where things are: sizes, cuts, turns, borders."""

from __future__ import annotations

import math

import cv2
import numpy as np

from bench.watermark.film import Picture, Step, each


def even(side: float) -> int:
    """The nearest even number of pixels, at least 2."""
    return max(2, 2 * round(side / 2))


def scaled(picture: Picture, width: int, height: int) -> Picture:
    """Area average when it shrinks, bicubic when it grows, as editors do."""
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def resize(short_side: int) -> Step:
    """To another short side."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        ratio = short_side / min(height, width)
        return scaled(picture, even(width * ratio), even(height * ratio))

    return each(change)


def crop(area: float, *, x: float = 0.31, y: float = 0.64, back: bool = False) -> Step:
    """A part of the picture with `area` of its pixels, off the middle; `back`: scaled to the former size."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        rows, columns = even(height * math.sqrt(area)), even(width * math.sqrt(area))
        top, left = int((height - rows) * y), int((width - columns) * x)
        part = picture[top : top + rows, left : left + columns]
        return scaled(part, width, height) if back else part

    return each(change)


def cut_across() -> Step:
    """9:16 out of a lying picture, 16:9 out of a standing one."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        if width >= height:
            columns = even(height * 9 / 16)
            left = int((width - columns) * 0.43)
            return picture[:, left : left + columns]
        rows = even(width * 9 / 16)
        top = int((height - rows) * 0.31)
        return picture[top : top + rows]

    return each(change)


def rotate(degrees: float, *, zoom: float = 1.0, fill: bool = False) -> Step:
    """About the middle, black corners; `fill`: enlarged until there are none. `zoom` comes on top."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        angle = abs(math.radians(degrees))
        aspect = max(width / height, height / width)
        grow = zoom * (math.cos(angle) + aspect * math.sin(angle) if fill else 1.0)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, grow)
        return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)

    return each(change)


def quarter_turns(count: int) -> Step:
    """Counter-clockwise by 90 degrees each."""
    return each(lambda picture: np.ascontiguousarray(np.rot90(picture, count)))


def flip() -> Step:
    """Left and right exchanged."""
    return each(lambda picture: np.ascontiguousarray(picture[:, ::-1]))


def squeeze(ratio: float) -> Step:
    """Narrower, as if the pixels had another shape."""
    return each(lambda picture: scaled(picture, even(picture.shape[1] * ratio), picture.shape[0]))


def perspective(share: float, seed: int = 5) -> Step:
    """Every corner pulled inwards by up to `share` of the sides, and that stretched over the whole picture."""
    pull = np.random.default_rng(seed).uniform(0.3, 1.0, (4, 2)) * share
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        size = np.array([width, height])
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
        matrix = cv2.getPerspectiveTransform(
            (corners + pull * signs * size).astype(np.float32), corners.astype(np.float32)
        )
        return np.asarray(cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)

    return each(change)


def letterbox() -> Step:
    """A lying picture between black bars on a standing screen, and the other way round."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        ratio = min(height, width) / max(height, width)
        small = scaled(picture, even(width * ratio), even(height * ratio))
        canvas = np.zeros((width, height, 3), np.uint8)
        top, left = (width - small.shape[0]) // 2, (height - small.shape[1]) // 2
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        return canvas

    return each(change)
