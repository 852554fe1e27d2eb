"""First pass over the footage: where the face is in every frame and what the mouth looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from avatars import faces
from avatars.ahead import ahead
from avatars.capture.appearance import cut_seconds
from avatars.engine.errors import FootageUnsuitable
from avatars.engine.eyes import eye_points
from avatars.engine.geometry import (
    Complex,
    Reals,
    Similarity,
    as_points,
    brow_points,
    eye_unit,
    gap,
    spread,
    stable_points,
)
from avatars.media import Plane, constant_rate_frames, planes_of, rgb_of

STORED_SIDE = 1920
_READ_SIDE = 960
PATCH = (96, 72)  # width, height of the canonical picture of the mouth in which texture is compared
_PATCH_UNITS = 0.75  # its width in distances between the outer eye corners
_FRONTAL = 0.35  # of `faces.yaw_share`
_PATCH_CENTRE = 0.75j  # where lips lie below the eyes, about


@dataclass(frozen=True)
class Footage:
    """What the first pass keeps, n frames at `fps`; arrays over frames, NaN where `seen` is false.

    `points` complex [n, POINTS] and `stable` complex [n, STABLE] in pixels of the stored picture; `canonical`
    the same points in canonical units, and `brows` complex [n, BROWS]; `eyes` complex [n, EYES] in pixels again;
    `opening`, `lip_width` in canonical units;
    `yaw` see `faces.yaw_share`; `boxes` float64 [n, 4] face outline left, top, right, bottom; `shot` int [n] counts
    from 0 and grows at every cut; `patches` uint8 [n, 72, 96] canonical mouth luma; `tint` float64 [n, 2] mean chroma
    of the face.
    """

    fps: int
    width: int
    height: int
    seen: NDArray[np.bool_]
    points: Complex
    stable: Complex
    canonical: Complex
    brows: Complex
    eyes: Complex
    reference: Complex
    opening: Reals
    lip_width: Reals
    yaw: Reals
    boxes: Reals
    shot: NDArray[np.int64]
    patches: NDArray[np.uint8]
    tint: Reals

    @property
    def frontal(self) -> NDArray[np.bool_]:
        """Frames with a face that is seen from the front, bool [n]."""
        return np.asarray(self.seen & (np.nan_to_num(self.yaw, nan=1.0) < _FRONTAL))


def stored_frames(clip: Path, fps: int) -> Iterator[av.VideoFrame]:
    """The footage as the engine sees it, the same in every pass."""
    return constant_rate_frames(clip, fps=fps, max_side=STORED_SIDE)


def mouth_patch(luma: Plane, stable: Complex, reference: Complex) -> Plane:
    """The mouth brought to a fixed place, size and turn: uint8 [72, 96]."""
    scale = PATCH[0] / _PATCH_UNITS
    corner = _PATCH_CENTRE - (_PATCH_UNITS / 2 + 1j * _PATCH_UNITS * PATCH[1] / PATCH[0] / 2)
    place = Similarity.between(stable, (reference - corner) * scale)
    matrix = np.array(
        [
            [place.turn.real, -place.turn.imag, place.shift.real],
            [place.turn.imag, place.turn.real, place.shift.imag],
        ]
    )
    patch = cv2.warpAffine(luma, matrix, PATCH, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return patch.astype(np.uint8, copy=False)


def survey(clip: Path, fps: int, frames: int, progress: Callable[[float], None]) -> Footage:
    """Read the whole clip once. `frames` is the expected count, for progress only.

    Raises:
        FootageUnsuitable: footage_no_face.
    """
    meshes, boxes, thumbs, patches, tints = [], [], [], [], []
    size = (0, 0)
    reference: Complex | None = None
    shrink = VideoReformatter()
    with faces.FaceReader(tracking=True) as reader:
        for number, frame in enumerate(ahead(stored_frames(clip, fps))):
            size = (frame.width, frame.height)
            y, u, v = planes_of(frame)
            thumbs.append(cv2.resize(y, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))
            mesh = _read(reader, shrink, frame)
            meshes.append(mesh)
            if mesh is None:
                boxes.append((np.nan,) * 4)
                patches.append(np.zeros(PATCH[::-1], np.uint8))
                tints.append((np.nan, np.nan))
            else:
                stable = stable_points(mesh)
                reference = eye_unit(stable)(stable) if reference is None else reference
                boxes.append(faces.face_box(mesh))
                patches.append(mouth_patch(y, stable, reference))
                tints.append(_tint(u, v, boxes[-1]))
            progress(min(1.0, number / max(1, frames)))
    steps = np.abs(np.diff(np.stack(thumbs), axis=0)).mean(axis=(1, 2))
    return _assemble(fps, size, meshes, boxes, np.stack(patches), np.asarray(tints), steps)


def _read(reader: faces.FaceReader, shrink: VideoReformatter, frame: av.VideoFrame) -> Reals | None:
    scale = min(1.0, _READ_SIDE / max(frame.width, frame.height))
    small = shrink.reformat(
        frame, width=round(frame.width * scale), height=round(frame.height * scale), format="rgb24", threads=1
    )
    found = reader.read(rgb_of(small))
    return found[0] / scale if found else None


def _tint(u: Plane, v: Plane, box: tuple[float, float, float, float]) -> tuple[float, float]:
    left, top, right, bottom = (max(0, int(side / 2)) for side in box)
    part = np.s_[top : max(top + 1, bottom), left : max(left + 1, right)]
    return float(u[part].mean()), float(v[part].mean())


def _assemble(
    fps: int,
    size: tuple[int, int],
    meshes: list[Reals | None],
    boxes: Sequence[tuple[float, ...]],
    patches: NDArray[np.uint8],
    tint: Reals,
    steps: NDArray[np.float32],
) -> Footage:
    seen = np.array([mesh is not None for mesh in meshes])
    if np.count_nonzero(seen) < 25:
        raise FootageUnsuitable(
            "footage_no_face", "No face can be followed in this video. Please record the person from the front."
        )
    nothing = np.full((478, 3), np.nan)
    mesh = np.stack([nothing if one is None else one for one in meshes])
    points, stable = as_points(mesh), stable_points(mesh)
    yaw = np.array([np.nan if one is None else faces.yaw_share(one) for one in meshes])
    reference = _reference(stable[seen], yaw[seen])
    brows = brow_points(mesh)
    canonical = np.full(points.shape, np.nan + 0j)
    for index in np.flatnonzero(seen):
        to_face = Similarity.between(stable[index], reference)
        canonical[index], brows[index] = to_face(points[index]), to_face(brows[index])
    cuts = cut_seconds(steps, np.arange(len(meshes), dtype=np.float64))
    shot = np.zeros(len(meshes), np.int64)
    shot[[int(cut) for cut in cuts]] = 1
    return Footage(
        fps=fps,
        width=size[0],
        height=size[1],
        seen=seen,
        points=points,
        stable=stable,
        canonical=canonical,
        brows=brows,
        eyes=eye_points(mesh),
        reference=reference,
        opening=gap(canonical),
        lip_width=spread(canonical),
        yaw=yaw,
        boxes=np.asarray(boxes, np.float64),
        shot=np.cumsum(shot),
        patches=patches,
        tint=tint,
    )


def _reference(stable: Complex, yaw: Reals) -> Complex:
    """The median arrangement of the stable points over the most frontal half of the frames."""
    frontal = stable[yaw <= np.median(yaw)]
    unit = np.stack([eye_unit(one)(one) for one in frontal])
    return np.asarray(np.median(unit.real, axis=0) + 1j * np.median(unit.imag, axis=0))
