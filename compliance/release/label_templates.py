"""Templates of the expected label text: rasterised from the font file, found in a picture, compared per
character.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import compliance.disclosure as disclosure
from compliance.disclosure.labels import LabelSpec

Pixels = NDArray[np.float32]

_FONT_DIR = Path(disclosure.__file__).parent / "fonts"
# Font size of the master drawing that all templates are scaled from: large, because the rasteriser snaps
# capitals to whole pixels.
_MASTER_PX = 320
_COARSE = 0.5  # scale of the picture for the first look
_COARSE_STEP = 1.03  # ratio between neighbouring sizes of the first look: three characters tolerate 1.5 %
_COARSE_FROM, _COARSE_TO = 0.55, 1.9  # sizes of the first look, as shares of the least allowed size
_COARSE_CHARACTERS = 3
_CANDIDATES = 3  # best places of the first look that get a closer one
_COARSE_REACH, _COARSE_TRIES = 0.04, 9  # sizes of the closer look around the first estimate
_RESEMBLES = 0.45  # less than this is no label at all; how good it must be is decided per character
_ALIGN_TIMES, _ALIGN_ROUNDS, _ALIGN_PRECISION = 2, 40, 1e-5
_ALIGN_MIN = 0.8  # how much lower than wide a text may be and still be measured
_NEXT_LINE_FROM, _NEXT_LINE_TO = 0.75, 1.3  # sizes of a further line, as shares of the line above
_SEARCH_WIDTH, _SEARCH_HEIGHT = 0.72, 0.45  # part of the picture a region covers
_EDGE = 0.12  # em of ground kept around the ink, so that the outline counts
# Beyond that edge, em that must stay calm on either side: a word set before the label could turn its sense ("not ...").
_QUIET, _QUIET_SPECKS = 0.25, 0.01


def _face_height() -> float:
    metrics = json.loads((_FONT_DIR / "avow-label.json").read_text("utf-8"))
    return float(metrics["face_top"] - metrics["face_bottom"]) / float(metrics["units_per_em"])


FACE_HEIGHT = _face_height()  # height of the ideograph face as a share of the font size


class _Master:
    """A line drawn large: ink [rows, columns] in 0..1, and where each visible character begins and ends."""

    def __init__(self, runs: tuple[tuple[str, float], ...]) -> None:
        fonts = [_font(round(_MASTER_PX * scale)) for _, scale in runs]
        edge, spans, x = _EDGE * _MASTER_PX, [], _EDGE * _MASTER_PX
        width = int(2 * edge + sum(f.getlength(t) for f, (t, _) in zip(fonts, runs, strict=True))) + 2
        image = Image.new("L", (width, 2 * _MASTER_PX))
        pen = ImageDraw.Draw(image)
        for font, (text, _scale) in zip(fonts, runs, strict=True):
            pen.text((x, 1.4 * _MASTER_PX), text, font=font, fill=255, anchor="ls")
            for index, character in enumerate(text):
                if character.isalnum():
                    spans.append((x + font.getlength(text[:index]), x + font.getlength(text[: index + 1])))
            x += font.getlength(text)
        ink = np.asarray(image, np.float32) / 255
        rows = np.flatnonzero(ink.max(1) > 0.5)
        top, bottom = rows[0] - int(edge), rows[-1] + 1 + int(edge)
        self.ink: Pixels = np.ascontiguousarray(ink[max(top, 0) : bottom])
        self.spans = spans

    def start(self, characters: int) -> Pixels:
        """The drawing of the first few characters only."""
        last = self.spans[min(characters, len(self.spans)) - 1][1]
        return self.ink[:, : int(last)]


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FONT_DIR / "avow-label.otf"), size_px)


@cache
def _master(runs: tuple[tuple[str, float], ...]) -> _Master:
    return _Master(runs)


def _scaled(ink: Pixels, font_px_x: float, font_px_y: float) -> Pixels:
    """`ink` at another font size, by area: every master pixel falls where geometry puts it, not on the next
    whole.
    """
    scale_x, scale_y = font_px_x / _MASTER_PX, font_px_y / _MASTER_PX
    width, height = int(np.ceil(ink.shape[1] * scale_x)), int(np.ceil(ink.shape[0] * scale_y))
    # Enlarging the canvas to the exact inverse keeps the scale true; resizing the bare drawing would round
    # it.
    canvas = np.zeros((round(height / scale_y), round(width / scale_x)), np.float32)
    rows, columns = min(canvas.shape[0], ink.shape[0]), min(canvas.shape[1], ink.shape[1])
    canvas[:rows, :columns] = ink[:rows, :columns]
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _match(picture: Pixels, template: Pixels) -> tuple[float, int, int]:
    """Best normalised correlation of `template` in `picture`, and its left and top."""
    if template.shape[0] > picture.shape[0] or template.shape[1] > picture.shape[1]:
        return -1.0, 0, 0
    scores = cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED)
    _low, best, _low_at, (x, y) = cv2.minMaxLoc(scores)
    return (float(best), int(x), int(y)) if np.isfinite(best) else (-1.0, 0, 0)


class LineTemplate:
    """One line at a measured place and size. x, y, width, height in pixels; font_px_y from the vertical scale."""

    def __init__(self, master: _Master, x: float, y: float, font_px_x: float, font_px_y: float) -> None:
        self.x, self.y, self.font_px_y = int(np.floor(x)), int(np.floor(y)), font_px_y
        self._quiet_px = max(2, round(_QUIET * font_px_x))
        shift_x, shift_y = x - self.x, y - self.y
        drawn = _scaled(master.ink, font_px_x, font_px_y)
        self.height, self.width = drawn.shape[0] + 1, drawn.shape[1] + 1
        shift = np.array([[1, 0, shift_x], [0, 1, shift_y]], np.float32)
        ink = np.asarray(cv2.warpAffine(drawn, shift, (self.width, self.height)), np.float32)
        scale = font_px_x / _MASTER_PX
        spans = [(int(a * scale + shift_x), int(np.ceil(b * scale + shift_x))) for a, b in master.spans]
        self._bounds = np.array([(a, max(b, a + 2)) for a, b in spans])
        self._prepare(ink)

    def _prepare(self, ink: Pixels) -> None:
        self._ink, self._rows = ink, np.ones(len(ink), np.float32)
        # Beginning and end of each character in turn; sums over what lies between two are left out.
        self._ends = np.minimum(self._bounds, self.width - 1).ravel()
        self._area, total, squares = self._per_character(np.ones_like(ink), ink, ink * ink)
        self._ink_mean = total / self._area
        self._ink_spread = squares - self._ink_mean**2 * self._area

    def _per_character(self, *weighted: Pixels) -> Pixels:
        """float32[k, ..., characters]: sums of float32[..., height, width] over each character, over columns first,
        where most of the pixels are.
        """
        columns = np.stack([self._rows @ one for one in weighted])
        return np.asarray(np.add.reduceat(columns, self._ends, axis=-1)[..., ::2], np.float32)

    def look(self, lumas: Sequence[NDArray[np.uint8]], black_white: tuple[float, float]) -> tuple[Pixels, Pixels]:
        """float32[n] each, for n pictures uint8[h, w] of one size: the least correlation of a character with its
        drawing, -1..1; the least contrast of a character, 1..21.

        Contrast is the ratio of strokes to their ground (WCAG 2.2, 1.4.3), both levels by least squares over the
        character. A place outside the picture, a flat patch, or a line with more writing right before or after it
        counts as nothing: 0. Many pictures at once, because for one the calls cost more than the sums.
        """
        nothing = np.zeros(len(lumas), np.float32), np.ones(len(lumas), np.float32)
        rows, columns = slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)
        if lumas[0][rows, columns].shape != (self.height, self.width):
            return nothing
        # Around zero, so that sums of squares keep their digits in single precision.
        pixels = np.subtract([luma[rows, columns] for luma in lumas], 128, dtype=np.float32)
        total, squares, inked = self._per_character(pixels, pixels * pixels, pixels * self._ink)
        mean = total / self._area
        covariance = inked - total * self._ink_mean
        correlation = covariance / np.sqrt(np.maximum((squares - mean * total) * self._ink_spread, 1e-3))
        step = covariance / self._ink_spread
        ground = mean - step * self._ink_mean + 128
        light, dark = _luminance(np.stack((ground + step, ground)), black_white) + np.float32(0.05)
        alone = self._stands_alone(lumas, ground + step / 2)
        return np.where(alone, correlation.min(-1), nothing[0]), np.where(alone, (light / dark).min(-1), nothing[1])

    def _stands_alone(self, lumas: Sequence[NDArray[np.uint8]], midway: Pixels) -> NDArray[np.bool_]:
        """bool[n]: whether the ground goes on calmly to the left and right of the text: nothing there is as light as
        the strokes. midway: float32[n, characters] between both.
        """
        rows, end = slice(self.y, self.y + self.height), self.x + self.width
        before = np.stack([luma[rows, max(0, self.x - self._quiet_px) : self.x] for luma in lumas])
        after = np.stack([luma[rows, end : end + self._quiet_px] for luma in lumas])
        light = np.count_nonzero(before > midway[:, :1, None], axis=(1, 2))
        light += np.count_nonzero(after > midway[:, -1:, None], axis=(1, 2))
        return np.asarray(light <= _QUIET_SPECKS * (before[0].size + after[0].size))


def _luminance(luma: NDArray[np.floating[Any]], black_white: tuple[float, float]) -> Pixels:
    black, white = black_white
    level = np.clip((luma - black) / (white - black), 0, 1)
    return np.asarray(np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4), np.float32)


class LineSearch:
    """Finds one line of a label in a picture."""

    def __init__(self, spec: LabelSpec, line: str) -> None:
        self._master = _master(spec.runs(line))
        self._least_px = spec.min_glyph_px / FACE_HEIGHT

    def find(self, luma: NDArray[np.uint8], region: str, below: LineTemplate | None) -> LineTemplate | None:
        """The best match in the part of the picture that belongs to `region`, or None where nothing
        resembles it.

        A line after the first is searched right below the one before.
        """
        left, top, part = self._part(luma, region, below)
        sizes = self._sizes(below)
        places = self._coarse(part, sizes)
        score, x, y, size = max(self._closer(part, *place) for place in places)
        if score < _RESEMBLES:
            return None
        found = self._fine(part, x, y, size)
        if found is not None:
            found.x, found.y = found.x + left, found.y + top
        return found

    def _sizes(self, below: LineTemplate | None) -> list[float]:
        """Font sizes of the first look; lines of one label are near each other in size."""
        low, high = self._least_px * _COARSE_FROM, self._least_px * _COARSE_TO
        if below is not None:
            low, high = below.font_px_y * _NEXT_LINE_FROM, below.font_px_y * _NEXT_LINE_TO
        steps = int(np.log(high / low) / np.log(_COARSE_STEP)) + 1
        return [low * _COARSE_STEP**i for i in range(steps)]

    def _part(self, luma: NDArray[np.uint8], region: str, below: LineTemplate | None) -> tuple[int, int, Pixels]:
        height, width = luma.shape
        left = 0 if region == "top-left" else int(width * (1 - _SEARCH_WIDTH))
        right, top, bottom = left + int(width * _SEARCH_WIDTH) + 1, 0, int(height * _SEARCH_HEIGHT)
        if below is not None:
            reach = int(1.5 * below.height)
            left, right = max(0, below.x - reach), below.x + 2 * below.width
            top, bottom = below.y + below.height // 2, below.y + 3 * below.height
        return left, top, np.ascontiguousarray(luma[top:bottom, left:right], np.float32)

    def _coarse(self, part: Pixels, sizes: list[float]) -> list[tuple[int, int, float]]:
        """Places and sizes where the first characters may be, the likeliest first."""
        small = np.asarray(cv2.resize(part, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA), np.float32)
        start = self._master.start(_COARSE_CHARACTERS)
        seen = [(*_match(small, _scaled(start, s * _COARSE, s * _COARSE)), s) for s in sizes]
        seen.sort(reverse=True)
        return [(int(x / _COARSE), int(y / _COARSE), size) for _score, x, y, size in seen[:_CANDIDATES]]

    def _closer(self, part: Pixels, x: int, y: int, font_px: float) -> tuple[float, int, int, float]:
        """(score, x, y, size) of the whole line near a place of the first look, to about a pixel of size."""
        window, left, top = self._window(part, x, y, font_px)
        spread = np.linspace(1 - _COARSE_REACH, 1 + _COARSE_REACH, _COARSE_TRIES) * font_px
        seen = [(*_match(window, _scaled(self._master.ink, s, s)), float(s)) for s in spread]
        score, dx, dy, size = max(seen)
        return score, left + dx, top + dy, size

    def _fine(self, part: Pixels, x: int, y: int, font_px: float) -> LineTemplate | None:
        """Place and both scales to a fraction of a pixel, by maximising the correlation over affine maps.

        Evangelidis and Psarakis 2008 (ECC). None when nothing near the estimate can be aligned.
        """
        window, left, top = self._window(part, x, y, font_px)
        place = (float(x - left), float(y - top), font_px, font_px)
        for _round in range(_ALIGN_TIMES):
            aligned = self._align(window, *place)
            if aligned is None:
                return None
            place = aligned
        return LineTemplate(self._master, left + place[0], top + place[1], place[2], place[3])

    def _align(
        self, window: Pixels, x: float, y: float, font_px_x: float, font_px_y: float
    ) -> tuple[float, float, float, float] | None:
        """A better (x, y, font_px_x, font_px_y), or None when the estimate leads nowhere or too far away."""
        guess = _scaled(self._master.ink, font_px_x, font_px_y)
        start = np.array([[1, 0, x], [0, 1, y]], np.float32)
        stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ALIGN_ROUNDS, _ALIGN_PRECISION)
        try:
            _score, found = cv2.findTransformECC(guess, window, start, cv2.MOTION_AFFINE, stop)
        except cv2.error:
            return None
        scale_x, scale_y = float(found[0, 0]), float(found[1, 1])
        if not (_ALIGN_MIN < scale_x < 1 / _ALIGN_MIN and _ALIGN_MIN < scale_y < 1 / _ALIGN_MIN):
            return None
        # The map speaks of pixel centres; a template's place is the corner of its first pixel.
        corner_x, corner_y = found[0, 2] - (1 - scale_x) / 2, found[1, 2] - (1 - scale_y) / 2
        return float(corner_x), float(corner_y), font_px_x * scale_x, font_px_y * scale_y

    def _window(self, part: Pixels, x: int, y: int, font_px: float) -> tuple[Pixels, int, int]:
        """The part of the picture a line of about this size needs when it begins about here; its left and
        top.
        """
        reach = int(0.2 * font_px) + 4
        left, top = max(0, x - reach), max(0, y - reach)
        rows, columns = (int(n * font_px * 1.1 / _MASTER_PX) + 2 * reach for n in self._master.ink.shape)
        return part[top : top + rows, left : left + columns], left, top
