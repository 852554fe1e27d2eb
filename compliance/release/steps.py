"""Where a take stands on its road, as steps a person can read (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compliance.release.models import Take, TakeState


@dataclass(frozen=True)
class Step:
    """`state` is done, current, failed or empty for one still to come."""

    name: str | Promise
    state: str


_ROAD: tuple[tuple[TakeState, Promise], ...] = (
    (TakeState.ORDERED, _("Ordered")),
    (TakeState.HELD, _("Approved and permitted")),
    (TakeState.PERMITTED, _("Performed, labelled, marked")),
    (TakeState.RENDERED, _("Verified and signed at the gate")),
    (TakeState.RELEASED, _("Released")),
)
_FAILED_AT = {TakeState.QUARANTINED: 3}


def steps_of(take: Take) -> list[Step]:
    """The road with the take's position on it."""
    state = TakeState(take.state)
    if state in _FAILED_AT:
        return _steps(_FAILED_AT[state], "failed")
    if state == TakeState.CANCELLED:
        return _steps(0, "failed")
    if state == TakeState.RELEASED:
        return _steps(len(_ROAD), "done")
    position = [name for name, _text in _ROAD].index(state)
    return _steps(max(position, 1), "current")


def _steps(position: int, state: str) -> list[Step]:
    before = [Step(name, "done") for _state, name in _ROAD[:position]]
    here = [Step(name, state) for _state, name in _ROAD[position : position + 1]]
    after = [Step(name, "") for _state, name in _ROAD[position + 1 :]]
    return before + here + after
