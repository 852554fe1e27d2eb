"""The result of reading a file's C2PA credentials (pure data)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["trusted", "valid", "invalid", "absent"]


@dataclass(frozen=True, slots=True)
class Signer:
    """The signing certificate's names and serial number (decimal), as the engine reports them."""

    common_name: str
    organisation: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class ProvenanceReport:
    """What the credentials say. ``None`` means that the question does not arise (no credentials).

    ``state`` is the engine's: "trusted" (intact, signer under our anchors), "valid" (intact, signer unknown
    to us), "invalid", or "absent". ``codes`` are the C2PA status codes of every failure, or ours where the
    engine could not read the store (``manifest.unreadable``, ``manifest.remote``, ``format.unsupported``).
    """

    state: State
    codes: tuple[str, ...] = ()
    intact: bool | None = None
    signer_known: bool | None = None
    in_date: bool | None = None
    manifest_label: str = ""
    claim_generator: str = ""
    signer: Signer | None = None
    time: str = ""
    """Time of the trusted time-stamp, ISO 8601; empty without one."""
    actions: tuple[dict[str, str], ...] = ()
    """``action`` and, where stated, ``digitalSourceType`` and ``description``, in order."""
    mark: str = ""
    """Soft binding of our watermark, 16 hex digits; empty when there is none."""
    receipt_id: str = ""
    receipt_hash: str = ""
    ingredient_codes: tuple[str, ...] = ()
    reason: str = ""
    """The engine's own words when it could not read the store; for the log, not for people."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ProvenanceReport:
        """The inverse of ``to_json``, also after a trip through JSON text."""
        signer = Signer(**data["signer"]) if data["signer"] else None
        lists = {name: tuple(data[name]) for name in ("codes", "actions", "ingredient_codes")}
        return cls(**{**data, **lists, "signer": signer})
