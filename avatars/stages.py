"""Where a build keeps its finished stages: private storage, so that another machine can go on. They die with it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from avatars import vault
from avatars.errors import LikenessUnreadable
from compliance import storage
from compliance.jobs.context import JobContext

NAMES = ("check", "survey", "bank", "refined")


@dataclass(frozen=True)
class StoredStages:
    """Stages of one avatar's build, written only while the job is still ours. See `engine.stages.Stages`.

    They are sealed under the avatar's grant. `label` says of what and by which code they are: a stage under another
    label is not found. `gives_way`: nobody waits for this build; it steps aside after a stage when somebody waits for
    other work.
    """

    avatar_id: UUID
    grant_id: UUID
    label: str
    context: JobContext
    gives_way: bool = False

    def load(self, name: str) -> bytes | None:
        """The stage's bytes, or None when it was not finished."""
        stored = _place(self.avatar_id, name)
        if not storage.private().exists(stored):
            return None
        try:
            kept = vault.read(self.grant_id, stored)
        except LikenessUnreadable:  # a stage that does not authenticate is never believed, but made again
            return None
        label, _newline, content = kept.partition(b"\n")
        return content if label.decode("utf-8", "replace") == self.label else None

    def keep(self, name: str, content: bytes) -> None:
        """Store a finished stage, with the job locked: a withdrawal comes before, and nothing is stored, or after, and
        deletes it.

        Raises:
            JobCancelled, LeaseLost: the job must not go on.
            JobPaused: it steps aside.
        """
        with transaction.atomic():
            self.context.confirm()
            vault.seal_bytes(self.grant_id, _place(self.avatar_id, name), self.label.encode() + b"\n" + content)
        if self.gives_way:
            self.context.give_way()


def forget_stages(avatar_id: UUID) -> None:
    """Delete what a build has kept."""
    for name in NAMES:
        storage.delete(_place(avatar_id, name))


def builds_with_stages() -> list[UUID]:
    """Avatars of which stages are stored."""
    try:
        folders, _files = storage.private().listdir("building")
    except FileNotFoundError:  # nothing was ever built
        return []
    return [UUID(folder) for folder in folders]


def _place(avatar_id: UUID, name: str) -> str:
    return f"building/{avatar_id}/{name}"
