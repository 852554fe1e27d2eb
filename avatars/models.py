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

    `footage`, `model`, `poster` and `preview` are names in private storage, sealed (`vault`); `digest` is the SHA-256
    of the model package, plain. `face`: the usual face of the footage (`capture.identity`), sealed too, for the
    same-person check. `capture`: what was asked of a person who recorded in the browser, and where each step lies.
    `pictures`: number of a finding -> name of its picture; kept for a day. `bars`: what the card was held against,
    "floor" and "good" (`engine.card.Bar`). `origin`: the marks of doubles found in the footage ("marks"), or why
    nothing can be said ("problem"). `comparison`: the person's frames beside the double's (`comparison.Comparison`),
    with the names of the pictures. `asked_engine`: the engine that it shall be built with, by name; "" for the
    operator's.
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
    asked_engine = models.CharField(max_length=60, blank=True)
    engine = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    card = models.JSONField(default=dict)
    bars = models.JSONField(default=dict)
    origin = models.JSONField(default=dict)
    comparison = models.JSONField(default=dict)
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

    @property
    def files(self) -> list[str]:
        """Names in private storage of all that shows the person or can play them."""
        compared = [pair["picture"] for pair in self.comparison.get("pairs", ())]
        whole = (self.model, self.poster, self.preview, self.footage)
        return [name for name in (*whole, *self.pictures.values(), *compared) if name]


class LikenessKey(models.Model):
    """The key to everything stored of a person under one grant; see `likeness_keys`.

    `wrapped` is base64, "" once it is destroyed; `master` the id of the custody's key that it is wrapped under.
    """

    grant = models.OneToOneField(
        "consent.Grant", primary_key=True, on_delete=models.PROTECT, related_name="likeness_key"
    )
    master = models.CharField(max_length=16, blank=True)
    wrapped = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(destroyed_at__isnull=True) & ~models.Q(wrapped="") & ~models.Q(master="")
                | models.Q(destroyed_at__isnull=False, wrapped=""),
                name="likeness_key_destroyed_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return str(self.grant_id)


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

    def content(self, recording: Recording | None = None) -> dict[str, Any]:
        """What legal approves and a permit names by digest; with a recording, the words as the person says them."""
        content: dict[str, Any] = {"language": self.language, "text": self.text}
        if self.provenance:
            content["provenance"] = self.provenance
        return {**content, "recording": recording.content()} if recording else content


class RecordingSource(models.TextChoices):
    UPLOAD = "upload", _("An uploaded recording")
    FOOTAGE = "footage", _("The consented footage itself")


class RecordingState(models.TextChoices):
    CHECKING = "checking", _("Being checked")
    READY = "ready", _("Ready")
    REFUSED = "refused", _("Not usable")
    DESTROYED = "destroyed", _("Destroyed")


class Recording(models.Model):
    """A script spoken by the person whom an avatar copies: a take's voice in place of a synthetic one.

    `upload` (what came) and `sound` (16-bit mono WAV) are names in private storage, sealed (`vault`); `sha256` is that
    of the plain `sound`, `source_sha256` that of what it was made of.
    `problem`: code of `recordings.PROBLEMS`. It dies with the avatar's grant.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="recordings")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    avatar = models.ForeignKey(Avatar, on_delete=models.PROTECT, related_name="recordings")
    script = models.ForeignKey(Script, on_delete=models.PROTECT, related_name="recordings")
    source = models.CharField(max_length=10, choices=RecordingSource.choices)
    name = models.CharField(max_length=200)
    upload = models.CharField(max_length=200, blank=True)
    sound = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    source_sha256 = models.CharField(max_length=64)
    seconds = models.FloatField(null=True)
    state = models.CharField(max_length=10, choices=RecordingState.choices, default=RecordingState.CHECKING)
    problem = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(state=RecordingState.READY) | ~models.Q(sha256=""),
                name="recording_ready_has_a_digest",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=RecordingState.DESTROYED) | models.Q(upload="", sound=""),
                name="recording_destroyed_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.script.title} · {self.avatar.name} · {self.seconds or 0:.0f} s"

    @property
    def files(self) -> list[str]:
        """Names of all that there may be of it in private storage, also of what a killed worker left."""
        return [f"recordings/{self.id}.upload", f"recordings/{self.id}.wav"]

    def content(self) -> dict[str, Any]:
        """What brand legal hears, by digest."""
        return {"id": str(self.id), "sha256": self.sha256, "seconds": self.seconds, "source": self.source}
