"""Perceptual fingerprints of pictures: the third trace, independent of metadata and mark.

PDQ (Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019) per second of
video. Two hashes at a Hamming distance of at most 31 of 256 bits match; a hash of quality below 50 is of a
picture too flat to tell anything and is left out of comparisons. Both numbers are the authors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pdqhash

MATCH_DISTANCE = 31
USABLE_QUALITY = 50
# PDQ works on a 64x64 reduction: a small picture gives the same hash and costs a seventh.
_WORKING_WIDTH = 512


@dataclass(frozen=True)
class FrameHash:
    """256 bits as 64 hex digits at second `at_s`, with PDQ's quality 0-100."""

    at_s: float
    bits: str
    quality: int

    def to_json(self) -> dict[str, Any]:
        return {"at_s": round(self.at_s, 3), "bits": self.bits, "quality": self.quality}

    @staticmethod
    def from_json(value: dict[str, Any]) -> FrameHash:
        return FrameHash(float(value["at_s"]), str(value["bits"]), int(value["quality"]))


def hash_luma(luma: npt.NDArray[np.uint8], at_s: float) -> FrameHash:
    """PDQ hash of a luma plane, uint8 [height, width]."""
    height, width = luma.shape
    scale = min(1.0, _WORKING_WIDTH / width)
    size = (max(64, round(width * scale)), max(64, round(height * scale)))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    vector, quality = pdqhash.compute(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB))
    return FrameHash(at_s, np.packbits(vector.astype(np.uint8)).tobytes().hex(), int(quality))


def distance(one: FrameHash, other: FrameHash) -> int:
    """Hamming distance of two hashes, 0-256."""
    return (int(one.bits, 16) ^ int(other.bits, 16)).bit_count()


def matched_share(query: Sequence[FrameHash], registered: Sequence[FrameHash]) -> float | None:
    """Share of the query's usable frames that match some registered frame; None when none is usable."""
    usable = [frame for frame in query if frame.quality >= USABLE_QUALITY]
    if not usable or not registered:
        return None
    return sum(_matches(frame, registered) for frame in usable) / len(usable)


def _matches(frame: FrameHash, registered: Sequence[FrameHash]) -> bool:
    return any(distance(frame, other) <= MATCH_DISTANCE for other in registered)
