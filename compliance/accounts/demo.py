"""The people of the demonstration, as the start page introduces them. All are invented."""

from __future__ import annotations

from dataclasses import dataclass

from compliance.accounts.models import Role

# Published on the start page, so such accounts may exist only where AVOW_DEMO is set.
PASSWORD = "avow-demo"  # noqa: S105
BRAND = "Jasmine & Co (demo)"
AUTHORITY = "Market Supervision (demo)"


@dataclass(frozen=True)
class DemoPerson:
    """One of the cast."""

    email: str
    name: str
    role: Role
    organisation: str
    language: str = "en"


PEOPLE: tuple[DemoPerson, ...] = (
    DemoPerson("streamer@avow.example", "Lin Mei", Role.STREAMER, BRAND),
    DemoPerson("producer@avow.example", "Pat Ho", Role.PRODUCER, BRAND),
    DemoPerson("legal@avow.example", "Dana Roth", Role.LEGAL, BRAND),
    DemoPerson("admin@avow.example", "Ada Wen", Role.ADMINISTRATOR, BRAND),
    DemoPerson("regulator@avow.example", "Rui Costa", Role.REGULATOR, AUTHORITY),
)
