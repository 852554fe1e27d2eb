"""Footage that cannot be used is deleted at once; what is wrong with it stays, in words and small pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import transaction

from avatars import vault
from avatars.models import Avatar, AvatarState
from avatars.stages import forget_stages
from compliance import storage
from compliance.errors import BadInput
from compliance.jobs.context import JobContext


def refuse_footage(
    context: JobContext,
    avatar: Avatar,
    findings: list[Any],
    facts: Mapping[str, Any] = MappingProxyType({}),
    pictures: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Footage that cannot be used is not kept: it is a person's face without a purpose. Small pictures of the seconds
    in question stay for a day, so that the person sees what to do otherwise.
    """
    with transaction.atomic():
        context.confirm()
        names = {number: f"findings/{avatar.id}/{number}.jpg" for number in pictures}
        Avatar.objects.filter(pk=avatar.pk).update(
            state=AvatarState.FAILED,
            findings=findings,
            facts=without_face(facts),
            footage="",
            pictures=names,
        )
        for number, name in names.items():
            vault.seal_bytes(avatar.grant_id, name, base64.b64decode(pictures[number]))
    storage.delete(avatar.footage)
    forget_stages(avatar.id)


def finding_of(error: BadInput) -> dict[str, Any]:
    """A refusal as a finding; one that carries a finding of its own keeps it."""
    plain = {"code": error.code, "text": error.text, "severity": "error", "at_s": None}
    return dict(error.details.get("finding", plain))


def without_face(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A description of a face is not a figure to be shown; it has a column that dies with the avatar."""
    return {name: value for name, value in facts.items() if name != "face"}
