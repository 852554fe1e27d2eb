"""Planning a room."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from avatars.forms import LANGUAGE_NAMES, ShowingForm
from avatars.speech import LANGUAGES
from compliance.errors import AvowError
from streaming.dialogue.facts import ProductFacts
from streaming.errors import RundownInvalid
from streaming.outputs.target import OutputRefused, Target
from streaming.rundown import Rundown, RundownItem

_HEAD = re.compile(r"#\s*(?P<title>.+?)(?:\s*[x×](?P<repeats>\d{1,2}))?\s*$")  # people type both


def rundown_from_text(text: str) -> Rundown:
    """A rundown as people write it: `# Title x2` begins an item, every other line is spoken.

    Raises:
        RundownInvalid: as `Rundown`; rundown_item_invalid for lines before the first title.
    """
    items: list[RundownItem] = []
    title, repeats, lines = "", 1, list[str]()

    def close() -> None:
        if title or lines:
            items.append(RundownItem(f"item-{len(items) + 1}", title, tuple(lines), repeats=repeats))

    for line in filter(None, map(str.strip, text.splitlines())):
        if head := _HEAD.match(line):
            close()
            title, repeats, lines = head["title"][:120], int(head["repeats"] or 1), []
        elif not title:
            raise RundownInvalid("rundown_item_invalid", _("Begin with a title: a line that starts with #."))
        else:
            lines.append(line)
    close()
    return Rundown(tuple(items))


class RoomForm(ShowingForm):
    """What the host says, in which order, and what else the room does."""

    title = forms.CharField(label=_("Title"), max_length=120)
    language = forms.ChoiceField(
        label=_("Language"), choices=[(code, LANGUAGE_NAMES.get(code, code)) for code in LANGUAGES]
    )
    rundown = forms.CharField(
        label=_("Rundown"),
        max_length=20000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("“# Title x2” begins an item that comes twice a round; every line below it is spoken as written."),
    )
    products = forms.CharField(
        label=_("Product facts"),
        max_length=100000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("JSON, one product or a list. With facts the host answers comments, from them and nothing else."),
    )
    quote_comments = forms.BooleanField(
        label=_("Show the question that is being answered"),
        required=False,
        help_text=_("Beside the picture, screened: without contact details, links or names."),
    )
    field_order = ("title", "avatar", "language", "picture", "rundown", "products", "quote_comments")

    def clean_products(self) -> tuple[ProductFacts, ...]:
        if not (text := self.cleaned_data["products"].strip()):
            return ()
        try:
            given = json.loads(text)
            products = given if isinstance(given, list) else [given]
            return tuple(ProductFacts.from_json(json.dumps(one)) for one in products)
        except (ValueError, AvowError) as error:
            raise forms.ValidationError(str(getattr(error, "text", error))) from error

    def clean_rundown(self) -> Rundown:
        try:
            return rundown_from_text(self.cleaned_data["rundown"])
        except RundownInvalid as error:
            raise forms.ValidationError(error.text, code=error.code) from error


class OutputForm(forms.Form):
    """A server outside. The key is write-only: no page and no log shows it again."""

    address = forms.CharField(
        label=_("Server"), max_length=300, help_text=_("rtmps://host/application, as the platform shows it.")
    )
    key = forms.CharField(
        label=_("Stream key"),
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("It is sealed at once and cannot be shown again."),
    )

    def clean(self) -> dict[str, Any]:
        """Adds `target`."""
        data = super().clean() or {}
        if "address" in data and "key" in data:
            try:
                data["target"] = Target(data["address"].strip(), data["key"].strip())
            except OutputRefused as error:
                raise forms.ValidationError(error.text, code=error.code) from error
        return data
