"""The picture that stands in when the host may not or cannot be seen: no person in it, labelled and marked like any.

The gate makes it itself, so that it needs no performer: it is what is left when everything else has gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from avatars.label import LabelOverlay
from avatars.media import frame_of
from compliance.disclosure.labels import LabelSpec
from streaming.packager.packager import Packager, Segment
from streaming.packager.slate import SlateSource
from streaming.packager.spec import StreamSpec
from watermark import Embedder, MarkPattern
from watermark.frames import luma_view

_HOLD = 5
"""Frame intervals one picture is shown: a still needs no more."""


@dataclass
class Slate:
    """A session of slate segments, made one at a time."""

    packager: Packager
    source: SlateSource
    overlay: LabelOverlay | None
    embedder: Embedder

    @classmethod
    def begin(cls, spec: StreamSpec, label: LabelSpec | None, pattern: MarkPattern, start_ns: int) -> Slate:
        """A slate whose first picture is shown at `start_ns` (UTC, ns since 1970)."""
        first = spec.renditions[0]
        silence = np.zeros((spec.channels, spec.sample_rate), np.float32)
        return cls(
            packager=Packager(spec, start_ns=start_ns),
            source=SlateSource([_picture(first.width, first.height)], silence, fps=spec.fps, rate=spec.sample_rate),
            overlay=LabelOverlay(label, first.width, first.height) if label else None,
            embedder=Embedder(pattern, first.width, first.height),
        )

    def segments(self) -> list[Segment]:
        """The next segment in every rendition."""
        spec = self.packager.spec
        while True:
            at_s = float(Fraction(self.packager.clock.frames, spec.fps))
            picture, sound = self.source.take(min(_HOLD, spec.segment_frames))
            if self.overlay is not None:
                self.overlay.draw(picture, at_s)
            self.embedder.embed(luma_view(picture), at_s)
            if made := self.packager.push(picture, sound, frames=min(_HOLD, spec.segment_frames)):
                return made


def _picture(width: int, height: int) -> av.VideoFrame:
    """A calm dark ground with the two bars of a pause."""
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    luma = 72 - 40 * away
    bar = (np.abs(y - height / 2) < height / 14) & (np.abs(np.abs(x - width / 2) - height / 22) < height / 60)
    luma = np.where(bar, 170, luma).astype(np.uint8)
    blue = np.full((height // 2, width // 2), 134, np.uint8)
    red = np.full((height // 2, width // 2), 124, np.uint8)
    return frame_of((luma, blue, red))
