"""The label font: where it is, its measures, and proof that it can draw a text.

A font draws a missing character as an empty box, silently, and a picture with boxes looks labelled. So
every text is compared, glyph by glyph, with the drawing of a code point that no font has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ImageFont

from .errors import LabelGlyphMissing

FONT_DIR = Path(__file__).parent / "fonts"
FONT_PATH = FONT_DIR / "avow-label.otf"
_NONCHARACTER = "\U0010ffff"  # Unicode guarantees that no character is ever assigned here: always .notdef
_PROBE_PX = 48


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """Shares of the em, from the font's BASE and OS/2 tables: the ideographic character face and capital
    letters.
    """

    face_bottom: float
    face_top: float
    cap_height: float

    @property
    def face_height(self) -> float:
        """Height of the box that ideographs fill, as a share of the font size."""
        return self.face_top - self.face_bottom


@cache
def font_metrics() -> FontMetrics:
    """Measures that `scripts/make_label_font.py` read from the source font."""
    data = json.loads((FONT_DIR / "avow-label.json").read_text("utf-8"))
    em = data["units_per_em"]
    return FontMetrics(data["face_bottom"] / em, data["face_top"] / em, data["cap_height"] / em)


@cache
def load_font(size_px: float) -> ImageFont.FreeTypeFont:
    """The label font at a size in pixels per em; fractions are kept."""
    return ImageFont.truetype(str(FONT_PATH), size_px)


def check_glyphs(text: str) -> None:
    """Raise `LabelGlyphMissing` when a character of `text` would be drawn as an empty box, or not at all."""
    missing = "".join(dict.fromkeys(c for c in text if not c.isspace() and not _is_drawn(c)))
    if missing:
        raise LabelGlyphMissing(text, missing)


@cache
def _is_drawn(character: str) -> bool:
    drawn = _bitmap(character)
    return any(drawn[1]) and drawn != _bitmap(_NONCHARACTER)


@cache
def _bitmap(character: str) -> tuple[tuple[int, int], bytes]:
    mask = load_font(_PROBE_PX).getmask(character, mode="L")
    return mask.size, bytes(mask)
