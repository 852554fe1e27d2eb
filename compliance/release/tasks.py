"""Job handlers of the gate process."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from compliance.jobs.context import JobContext
from compliance.release.gate import admit
from compliance.release.issuing import permit_take


def permit(context: JobContext, *, take_id: str) -> dict[str, Any]:
    """`release.permit`: decide on a take."""
    context.check()
    issued = permit_take(take_id=UUID(take_id), now=timezone.now())
    return {"permit_id": str(issued.id) if issued else None}


def gate(context: JobContext, *, take_id: str) -> dict[str, Any]:
    """`release.gate`: judge a rendering and release or quarantine it."""
    return admit(context, take_id=UUID(take_id))
