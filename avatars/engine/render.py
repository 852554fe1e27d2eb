"""Draw one frame: the idle face bent to the wanted shape, then the person's own lips and teeth laid into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from avatars.engine.bank import MouthBank
from avatars.engine.drive import Command
from avatars.engine.expression import BROW_TRIANGLES, brow_field
from avatars.engine.eyes import turn_eyes
from avatars.engine.framing import Frame
from avatars.engine.geometry import LIPS, MOUTH, Complex, ShapeModel, border, gap, spread, with_gap
from avatars.engine.idle_faces import IdleFaces
from avatars.engine.mesh import skin_triangles
from avatars.engine.paste import MouthPaster, Pasted
from avatars.engine.patch import Place, corners_of, outlines
from avatars.engine.reel import Reel
from avatars.engine.response import Response
from avatars.engine.warp import Region, fine_from_coarse, inverse_map
from avatars.media import Planes

if TYPE_CHECKING:
    from avatars.engine.refiner import Refiner  # which loads torch, and few models have one

_KEPT_BYTES = 192 << 20  # of decoded base frames


class Renderer:
    """Draws frames of one model at one size. Not thread-safe: it remembers brightness from frame to frame."""

    def __init__(
        self,
        reel: Reel,
        faces: IdleFaces,
        shape: ShapeModel,
        bank: MouthBank,
        response: Response,
        frame: Frame,
        refiner: Refiner | None = None,
    ) -> None:
        """`faces`: those of the frames of `reel`. `refiner`: corrects the pasted mouths, where the model has one."""
        self._reel, self._faces, self._response = reel, faces, response
        self._shape, self._frame = shape, frame
        self._border = border(shape.neutral)
        self._skin = skin_triangles(shape, self._border)
        self._paster = MouthPaster(bank, shape)
        self._refiner, self._corners = refiner, corners_of(shape.neutral)
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
                pasted = self._paster.paste(planes, target[:MOUTH], command.mouths, command.presence)
                if self._refiner is not None:
                    self._refine(self._refiner, planes, target[:LIPS], pasted, command)
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

    def _refine(self, refiner: Refiner, planes: Planes, lips: Complex, pasted: Pasted, command: Command) -> None:
        place = Place.at(self._frame.points(self._faces.places[command.base](self._corners)))
        seen = place.cut_map(pasted.weight, pasted.region)
        change = refiner.change(place.cut(planes), seen, outlines(place.points(lips)))
        place.add(change, command.presence, planes, pasted.region)

    def _bend(self, planes: Planes, source: Complex, target: Complex) -> None:
        y, u, v = planes
        region = Region.around(target, y.shape[1], y.shape[0])
        coarse_x, coarse_y, _covered = inverse_map(target, source, self._skin, region, 2)
        fine_x, fine_y = fine_from_coarse(coarse_x, coarse_y, region)
        y[region.luma] = cv2.remap(y, fine_x, fine_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        x, y_ = (coarse_x - 0.5) / 2, (coarse_y - 0.5) / 2
        for plane in (u, v):
            plane[region.chroma] = cv2.remap(plane, x, y_, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
