"""Job handlers: load, call a service, nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from compliance.consent import cascade, services
from compliance.consent.record import digest_of
from compliance.jobs.context import JobContext
from compliance.keys.custody import open_custody


def sign_receipt(context: JobContext, *, grant_id: str) -> dict[str, Any]:
    """Job `consent.receipt`, in the gate."""
    context.check()
    receipt = services.issue_receipt(grant_id=UUID(grant_id), custody=open_custody())
    return {"receipt_sha256": digest_of(receipt)}


def run_cascade_step(context: JobContext, *, step_id: str) -> dict[str, Any]:
    """Job `consent.cascade`, in a worker."""
    return {"affected": cascade.run_step(context, step_id=UUID(step_id))}
