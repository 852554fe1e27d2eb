"""Faces in single pictures: the refined MediaPipe mesh whose weights come inside its wheel (0.10.21).

The refined mesh is needed because the plain one underestimates how far the lips open by 20 to 50 per cent.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from google.protobuf import message_factory  # type: ignore[import-untyped]
from numpy.typing import NDArray

Points = NDArray[np.float64]
Image = NDArray[np.uint8]

# Numbers of the canonical MediaPipe face mesh.
EYE_OUTER = (33, 263)
NOSE_TIP = 1
MOUTH_CORNERS = (61, 291)
UPPER_INNER = (82, 13, 312)
LOWER_INNER = (87, 14, 317)
_SIDES = (234, 454)
_LONGEST_SIDE = 960


class FaceReader:
    """Find faces and their 478 points.

    `tracking` follows one face from picture to picture of a running video; without it every picture stands
    alone. Use as a context manager: the graph holds threads.
    """

    def __init__(self, *, most: int = 1, tracking: bool = False) -> None:
        self._mesh = _mesh_type()(
            static_image_mode=not tracking,
            max_num_faces=most,
            refine_landmarks=True,
            min_detection_confidence=0.5,
            min_tracking_confidence=0.5,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self._mesh.close()

    def read(self, image: Image) -> list[Points]:
        """Faces of an RGB image uint8 [H, W, 3]; each float64 [478, 3] in its pixels (z as x)."""
        height, width = image.shape[:2]
        scale = min(1.0, _LONGEST_SIDE / max(height, width))
        if scale < 1:
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            image = small.astype(np.uint8, copy=False)
        found = self._mesh.process(np.ascontiguousarray(image)).multi_face_landmarks or []
        size = np.array([width, height, width])
        return [np.array([[p.x, p.y, p.z] for p in face.landmark]) * size for face in found]


def _mesh_type() -> Any:
    """MediaPipe's class. A second of loading that a process which only draws faces need not wait for."""
    # The wheel's C++ side asks for a method that protobuf has dropped, and prints an AttributeError at every start.
    factory: Any = message_factory.MessageFactory
    factory.GetPrototype = lambda _factory, descriptor: message_factory.GetMessageClass(descriptor)
    os.environ.setdefault("GLOG_minloglevel", "3")  # it also reports every graph it starts
    from mediapipe.python.solutions.face_mesh import FaceMesh

    return FaceMesh


def eye_distance(points: Points) -> float:
    """Pixels between the outer corners of the eyes: the unit in which lips are measured."""
    return float(np.linalg.norm(points[EYE_OUTER[0], :2] - points[EYE_OUTER[1], :2]))


def lip_opening(points: Points) -> float:
    """Gap between the inner lips over three pairs of points, in eye distances; never negative.

    Measured along the face's own vertical, so that a tilted head reads the same.
    """
    across = points[EYE_OUTER[1], :2] - points[EYE_OUTER[0], :2]
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    gaps = (points[list(LOWER_INNER), :2] - points[list(UPPER_INNER), :2]) @ down
    return max(0.0, float(np.mean(gaps)) / eye_distance(points))


def lip_width(points: Points) -> float:
    """Distance of the mouth corners in eye distances."""
    left, right = MOUTH_CORNERS
    return float(np.linalg.norm(points[left, :2] - points[right, :2])) / eye_distance(points)


def yaw_share(points: Points) -> float:
    """How far the nose has left the middle of the face: 0 frontal, about 0.5 at 30 degrees."""
    left, right = (np.linalg.norm(points[NOSE_TIP, :2] - points[side, :2]) for side in _SIDES)
    return float(abs(left - right) / (left + right))


def face_box(points: Points) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the face outline (hair and neck excluded), in pixels."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
