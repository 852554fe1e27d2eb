"""The visible label, burned into frames: shaped and rasterised once, blended in place into Y, U and V.

Nothing about a label is decided here. Text, size, place and duration come with the permit as a `LabelSpec`;
this module draws exactly that or refuses. The plate behind the text is as opaque as the worst background,
pure white, demands, so the contrast holds over any picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import av
import numpy as np
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from compliance.disclosure.glyphs import check_glyphs, font_metrics, load_font
from compliance.disclosure.labels import LabelSpec
from compliance.errors import Refused

CONTRAST = 7.0  # WCAG 2.2, 1.4.6 (enhanced), where a duty does not ask for more
TEXT_LEVEL = 0.97  # of full white: pure white rings under strong compression
BORDER = 0.16  # opacity of the hairline that keeps the plate visible on a dark picture
START_REST_S = 0.5  # a start label stays this much longer than it must, so that rounding never cuts it short
HEIGHT_REST_PX = 1  # drawn this much higher than it must be: a measurement may err, the law's floor may not be missed
PORTRAIT_TOP = 0.06  # share of a portrait picture's height that viewers' apps cover with their own bar
_SUPERSAMPLING = 8  # high, because the rasteriser snaps capitals to whole pixels


class LabelDoesNotFit(Refused):
    """The text at its least height is wider or higher than the picture allows. It is never shrunk."""

    def __init__(self, text: str, width: int, height: int) -> None:
        super().__init__(
            "label_does_not_fit",
            format_lazy(
                _("The label “{text}” does not fit into {width} x {height} at its least height. Use a larger picture."),
                text=text,
                width=width,
                height=height,
            ),
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in luma pixels: left, top, width, height; all even."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Text at one size: left edge and baseline inside the plate, and font size, all in pixels."""

    text: str
    x: float
    baseline: float
    size: float


@dataclass(frozen=True, slots=True)
class _Masks:
    """Coverage of plate, hairline and text, each [height, width] in 0..1."""

    plate: NDArray[np.float64]
    hairline: NDArray[np.float64]
    text: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Blend:
    """out = (in * gain + offset) / 256, per sample; both uint16, shape [height, width]."""

    gain: NDArray[np.uint16]
    offset: NDArray[np.uint16]

    def apply(self, samples: NDArray[np.uint8]) -> None:
        samples[:] = (samples * self.gain + self.offset) >> 8


