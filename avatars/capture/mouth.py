"""Is something before the mouth? A covered mouth neither looks like the person's own nor is as red as their lips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.capture.identity import aligned
from avatars.faces import Image, Points

# Rows and columns of the aligned face of 112 px.
_PATCH = np.s_[64:108, 28:84]
_LIPS, _CHEEKS = np.s_[78:94, 44:68], (np.s_[60:75, 20:35], np.s_[60:75, 77:92])
_SIZE = (28, 22)
# Objects change the redness by 18 and more; a hand by 4 and more, and leaves a likeness below 0.6. Talking and
# smiling people reach both only for single pictures (docs/avatar-capture.md).
_OTHER_COLOUR, _LESS_RED, _UNLIKE = 10.0, 3.0, 0.65


@dataclass(frozen=True)
class MouthLook:
    """`patch` float32 [616]: lower face, zero mean, unit length; `red`: redness (CIELAB a*) of lips over cheeks."""

    patch: NDArray[np.float32]
    red: float


def look_at_mouth(rgb: Image, points: Points) -> MouthLook:
    """Lower face of an RGB image, from the points of its mesh."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    luma, red = (aligned(np.ascontiguousarray(lab[..., plane]), points) for plane in (0, 1))
    small = cv2.resize(luma[_PATCH], _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    cheeks = np.concatenate([red[part].ravel() for part in _CHEEKS])
    patch = np.asarray(small / (np.linalg.norm(small) + 1e-6), np.float32)
    return MouthLook(patch, float(red[_LIPS].mean() - np.median(cheeks)))


def covered(looks: Sequence[MouthLook | None]) -> list[bool]:
    """For each look whether something covers the mouth, against the person's own usual look; None is not covered."""
    seen = [look for look in looks if look is not None]
    if not seen:
        return [False] * len(looks)
    usual = np.median([look.patch for look in seen], axis=0)
    usual /= np.linalg.norm(usual) + 1e-6
    red = float(np.median([look.red for look in seen]))
    return [look is not None and _is_covered(look, usual, red) for look in looks]


def _is_covered(look: MouthLook, usual: NDArray[np.float32], red: float) -> bool:
    alike, change = float(look.patch @ usual), look.red - red
    return abs(change) > _OTHER_COLOUR or (alike < _UNLIKE and change < -_LESS_RED)
