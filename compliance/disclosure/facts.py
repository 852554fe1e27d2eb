"""The vocabulary of facts, and how a fact is read.

A fact that is absent, null, of the wrong type or outside its choices is *unknown*. There is no default: a
rule that needs an unknown fact cannot be judged, and the decision says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
FactValue: TypeAlias = bool | float | str | date | tuple[Any, ...]


class FactType(StrEnum):
    """How the value of a fact is read from JSON."""

    FLAG = "flag"
    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    TEXTS = "texts"  # a list of texts; a single text is read as a list of one


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the vocabulary: `choices` is empty when any value of the type will do."""

    type: FactType
    meaning: str
    choices: frozenset[str] = frozenset()


def _text(meaning: str, *choices: str) -> Fact:
    return Fact(FactType.TEXT, meaning, frozenset(choices))


def _flag(meaning: str) -> Fact:
    return Fact(FactType.FLAG, meaning)


def _number(meaning: str) -> Fact:
    return Fact(FactType.NUMBER, meaning)


AVATAR_KINDS = (
    "real_replica_living",
    "real_replica_deceased",
    "synthetic_person",
    "stylised",
    "human_driven",
    "compute_driven",
)

VOCABULARY: Mapping[str, Fact] = MappingProxyType(
    {
        "as_of": Fact(FactType.DATE, "the day whose law is applied"),
        "phase": _text("plan: before performing; finished: judging an artefact", "plan", "finished"),
        "markets": Fact(FactType.TEXTS, "codes of every market the item is shown in"),
        "drafts": Fact(FactType.TEXTS, "ids of packs of drafts and plans to evaluate as well"),
        "role": _text(
            "whose duties are asked for",
            "provider",
            "tech_supporter",
            "platform",
            "deployer",
            "endorser",
            "user",
            "app_store",
        ),
        "channel": _text("where it is shown", "live_commerce", "ad", "vod", "audio_only"),
        "avatar_kind": _text("what the figure is", *AVATAR_KINDS),
        "realism": _text("whether it could be taken for a real person", "photoreal", "stylised"),
        "interaction": _text("whether it answers the audience", "interactive", "broadcast"),
        "commercial": _flag("whether it promotes goods or services"),
        "language": _text("language spoken, BCP 47 primary subtag"),
        "actual_knowledge": _flag("the producer knows that the performer is synthetic"),
        "uploader_declared": _flag("the uploader declared the item as AI-generated"),
        "provider_code": _text("27-character code of the generation provider"),
        "system_placed_on_market": Fact(FactType.DATE, "day the generating system was first placed on the market"),
        "frame.width": _number("picture width, px"),
        "frame.height": _number("picture height, px"),
        "frame.short_side": _number("derived: the smaller of width and height, px"),
        "breaks": _number("advertising breaks and inserts in the item"),
        "script.review_recorded": _flag("a person's compliance review of the script is recorded"),
        "notice.ai_interaction": _flag("people are told at first interaction that they talk to an AI"),
        "layers.c2pa": _flag("finished: a valid signed and time-stamped manifest was read back"),
        "layers.watermark": _flag("finished: the invisible watermark was read back"),
        "layers.aigc": _flag("finished: the AIGC metadata was read back"),
        "layers.fingerprint": _flag("finished: a fingerprint of the item is logged"),
        "label.found": _flag("the visible label was found in the decoded picture"),
        "label.text": Fact(FactType.TEXTS, "lines of the label confirmed in the picture"),
        "label.glyph_height_px": _number("height of the ideograph face box, px"),
        "label.glyph_share": _number("derived: glyph height over the short side, 0..1"),
        "label.visible_share": _number("share of decoded frames that show the label, 0..1"),
        "label.start_seconds": _number("seconds from the first frame during which the label stays visible"),
        "label.contrast": _number("contrast ratio of text against its ground, 1..21 (WCAG 2.2, 1.4.3)"),
        "label.frames": _number("decoded frames looked at"),
        "label.near_figure": _flag("the label stays next to the figure"),
        "label.reasserted_after_breaks": _flag("the label is shown again after each break"),
        "audio_label.kind": _text("how the sound announces itself", "voice", "rhythm", "none"),
        "audio_label.text": Fact(FactType.TEXTS, "words of the spoken notice"),
        "audio_label.rhythm": _text("heard rhythm, . short and - long, letters apart by a space"),
        "audio_label.position": Fact(FactType.TEXTS, "where it is heard: start, middle, end"),
        "marking.aigc.count": _number("AIGC labels read back from the container"),
        "marking.aigc.encoding": _text("how the AIGC value is written", "json", "base64", "other"),
        "marking.aigc.label": _text("value of Label"),
        "marking.aigc.content_producer": _text("value of ContentProducer"),
        "marking.aigc.produce_id": _text("value of ProduceID"),
        "marking.c2pa.state": _text("validation state", "trusted", "valid", "invalid", "absent"),
        "marking.c2pa.first_action": _text("first action of the active manifest"),
    }
)


class Facts:
    """Typed view of a JSON mapping; `get` gives None for an unknown fact."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._values = {
            path: value for path, fact in VOCABULARY.items() if (value := _read(fact, _dig(raw, path))) is not None
        }
        self._derive()

    def get(self, path: str) -> FactValue | None:
        """The typed value, or None when unknown."""
        return self._values.get(path)

    def has(self, path: str) -> bool:
        """Whether anything at all is stated under this fact or group of facts, readable or not."""
        return _dig(self._raw, path) is not None

    def _derive(self) -> None:
        # Derived facts are always computed, so that nobody can state one that contradicts its parts.
        for path in ("frame.short_side", "label.glyph_share"):
            self._values.pop(path, None)
        width, height = self.get("frame.width"), self.get("frame.height")
        if isinstance(width, float) and isinstance(height, float) and min(width, height) > 0:
            self._values["frame.short_side"] = short = min(width, height)
            glyph = self.get("label.glyph_height_px")
            if isinstance(glyph, float):
                self._values["label.glyph_share"] = glyph / short


def _dig(raw: Mapping[str, Any], path: str) -> Any:
    node: Any = raw
    for key in path.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node


def read_date(value: object) -> date | None:
    """An ISO 8601 calendar date (YYYY-MM-DD), or None."""
    if not isinstance(value, str) or len(value) != 10:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _read(fact: Fact, value: Any) -> FactValue | None:
    reader = _READERS[fact.type]
    read = reader(value)
    if read is None or not fact.choices or read in fact.choices:
        return read
    return None


def _read_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _read_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_texts(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    return None


_READERS = {
    FactType.FLAG: _read_flag,
    FactType.NUMBER: _read_number,
    FactType.DATE: read_date,
    FactType.TEXT: _read_text,
    FactType.TEXTS: _read_texts,
}
