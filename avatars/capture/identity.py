"""Is it the same face all the way through? Local binary patterns on aligned faces; no weights, no identification.

A *session-consistency* check: it tells whether two faces of one recording session look like one person's. It cannot
tell twins apart, was not measured across days, and says nothing about who somebody is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.geometry import Similarity
from avatars.faces import EYE_OUTER, MOUTH_CORNERS, Image, Points

METHOD = "session-lbp-1"
SIDE = 112
_CELLS = 7
_PLACES = np.array([31 + 42j, 81 + 42j, 56 + 86j])  # outer corners of the eyes, middle of the mouth
# Eight neighbours at radius one, clockwise from the top left.
_RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))

Descriptor = NDArray[np.float16]


class Bounds(NamedTuple):
    """Cosines -1..1 of a face with one of another day: below `other` it is somebody else, from `same` on the same."""

    other: float
    same: float


def _uniform_bins() -> NDArray[np.uint8]:
    """Code 0..255 -> bin 0..58: patterns with at most two changes around the ring have one of their own."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    bins = np.full(256, 58, np.uint8)
    bins[changes <= 2] = np.arange(58)
    return bins


_BINS = _uniform_bins()


def describe_face(rgb: Image, points: Points) -> Descriptor:
    """Unit vector float16 [2891] of a face in an RGB image: 7 x 7 histograms of uniform patterns (Ahonen 2006)."""
    whole = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    grey = cv2.createCLAHE(2.0, (4, 4)).apply(aligned(whole, points))
    centre = grey[1:-1, 1:-1]
    code = np.zeros(centre.shape, np.uint8)
    for bit, (down, right) in enumerate(_RING):
        there = grey[down : down + SIDE - 2, right : right + SIDE - 2]
        code |= (there >= centre).astype(np.uint8) << bit
    bins = np.pad(_BINS[code], 1, mode="edge").reshape(_CELLS, SIDE // _CELLS, _CELLS, SIDE // _CELLS)
    cells = bins.transpose(0, 2, 1, 3).reshape(_CELLS * _CELLS, -1)
    counts = np.stack([np.bincount(cell, minlength=59) for cell in cells])
    root = np.sqrt(counts / counts.sum(axis=1, keepdims=True)).ravel()
    return np.asarray(root / np.linalg.norm(root), np.float16)


def aligned(grey: NDArray[np.uint8], points: Points) -> NDArray[np.uint8]:
    """The face turned upright in 112 x 112: eyes and mouth at fixed places (least squares)."""
    here = [*(points[eye, :2] for eye in EYE_OUTER), points[list(MOUTH_CORNERS), :2].mean(axis=0)]
    return warped(grey, here, _PLACES)


def warped(
    picture: NDArray[np.uint8], here: Sequence[NDArray[np.floating[Any]]], places: NDArray[np.complex128]
) -> NDArray[np.uint8]:
    """A picture, grey or in colours, moved and turned into 112 x 112 so that points come to their places."""
    place = Similarity.between(np.array([x + 1j * y for x, y in here]), places)
    turn, shift = place.turn, place.shift
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    turned = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return turned.astype(np.uint8, copy=False)


def likeness(one: Sequence[Descriptor], other: Sequence[Descriptor]) -> float:
    """Cosine 0..1 between the mean faces of two stretches; about 0.95 within a session, 0.8 between people."""
    a, b = (np.mean(np.asarray(faces, np.float32), axis=0) for faces in (one, other))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
