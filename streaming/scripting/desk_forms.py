"""What a producer wants written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from avatars.forms import LANGUAGE_NAMES
from compliance.accounts.models import Organisation
from streaming.dialogue.drafting import LONGEST_S, SHORTEST_S, Tone
from streaming.dialogue.policy import LANGUAGES
from streaming.scripting.choices import ProductChoice
from streaming.scripting.composing import Wish
from streaming.scripting.models import Product
from streaming.scripting.services import Order, model_is_there
from streaming.scripting.templatetags.scripting_words import called

WRITERS = {"composer": _("Built-in composer"), "model": _("Language model")}
MOST_PRODUCTS = 5


class DraftForm(forms.Form):
    """Products, audience, tone, length, language."""

    title = forms.CharField(label=_("Title"), max_length=120)
    products = ProductChoice(Product.objects.none(), label=_("Products"), widget=forms.CheckboxSelectMultiple)
    language = forms.ChoiceField(
        label=_("Language"), choices=[(code, LANGUAGE_NAMES.get(code, code)) for code in LANGUAGES]
    )
    seconds = forms.IntegerField(
        label=_("Length in seconds"), initial=60, min_value=int(SHORTEST_S), max_value=int(LONGEST_S),
        help_text=_("At least 15 seconds for each product. Disclosure, price and warnings are always in it."),
    )  # fmt: skip
    tone = forms.ChoiceField(label=_("Tone"), choices=[(str(tone), called(str(tone), "tone")) for tone in Tone])
    audience = forms.CharField(
        label=_("Target audience"), required=False, max_length=200,
        help_text=_("For whom it is, in a few words. Facts that touch them come first."),
    )  # fmt: skip
    writer = forms.ChoiceField(label=_("Who drafts"), choices=list(WRITERS.items()), initial="composer")

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Product.objects.filter(organisation=organisation, retired_at__isnull=True)
        self.fields["products"].queryset = offered  # type: ignore[attr-defined]
        if not model_is_there():
            del self.fields["writer"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen, seconds = data.get("products"), data.get("seconds")
        if chosen and len(chosen) > MOST_PRODUCTS:
            self.add_error("products", _("A script may present five products."))
        if chosen and seconds and len(chosen) > 1 and seconds / len(chosen) < SHORTEST_S:
            self.add_error("seconds", _("Give each product at least 15 seconds."))
        for product in chosen or ():
            if data.get("language") and data["language"] not in product.current.facts().name:
                text = _("“%(product)s” has no texts in this language. Add them, or choose another.")
                self.add_error("language", text % {"product": product.key})
        return data

    def order(self) -> Order:
        """What is wanted, on the newest facts."""
        data = self.cleaned_data
        wish = Wish(data["language"], Tone(data["tone"]), data["audience"], float(data["seconds"]))
        return Order(data["title"], tuple(product.current for product in data["products"]), wish)
