"""Rooms: what is planned, who performs it, what goes out, what was said and seen."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RoomState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    ON_AIR = "on_air", _("On air")
    ENDED = "ended", _("Ended")


class Showing(models.TextChoices):
    NOTHING = "nothing", _("Nothing yet")
    HOST = "host", _("The AI host")
    SLATE = "slate", _("The slate")


class Room(models.Model):
    """A plan that legal approves as one live take: avatar, rundown, products, what may be said freely.

    `wanted_on_air` is what people asked for; whether the host is seen is decided anew for every slice by the gate.
    `handed_over_at`: the host is silent because a person has taken over. `locks`: what people fixed while it is on air,
    {"frozen": bool, "barred": [item ids]}.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="rooms")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    take = models.OneToOneField("release.Take", on_delete=models.PROTECT, related_name="room")
    avatar = models.ForeignKey("avatars.Avatar", on_delete=models.PROTECT, related_name="rooms")
    title = models.CharField(_("title"), max_length=120)
    plan = models.JSONField()
    hand_over_to = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=RoomState.choices, default=RoomState.PLANNED)
    wanted_on_air = models.BooleanField(default=False)
    handed_over_at = models.DateTimeField(null=True)
    locks = models.JSONField(default=dict)
    on_air_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_because = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.title


class Air(models.Model):
    """Who holds a room on air, and how far it has come. Two leases: one performs, one publishes.

    A fence is raised by every take-over; whoever writes names theirs, so that a process that slept through its lease
    can neither speak nor publish. `signed`: last segment number by rendition, written before publication. `playlist`:
    see `streaming.packager.playlist`. `slice`: number of the slice in use. `effort`: see `streaming.clock.Effort`.
    `slate_words`: why the host is not seen, see `streaming.showing`.
    `direction`: the audience and the host's manner as the director last saw them.
    """

    room = models.OneToOneField(Room, primary_key=True, on_delete=models.CASCADE, related_name="air")
    performer = models.CharField(max_length=80, blank=True)
    performer_fence = models.PositiveBigIntegerField(default=0)
    performer_until = models.DateTimeField(null=True)
    publisher = models.CharField(max_length=80, blank=True)
    publisher_fence = models.PositiveBigIntegerField(default=0)
    publisher_until = models.DateTimeField(null=True)
    signed = models.JSONField(default=dict)
    playlist = models.TextField(blank=True)
    sessions = models.PositiveIntegerField(default=0)
    slice = models.PositiveIntegerField(default=0)
    showing = models.CharField(max_length=10, choices=Showing.choices, default=Showing.NOTHING)
    slate_code = models.CharField(max_length=64, blank=True)
    slate_words = models.JSONField(default=dict)
    effort = models.PositiveSmallIntegerField(default=0)
    direction = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.room}: {self.get_showing_display()}"


class RoomEvent(models.Model):
    """What happened in a room, for its dashboard and its archive."""

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    code = models.CharField(max_length=64)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.code}"


class Source(models.TextChoices):
    RUNDOWN = "rundown", _("Approved rundown")
    ANSWER = "answer", _("Answer to a comment")
    SAFE = "safe", _("Safe line instead of a blocked one")


class SpokenLine(models.Model):
    """One line the host said, or was kept from saying.

    `at`, `until`: wall time of its sound on air; null for a line that was blocked. `findings`: what the guard said.
    `manner`: expression and pace it was spoken with.
    """

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    item_id = models.CharField(max_length=64, blank=True)
    product_id = models.CharField(max_length=64, blank=True)
    text = models.TextField()
    blocked = models.BooleanField(default=False)
    findings = models.JSONField(default=list)
    manner = models.JSONField(default=dict)
    comment = models.ForeignKey("RoomComment", null=True, on_delete=models.SET_NULL, related_name="answers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.text


class DirectorRecordKind(models.TextChoices):
    DECISION = "decision", _("Decision")
    LEARNED = "learned", _("What it brought")
    REVERTED = "reverted", _("Taken back")


class DirectorRecord(models.Model):
    """One line of the director's log: `data` as `streaming.director.decisions` writes it.

    `ordinal`: place in the order in which the director applied it, by which the room is directed on after a take-over;
    null for a decision that a person has taken back and the director has not seen yet. `reward`, `orders`: of what was
    learned; null where a block taught nothing.
    """

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="director_log")
    ordinal = models.PositiveBigIntegerField(null=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=DirectorRecordKind.choices)
    decision_id = models.CharField(max_length=24)
    item_id = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reward = models.FloatField(null=True)
    orders = models.IntegerField(default=0)
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["room", "ordinal"], name="director_record_in_one_place"),
            models.UniqueConstraint(fields=["room", "kind", "decision_id"], name="director_record_once"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} {self.get_kind_display()}"


class RoomComment(models.Model):
    """One comment of the audience, with what screening and ranking made of it. `text` is the sanitised copy."""

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="comments")
    platform = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120)
    user_ref = models.CharField(max_length=64)
    kind = models.CharField(max_length=20, default="comment")
    value = models.FloatField(default=0)
    text = models.TextField(blank=True)
    screening = models.JSONField(default=dict)
    score = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["room", "platform", "external_id"], name="comment_once_per_platform"),
        ]

    def __str__(self) -> str:
        return self.text


class WebhookKey(models.Model):
    """One secret with which a platform's adapter signs comments. The secret is not here: see `webhooks.signing`.

    `key_id`: the version of the custody's webhook key it is derived from. `ends_at`: after a rotation the former one
    is accepted so long, or not at all once it has passed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="webhook_keys")
    key_id = models.CharField(max_length=16)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ends_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.room}: {self.created_at:%Y-%m-%d %H:%M}"


class Sending(models.TextChoices):
    IDLE = "idle", _("Waits for the room")
    CONNECTING = "connecting", _("Connecting")
    SENDING = "sending", _("Connected")
    WAITING = "waiting", _("Retrying")
    REFUSED = "refused", _("Cannot be sent to")
    STOPPED = "stopped", _("Stopped")


class RoomOutput(models.Model):
    """A server outside that is sent what the gate has published.

    `sealed`: address and stream key, for the role `outputs` alone. `name`: the address as it may be shown. `holder`:
    the process that sends, until `held_until`; a dead one's output is taken over. `reason`: code of the last failure.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="outputs")
    name = models.CharField(max_length=300)
    sealed = models.BinaryField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=80, blank=True)
    held_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=Sending.choices, default=Sending.IDLE)
    reason = models.CharField(max_length=64, blank=True)
    sent = models.PositiveBigIntegerField(default=0)
    dropped = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at"]

    def __str__(self) -> str:
        return self.name


class DemonstrationRoom(models.Model):
    """The room a demonstration shows, from being asked for to its end; one row per asking, the newest counts.

    `watched_at`: when somebody last looked at it, to some seconds. `settled_at`: nothing more is to be done for it,
    `trouble` says why where it was not its time that ran out. `rests`: it left the air because nobody watched.
    """

    id = models.BigAutoField(primary_key=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    grant = models.ForeignKey("consent.Grant", null=True, on_delete=models.PROTECT, related_name="+")
    avatar = models.ForeignKey("avatars.Avatar", null=True, on_delete=models.PROTECT, related_name="+")
    room = models.ForeignKey(Room, null=True, on_delete=models.PROTECT, related_name="demonstrations")
    watched_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    rests = models.BooleanField(default=False)
    trouble = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"
