"""Draw one frame: the idle face bent to the wanted shape, then the person's own lips and teeth laid into it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.bank import MouthBank
from avatars.engine.drive import Command
from avatars.engine.expression import BROW_TRIANGLES, brow_field
from avatars.engine.eyes import turn_eyes
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
    spread,
    triangulate,
    with_gap,
)
from avatars.engine.idle_faces import IdleFaces
from avatars.engine.reel import Reel
from avatars.engine.response import Response
from avatars.engine.warp import Map, Region, fine_from_coarse, inverse_map
from avatars.media import Planes

_LUMA_MATCH, _CHROMA_MATCH = 12.0, 4.0
_GROW = 1.17  # the pasted mouth reaches this far beyond the outer lip line
_FEATHER = 0.045  # of the mouth's width
_KEPT_BYTES = 192 << 20  # of decoded base frames
_KEEP = 0.8  # share of the old brightness match that survives a frame


class Renderer:
    """Draws frames of one model at one size. Not thread-safe: it remembers brightness from frame to frame."""

    def __init__(
        self, reel: Reel, faces: IdleFaces, shape: ShapeModel, bank: MouthBank, response: Response, frame: Frame
    ) -> None:
        """`faces`: those of the frames of `reel`."""
        self._reel, self._faces, self._response = reel, faces, response
        self._shape, self._bank, self._frame = shape, bank, frame
        self._border = border(shape.neutral)
        open_mouth = shape.neutral + shape.displacement(0.7 * shape.opening_max, 0.0)
        open_mouth = with_gap(open_mouth, 0.7 * shape.opening_max)
        self._skin = _inside_first(triangulate(np.concatenate([open_mouth, self._border])))
        self._lips = _inside_first(triangulate(open_mouth[:MOUTH]))
        self._match: dict[int, NDArray[np.float64]] = {}
        self._kept: dict[int, Planes] = {}
        self._room = max(1, _KEPT_BYTES * 2 // (3 * frame.out_width * frame.out_height))

    def draw(self, command: Command) -> Planes:
        """Planes of the finished picture, the caller's to change."""
        y, u, v = self._scaled(command.base)
        planes = (y.copy(), u.copy(), v.copy())
        if command.feeling.look:
            self._turn_eyes(planes, command)
        if any(command.feeling.brows):
            self._lift_brows(planes, command)
        if command.presence > 0 or command.feeling.moves_mouth:
            source, target = self._shapes(command)
            self._bend(planes, source, target)
            if command.presence > 0:
                self._paste(planes, target[:MOUTH], command)
        return planes

    @property
    def size(self) -> tuple[int, int]:
        return self._frame.out_width, self._frame.out_height

    def lips(self, command: Command) -> Complex:
        """Where the lips are drawn, complex [LIPS], picture pixels."""
        return self._shapes(command)[1][:LIPS]

    def mouth_box(self, base: int) -> tuple[float, float, float, float]:
        """Left, top, width and height of the lips in a base frame, picture pixels."""
        lips = self._frame.points(self._faces.in_footage(base, self._faces.level[base]))[:LIPS]
        left, top = float(lips.real.min()), float(lips.imag.min())
        return left, top, float(np.ptp(lips.real)), float(np.ptp(lips.imag))

    def _scaled(self, base: int) -> Planes:
        """A base frame at picture size. The walk turns round often, so what was decoded last is wanted again."""
        if base not in self._kept:
            while len(self._kept) >= self._room:
                self._kept.pop(next(iter(self._kept)))
            self._kept[base] = self._frame.planes(self._reel.planes(base))
        return self._kept[base]

    def _shapes(self, command: Command) -> tuple[Complex, Complex]:
        """The base frame's mesh as it is and as it shall be, border included, in picture pixels.

        What the idle lips do by themselves (a pout, a corner drawn in) is not carried into the speech: the mouth
        starts from the person's usual closed lips, cheeks and jaw from where this frame shows them.
        """
        shape, faces = self._shape, self._faces
        face = faces.level[command.base]
        rest = face - shape.displacement(float(gap(face)), float(spread(face)) - shape.width_rest)
        rest[:MOUTH] = shape.neutral[:MOUTH]
        wanted = shape.opening(command.opening)
        moved = rest + shape.displacement(wanted, shape.width(command.width)) + shape.carriage(np.array(command.modes))
        aim = self._response.aim(command.opening)
        moved[:LIPS] += aim
        moved[LIPS:MOUTH] += aim.mean()
        moved = face + command.presence * (with_gap(moved, wanted) - face)
        if command.feeling.moves_mouth:
            moved = with_gap(moved + command.feeling.displacement(shape), float(gap(moved)))
        border_points = faces.places[command.base](self._border)
        source, target = (
            self._frame.points(np.concatenate([faces.in_footage(command.base, one), border_points]))
            for one in (face, moved)
        )
        return source, target

    def _turn_eyes(self, planes: Planes, command: Command) -> None:
        eyes = self._frame.points(self._faces.eyes[command.base])
        there = self._frame.points(self._faces.places[command.base](np.array([0j, command.feeling.look])))
        turn_eyes(planes, eyes, complex(there[1] - there[0]))

    def _lift_brows(self, planes: Planes, command: Command) -> None:
        """Stretch the forehead so that the brows go where they are wanted; eyes and hairline stay."""
        y, u, v = planes
        to_picture = self._faces.places[command.base]
        corners, shifts = brow_field(self._shape, command.feeling.brows)
        target = self._frame.points(to_picture(corners))
        source = self._frame.points(to_picture(corners + shifts))
        region = Region.around(target, y.shape[1], y.shape[0])
        x, y_, _covered = inverse_map(target, source, BROW_TRIANGLES, region, 2)
        fine_x, fine_y = fine_from_coarse(x, y_, region)
        y[region.luma] = cv2.remap(y, fine_x, fine_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for plane in (u, v):
            plane[region.chroma] = cv2.remap(
                plane, (x - 0.5) / 2, (y_ - 0.5) / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
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
        region = Region.around(target, planes[0].shape[1], planes[0].shape[0])
        where = (region.luma, region.chroma, region.chroma)
        old = [plane[part].astype(np.float32) for plane, part in zip(planes, where, strict=True)]
        new = [np.zeros_like(plane) for plane in old]
        textures = [self._texture(mouth, target, region) for mouth, _share in command.mouths]
        weight, ring = _masks(target, region, textures[0][1])
        weights, rings = (weight, *[_halved(weight)] * 2), (ring, *[_halved(ring)] * 2)
        for (mouth, share), (texture, _covered) in zip(command.mouths, textures, strict=True):
            offsets = self._matched(mouth, [_difference(*parts) for parts in zip(old, texture, rings, strict=True)])
            for total, part, offset in zip(new, texture, offsets, strict=True):
                total += np.float32(share) * (part + np.float32(offset))
        for plane, place, before, after, much in zip(planes, where, old, new, weights, strict=True):
            mixed = before + np.float32(command.presence) * much * (after - before)
            plane[place] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _texture(self, mouth: int, target: Complex, region: Region) -> tuple[tuple[Map, Map, Map], NDArray[np.bool_]]:
        """One mouth of the bank bent to the lips `target`: planes of `region`, and where they are known."""
        points = self._bank.points[mouth].astype(np.complex128)
        x, y, covered = inverse_map(target, points, self._lips, region, 1)
        luma, chroma = self._bank.planes(mouth)
        half_x, half_y = ((_halved(place) - 0.5) / 2 for place in (x, y))
        new_luma = cv2.remap(luma, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        colour = cv2.remap(chroma, half_x, half_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        u, v = np.moveaxis(colour.astype(np.float32), 2, 0)
        return (new_luma.astype(np.float32), u, v), covered

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
    """How much of the pasted mouth shows, float32 0..1, and the skin around the lips that is compared.

    Nothing shows where `covered` is false: the bank has no picture there. One more pixel is left out, because
    colour is read in blocks of two.
    """
    lips = target[: len(OUTER)]
    centre = lips.mean()
    wide = float(np.ptp(lips.real))
    grown = centre + (lips - centre) * _GROW + 0.02 * wide * (lips - centre) / np.abs(lips - centre)
    known = cv2.erode(covered.astype(np.float32), np.ones((5, 5), np.uint8), borderValue=0)
    weight, inner = (np.zeros((region.height, region.width), np.float32) for _ in range(2))
    for mask, outline in ((weight, grown), (inner, lips)):
        corners = np.stack([outline.real - region.left, outline.imag - region.top], axis=1)
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1.0, shift=4)
    ring = known * np.maximum(weight - inner, 0)
    soft = cv2.GaussianBlur(weight * known, (0, 0), max(0.6, _FEATHER * wide))
    return known * soft, ring


def _difference(old: Map, new: Map, ring: Map) -> float:
    """Mean brightness by which `old` exceeds `new` on the ring of skin around the lips."""
    total = float(ring.sum())
    return float(((old - new) * ring).sum()) / total if total >= 1 else 0.0


def _halved(values: Map) -> Map:
    """Mean of every 2 x 2 block: luma grid -> chroma grid."""
    rows, columns = values.shape[0] // 2, values.shape[1] // 2
    return np.asarray(values.reshape(rows, 2, columns, 2).mean(axis=(1, 3), dtype=np.float32))


assert len(INNER) == len(OUTER)
