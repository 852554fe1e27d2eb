"""From label duties to one label: its lines, size, duration and place. Strictest wins; what cannot be met
is refused.

The result goes into the permit, so the painter (`avatars.label`) and the gate's meter
(`compliance.release.label_check`) work from the same signed description, but share no drawing code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Literal

from .duties import Duty
from .errors import LabelImpossible
from .expressions import contains_elements
from .glyphs import check_glyphs

Region = Literal["top-left", "top-right"]
Mode = Literal["start", "continuous"]

DEFAULT_REGION: Region = "top-left"
REGIONS: tuple[Region, ...] = ("top-left", "top-right")
SECONDARY_RATIO = 0.8
MIN_START_S = 2.0  # the floor of GB 45438-2025, 5.4 g, also where a market names no number


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """A label as it must appear.

    lines: one text per language, top to bottom. min_glyph_px: least height of the ideograph face box, px
    (Latin lines are set at the same font size). mode "continuous": every frame; "start": from the first
    frame for `min_seconds`. min_contrast: least contrast ratio, text against plate (WCAG 2.2, 1.4.3).
    margin_ratio: least distance to the edges as a share of the short side. dominant: the word that stays
    dominant in Latin lines ("" for none). accessible_text: for screen readers, subtitles and captions.
    """

    lines: tuple[str, ...]
    min_glyph_px: int
    mode: Mode
    min_seconds: float
    region: Region
    min_contrast: float
    margin_ratio: float
    dominant: str
    secondary_ratio: float
    rule_ids: tuple[str, ...]
    accessible_text: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def runs(self, line: str) -> tuple[tuple[str, float], ...]:
        """The line in parts of one size each, as (text, share of the font size).

        A dominant word that opens a line stays at full size; what follows it is set smaller.
        """
        word, space, rest = line.partition(" ")
        if not self.dominant or word != self.dominant or not rest:
            return ((line, 1.0),)
        return ((word + space, 1.0), (rest, self.secondary_ratio))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSpec:
        """Inverse of `to_dict`; raises TypeError for missing or unknown keys."""
        return cls(**{**data, "lines": tuple(data["lines"]), "rule_ids": tuple(data["rule_ids"])})


def min_glyph_px(ratio: float, width: int, height: int) -> int:
    """Least whole number of pixels that is at least `ratio` of the short side, computed exactly.

    In binary floating point 0.07 * 100 is a little more than 7 and would give 8.
    """
    return ceil(Fraction(str(ratio)) * min(width, height))


def compose_label(
    duties: Iterable[Duty],
    *,
    width: int,
    height: int,
    languages: Sequence[str] = (),
) -> LabelSpec | None:
    """The one label that meets every visible-label duty, or None when there is none.

    `languages` puts the lines in order (the audience's language first); every required language is shown
    anyway. Raises `LabelImpossible` (no wording holds all elements; regions exclude each other) and
    `LabelGlyphMissing`.
    """
    duty = next((d for d in duties if d.kind == "visible_label"), None)
    if duty is None:
        return None
    wanted = duty.parameters
    lines = label_lines(wanted.get("texts", ()), languages)
    if not lines:
        raise LabelImpossible("no market says what the label must say")
    for line in lines:
        check_glyphs(line)
    return LabelSpec(
        lines=lines,
        min_glyph_px=max(
            min_glyph_px(wanted.get("min_glyph_ratio", 0), width, height),
            ceil(wanted.get("min_glyph_px", 0)),
            _house_floor(width, height),
        ),
        mode="start" if wanted.get("mode", "continuous") == "start" else "continuous",
        min_seconds=max(MIN_START_S, float(wanted.get("min_seconds", 0))),
        region=_region(wanted.get("regions")),
        min_contrast=float(wanted.get("min_contrast", 4.5)),
        margin_ratio=float(wanted.get("safe_area_ratio", 0.03)),
        dominant=wanted.get("dominant_element", ""),
        secondary_ratio=SECONDARY_RATIO,
        rule_ids=duty.rule_ids,
        accessible_text="; ".join(lines),
    )


def _house_floor(width: int, height: int) -> int:
    # Laws without a number still ask for "clear": 4 % is readable on a phone held upright.
    return min_glyph_px(0.04, width, height)


def _region(allowed: Sequence[str] | None) -> Region:
    if allowed is None:
        return DEFAULT_REGION
    for region in REGIONS:
        if region == next((a for a in allowed if a in REGIONS), None):
            return region
    raise LabelImpossible(f"the regions {', '.join(allowed)} are none of {', '.join(REGIONS)}")


def label_lines(requirements: Sequence[Mapping[str, Any]], languages: Sequence[str] = ()) -> tuple[str, ...]:
    """One wording per language that holds the elements of all `requirements` (the `texts` of a duty).

    Raises `LabelImpossible` when no wording of a language does.
    """
    by_language: dict[str, list[Mapping[str, Any]]] = {}
    for requirement in requirements:
        by_language.setdefault(requirement["language"], []).append(requirement)
    order = sorted(by_language, key=lambda tag: languages.index(tag) if tag in languages else len(languages))
    return tuple(_wording(language, by_language[language]) for language in order)


def _wording(language: str, requirements: Sequence[Mapping[str, Any]]) -> str:
    """The first wording of any rule that holds the elements of all rules of this language."""
    elements = tuple(tuple(group) for requirement in requirements for group in requirement["elements"])
    for requirement in requirements:
        for wording in requirement["wordings"]:
            if contains_elements((wording,), elements):
                return str(wording)
    raise LabelImpossible(f"no wording in language {language} holds all of {elements}")
