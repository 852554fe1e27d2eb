"""An operator's own face recognition network, to compare a recording with the one before it under the same consent.

The built-in description (`identity`) was measured within one session only. Whoever has a network, with a licence for
this use, names its file: ONNX, as the ArcFace family has it (Deng et al., CVPR 2019): one aligned face of 112 x 112 in
RGB, (x - 127.5) / 127.5, float32 [1, 3, 112, 112] -> float32 [1, n]. None comes with Avow. It runs in OpenCV, on the
processor, in the sandbox of the check.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avatars.capture.identity import SIDE, Bounds, Descriptor, warped
from avatars.capture.report import FACE_MODEL_UNFIT
from avatars.faces import MOUTH_CORNERS, NOSE_TIP, Image, Points
from compliance.errors import AvowError

_EYES = ((33, 133), (362, 263))  # corners of each, the person's right eye first
# Middles of the eyes, tip of the nose, corners of the mouth, where networks of this family were trained to find them.
_PLACES = np.array([38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j, 41.5493 + 92.3655j, 70.7299 + 92.2041j])
_LARGEST = 10_000  # numbers in a description; more is another kind of network


class FaceModelUnfit(AvowError):
    """The operator's network cannot be used (face_model_unfit), which is no fault of the clip."""

    def __init__(self, text: str) -> None:
        super().__init__(FACE_MODEL_UNFIT, text)


class FaceEmbedder:
    """A network read from a file.

    method: names the file's content, so that descriptions of different networks are never compared; bounds: cosines,
    see `identity.Bounds`, which depend on the network.

    Raises `FaceModelUnfit` where the file is not there, not ONNX, or not such a network.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        if not path.is_file():
            raise FaceModelUnfit(f"There is no face model at {path}; see AVOW_FACE_MODEL.")
        content = path.read_bytes()
        self.method = f"onnx-{hashlib.sha256(content).hexdigest()[:16]}"
        self.bounds = bounds
        try:
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
            self._embed(np.zeros((SIDE, SIDE, 3), np.uint8))
        except cv2.error as failure:
            raise FaceModelUnfit(f"OpenCV cannot run the face model {path}: {failure}") from failure

    def describe(self, rgb: Image, points: Points) -> Descriptor:
        """Unit vector float16 [n] of a face in an RGB image."""
        eyes = [points[list(corners), :2].mean(axis=0) for corners in _EYES]
        here = [*eyes, points[NOSE_TIP, :2], *(points[corner, :2] for corner in MOUTH_CORNERS)]
        found = self._embed(warped(rgb, here, _PLACES))
        return np.asarray(found / np.linalg.norm(found), np.float16)

    def _embed(self, face: Image) -> np.ndarray[Any, np.dtype[np.float64]]:
        self._network.setInput(cv2.dnn.blobFromImage(face, 1 / 127.5, (SIDE, SIDE), (127.5, 127.5, 127.5)))
        found = np.asarray(self._network.forward(), np.float64).ravel()
        if not 1 < found.size <= _LARGEST or not np.isfinite(found).all() or not found.any():
            raise FaceModelUnfit("The face model does not give one description of finite numbers.")
        return found
