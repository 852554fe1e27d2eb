"""What we state about a take, as a C2PA manifest definition (pure).

Sources: C2PA specification 2.4 (actions 18.14, soft binding 18.10, AI disclosure), CAWG training and data
mining 1.1, IPTC digital source types. The consent receipt is referenced by id and hash; nothing in a manifest
names a person.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GENERATOR_VERSION = "0.1.0"
SPEC_VERSION = "2.4.0"
SOFT_BINDING_ALGORITHM = "org.avow.watermark.1"
RECEIPT_LABEL = "org.avow.consent-receipt"
SOFT_BINDING_LABEL = "c2pa.soft-binding"
INGREDIENT_IDS = "ingredientIds"
MARK_BYTES = 8
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_RECEIPT_HASH = re.compile(r"[0-9a-f]{64}")


class DigitalSource(StrEnum):
    """IPTC digital source type of a take."""

    TRAINED = "trainedAlgorithmicMedia"
    """Every picture comes from a model."""
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
    """Recorded footage of the person, changed by a model."""
    DRAWN = "digitalCreation"
    """A drawn picture without a person: the slate of a room."""

    @property
    def uri(self) -> str:
        return _SOURCE_TYPES + self.value


@dataclass(frozen=True, slots=True)
class ReceiptReference:
    """The consent receipt a take rests on: its id and lower-case hex SHA-256."""

    receipt_id: str
    receipt_hash: str

    def __post_init__(self) -> None:
        if not _RECEIPT_HASH.fullmatch(self.receipt_hash):
            raise ValueError("receipt_hash must be 64 lower-case hex digits")


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A signed MP4 (or init segment of a live stream) from which a file was made: `data` are its whole bytes."""

    title: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ManifestInput:
    """Everything that differs between two takes.

    `ingredients`: what the file was made from, none for a file that begins here. The first is its parent (`parentOf`,
    opened), the others are parts of it (`componentOf`, placed).
    """

    title: str
    digital_source: DigitalSource
    engine_name: str
    engine_version: str
    mark: bytes
    """The watermark's 64-bit mark, 8 bytes big-endian."""
    receipt: ReceiptReference
    visible_label: str = ""
    """Text burned into the picture; empty when no label was due."""
    ingredients: tuple[Ingredient, ...] = ()

    def __post_init__(self) -> None:
        if len(self.mark) != MARK_BYTES:
            raise ValueError("a mark has 8 bytes")

    @property
    def mark_placeholder(self) -> str:
        """A text as long as the mark that stands in its place until the finisher puts the bytes there.

        Derived from the mark, so that the same input gives the same definition.
        """
        return hashlib.sha256(b"avow placeholder" + self.mark).hexdigest()[:MARK_BYTES]


def definition(given: ManifestInput) -> dict[str, Any]:
    """The definition c2pa-python takes. The mark is still a placeholder text."""
    return {
        "claim_generator_info": [{"name": "Avow", "version": GENERATOR_VERSION, "specVersion": SPEC_VERSION}],
        "title": given.title,
        "format": "video/mp4",
        "assertions": [{"label": label, "created": True, "data": data} for label, data in assertions(given).items()],
    }


def assertions(given: ManifestInput) -> dict[str, dict[str, Any]]:
    """Our assertions by label, with the placeholder where the mark's bytes go."""
    return {
        "c2pa.actions.v2": {"allActionsIncluded": True, "actions": _actions(given)},
        SOFT_BINDING_LABEL: {
            "alg": SOFT_BINDING_ALGORITHM,
            "blocks": [{"scope": {}, "value": given.mark_placeholder}],
        },
        "c2pa.ai-disclosure": {
            "modelType": "c2pa.types.model.video-generator",
            "modelName": f"{given.engine_name} {given.engine_version}",
            "contentProfile": {"humanOversightLevel": "prompt_guided"},
        },
        RECEIPT_LABEL: {
            "receiptId": given.receipt.receipt_id,
            "receiptHash": given.receipt.receipt_hash,
            "alg": "sha256",
        },
        "cawg.training-mining": {
            "entries": {
                f"cawg.{use}": {"use": "notAllowed"}
                for use in ("ai_inference", "ai_generative_training", "ai_training", "data_mining")
            }
        },
    }


def _actions(given: ManifestInput) -> list[dict[str, Any]]:
    if given.ingredients:
        return _actions_on_ingredients(given)
    agent = {"name": given.engine_name, "version": given.engine_version}
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.created", "digitalSourceType": given.digital_source.uri, "softwareAgent": agent}
    ]
    if given.visible_label:
        actions.append({"action": "c2pa.edited", "description": f"Visible label: {given.visible_label}"})
    actions.append({"action": "c2pa.watermarked.bound"})
    return actions


def _actions_on_ingredients(given: ManifestInput) -> list[dict[str, Any]]:
    """Opened, put together and packed anew: label and mark were there before, and their manifests say so."""
    verbs = ["c2pa.opened", *["c2pa.placed"] * (len(given.ingredients) - 1)]
    actions: list[dict[str, Any]] = [
        {"action": verb, "parameters": {INGREDIENT_IDS: [ingredient_id(number)]}} for number, verb in enumerate(verbs)
    ]
    return [*actions, {"action": "c2pa.repackaged"}]


def ingredient_id(number: int) -> str:
    """How an action names the ingredient with this number in the definition."""
    return f"ingredient-{number}"


def relationship(number: int) -> str:
    """C2PA specification 2.4, 18.17.4."""
    return "componentOf" if number else "parentOf"
