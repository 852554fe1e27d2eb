"""From a requested take to a published file: reviews, permits, marks, releases, quarantine."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ReviewKind(models.TextChoices):
    SCRIPT = "script", _("Script")
    AVATAR = "avatar", _("Avatar")
    CAMPAIGN = "campaign", _("Markets and use")


class ReviewState(models.TextChoices):
    PENDING = "pending", _("Waiting for legal")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")


class Review(models.Model):
    """Brand legal's decision on one exact content: the digest is what is approved, never a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="reviews")
    kind = models.CharField(max_length=10, choices=ReviewKind.choices)
    subject_id = models.UUIDField(db_index=True)
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    content = models.JSONField()
    state = models.CharField(max_length=10, choices=ReviewState.choices, default=ReviewState.PENDING)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-requested_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["organisation", "kind", "digest"], name="review_once_per_content"),
            models.CheckConstraint(
                condition=models.Q(state=ReviewState.PENDING) | models.Q(decided_at__isnull=False),
                name="review_decided_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.title}"


class TakeState(models.TextChoices):
    ORDERED = "ordered", _("Ordered")
    HELD = "held", _("On hold")
    PERMITTED = "permitted", _("Permitted")
    RENDERED = "rendered", _("At the gate")
    RELEASED = "released", _("Released")
    QUARANTINED = "quarantined", _("In quarantine")
    CANCELLED = "cancelled", _("Stopped")


class Take(models.Model):
    """One requested performance, from order to release. What it uses is fixed when it is ordered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="takes")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    grant = models.ForeignKey("consent.Grant", on_delete=models.PROTECT, related_name="takes")
    title = models.CharField(max_length=200)
    avatar_id = models.UUIDField()
    avatar_digest = models.CharField(max_length=64)
    script_id = models.UUIDField()
    script_digest = models.CharField(max_length=64)
    campaign = models.JSONField()
    campaign_digest = models.CharField(max_length=64)
    estimated_s = models.FloatField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    fps = models.PositiveSmallIntegerField(default=25)

    state = models.CharField(max_length=12, choices=TakeState.choices, default=TakeState.ORDERED)
    reasons = models.JSONField(default=list)
    decision = models.JSONField(null=True)
    rendering = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def markets(self) -> list[str]:
        return list(self.campaign["markets"])

    @property
    def live(self) -> bool:
        """Whether it goes out while it is performed, slice by slice, instead of as one file."""
        return bool(self.campaign["mode"] == "live")

    @property
    def mark(self) -> Mark:
        """The mark of a recorded take; of a live one that of its first slice. Raises `Mark.DoesNotExist`."""
        return self.marks.get(slice=0)

    @property
    def open(self) -> bool:
        """Whether it can still lead to a release."""
        return self.state in (TakeState.ORDERED, TakeState.HELD, TakeState.PERMITTED, TakeState.RENDERED)


class Mark(models.Model):
    """The registry of watermark values: 64 random bits lead from a clip back to its take.

    A live take has a mark for each slice of time, numbered from 0; a clip then tells the slice too.
    """

    value = models.CharField(max_length=16, primary_key=True)
    take = models.ForeignKey(Take, on_delete=models.PROTECT, related_name="marks")
    slice = models.PositiveIntegerField(default=0)
    key_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["take", "slice"], name="mark_one_per_slice"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key_id", "-created_at", "-value"], name="mark_newest_of_a_key"),
        ]

    def __str__(self) -> str:
        return self.value


class Permit(models.Model):
    """A short-lived signed capability. The row can revoke it; it cannot widen it: the signature is checked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    take = models.ForeignKey(Take, on_delete=models.PROTECT, related_name="permits")
    grant = models.ForeignKey("consent.Grant", on_delete=models.PROTECT, related_name="permits")
    mark = models.ForeignKey(Mark, on_delete=models.PROTECT, related_name="permits")
    envelope = models.JSONField()
    pattern = models.CharField(max_length=200)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-issued_at"]

    def __str__(self) -> str:
        return str(self.id)


class ReleaseState(models.TextChoices):
    RELEASED = "released", _("Released")
    TAKEDOWN = "takedown", _("Withdrawn: to be taken down")


class Release(models.Model):
    """A published file and all that led to it. One per take: releasing twice breaks a constraint."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    take = models.OneToOneField(Take, on_delete=models.PROTECT, related_name="release")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="releases")
    grant = models.ForeignKey("consent.Grant", on_delete=models.PROTECT, related_name="releases")
    permit = models.OneToOneField(Permit, on_delete=models.PROTECT, related_name="release")
    mark = models.OneToOneField(Mark, on_delete=models.PROTECT, related_name="release")
    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()
    file = models.CharField(max_length=200)
    duration_s = models.FloatField()
    manifest_label = models.CharField(max_length=200)
    aigc = models.TextField(blank=True)
    measurement = models.JSONField()
    decision = models.JSONField()
    credentials = models.JSONField()
    fingerprint = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=ReleaseState.choices, default=ReleaseState.RELEASED)
    takedown_at = models.DateTimeField(null=True)
    takedown_because = models.CharField(max_length=200, blank=True)
    released_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-released_at"]

    def __str__(self) -> str:
        return self.take.title

    @property
    def markets(self) -> list[str]:
        return self.take.markets


class Quarantine(models.Model):
    """A rendering that did not pass the gate, kept with the reasons. Never published, never lost."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    take = models.ForeignKey(Take, on_delete=models.PROTECT, related_name="quarantines")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    reasons = models.JSONField()
    measurement = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.take} ({', '.join(self.codes)})"

    @property
    def codes(self) -> list[str]:
        return [reason["code"] for reason in self.reasons]


