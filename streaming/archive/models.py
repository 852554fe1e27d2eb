"""What was on air, the files made of it, and who said that it must stay."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from streaming.models import Showing
from streaming.packager.spec import VIDEO_TIMESCALE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stretch(models.Model):
    """Published segments that follow each other and have everything in common; written as they are published.

    `init`: name of the init segment they need, `format`: digest of its unsigned bytes. Segment n of the stretch is
    number `first_sequence` + n of the playlist and begins at `start_ns` + n segments; `ticks` is the duration of one
    in 1/90,000 s. `mark`, `label`: what was in the picture.
    """

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey("streaming.Room", on_delete=models.PROTECT, related_name="stretches")
    init = models.CharField(max_length=20)
    format = models.CharField(max_length=16)
    first_sequence = models.PositiveBigIntegerField()
    count = models.PositiveIntegerField(default=1)
    start_ns = models.BigIntegerField()
    ticks = models.PositiveIntegerField()
    showing = models.CharField(max_length=10, choices=Showing.choices)
    slice = models.PositiveIntegerField()
    mark = models.CharField(max_length=16)
    label = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["first_sequence"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["room", "first_sequence"], name="stretch_once"),
            models.CheckConstraint(condition=models.Q(count__gt=0, ticks__gt=0), name="stretch_lasts"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["room", "start_ns"])]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} {self.showing} {self.duration_s:.0f} s"

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + self.count - 1

    @property
    def end_ns(self) -> int:
        return self.start_ns_of(self.count)

    def start_ns_of(self, number: int) -> int:
        """Wall time at which segment `number` of the stretch begins."""
        return self.start_ns + number * self.ticks * 1_000_000_000 // VIDEO_TIMESCALE

    @property
    def start(self) -> datetime:
        return moment_of(self.start_ns)

    @property
    def end(self) -> datetime:
        return moment_of(self.end_ns)

    @property
    def duration_s(self) -> float:
        return self.count * self.ticks / VIDEO_TIMESCALE


def moment_of(wall_ns: int) -> datetime:
    """UTC."""
    return _EPOCH + timedelta(microseconds=wall_ns // 1000)


def ns_of(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class PartState(models.TextChoices):
    WAITING = "waiting", _("Being made")
    SIGNED = "signed", _("Signed")
    REFUSED = "refused", _("Refused")
    ERASED = "erased", _("Erased")


class Part(models.Model):
    """At most one hour of a broadcast as one file. `ranges`: which segments held, which were left out, and why.

    `sessions`: the live sessions it was made from, with their manifests; the first is the file's C2PA parent.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey("streaming.Room", on_delete=models.PROTECT, related_name="parts")
    first_sequence = models.PositiveBigIntegerField()
    last_sequence = models.PositiveBigIntegerField()
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=PartState.choices, default=PartState.WAITING)
    file = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    manifest_label = models.CharField(max_length=200, blank=True)
    aigc = models.TextField(blank=True)
    ranges = models.JSONField(default=list)
    sessions = models.JSONField(default=list)
    planned_at = models.DateTimeField(auto_now_add=True)
    signed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["first_sequence"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["room", "first_sequence"], name="part_once"),
            models.CheckConstraint(
                condition=models.Q(last_sequence__gte=models.F("first_sequence")), name="part_has_segments"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} {self.state}"

    @property
    def start(self) -> datetime:
        return moment_of(self.start_ns)

    @property
    def end(self) -> datetime:
        return moment_of(self.end_ns)

    @property
    def left_out(self) -> list[dict[str, object]]:
        """The ranges that are not in the file."""
        return [one for one in self.ranges if one["state"] != "verified"]


class Hold(models.Model):
    """Somebody with a case has said that nothing of this room may be erased."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey("streaming.Room", on_delete=models.PROTECT, related_name="holds")
    because = models.CharField(max_length=200)
    of_an_authority = models.BooleanField()
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["placed_at"]

    def __str__(self) -> str:
        return self.because


class DataClass(models.TextChoices):
    """What is kept by a clock of its own."""

    VIDEO = "video", _("Video")
    SPEECH = "speech", _("Speech log")
    EVENTS = "events", _("Decisions and events")
    TIMELINE = "timeline", _("Label and time on air")
    INTERACTION = "interaction", _("Comments")
    PERSONAL = "personal", _("Who wrote a comment")


class Erasure(models.Model):
    """What was erased when its time was over; the public log has the same."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey("streaming.Room", on_delete=models.PROTECT, related_name="erasures")
    data_class = models.CharField(max_length=12, choices=DataClass.choices)
    count = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["at"]

    def __str__(self) -> str:
        return f"{self.get_data_class_display()}: {self.count}"
