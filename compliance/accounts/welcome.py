"""What a signed-in person may do next, by role; pure apart from the addresses."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Role
from compliance.accounts.navigation import url_of


@dataclass(frozen=True)
class NextStep:
    """One thing a role does here; `route` is where it is done."""

    role: Role
    title: str | Promise
    text: str | Promise
    route: str
    action: str | Promise

    @property
    def url(self) -> str:
        return url_of(self.route)


NEXT_STEPS = (
    NextStep(
        Role.STREAMER,
        _("Your face, your voice, your terms"),
        _("Grant a use, set its limits, see every video made under it, and withdraw it with one action."),
        "consent:list",
        _("See my grants"),
    ),
    NextStep(
        Role.PRODUCER,
        _("From footage to a finished video"),
        _("Upload consented footage, build an avatar, write a script, and follow it through the gate."),
        "studio:home",
        _("Open the studio"),
    ),
    NextStep(
        Role.LEGAL,
        _("Decide what may go out"),
        _("Approve scripts, avatars and markets, see the duties each market adds, and stop what must stop."),
        "legal:queue",
        _("Open the reviews"),
    ),
    NextStep(
        Role.REGULATOR,
        _("Ask who is behind a clip"),
        _("Open any release with its grant, approvals and ledger proof, and take the evidence with you."),
        "audit:home",
        _("Open the audit portal"),
    ),
)


def next_steps(roles: frozenset[Role]) -> list[NextStep]:
    """The steps of the roles held, those whose page exists."""
    return [step for step in NEXT_STEPS if step.role in roles and step.url]
