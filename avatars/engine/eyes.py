"""Where the eyes look: the iris slides between lids that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from avatars.engine.geometry import Complex, Reals
from avatars.engine.warp import Map, Region
from avatars.media import Plane, Planes

# Numbers of the refined MediaPipe mesh: the lids all the way round from one corner, then the iris, its middle first.
_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
)
_IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
EYES = (*_LIDS[0], *_IRISES[0], *_LIDS[1], *_IRISES[1])
_LID, _EYE = len(_LIDS[0]), len(_LIDS[0]) + len(_IRISES[0])

GAZE_ROOM = (0.02, 0.03)
"""Least and most that a full look moves the irises, canonical units (the eyes' outer corners are 1 apart): a third and
a half of the radius of an iris, which is 0.06. A face that hardly looks about can still do the least."""
_OPEN_FROM, _OPEN_TO = 0.5, 1.0  # height between the lids in iris radii: below nothing is moved, above all of it
_CORE, _FADE = 1.1, 2.4  # in iris radii: moved as a whole, and not at all
_ASIDE_LID, _UP_LID = 0.12, 0.45  # in iris radii from the lids: from where on the picture follows


def eye_points(mesh: Reals) -> Complex:
    """Mesh float64 [..., 478, >=2] -> lids and irises, complex [..., len(EYES)]."""
    chosen = mesh[..., list(EYES), :]
    return np.asarray(chosen[..., 0] + 1j * chosen[..., 1])


def gaze_room(eyes: Complex) -> float:
    """How far the irises of complex [n, len(EYES)], canonical, were seen to move from where they usually are."""
    looks = np.mean([_iris(one) - _lids(one).mean(axis=-1) for one in _apart(eyes)], axis=0)
    usual = complex(np.median(looks.real), np.median(looks.imag))
    return float(np.clip(np.percentile(np.abs(looks - usual), 95), *GAZE_ROOM))


def _apart(eyes: Complex) -> tuple[Complex, Complex]:
    return eyes[..., :_EYE], eyes[..., _EYE:]


def _lids(eye: Complex) -> Complex:
    return np.asarray(eye[..., :_LID])


def _iris(eye: Complex) -> Complex:
    return np.asarray(eye[..., _LID])


@dataclass(frozen=True)
class _Eye:
    """One eye in a picture, luma pixels."""

    lids: Complex
    middle: complex
    radius: float

    @classmethod
    def of(cls, eye: Complex) -> _Eye:
        middle = complex(_iris(eye))
        return cls(_lids(eye), middle, float(np.abs(eye[_LID + 1 :] - middle).mean()))

    @property
    def openness(self) -> float:
        """0 where the lids hide the iris, 1 where most of it shows."""
        half = _LID // 2
        upper, lower = self.lids[1:half], self.lids[half + 1 :][::-1]
        height = float(np.abs(upper - lower).max()) / max(self.radius, 1e-6)
        return float(np.clip((height - _OPEN_FROM) / (_OPEN_TO - _OPEN_FROM), 0, 1))


def turn_eyes(planes: Planes, eyes: Complex, shift: complex) -> None:
    """Move both irises by `shift` luma pixels, in place; `eyes` complex [len(EYES)] in luma pixels.

    Eyes that are closed stay as they are, and so does every pixel that is not between the lids.
    """
    for eye in map(_Eye.of, _apart(eyes)):
        amount = eye.openness * shift
        if abs(amount) >= 0.05 and eye.radius >= 1:
            _slide(planes, eye, amount)


def _slide(planes: Planes, eye: _Eye, shift: complex) -> None:
    luma, *colours = planes
    region = Region.around(eye.lids, luma.shape[1], luma.shape[0])
    moved = _movement(eye, shift, region)
    luma[region.luma] = _read(luma, region.left, region.top, moved, cv2.INTER_CUBIC)
    half = (region.width // 2, region.height // 2)
    fewer = [np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA) / 2, np.float32) for part in moved]
    for plane in colours:
        plane[region.chroma] = _read(plane, region.left // 2, region.top // 2, fewer, cv2.INTER_LINEAR)


def _read(plane: Plane, left: int, top: int, moved: Sequence[Map], how: int) -> Plane:
    """The part of a plane at (left, top), of which every pixel has come as far as `moved` says."""
    across, down = moved
    x = np.arange(left, left + across.shape[1], dtype=np.float32)[None, :] - across
    y = np.arange(top, top + across.shape[0], dtype=np.float32)[:, None] - down
    return np.asarray(cv2.remap(plane, x, y, how, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _movement(eye: _Eye, shift: complex, region: Region) -> tuple[Map, Map]:
    """How far the picture at each pixel of `region` has come, float32 [height, width] across and down.

    The iris moves as a whole and the white gives way. Across, all but the rim of the lids follows; up and down less and
    less towards them, or they would be dragged along.
    """
    between = np.zeros((region.height, region.width), np.uint8)
    corners = np.stack([eye.lids.real - region.left, eye.lids.imag - region.top], axis=1)
    cv2.fillPoly(between, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    from_lids = np.asarray(cv2.distanceTransform(between, cv2.DIST_L2, 3), np.float64) / eye.radius
    there = eye.middle + shift
    x = np.arange(region.width)[None, :] + (region.left - there.real)
    y = np.arange(region.height)[:, None] + (region.top - there.imag)
    near = 1 - _smooth((np.hypot(x, y) / eye.radius - _CORE) / (_FADE - _CORE))
    across, down = (near * _smooth(from_lids / much) for much in (_ASIDE_LID, _UP_LID))
    return (shift.real * across).astype(np.float32), (shift.imag * down).astype(np.float32)


def _smooth(share: Reals) -> Reals:
    """0 to 1 without a kink."""
    held = np.clip(share, 0, 1)
    return np.asarray(held * held * (3 - 2 * held))
