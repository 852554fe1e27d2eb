"""Poses -> pictures: still layers are drawn once, a frame only moves them and draws lips and eyes.

The head turns by parallax: what stands higher in the relief of the face moves farther. That holds for the
few degrees a person sways while speaking to a camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatars.presenter.canvas import Bytes, Canvas, Image, develop, over, premultiplied, smoothstep
from avatars.presenter.face import draw_face, relief
from avatars.presenter.features import Eye, Mouth, lip_gap
from avatars.presenter.hair import draw_back_hair, draw_front_hair, hair_shadow
from avatars.presenter.performance import Performance
from avatars.presenter.studio import HEAD_X, HEAD_Y, draw_background, draw_body

_HEAD_BOX = (-190.0, -225.0, 190.0, 300.0)
_JAW_BOX = (-110.0, 96.0, 110.0, 222.0)
_BROW_BOX = (-100.0, -84.0, 100.0, -20.0)
_OVERSAMPLING = 2.0
_BACKGROUND_SCALE = 0.5
_MAP_STEP = 8
# The turning point of the neck, units below the eyes and behind the plane of the picture.
_PIVOT_Y, _PIVOT_DEPTH = 150.0, -10.0
_JAW_SHARE, _BROW_LIFT = 0.6, 4.5
_BLINK_STEPS = 12


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame of a `Performance`, in its units."""

    opening: float
    width: float
    yaw: float
    pitch: float
    roll: float
    shift_x: float
    shift_y: float
    brows: float
    blink: float
    gaze: tuple[float, float]
    breath: float


def pose_at(performance: Performance, frame: int) -> Pose:
    """The pose of frame number `frame`."""
    motion = performance.motion
    return Pose(
        opening=float(performance.opening[frame]),
        width=float(performance.width[frame]),
        yaw=float(motion.yaw[frame]),
        pitch=float(motion.pitch[frame]),
        roll=float(motion.roll[frame]),
        shift_x=float(motion.shift_x[frame]),
        shift_y=float(motion.shift_y[frame]),
        brows=float(motion.brows[frame]),
        blink=float(motion.blink[frame]),
        gaze=(float(motion.gaze_x[frame]), float(motion.gaze_y[frame])),
        breath=float(motion.breath[frame]),
    )


