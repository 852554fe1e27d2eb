"""Job handlers of the gate process."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from compliance.jobs.context import JobContext
from streaming.archive.signing import sign_part


def sign(context: JobContext, *, part_id: str) -> dict[str, Any]:
    """`archive.sign`: make one part of a broadcast into a signed file."""
    context.check()
    return sign_part(context, part_id=UUID(part_id))
