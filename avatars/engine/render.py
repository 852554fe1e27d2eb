"""Draw one frame: the idle face bent to the wanted shape, then the person's own lips and teeth laid into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.bank import MouthBank
from avatars.engine.framing import Frame
from avatars.engine.geometry import (
    INNER,
    LIPS,
    MOUTH,
    OUTER,
    Complex,
    ShapeModel,
    border,
    gap,
    triangulate,
    with_gap,
)
from avatars.engine.reel import Reel
from avatars.engine.warp import Map, Region, fine_from_coarse, inverse_map
from avatars.media import Plane, Planes

_LUMA_MATCH, _CHROMA_MATCH = 12.0, 4.0
_GROW = 1.10  # the pasted mouth reaches this far beyond the outer lip line
_FEATHER = 0.045  # of the mouth's width
_KEEP = 0.8  # share of the old brightness match that survives a frame


@dataclass(frozen=True)
class Command:
    """One frame: base frame, mouth of the bank, opening 0..1, width -1..1, how far the mouth is ours (0 idle)."""

    base: int
    mouth: int
    opening: float
    width: float
    presence: float


class Renderer:
    """Draws frames of one model at one size. Not thread-safe: it remembers brightness from frame to frame."""

    def __init__(
        self, reel: Reel, points: Complex, stable: Complex, shape: ShapeModel, bank: MouthBank, frame: Frame
    ) -> None:
        """`points` complex [n, POINTS], `stable` complex [n, STABLE]: the base frames' face in footage pixels."""
        self._reel, self._points, self._stable = reel, points, stable
        self._shape, self._bank, self._frame = shape, bank, frame
        self._border = border(shape.neutral)
        open_mouth = shape.neutral + shape.displacement(0.7 * shape.opening_max, 0.0)
        open_mouth = with_gap(open_mouth, 0.7 * shape.opening_max)
        self._skin = _inside_first(triangulate(np.concatenate([open_mouth, self._border])))
        self._lips = _inside_first(triangulate(open_mouth[:MOUTH]))
        self._match: dict[int, NDArray[np.float64]] = {}

    def draw(self, command: Command) -> Planes:
        """Planes of the finished picture, the caller's to change."""
        planes = self._frame.planes(self._reel.planes(command.base))
        if command.presence <= 0:
            return planes
        source, target = self._shapes(command)
        self._bend(planes, source, target)
        self._paste(planes, target[:MOUTH], command)
        return planes

    def _shapes(self, command: Command) -> tuple[Complex, Complex]:
        """The base frame's mesh as it is and as it shall be, border included, in picture pixels."""
        shape = self._shape
        to_face = shape.canonical(self._stable[command.base])
        face = to_face(self._points[command.base])
        rest = face - shape.displacement(float(gap(face)), 0.0)
        wanted = shape.opening(command.opening)
        moved = rest + shape.displacement(wanted, shape.width(command.width))
        moved = face + command.presence * (with_gap(moved, wanted) - face)
        to_picture = to_face.inverse()
        border_points = to_picture(self._border)
        return (
            self._frame.points(np.concatenate([self._points[command.base], border_points])),
            self._frame.points(np.concatenate([to_picture(moved), border_points])),
        )

    def _bend(self, planes: Planes, source: Complex, target: Complex) -> None:
        y, u, v = planes
        region = Region.around(target, y.shape[1], y.shape[0])
        coarse_x, coarse_y, _covered = inverse_map(target, source, self._skin, region, 2)
        fine_x, fine_y = fine_from_coarse(coarse_x, coarse_y, region)
        y[region.luma] = cv2.remap(y, fine_x, fine_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        x, y_ = (coarse_x - 0.5) / 2, (coarse_y - 0.5) / 2
        for plane in (u, v):
            plane[region.chroma] = cv2.remap(plane, x, y_, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _paste(self, planes: Planes, target: Complex, command: Command) -> None:
        y, u, v = planes
        region = Region.around(target, y.shape[1], y.shape[0])
        bank_points = self._bank.points[command.mouth].astype(np.complex128)
        x, y_, covered = inverse_map(target, bank_points, self._lips, region, 1)
        weight, ring = _masks(target, region, covered)
        luma, chroma = self._bank.planes(command.mouth)
        new_luma = cv2.remap(luma, x, y_, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        half_x, half_y = ((_halved(place) - 0.5) / 2 for place in (x, y_))
        new_chroma = cv2.remap(chroma, half_x, half_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        small_weight, small_ring = _halved(weight), _halved(ring)
        pairs = (
            (y, region.luma, new_luma, weight, ring),
            (u, region.chroma, new_chroma[..., 0], small_weight, small_ring),
            (v, region.chroma, new_chroma[..., 1], small_weight, small_ring),
        )
        offsets = self._matched(command.mouth, [_difference(*pair) for pair in pairs])
        for (plane, where, new, share, _ring), offset in zip(pairs, offsets, strict=True):
            old = plane[where].astype(np.float32)
            mixed = old + command.presence * share * (new.astype(np.float32) + np.float32(offset) - old)
            plane[where] = np.clip(np.rint(mixed), 0, 255)

    def _matched(self, mouth: int, differences: list[float]) -> NDArray[np.float64]:
        """Brightness and colour to add to a mouth, clamped and calmed over its appearances."""
        limit = np.array([_LUMA_MATCH, _CHROMA_MATCH, _CHROMA_MATCH])
        now = np.clip(differences, -limit, limit)
        self._match[mouth] = _KEEP * self._match.get(mouth, now) + (1 - _KEEP) * now
        return self._match[mouth]


def _inside_first(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Draw the inside of the mouth before the lips: it has no area when they meet."""
    inside = np.all((triangles >= len(OUTER)) & (triangles < LIPS), axis=1)
    return np.concatenate([triangles[inside], triangles[~inside]])


def _masks(target: Complex, region: Region, covered: NDArray[np.bool_]) -> tuple[Map, Map]:
    """How much of the pasted mouth shows, float32 0..1, and the skin around the lips that is compared."""
    lips = target[: len(OUTER)]
    centre = lips.mean()
    wide = float(np.ptp(lips.real))
    grown = centre + (lips - centre) * _GROW + 0.02 * wide * (lips - centre) / np.abs(lips - centre)
    size = (region.height, region.width)
    weight, inner = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for mask, outline in ((weight, grown), (inner, lips)):
        corners = np.stack([outline.real - region.left, outline.imag - region.top], axis=1)
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1.0, shift=4)  # type: ignore[call-overload]
    ring = np.where(covered, np.maximum(weight - inner, 0), 0).astype(np.float32)
    sigma = max(0.6, _FEATHER * wide)
    soft = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.where(covered, soft, 0).astype(np.float32), ring


def _difference(plane: Plane, where: tuple[slice, slice], new: NDArray[np.uint8], _share: Map, ring: Map) -> float:
    total = float(ring.sum())
    if total < 1:
        return 0.0
    return float(((plane[where].astype(np.float32) - new) * ring).sum()) / total


def _halved(values: Map) -> Map:
    """Mean of every 2 x 2 block: luma grid -> chroma grid."""
    rows, columns = values.shape[0] // 2, values.shape[1] // 2
    return values.reshape(rows, 2, columns, 2).mean(axis=(1, 3), dtype=np.float32)


assert len(INNER) == len(OUTER)
