"""Job handler of the inspector process."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from compliance.inspection.services import answer
from compliance.jobs.context import JobContext


def inspect(context: JobContext, *, inspection_id: str) -> dict[str, Any]:
    """`inspection.inspect`: examine one file."""
    return answer(context, inspection_id=UUID(inspection_id))
