"""Attacks by looking at a screen: recorded by software, or filmed with a phone."""

from __future__ import annotations

import cv2
import numpy as np

from bench.watermark.film import Picture, Step, each, numbered
from bench.watermark.geometric import even, scaled

_SUBPIXELS = 3


def recorded(share: float = 0.83, *, cut: bool = False) -> Step:
    """A player's window on a desktop, scaled by the compositor, captured with a wrong gamma and scaled to 720 lines.

    share: of the player in the desktop's sides; cut: only the player's middle is kept, a tenth lost on each side.
    """
    table = np.clip(np.rint(255 * (np.arange(256) / 255) ** 1.09), 0, 255).astype(np.uint8)

    def change(picture: Picture) -> Picture:
        rows, columns = picture.shape[:2]
        long = 1920 / max(rows, columns)
        desktop = np.full((even(rows * long), even(columns * long), 3), 38, np.uint8)
        player = scaled(picture, even(columns * long * share), even(rows * long * share))
        top, left = int((desktop.shape[0] - player.shape[0]) * 0.37), int((desktop.shape[1] - player.shape[1]) * 0.61)
        desktop[top : top + player.shape[0], left : left + player.shape[1]] = player
        shot = cv2.LUT(desktop, table)
        if cut:
            tenth = player.shape[0] // 10, player.shape[1] // 10
            shot = shot[
                top + tenth[0] : top + player.shape[0] - tenth[0], left + tenth[1] : left + player.shape[1] - tenth[1]
            ]
        ratio = 720 / min(shot.shape[:2])
        return scaled(np.asarray(shot, np.uint8), even(shot.shape[1] * ratio), even(shot.shape[0] * ratio))

    return each(change)


def filmed(seed: int = 21) -> Step:
    """A phone held by hand before a screen: its grid of coloured stripes beats with the sensor's, the picture leans,
    turns and trembles, the lens blurs, the exposure breathes, the sensor adds noise.
    """
    rng = np.random.default_rng(seed)
    lean = rng.uniform(-0.025, 0.025, (4, 2))
    tremble = rng.uniform(0, 2 * np.pi, 4)

    def change(picture: Picture, index: int) -> Picture:
        rows, columns = picture.shape[:2]
        panel = _lit_panel(picture)
        corners = _corners(columns, rows, lean, tremble, index)
        whole = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * np.array(
            [columns * _SUBPIXELS, rows * _SUBPIXELS], np.float32
        )
        matrix = cv2.getPerspectiveTransform(whole, corners)
        lens = cv2.blur(panel, (_SUBPIXELS, _SUBPIXELS))
        room = (24, 26, 30)
        shot = cv2.warpPerspective(lens, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderValue=room)
        shot = cv2.GaussianBlur(shot, (0, 0), 0.8)
        light = 1.0 + 0.07 * np.sin(index / 11)
        tinted = cv2.convertScaleAbs(shot, alpha=2.3 * light, beta=4)
        return _noisy(tinted, 4.0, seed * 7919 + index)

    return numbered(change)


def _lit_panel(picture: Picture) -> Picture:
    """Each pixel as a red, a green and a blue stripe, with a dark line between rows."""
    big = np.repeat(np.repeat(picture, _SUBPIXELS, axis=0), _SUBPIXELS, axis=1)
    rows, columns = picture.shape[:2]
    cell = np.full((_SUBPIXELS, _SUBPIXELS, 3), 90, np.uint8)
    for stripe in range(3):  # BGR: the red stripe stands left
        cell[:, stripe, 2 - stripe] = 255
    cell[2] = cell[2] // 2
    return np.asarray(cv2.multiply(big, np.tile(cell, (rows, columns, 1)), scale=1 / 255), np.uint8)


def _corners(
    columns: int, rows: int, lean: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    tremble: np.ndarray[tuple[int], np.dtype[np.float64]], index: int,
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Where the screen's corners fall on the sensor: about nine tenths of the picture, turned by 1.5 degrees."""
    size = np.array([columns, rows])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    turn = np.radians(1.5 + 0.15 * np.sin(index / 19 + tremble[2]))
    spun = (square * size * 0.9) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shake = np.array([np.sin(index / 7 + tremble[0]), np.sin(index / 9 + tremble[1])]) * 2.5
    placed: np.ndarray[tuple[int, int], np.dtype[np.float32]] = (
        spun + size * (0.5 + np.array([0.01, -0.015])) + lean * size + shake
    ).astype(np.float32)
    return placed


def _noisy(picture: Picture | cv2.typing.MatLike, sigma: float, seed: int) -> Picture:
    grain = np.empty(picture.shape, np.int16)
    cv2.setRNGSeed(seed)
    cv2.randn(grain, 0, sigma)  # type: ignore[call-overload]
    return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)
