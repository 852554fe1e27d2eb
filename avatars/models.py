"""Footage, avatars and scripts: what a take is made from."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AvatarState(models.TextChoices):
    BUILDING = "building", _("Being built")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Not usable")
    DESTROYED = "destroyed", _("Destroyed")


class Avatar(models.Model):
    """A model of one consenting person, made from one clip under one grant; it dies with the grant.

    `footage`, `model`, `poster` and `preview` are names in private storage; `digest` is the SHA-256 of the model
    package. `face`: the usual face of the footage (`capture.identity`), for the same-person check. `capture`: what was
    asked of a person who recorded in the browser, and where each step lies. `pictures`: number of a finding -> name of
    its picture; kept for a day.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="avatars")
    grant = models.ForeignKey("consent.Grant", on_delete=models.PROTECT, related_name="avatars")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    footage = models.CharField(max_length=200, blank=True)
    footage_name = models.CharField(max_length=200)
    footage_sha256 = models.CharField(max_length=64)
    findings = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    capture = models.JSONField(default=dict)
    pictures = models.JSONField(default=dict)
    face = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=AvatarState.choices, default=AvatarState.BUILDING)
    engine = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    card = models.JSONField(default=dict)
    poster = models.CharField(max_length=200, blank=True)
    preview = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(state=AvatarState.READY) | ~models.Q(digest=""),
                name="avatar_ready_has_a_digest",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=AvatarState.DESTROYED)
                | models.Q(model="", footage="", poster="", preview="", face=""),
                name="avatar_destroyed_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ready(self) -> bool:
        return self.state == AvatarState.READY


class Script(models.Model):
    """Words to be spoken. A text is never edited: a change is a new version, and legal reads that one.

    `provenance`: who wrote each line, what it rests on and what the check of speech found (docs/scripts.md); empty for
    texts from before it was kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="scripts")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    previous = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="next")
    title = models.CharField(_("title"), max_length=120)
    language = models.CharField(_("language"), max_length=10)
    text = models.TextField(_("text"))
    provenance = models.JSONField(default=dict)
    estimated_s = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.title

    def content(self) -> dict[str, Any]:
        """What legal approves and a permit names by digest."""
        content = {"language": self.language, "text": self.text}
        return {**content, "provenance": self.provenance} if self.provenance else content