class LabelOverlay:
    """Draws one label into frames of `width` x `height`; `box` is the plate, `drawn_glyph_px` the real
    height.

    Raises `LabelDoesNotFit`, and `LabelGlyphMissing` for a text that would show empty boxes.
    """

    def __init__(self, spec: LabelSpec, width: int, height: int) -> None:
        for line in spec.lines:
            check_glyphs(line)
        self._spec, self._size = spec, (width, height)
        self.drawn_glyph_px = spec.min_glyph_px + HEIGHT_REST_PX
        em = self.drawn_glyph_px / font_metrics().face_height
        runs, plate_width, plate_height = _set_lines(spec, em)
        self.box = _place(spec, _even(plate_width), _even(plate_height), width, height)
        masks = _masks(runs, self.box, em)
        self._blends = {full: _blends(masks, spec.min_contrast, full_range=full) for full in (False, True)}

    def draw(self, frame: av.VideoFrame, t_s: float) -> None:
        """Blend the label into a yuv420p frame shown at `t_s` seconds, in place.

        A frame whose buffer a decoder still refers to is made its own first. Raises ValueError for another
        size or pixel format: the label would be somewhere else.
        """
        if frame.format.name not in ("yuv420p", "yuvj420p") or (frame.width, frame.height) != self._size:
            raise ValueError(f"{frame.format.name} {frame.width}x{frame.height} is not the agreed picture {self._size}")
        if self._spec.mode == "start" and t_s >= self._spec.min_seconds + START_REST_S:
            return
        frame.make_writable()
        full = frame.format.name == "yuvj420p" or frame.color_range == av.video.reformatter.ColorRange.JPEG
        luma, chroma = self._blends[full]
        box = self.box
        for plane, blend, step in zip(frame.planes, (luma, chroma, chroma), (1, 2, 2), strict=True):
            samples = np.frombuffer(memoryview(plane), np.uint8, count=plane.height * plane.line_size)
            rows = samples.reshape(plane.height, plane.line_size)
            top, left = box.y // step, box.x // step
            blend.apply(rows[top : top + box.height // step, left : left + box.width // step])


def plate_opacity(contrast: float) -> float:
    """Least opacity of a black plate so that the text keeps `contrast`:1 even over pure white.

    Contrast as in WCAG 2.2 (relative luminance of sRGB-coded values); blending happens on coded values.
    """
    text_luminance = _luminance(TEXT_LEVEL)
    ground_luminance = (text_luminance + 0.05) / contrast - 0.05
    if ground_luminance <= 0:
        return 1.0
    ground_level = 1.055 * ground_luminance ** (1 / 2.4) - 0.055 if ground_luminance > 0.0031308 else 0.0
    return min(1.0, 1.0 - max(0.0, ground_level) + 0.02)  # two hundredths for rounding to eight bits


def _luminance(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def _even(value: float) -> int:
    return 2 * ceil(value / 2)


def _set_lines(spec: LabelSpec, em: float) -> tuple[list[_Run], float, float]:
    """Runs of all lines inside their plate, and the plate's size; lines align at the left."""
    pad_x, pad_y, leading = 0.48 * em, 0.36 * em, 0.34 * em
    runs: list[_Run] = []
    y, widest = pad_y, 0.0
    for index, line in enumerate(spec.lines):
        above, below = _extent(line)
        baseline = y + above * em
        line_runs, width = _set_line(spec, line, pad_x, baseline, em)
        runs += line_runs
        widest = max(widest, width)
        y = baseline + below * em + (leading if index + 1 < len(spec.lines) else pad_y)
    return runs, widest + 2 * pad_x, y


def _extent(line: str) -> tuple[float, float]:
    """Ink above and below the baseline, in em: the ideographic face, or capitals where there are only
    those.
    """
    metrics = font_metrics()
    return (metrics.cap_height, 0.0) if line.isascii() else (metrics.face_top, -metrics.face_bottom)


def _set_line(spec: LabelSpec, line: str, x: float, baseline: float, em: float) -> tuple[list[_Run], float]:
    runs: list[_Run] = []
    start = x
    for text, scale in spec.runs(line):
        runs.append(_Run(text, x, baseline, em * scale))
        x += _advance(text, em * scale)
    return runs, x - start


def _advance(text: str, size: float) -> float:
    return float(load_font(size * _SUPERSAMPLING).getlength(text)) / _SUPERSAMPLING


def _place(spec: LabelSpec, plate_width: int, plate_height: int, width: int, height: int) -> Box:
    margin = _even(spec.margin_ratio * min(width, height))
    top = max(margin, _even(PORTRAIT_TOP * height)) if height > width else margin
    if plate_width + 2 * margin > width or top + plate_height + margin > height:
        raise LabelDoesNotFit(" / ".join(spec.lines), width, height)
    left = margin if spec.region == "top-left" else 2 * ((width - margin - plate_width) // 2)
    return Box(left, top, plate_width, plate_height)


def _masks(runs: list[_Run], box: Box, em: float) -> _Masks:
    size = (box.width * _SUPERSAMPLING, box.height * _SUPERSAMPLING)
    plate, line, text = (Image.new("L", size) for _ in range(3))
    corner = (0, 0, size[0] - 1, size[1] - 1)
    radius = 0.3 * em * _SUPERSAMPLING
    ImageDraw.Draw(plate).rounded_rectangle(corner, radius, fill=255)
    hairline = max(1, round(em / 26)) * _SUPERSAMPLING
    ImageDraw.Draw(line).rounded_rectangle(corner, radius, outline=255, width=hairline)
    pen = ImageDraw.Draw(text)
    for run in runs:
        position = (run.x * _SUPERSAMPLING, run.baseline * _SUPERSAMPLING)
        pen.text(position, run.text, font=load_font(run.size * _SUPERSAMPLING), fill=255, anchor="ls")
    return _Masks(_reduced(plate), _reduced(line), _reduced(text))


def _reduced(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.reduce(_SUPERSAMPLING), np.float64) / 255.0


def _blends(masks: _Masks, contrast: float, *, full_range: bool) -> tuple[_Blend, _Blend]:
    """Luma and chroma blends: plate, then hairline, then text, each painted over what lies below."""
    black, white = (0.0, 255.0) if full_range else (16.0, 235.0)
    ink = black + TEXT_LEVEL * (white - black)
    opacity = plate_opacity(max(contrast, CONTRAST))
    layers = ((masks.plate * opacity, black), (masks.hairline * BORDER, ink), (masks.text, ink))
    gain, offset = np.ones_like(masks.plate), np.zeros_like(masks.plate)
    for cover, level in layers:
        gain, offset = gain * (1 - cover), offset * (1 - cover) + cover * level
    halved = gain.reshape(gain.shape[0] // 2, 2, gain.shape[1] // 2, 2).mean((1, 3))
    return _fixed_point(gain, offset), _fixed_point(halved, 128.0 * (1 - halved))


def _fixed_point(gain: NDArray[np.float64], offset: NDArray[np.float64]) -> _Blend:
    """8.8 fixed point; 255 * 256 + 128 still fits sixteen bits because gain and offset sum to at most one."""
    scaled = np.minimum(np.rint(256 * gain), 256)
    return _Blend(scaled.astype(np.uint16), np.rint(256 * offset).astype(np.uint16))
