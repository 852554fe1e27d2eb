"""Lay the person's own lips and teeth, bent to the wanted lips, into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.bank import MouthBank
from avatars.engine.geometry import OUTER, Complex, ShapeModel
from avatars.engine.mesh import lip_triangles
from avatars.engine.warp import Map, Region, inverse_map
from avatars.media import Planes

_LUMA_MATCH, _CHROMA_MATCH = 12.0, 4.0
_GROW = 1.17  # the pasted mouth reaches this far beyond the outer lip line
_FEATHER = 0.045  # of the mouth's width
_KEEP = 0.8  # share of the old brightness match that survives a frame

Mouths = tuple[tuple[int, float], ...]
"""Numbers of mouths in the bank with their shares, which sum to 1."""


@dataclass(frozen=True)
class Pasted:
    """Where a mouth was laid, and how much of it shows there: float32 on the luma grid of `region`, 0..1."""

    region: Region
    weight: Map


class MouthPaster:
    """Pastes mouths of one bank. Not thread-safe: it remembers brightness from frame to frame."""

    def __init__(self, bank: MouthBank, shape: ShapeModel) -> None:
        self._bank, self._triangles = bank, lip_triangles(shape)
        self._match: dict[int, NDArray[np.float64]] = {}

    def paste(self, planes: Planes, target: Complex, mouths: Mouths, presence: float) -> Pasted:
        """Change `planes` so that they show `mouths` at the mesh `target`, complex [MOUTH], picture pixels."""
        region = Region.around(target, planes[0].shape[1], planes[0].shape[0])
        where = (region.luma, region.chroma, region.chroma)
        old = [plane[part].astype(np.float32) for plane, part in zip(planes, where, strict=True)]
        new = [np.zeros_like(plane) for plane in old]
        textures = [self._texture(mouth, target, region) for mouth, _share in mouths]
        weight, ring = _masks(target, region, textures[0][1])
        weights, rings = (weight, *[_halved(weight)] * 2), (ring, *[_halved(ring)] * 2)
        for (mouth, share), (texture, _covered) in zip(mouths, textures, strict=True):
            offsets = self._matched(mouth, [_difference(*parts) for parts in zip(old, texture, rings, strict=True)])
            for total, part, offset in zip(new, texture, offsets, strict=True):
                total += np.float32(share) * (part + np.float32(offset))
        for plane, place, before, after, much in zip(planes, where, old, new, weights, strict=True):
            mixed = before + np.float32(presence) * much * (after - before)
            plane[place] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        return Pasted(region, weight)

    def _texture(self, mouth: int, target: Complex, region: Region) -> tuple[tuple[Map, Map, Map], NDArray[np.bool_]]:
        """One mouth of the bank bent to the lips `target`: planes of `region`, and where they are known."""
        points = self._bank.points[mouth].astype(np.complex128)
        x, y, covered = inverse_map(target, points, self._triangles, region, 1)
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
