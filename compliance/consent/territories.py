"""Which territory contains which (pure). Codes are ISO 3166-1 alpha-2; `EU` stands for its member states."""

from __future__ import annotations

from collections.abc import Set

EU = "EU"
# fmt: off
EU_MEMBERS = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on


def covers(granted: Set[str], asked: str) -> bool:
    """Whether `asked` lies wholly inside `granted`: EU covers its members, all members cover EU."""
    if asked in granted:
        return True
    if asked == EU:
        return granted >= EU_MEMBERS
    return EU in granted and asked in EU_MEMBERS
