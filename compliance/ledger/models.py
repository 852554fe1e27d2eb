"""The log's tables. All but the outbox and the salts are append-only, and triggers see to it (``guards``)."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from compliance.ledger.merkle import NodeId


class OutboxEntry(models.Model):
    """A finished leaf that waits for its number; written in the transaction of the act it tells of."""

    id = models.BigAutoField(primary_key=True)
    entry_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    leaf = models.BinaryField()
    event = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    organisation_id = models.UUIDField(null=True)
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.event} {self.subject_id} (waiting)"


class LogEntry(models.Model):
    """Entry number ``index``. Columns beside ``leaf`` repeat it for look-ups; the auditor compares them."""

    index = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    leaf = models.BinaryField()
    leaf_hash = models.BinaryField()
    event = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    organisation_id = models.UUIDField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["index"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject_id", "event", "index"], name="entry_by_subject"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(index__gte=0), name="entry_index_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.index} {self.event} {self.subject_id}"


class Node(models.Model):
    """A complete inner node of the tree, under its in-order ``position`` (leaves are in LogEntry)."""

    position = models.BigIntegerField(primary_key=True)
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"node {self.node_id.level}/{self.node_id.index}"

    @property
    def node_id(self) -> NodeId:
        return NodeId.at(self.position)


class Checkpoint(models.Model):
    """A tree head this log signed; ``note`` is the signed note as given to the world."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["size"]

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class CommitmentSalt(models.Model):
    """The key to one commitment. Deleting it makes the commitment mean nothing: so the log forgets.

    ``person_id`` says whose value it is where that person has an account, so that all theirs can be erased.
    """

    id = models.BigAutoField(primary_key=True)
    entry_id = models.UUIDField()
    name = models.CharField(max_length=64)
    salt = models.BinaryField()
    subject_id = models.UUIDField(db_index=True)
    person_id = models.UUIDField(null=True, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["entry_id", "name"], name="salt_once_per_commitment"),
        ]

    def __str__(self) -> str:
        return f"salt of {self.name} in {self.entry_id}"
