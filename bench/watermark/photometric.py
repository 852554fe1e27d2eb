"""Attacks on how things look: light, colour, sharpness, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from bench.watermark.film import Picture, Step, each, numbered


def _curve(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Step:
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return each(lambda picture: np.asarray(cv2.LUT(picture, table), np.uint8))


_LEVELS = np.arange(256, dtype=np.float64)


def brightness(levels: float) -> Step:
    """So many of 255 grey levels up or down."""
    return _curve(_LEVELS + levels)


def contrast(factor: float) -> Step:
    """About middle grey."""
    return _curve((_LEVELS - 128) * factor + 128)


def gamma(exponent: float) -> Step:
    """Midtones brighter below 1, darker above."""
    return _curve(255 * (_LEVELS / 255) ** exponent)


def invert() -> Step:
    """The negative."""
    return _curve(255 - _LEVELS)


def grey() -> Step:
    """Without colour."""
    return each(lambda p: np.asarray(cv2.cvtColor(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8))


def hue_saturation(degrees: float, factor: float) -> Step:
    """Colours turned and strengthened."""

    def change(picture: Picture) -> Picture:
        hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
        hue = ((hsv[..., 0].astype(np.int16) + round(degrees / 2)) % 180).astype(np.uint8)
        saturation = cv2.convertScaleAbs(hsv[..., 1], alpha=factor)
        turned = cv2.merge([hue, saturation, hsv[..., 2]])
        return np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2BGR), np.uint8)

    return each(change)


def blur(sigma: float) -> Step:
    """Gaussian, sigma in pixels."""
    return each(lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8))


def sharpen(amount: float, sigma: float = 1.5) -> Step:
    """Unsharp mask."""

    def change(picture: Picture) -> Picture:
        soft = cv2.GaussianBlur(picture, (0, 0), sigma)
        return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0), np.uint8)

    return each(change)


def noise(sigma: float, seed: int = 8) -> Step:
    """Gaussian, new in every frame and colour."""

    def change(picture: Picture, index: int) -> Picture:
        grain = np.empty(picture.shape, np.int16)
        cv2.setRNGSeed(seed * 100_003 + index)
        cv2.randn(grain, 0, sigma)  # type: ignore[call-overload]
        return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)

    return numbered(change)


def median(size: int) -> Step:
    """Of size x size pixels."""
    return each(lambda picture: np.asarray(cv2.medianBlur(picture, size), np.uint8))


def beauty() -> Step:
    """The bilateral filter of beauty cameras."""
    return each(lambda picture: np.asarray(cv2.bilateralFilter(picture, 9, 40, 7), np.uint8))


def jpeg(quality: int) -> Step:
    """Screenshots as JPEG."""

    def change(picture: Picture) -> Picture:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return each(change)
