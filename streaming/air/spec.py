"""Picture sizes of a room and the label in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from compliance.disclosure.duties import Duty
from compliance.disclosure.labels import LabelSpec, compose_label
from streaming.packager.spec import Rendition, StreamSpec

_BITS_PER_PIXEL_SECOND = 2.7
"""At 25 frames/s: 2.5 Mb/s for 720p; a talking head needs half of it."""
_LEAST_SHORT_SIDE = 270
"""Of a smaller rendition, pixels: at 240 the label of every of 40 marks was found in the decoded picture, at 180 of
two in three, at 134 of hardly any."""


def stream_spec(width: int, height: int, fps: int) -> StreamSpec:
    """Two renditions of a take, by the operator's encoder: its own size and half of it, or as little as the label can
    be read in. A take no larger than that has one.
    """
    share = max(0.5, _LEAST_SHORT_SIDE / min(width, height))
    sizes = {"high": (width, height)}
    if share < 1:
        sizes["low"] = (round(width * share / 2) * 2, round(height * share / 2) * 2)
    renditions = tuple(
        Rendition(name, w, h, max(300_000, int(w * h * _BITS_PER_PIXEL_SECOND))) for name, (w, h) in sizes.items()
    )
    return StreamSpec(renditions, fps=fps, codec=settings.AVOW_VIDEO_ENCODER, preset=settings.AVOW_LIVE_PRESET)


def live_label(duties: Sequence[Duty], languages: Sequence[str], width: int, height: int) -> LabelSpec | None:
    """The label of a picture on air. It never leaves: who tunes in at any moment has to see it."""
    spec = compose_label(duties, width=width, height=height, languages=languages)
    return replace(spec, mode="continuous") if spec else None


def drawn_label(duties: Sequence[Duty], languages: Sequence[str], spec: StreamSpec) -> LabelSpec | None:
    """The label to draw into the largest picture so that it is high enough in every smaller one too."""
    first = spec.renditions[0]
    drawn = live_label(duties, languages, first.width, first.height)
    if drawn is None:
        return None
    needed = [drawn.min_glyph_px]
    for rendition in spec.renditions[1:]:
        smaller = live_label(duties, languages, rendition.width, rendition.height)
        if smaller is not None:
            # one pixel more in the small picture: scaling may round it away
            needed.append(-(-(smaller.min_glyph_px + 1) * first.height // rendition.height))
    return replace(drawn, min_glyph_px=max(needed))


def duties_of(stored: Sequence[dict[str, Any]]) -> tuple[Duty, ...]:
    """Duties as a permit or a decision holds them."""
    return tuple(Duty.from_dict(duty) for duty in stored)
