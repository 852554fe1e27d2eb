"""Planning a room."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from avatars.forms import LANGUAGE_NAMES, ShowingForm
from avatars.speech import LANGUAGES
from compliance.accounts.models import Role, User
from compliance.errors import AvowError
from streaming.dialogue.facts import ProductFacts
from streaming.director.expression import Expression, ExpressionLimits
from streaming.director.freedom import Freedom
from streaming.errors import RundownInvalid
from streaming.outputs.target import OutputRefused, Target
from streaming.rundown import Rundown, RundownItem
from streaming.scripting.choices import ProductChoice
from streaming.scripting.models import Product
from streaming.scripting.selectors import products_for

_HEAD = re.compile(
    r"#\s*(?P<title>.+?)(?:\s*[x×](?P<repeats>\d{1,2}))?(?:\s+(?:every|每)\s*(?P<every>\d{1,3})\s*(?:min|分钟))?\s*$"
)  # people type both signs
PACES = {"steady": (1.0, 1.0), "gentle": (0.95, 1.04), "lively": (0.9, 1.08)}
"""Slowest and fastest speech the host may choose, relative to its ordinary pace."""


def rundown_from_text(text: str) -> Rundown:
    """A rundown as people write it: `# Title x2 every 5 min` begins an item, every other line is spoken.

    Raises:
        RundownInvalid: as `Rundown`; rundown_item_invalid for lines before the first title.
    """
    items: list[RundownItem] = []
    title, repeats, every_s, lines = "", 1, None, list[str]()

    def close() -> None:
        if title or lines:
            name = f"item-{len(items) + 1}"
            items.append(RundownItem(name, title, tuple(lines), repeats=repeats, every_s=every_s))

    for line in filter(None, map(str.strip, text.splitlines())):
        if head := _HEAD.match(line):
            close()
            title, repeats, lines = head["title"][:120], int(head["repeats"] or 1), []
            every_s = 60.0 * int(head["every"]) if head["every"] else None
        elif not title:
            raise RundownInvalid("rundown_item_invalid", _("Begin with a title: a line that starts with #."))
        else:
            lines.append(line)
    close()
    return Rundown(tuple(items))


EXPRESSIONS = [
    (Expression.WARM, _("Warm")),
    (Expression.EXCITED, _("Lively")),
    (Expression.CALM, _("Calm")),
    (Expression.CONCERNED, _("Concerned")),
]
PACE_CHOICES = [
    ("steady", _("As recorded")),
    ("gentle", _("A little slower or faster (0.95 to 1.04)")),
    ("lively", _("Follows the audience (0.9 to 1.08)")),
]


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
        help_text=_(
            "“# Title x2” begins an item that may come twice a round; “# Notice every 5 min” one that has to. "
            "Every line below it is spoken as written."
        ),
    )
    products = forms.CharField(
        label=_("Product facts"),
        max_length=100000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("JSON, one product or a list. With facts the host answers comments, from them and nothing else."),
    )
    catalogue = ProductChoice(
        Product.objects.none(), label=_("Products of the catalogue"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("Their newest facts are taken over into the plan."),
    )  # fmt: skip
    reorder = forms.BooleanField(
        label=_("The director may choose the order"),
        required=False,
        initial=True,
        help_text=_(
            "Within a round, by what keeps viewers watching and asking. Everything comes at least once, nothing more "
            "often than written. Every choice is logged with its reason and can be taken back."
        ),
    )
    expressions = forms.MultipleChoiceField(
        label=_("Manners the host may take on"),
        choices=EXPRESSIONS,
        initial=["warm", "calm", "concerned"],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("It looks even otherwise. It never says that it feels anything."),
    )
    pace = forms.ChoiceField(label=_("Pace"), choices=PACE_CHOICES, initial="gentle")
    model_words = forms.BooleanField(
        label=_("A language model may word answers"),
        required=False,
        help_text=_(
            "From the product facts only and past the same guard; the built-in composer stands in for it."
        ),
    )
    quote_comments = forms.BooleanField(
        label=_("Show the question that is being answered"),
        required=False,
        help_text=_("Beside the picture, screened: without contact details, links or names."),
    )
    field_order = (
        "title", "avatar", "language", "picture", "rundown", "products", "catalogue", "quote_comments", "reorder",
        "expressions", "pace", "model_words",
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        offered = products_for(user, Role.PRODUCER).filter(retired_at__isnull=True)
        self.fields["catalogue"].queryset = offered  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The products of the catalogue join those given as JSON; both are of the avatar's organisation."""
        data = super().clean() or {}
        chosen, avatar = data.get("catalogue") or (), data.get("avatar")
        if avatar and any(product.organisation_id != avatar.organisation_id for product in chosen):
            self.add_error("catalogue", _("Choose products of the organisation that the avatar belongs to."))
        data["products"] = (*(data.get("products") or ()), *(product.current.facts() for product in chosen))
        return data

    @property
    def freedom(self) -> Freedom:
        """What the cleaned form lets the room decide by itself."""
        data = self.cleaned_data
        allowed = tuple(Expression(name) for name in data["expressions"])
        limits = ExpressionLimits(allowed, *PACES[data["pace"]])
        return Freedom(data["reorder"], limits, data["model_words"])

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
        label=_("Server"),
        max_length=300,
        help_text=_("rtmps://host/application, or https://host/path for WHIP, as the platform shows it."),
    )
    key = forms.CharField(
        label=_("Stream key or token"),
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
