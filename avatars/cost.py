"""What making something took: processor time as measured, energy and price as reckoned from it by settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from compliance.jobs.models import Job


@dataclass(frozen=True)
class Cost:
    """`cpu_s` is measured; `energy_wh` and the prices are reckoned, prices None while the operator names none.

    `per_host_hour`: what an hour of the double on screen costs at the same rate; None for what is not played.
    """

    cpu_s: float
    energy_wh: float
    price: float | None
    per_host_hour: float | None
    currency: str
    watts: float


def cost_of(jobs: Iterable[Job], *, played_s: float | None = None) -> Cost | None:
    """Cost of all that `jobs` did; `played_s`: length of what they made. None while nothing was measured."""
    cpu_s = sum(job.cpu_s for job in jobs)
    if cpu_s <= 0:
        return None
    price = None if settings.AVOW_CPU_HOUR_PRICE is None else cpu_s / 3600 * settings.AVOW_CPU_HOUR_PRICE
    return Cost(
        cpu_s=cpu_s,
        energy_wh=cpu_s * settings.AVOW_CORE_WATTS / 3600,
        price=price,
        per_host_hour=price * 3600 / played_s if price is not None and played_s else None,
        currency=settings.AVOW_CURRENCY,
        watts=settings.AVOW_CORE_WATTS,
    )