class Presenter:
    """The invented presenter at one picture size (16:9). `frame(pose)` gives RGB bytes (height, width, 3)."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.width, self.height, self.scale = width, height, height / 720
        fine = self.scale * _OVERSAMPLING
        self._head = Canvas(*_HEAD_BOX, fine)
        self._face, self._back = self._draw_head(random)
        self._relief = self._head.soften(relief(self._head), 7)
        self._mouth = Mouth(fine, random)
        self._eyes = tuple(Eye(side, fine, random) for side in (-1, 1))
        self._eye_patches: dict[tuple[int, int, float, float], Bytes] = {}
        self._jaw_drop, self._brow_lift = self._jaw_weights(), self._brow_weights()
        self._body = self._draw_body(random)
        small = develop(draw_background(_BACKGROUND_SCALE * self.scale, random))
        self._background: Bytes = np.asarray(
            cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8
        )

    def frame(self, pose: Pose) -> Bytes:
        picture = self._background.copy()
        face = self._face.copy()
        self._stretch(face, self._brow_lift, _BROW_BOX, -_BROW_LIFT * pose.brows)
        self._stretch(face, self._jaw_drop, _JAW_BOX, _JAW_SHARE * lip_gap(pose.opening))
        self._draw_mouth(face, pose)
        self._draw_eyes(face, pose)
        self._place(picture, self._back, pose, depth=None)
        self._place_body(picture, pose)
        self._place(picture, face, pose, depth=self._relief)
        return picture

    def _draw_head(self, random: np.random.Generator) -> tuple[Bytes, Bytes]:
        light, alpha = draw_face(self._head, random)
        hair, hair_alpha = draw_front_hair(self._head, random)
        light *= (1 - 0.45 * hair_shadow(self._head, hair_alpha))[..., None]
        light += (hair - light) * hair_alpha[..., None]
        back, back_alpha = draw_back_hair(self._head, random)
        return premultiplied(light, np.maximum(alpha, hair_alpha)), premultiplied(back, back_alpha)

    def _draw_body(self, random: np.random.Generator) -> tuple[Bytes, float, float]:
        light, alpha, canvas = draw_body(self.scale * _OVERSAMPLING, random)
        size = (round(canvas.width / _OVERSAMPLING), round(canvas.height / _OVERSAMPLING))
        layer = cv2.resize(premultiplied(light, alpha), size, interpolation=cv2.INTER_AREA)
        return np.asarray(layer, dtype=np.uint8), canvas.left, canvas.top

    def _jaw_weights(self) -> Image:
        canvas = self._part(_JAW_BOX)
        down = smoothstep(112, 162, canvas.y)
        return np.asarray(down * smoothstep(98, 58, np.abs(canvas.x)), dtype=np.float32)

    def _brow_weights(self) -> Image:
        canvas = self._part(_BROW_BOX)
        up = smoothstep(-23, -33, canvas.y) * smoothstep(-82, -52, canvas.y)
        return np.asarray(up * smoothstep(98, 78, np.abs(canvas.x)), dtype=np.float32)

    def _part(self, box: tuple[float, float, float, float]) -> Canvas:
        return Canvas(*box, self._head.scale)

    def _window(self, picture: Bytes, left: float, top: float, width: int, height: int) -> Bytes:
        """The pixels of the head layer that a part canvas covers."""
        x = round((left - self._head.left) * self._head.scale)
        y = round((top - self._head.top) * self._head.scale)
        return picture[y : y + height, x : x + width]

    def _stretch(self, face: Bytes, weights: Image, box: tuple[float, float, float, float], units: float) -> None:
        """Move part of the face down by `units` times its weights, in place."""
        if abs(units) < 0.02:
            return
        height, width = weights.shape
        window = self._window(face, box[0], box[1], width, height)
        across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        source = down - weights * np.float32(units * self._head.scale)
        window[:] = cv2.remap(window, across, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _draw_mouth(self, face: Bytes, pose: Pose) -> None:
        canvas = self._mouth.canvas
        window = self._window(face, canvas.left, canvas.top, canvas.width, canvas.height)
        window[..., :3] = self._mouth.draw(window[..., :3], pose.opening, pose.width)

    def _draw_eyes(self, face: Bytes, pose: Pose) -> None:
        closed = round(pose.blink * _BLINK_STEPS)
        for index, eye in enumerate(self._eyes):
            canvas = eye.canvas
            window = self._window(face, canvas.left, canvas.top, canvas.width, canvas.height)
            key = (index, closed, *pose.gaze)
            if key not in self._eye_patches:
                resting = self._window(self._face, canvas.left, canvas.top, canvas.width, canvas.height)
                self._eye_patches[key] = eye.draw(resting[..., :3], closed / _BLINK_STEPS, pose.gaze)
            window[..., :3] = self._eye_patches[key]

    def _place(self, picture: Bytes, layer: Bytes, pose: Pose, depth: Image | None) -> None:
        """Turn a layer of the head and lay it over the picture; without `depth` it is the hair behind."""
        left, top, right, bottom = self._box(_HEAD_BOX, 14)
        across, down = self._source(pose, depth, (left, top, right, bottom))
        turned = cv2.remap(layer, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        over(picture[top:bottom, left:right], np.asarray(turned, dtype=np.uint8))

    def _box(self, box: tuple[float, float, float, float], margin: float) -> tuple[int, int, int, int]:
        """A box of head units as pixels of the picture, inside it."""
        left = max(0, int((HEAD_X + box[0] - margin) * self.scale))
        top = max(0, int((HEAD_Y + box[1] - margin) * self.scale))
        right = min(self.width, int((HEAD_X + box[2] + margin) * self.scale))
        bottom = min(self.height, int((HEAD_Y + box[3] + margin) * self.scale))
        return left, top, right, bottom

    def _source(self, pose: Pose, depth: Image | None, box: tuple[int, int, int, int]) -> tuple[Image, Image]:
        """For each pixel of `box`, where in the layer it comes from; computed coarsely, then enlarged."""
        left, top, right, bottom = box
        columns = np.arange(0, right - left + _MAP_STEP, _MAP_STEP, dtype=np.float32)
        rows = np.arange(0, bottom - top + _MAP_STEP, _MAP_STEP, dtype=np.float32)
        x, y = np.meshgrid((columns + left + 0.5) / self.scale - HEAD_X, (rows + top + 0.5) / self.scale - HEAD_Y)
        # Hair rests on the shoulders, so its ends follow the head less.
        follow = 1 - 0.6 * smoothstep(150, 290, y)
        turn = np.deg2rad(pose.roll) * follow
        x, y = x - pose.shift_x * follow, y - pose.shift_y * follow
        x, y = x + turn * (y - _PIVOT_Y), y - turn * x
        height = self._height_at(depth, x, y) - _PIVOT_DEPTH
        x = x - np.sin(np.deg2rad(pose.yaw)) * height * follow
        y = y - np.sin(np.deg2rad(pose.pitch)) * height * follow
        fine = self._head.scale
        maps = ((x - self._head.left) * fine - 0.5, (y - self._head.top) * fine - 0.5)
        return self._enlarged(maps[0], right - left, bottom - top), self._enlarged(maps[1], right - left, bottom - top)

    def _height_at(self, depth: Image | None, x: Image, y: Image) -> Image:
        if depth is None:
            return np.full_like(x, -45.0)
        column = ((x - self._head.left) * self._head.scale).astype(np.float32)
        row = ((y - self._head.top) * self._head.scale).astype(np.float32)
        return np.asarray(cv2.remap(depth, column, row, cv2.INTER_LINEAR), dtype=np.float32)

    def _enlarged(self, coarse: Image, width: int, height: int) -> Image:
        """A map sampled every `_MAP_STEP` pixels as one value per pixel."""
        zoom = np.array([[1 / _MAP_STEP, 0, 0], [0, 1 / _MAP_STEP, 0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        full = cv2.warpAffine(
            coarse.astype(np.float32), zoom, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(full, dtype=np.float32)

    def _place_body(self, picture: Bytes, pose: Pose) -> None:
        layer, left, top = self._body
        x, y = (HEAD_X + left) * self.scale, (HEAD_Y + top) * self.scale
        column, row = int(x), int(y)
        height = min(layer.shape[0], self.height - row)
        moved = np.array(
            [[1, 0, x - column + 0.25 * pose.shift_x * self.scale], [0, 1, y - row - pose.breath * self.scale]]
        )
        shifted = cv2.warpAffine(
            layer, moved, (layer.shape[1], height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        over(picture[row : row + height, column : column + layer.shape[1]], np.asarray(shifted, dtype=np.uint8))
