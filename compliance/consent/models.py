"""Tables of consent. Grants and events are written once: triggers of the database refuse any later change."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from compliance.consent import rules


class State(models.TextChoices):
    """Event states of ISO/IEC TS 27560, as people read them; values are those of `rules.ConsentState`."""

    REQUESTED = rules.ConsentState.REQUESTED.value, _("Requested")
    GIVEN = rules.ConsentState.GIVEN.value, _("Given")
    REFUSED = rules.ConsentState.REFUSED.value, _("Refused")
    RECONFIRMED = rules.ConsentState.RECONFIRMED.value, _("Confirmed again")
    WITHDRAWN = rules.ConsentState.WITHDRAWN.value, _("Withdrawn")
    EXPIRED = rules.ConsentState.EXPIRED.value, _("Expired")
    TERMINATED = rules.ConsentState.TERMINATED.value, _("Replaced")
    INVALIDATED = rules.ConsentState.INVALIDATED.value, _("Declared invalid")


AGE_BANDS = (
    (rules.AgeBand.UNDER_14.value, _("Under 14")),
    (rules.AgeBand.FROM_14.value, _("14 or 15")),
    (rules.AgeBand.FROM_16.value, _("16 or 17")),
    (rules.AgeBand.ADULT.value, _("18 or older")),
)


class Method(models.TextChoices):
    """How an act of consent reached us."""

    WEB_FORM = "web_form", _("Form on this site")
    API = "api", _("Programming interface")
    ORDER = "order", _("Order of an authority")
    SCHEDULE = "schedule", _("Passing of the end date")


class Notice(models.Model):
    """The words a person was shown, in one language and version. `sha256` is over their RFC 8785 bytes."""

    version = models.CharField(max_length=20)
    language = models.CharField(max_length=10)
    content = models.JSONField()
    sha256 = models.CharField(max_length=64, unique=True)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "language"], name="consent_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.language})"


class Guardianship(models.Model):
    """Who may act for a minor; recorded by the operator after seeing the document whose digest is kept."""

    ward = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="guardianships")
    guardian = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="wards")
    document_sha256 = models.CharField(max_length=64)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ward", "guardian"],
                condition=Q(ended_at__isnull=True),
                name="consent_guardianship_once",
            ),
            models.CheckConstraint(condition=~Q(ward=models.F("guardian")), name="consent_guardian_is_another"),
        ]

    def __str__(self) -> str:
        return f"{self.guardian} → {self.ward}"


class GrantRequest(models.Model):
    """A proposal. It allows nothing; the person answers it with a grant of their own, or refuses it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    principal = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="grant_requests")
    grantee = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="grant_requests")
    terms = models.JSONField()
    message = models.TextField(blank=True)
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    refused_at = models.DateTimeField(null=True)
    grant = models.OneToOneField("Grant", null=True, on_delete=models.PROTECT, related_name="request")

    class Meta:
        ordering: ClassVar[list[str]] = ["-requested_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(refused_at__isnull=True) | Q(grant__isnull=True),
                name="consent_request_one_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grantee} → {self.principal}"

    @property
    def open(self) -> bool:
        """Not answered yet."""
        return self.refused_at is None and self.grant_id is None


class Grant(models.Model):
    """One consent of one person to one organisation. Immutable; a change is a new grant that supersedes it.

    `digest` is the SHA-256 of the RFC 8785 bytes of the instrument (`record.instrument`): the terms together
    with who granted them to whom, after which notice and how. Only `receipt` is written later, once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    principal = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="grants")
    guardian = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    grantee = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="grants")
    terms = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="+")
    language = models.CharField(max_length=10)
    method = models.CharField(max_length=10, choices=Method.choices)
    separate_consent = models.BooleanField()
    age_band = models.CharField(max_length=10, choices=AGE_BANDS)
    supersedes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="superseded_by")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField()
    receipt = models.JSONField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="consent_grant_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(age_band=rules.AgeBand.ADULT.value) | Q(guardian__isnull=False),
                name="consent_minor_has_guardian",
            ),
            models.CheckConstraint(
                condition=Q(supersedes__isnull=True) | ~Q(supersedes=models.F("id")),
                name="consent_grant_supersedes_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.principal} → {self.grantee} ({self.id})"


class ConsentEvent(models.Model):
    """One step in the life of a grant (ISO/IEC TS 27560 6.3.7). Append-only; the last one is the state."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="events")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State.choices)
    at = models.DateTimeField()
    entity = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=10, choices=Method.choices)
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["grant", "number"], name="consent_event_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.number}: {self.state}"


class UseApproval(models.Model):
    """The person's own yes or no to one single use, for grants that ask for it."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="use_approvals")
    use_id = models.UUIDField(unique=True)
    description = models.TextField()
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    approved = models.BooleanField(null=True)
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-requested_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(approved__isnull=True, decided_by__isnull=True, decided_at__isnull=True)
                | Q(approved__isnull=False, decided_by__isnull=False, decided_at__isnull=False),
                name="consent_use_decision_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.use_id}: {self.approved}"


class Usage(models.Model):
    """Playing time of one release in one market; it counts against the hours granted."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="usages")
    release_id = models.UUIDField()
    market = models.CharField(max_length=2)
    seconds = models.FloatField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-recorded_at", "market"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["release_id", "market"], name="consent_usage_once"),
            models.CheckConstraint(condition=Q(seconds__gt=0), name="consent_usage_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.release_id} {self.market}: {self.seconds:.1f} s"


class Withdrawal(models.Model):
    """The end of a grant and the cause of its cascade; `cause` is the state the grant ended in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, related_name="withdrawal")
    cause = models.CharField(max_length=12, choices=State.choices)
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.grant_id} {self.cause} {self.at:%Y-%m-%d %H:%M}"


class StepState(models.TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed, will be tried again")


class CascadeStep(models.Model):
    """One thing a withdrawal has to reach, and when it did. `delay_s` counts from the withdrawal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.PENDING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    affected = models.PositiveIntegerField(null=True)
    delay_s = models.FloatField(null=True)
    detail = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["withdrawal", "name"], name="consent_step_once"),
            models.CheckConstraint(
                condition=~Q(state=StepState.DONE)
                | Q(finished_at__isnull=False, affected__isnull=False, delay_s__isnull=False),
                name="consent_step_done_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
