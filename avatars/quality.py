"""The quality card in words: what each figure says, what it is held against, and what to do when it falls short.

Free of the libraries that measure: pages read this. The card itself is `engine.AvatarCard`, the bars `engine.card.Bar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

UNSEEN_R, UNSEEN_OFF = 0.75, 0.014
"""What a sentence that was held back should show, on a page and in the bench: correlation of the openings, and lips off
about their mean point (LMD) in eye distances."""


class Verdict(StrEnum):
    GOOD = "good"
    USABLE = "usable"
    SHORT = "short"
    UNKNOWN = "unknown"


VERDICTS: dict[Verdict, Promise] = {
    Verdict.GOOD: _("Good"),
    Verdict.USABLE: _("Usable"),
    Verdict.SHORT: _("Falls short"),
    Verdict.UNKNOWN: _("Not measured"),
}


@dataclass(frozen=True)
class Figure:
    """One line of the card. `value` and the bars `good` and `floor` are None where they are not known; a model below
    the floor is not usable. `advice` is said when the figure is not good.
    """

    code: str
    title: Promise
    shown: str
    bar: str
    verdict: Verdict
    meaning: Promise
    advice: Promise
    value: float | None
    good: float | None
    floor: float | None

    @property
    def word(self) -> Promise:
        return VERDICTS[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The same for a program."""
        numbers = {"value": self.value, "good": self.good, "floor": self.floor}
        words = {name: str(getattr(self, name)) for name in ("title", "shown", "bar", "meaning")}
        needed = self.verdict in (Verdict.USABLE, Verdict.SHORT)
        advice = str(self.advice) if needed else None
        return {"code": self.code, "verdict": str(self.verdict), **numbers, **words, "advice": advice}


@dataclass(frozen=True)
class _Kind:
    """How one figure of the card is told. `field` of the card and `bar` of the bars, `code` of what falls short;
    `at_least`: more is better. `show` puts a number into words.
    """

    field: str
    bar: str
    code: str
    at_least: bool
    title: Promise
    meaning: Promise
    advice: Promise
    show: str = "ratio"


_KINDS = (
    _Kind(
        "opening_r",
        "opening_r",
        "opening_does_not_follow",
        True,
        _("Lips open as they are told"),
        _("How closely the lips, read from the finished film, open as the sounds ask for; 1 is exactly."),
        _("Record the reading again, closer to the camera and from the front, and open the mouth clearly."),
    ),
    _Kind(
        "lag_frames",
        "lag",
        "mouth_late_or_early",
        False,
        _("Lips in time with the sound"),
        _("By how many pictures the lips are late (or early, with a minus); one is 40 ms and is not noticed."),
        _("Export the clip at a constant frame rate, with its own sound, and build again."),
        "frames",
    ),
    _Kind(
        "closure_share",
        "closure",
        "lips_do_not_close",
        True,
        _("Lips close on p, b and m"),
        _("In how many of the sounds that need closed lips a picture shows them closed."),
        _("Record again with moments of closed lips: keep the mouth shut while you listen in silence."),
        "share",
    ),
    _Kind(
        "sharpness_ratio",
        "sharpness",
        "mouth_blurred",
        True,
        _("Sharpness of the mouth"),
        _("Detail of the drawn mouth while speaking, as a share of that in the clip."),
        _("Record in more light, with the face in focus and larger in the picture; move the head less while reading."),
    ),
    _Kind(
        "flicker_ratio",
        "flicker",
        "mouth_flickers",
        False,
        _("Unrest of the mouth"),
        _("How much the drawn mouth trembles from picture to picture, as a share of the clip's own liveliest part."),
        _("Record in steady light (no flickering lamps, no window with clouds) and keep the head still while reading."),
    ),
    _Kind(
        "silence_opening",
        "silence",
        "silence_not_still",
        False,
        _("Silence is still"),
        _("How far the lips stand apart in a pause, as a share of the distance between the outer corners of the eyes."),
        _("Record the silent part again with the mouth closed all the time."),
        "share",
    ),
)
_UNSEEN = (
    _Kind(
        "opening_r",
        "opening_r",
        "unseen_opening",
        True,
        _("A sentence it never heard"),
        _("How closely the double's lips open as the person's did in a sentence that was held back from learning."),
        _("Record the whole reading again, at your usual pace: the double learns your way of speaking from it."),
    ),
    _Kind(
        "off",
        "off",
        "unseen_distance",
        False,
        _("Where its lips stand in that sentence"),
        _("How far the double's lips are from the person's, as a share of the distance between the eyes' corners."),
        _("Record again from the front with a calm head, and read to the end."),
        "share",
    ),
)


def figures_of(
    card: Mapping[str, Any], bars: Mapping[str, Any], comparison: Mapping[str, Any] | None = None
) -> list[Figure]:
    """Every figure of a card in words, in the reader's language; with a comparison, the unseen sentence too.

    `card`, `bars`, `comparison` as `Avatar` keeps them. Without bars (cards from before they were kept) the verdict
    still stands, as it is part of the card.
    """
    good, floor = bars.get("good", {}), bars.get("floor", {})
    figures = [_figure(kind, card, good.get(kind.bar), floor.get(kind.bar)) for kind in _KINDS]
    unseen = (comparison or {}).get("unseen")
    if unseen:
        least = {"opening_r": UNSEEN_R, "off": UNSEEN_OFF}
        figures += [_measured(kind, unseen[kind.field], least[kind.bar], None) for kind in _UNSEEN]
    return figures


def _figure(kind: _Kind, card: Mapping[str, Any], good: float | None, floor: float | None) -> Figure:
    """The card's own word counts: it was spoken by the code that measured."""
    verdict = Verdict.SHORT if kind.code in card["reasons"] else Verdict.GOOD
    if verdict is Verdict.GOOD and kind.code in card["below_good"]:
        verdict = Verdict.USABLE
    return _told(kind, card.get(kind.field), good, floor, verdict)


def _measured(kind: _Kind, value: float, good: float, floor: float | None) -> Figure:
    met = value >= good if kind.at_least else value <= good
    return _told(kind, value, good, floor, Verdict.GOOD if met else Verdict.SHORT)


def _told(kind: _Kind, value: float | None, good: float | None, floor: float | None, verdict: Verdict) -> Figure:
    if value is None:
        verdict = Verdict.UNKNOWN
    return Figure(
        code=kind.code,
        title=kind.title,
        shown="" if value is None else _number(kind, value),
        bar="" if good is None else _bar(kind, good, floor),
        verdict=verdict,
        meaning=kind.meaning,
        advice=kind.advice,
        value=value,
        good=good,
        floor=floor,
    )


def _number(kind: _Kind, value: float) -> str:
    if kind.show == "frames":
        return ngettext("%(count)d picture", "%(count)d pictures", int(value)) % {"count": int(value)}
    return f"{100 * value:.1f} %" if kind.show == "share" else f"{value:.2f}"


def _bar(kind: _Kind, good: float, floor: float | None) -> str:
    """For example "at least 0.95; not usable below 0.88"."""
    words = _("at least %(good)s") if kind.at_least else _("at most %(good)s")
    told = str(words) % {"good": _number(kind, good)}
    if floor is None or floor == good:
        return told
    limit = _("not usable below %(floor)s") if kind.at_least else _("not usable above %(floor)s")
    return f"{told}; {str(limit) % {'floor': _number(kind, floor)}}"
