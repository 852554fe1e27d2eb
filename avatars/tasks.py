"""Job handlers of the render workers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from avatars.demo import PRESENTER, keep_presenter
from avatars.making import build_avatar, perform_take
from avatars.recordings import hear_recording
from compliance.jobs.context import JobContext


def build(context: JobContext, *, avatar_id: str) -> dict[str, Any]:
    """`avatars.build`: check footage and make the model."""
    return build_avatar(context, avatar_id=UUID(avatar_id))


def hear(context: JobContext, *, recording_id: str) -> dict[str, Any]:
    """`avatars.hear`: check a recording of a script."""
    return hear_recording(context, recording_id=UUID(recording_id))


def perform(context: JobContext, *, take_id: str) -> dict[str, Any]:
    """`avatars.perform`: perform a permitted take."""
    return perform_take(context, take_id=UUID(take_id))


def presenter(context: JobContext) -> dict[str, Any]:
    """`avatars.presenter`: draw the demonstration clip."""
    context.check()
    keep_presenter()
    return {"clip": PRESENTER}
