"""The catalogue of product facts, and drafts of scripts."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from streaming.dialogue.facts import ProductFacts
from streaming.scripting.errors import CatalogueRefused


class Product(models.Model):
    """A product an organisation speaks about. What may be said stands in its versions; the newest counts.

    `key` is the id its facts carry in rooms and scripts, unique within the organisation.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="products")
    key = models.SlugField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["organisation", "key"], name="product_key_once_per_organisation"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def current(self) -> ProductVersion:
        """The newest version; every product has one."""
        return self.versions.latest("number")


class ProductVersion(models.Model):
    """One immutable state of a product's facts. `digest`: `ProductFacts.digest`, the name by which legal knows them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, db_index=True)
    document = models.TextField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["product", "number"], name="product_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.product} v{self.number}"

    def facts(self) -> ProductFacts:
        """The facts as they were saved.

        Raises:
            CatalogueRefused: product_altered, when the stored text is not the one its digest names.
        """
        facts = ProductFacts.from_json(self.document)
        if facts.digest != self.digest:
            text = _("The stored facts are not those that were saved. Ask for help.")
            raise CatalogueRefused("product_altered", text)
        return facts


class ScriptDraft(models.Model):
    """A working paper: lines that may still break rules. It becomes a version of a script, once.

    `basis`: ids of the product versions it rests on, in order. `lines`: see `streaming.scripting.lines`.
    `incidents`: (code, text) of what went wrong with the language model. `revision` rises with each saving.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="script_drafts")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    language = models.CharField(_("language"), max_length=10)
    tone = models.CharField(max_length=10)
    audience = models.CharField(max_length=200, blank=True)
    seconds = models.FloatField()
    basis = models.JSONField(default=list)
    lines = models.JSONField(default=list)
    omitted = models.JSONField(default=list)
    incidents = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=1)
    previous = models.ForeignKey("avatars.Script", null=True, on_delete=models.PROTECT, related_name="+")
    script = models.OneToOneField("avatars.Script", null=True, on_delete=models.PROTECT, related_name="draft")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-updated_at"]

    def __str__(self) -> str:
        return self.title
