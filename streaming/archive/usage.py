"""What was used of a person, month by month, and what was agreed for it.

Minutes come from what was published with the host on screen, files from releases; the slate is nobody's. Days and
months are those of the installation's time zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.utils import timezone

from avatars.models import Avatar
from compliance.accounts.models import User
from compliance.consent.models import Grant
from compliance.consent.terms import Compensation, GrantTerms
from compliance.release.models import Release
from streaming.archive.models import Stretch
from streaming.models import Showing
from streaming.packager.spec import VIDEO_TIMESCALE

_TICKS_A_MINUTE = 60 * VIDEO_TIMESCALE
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, order=True)
class Line:
    """One month of one avatar for one brand under one grant. `ticks`: time on air in 1/90,000 s; `clips`: files."""

    month: date
    brand: str
    avatar: str
    grant_id: UUID
    ticks: int = field(compare=False)
    clips: int = field(compare=False)
    compensation: Compensation | None = field(compare=False)

    @property
    def minutes(self) -> Decimal:
        """Rounded to hundredths, for people; the amount is worked out from all ticks."""
        return self._minutes.quantize(_HUNDREDTH, ROUND_HALF_UP)

    @property
    def _minutes(self) -> Decimal:
        return Decimal(self.ticks) / _TICKS_A_MINUTE

    @property
    def amount(self) -> Decimal | None:
        """In the currency agreed, to its smallest coin; None where nothing was agreed."""
        return self.compensation.amount(self._minutes, self.clips) if self.compensation else None

    @property
    def currency(self) -> str:
        return self.compensation.currency if self.compensation else ""


@dataclass(frozen=True)
class Statement:
    """A person's own statement, newest month first; `totals` by currency."""

    lines: list[Line]
    totals: dict[str, Decimal]


Key = tuple[date, str, str, UUID]


def statement_of(person: User) -> Statement:
    """Everything that was made of the person's likeness."""
    grants = {grant.pk: grant for grant in Grant.objects.filter(principal=person)}
    ticks, clips = _on_air(grants), _clips(grants)
    lines = [_line(key, ticks, clips, grants) for key in {*ticks, *clips}]
    lines.sort(key=lambda line: (-line.month.toordinal(), line.brand, line.avatar, str(line.grant_id)))
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.amount is not None:
            totals[line.currency] += line.amount
    return Statement(lines, dict(totals))


def _line(key: Key, ticks: dict[Key, int], clips: dict[Key, int], grants: dict[UUID, Grant]) -> Line:
    agreed = GrantTerms.from_json(grants[key[3]].terms).compensation
    return Line(*key, ticks=ticks.get(key, 0), clips=clips.get(key, 0), compensation=agreed)


def _on_air(grants: Mapping[UUID, Grant]) -> dict[Key, int]:
    """Published time with the host on screen. A stretch ends with the hour, so each lies in one month."""
    shown = Stretch.objects.filter(showing=Showing.HOST, room__take__grant__in=list(grants))
    ticks: dict[Key, int] = defaultdict(int)
    for one in shown.select_related("room__take", "room__avatar").iterator():
        take = one.room.take
        agreed = _in_force(grants, take.grant_id, one.start)
        key = (_month(one.start), str(take.campaign["brand_name"]), one.room.avatar.name, agreed)
        ticks[key] += one.count * one.ticks
    return ticks


def _clips(grants: Mapping[UUID, Grant]) -> dict[Key, int]:
    releases = list(Release.objects.filter(grant__in=list(grants)).select_related("take"))
    names = dict(Avatar.objects.filter(pk__in={one.take.avatar_id for one in releases}).values_list("pk", "name"))
    clips: dict[Key, int] = defaultdict(int)
    for one in releases:
        brand, avatar = str(one.take.campaign["brand_name"]), names.get(one.take.avatar_id, "")
        clips[_month(one.released_at), brand, avatar, _in_force(grants, one.grant_id, one.released_at)] += 1
    return clips


def _in_force(grants: Mapping[UUID, Grant], grant_id: UUID, moment: datetime) -> UUID:
    """The grant whose terms counted at the moment: a changed consent binds what was made under the older one."""
    newer = {grant.supersedes_id: grant for grant in grants.values() if grant.supersedes_id}
    while (following := newer.get(grant_id)) is not None and following.created_at <= moment:
        grant_id = following.pk
    return grant_id


def _month(moment: datetime) -> date:
    return timezone.localtime(moment).date().replace(day=1)
