"""What the studio may see of a double before anything was permitted: pictures with words burnt across all of them.

A preview has no permit, so it has no watermark and can never be released: the gate knows no rendering of it. Words lie
across the whole picture, the face included, so that no part of a frame can be cut out without them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from avatars.ahead import ahead
from avatars.engines import engine_of
from avatars.media import Encoding, frame_of, planes_of, rgb_of, write_mp4
from avatars.speech import Phone, Speech, Voice, speak
from compliance.disclosure.glyphs import check_glyphs, load_font

WIDTH, HEIGHT, FPS = 640, 360, 25
WORDS = "AI PREVIEW · NOT FOR RELEASE · 人工智能生成"
TEXTS = {
    "en": "This is a preview of a digital double. Maybe Bob bought a warm apple pie before we moved.",
    "zh": "这是数字替身的预览。妈妈买了八块苹果派，我们明天再品尝。",
}
_ANGLE, _SIZE, _STRENGTH = 18.0, 0.055, 0.62


class Imprint:
    """The words as a mask for one picture size: light with a dark rim, so that they show on anything."""

    def __init__(self, width: int, height: int) -> None:
        check_glyphs(WORDS)
        light, dark = _tiles(width, height)
        self._gain = 1 - _STRENGTH * np.maximum(light, dark)
        self._add = _STRENGTH * 235.0 * light

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The same frame with the words on it, yuv420p."""
        y, u, v = planes_of(frame)
        marked = frame_of((np.asarray(y * self._gain + self._add, np.uint8), u.copy(), v.copy()))
        marked.pts, marked.time_base = frame.pts, frame.time_base
        return marked


def _tiles(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage 0..1 of the letters and of their rim, [height, width]: slanting lines, each shifted by half a line."""
    font = load_font(max(12.0, _SIZE * min(width, height)))
    side = round(1.5 * max(width, height))
    letters, rim = (Image.new("L", (side, side)) for _layer in range(2))
    length = font.getlength(WORDS + "   ")
    for row, top in enumerate(range(0, side, round(3.2 * font.size))):
        for start in range(-round(length * (1 + row % 2 / 2)), side, max(1, round(length))):
            ImageDraw.Draw(rim).text((start, top), WORDS, 255, font, stroke_width=1)
            ImageDraw.Draw(letters).text((start, top), WORDS, 255, font)
    left, above = (side - width) // 2, (side - height) // 2
    box = (left, above, left + width, above + height)
    turned = (layer.rotate(_ANGLE, Image.Resampling.BICUBIC).crop(box) for layer in (letters, rim))
    light, dark = (np.asarray(layer, np.float64) / 255 for layer in turned)
    return light, dark


def preview_still(model: Path) -> bytes:
    """One frame of the silent double as JPEG: what brand legal looks at before approving the figure."""
    silence = Speech(np.zeros(4800, np.float32), 24000, (Phone("sil", 0.0, 0.2),), (), "", "en")
    frame = next(engine_of(model).perform(model, silence, width=WIDTH, height=HEIGHT, fps=FPS))
    target = io.BytesIO()
    Image.fromarray(rgb_of(Imprint(WIDTH, HEIGHT)(frame))).save(target, "JPEG", quality=85)
    return target.getvalue()


def make_preview(model: Path, out: Path, *, language: str, codec: str) -> None:
    """Have the double say a sentence, with the words across every frame; MP4 in `out`."""
    speech = speak(TEXTS[language], language, Voice())
    write_mp4(
        out,
        _imprinted(model, speech),
        fps=FPS,
        sound=[speech.samples],
        rate=speech.rate,
        encoding=Encoding(codec=codec, preset="veryfast", crf=24),
    )


def _imprinted(model: Path, speech: Speech) -> Iterator[av.VideoFrame]:
    imprint = Imprint(WIDTH, HEIGHT)
    frames = engine_of(model).perform(model, speech, width=WIDTH, height=HEIGHT, fps=FPS)
    for number, frame in enumerate(ahead(frames)):
        marked = imprint(frame)
        marked.pts, marked.time_base = number, Fraction(1, FPS)
        yield marked
