"""Product facts as a form: what `ProductFacts` refuses is said beside the field it concerns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.consent import vocab
from streaming.dialogue.errors import FactsRefused
from streaming.dialogue.facts import MAX_FACTS, MAX_TEXT, Fact, Faq, Price, ProductFacts, Stock, Topic

LANGUAGES = ("zh", "en")
TOPICS = {
    Topic.CLAIM: _("What it does or is"),
    Topic.MATERIAL: _("What it is made of"),
    Topic.SIZE: _("Size and versions"),
    Topic.USAGE: _("How to use it"),
    Topic.CARE: _("How to keep it"),
    Topic.AUDIENCE: _("For whom"),
    Topic.WARNING: _("Warning"),
    Topic.SHIPPING: _("Delivery"),
    Topic.RETURN: _("Returns"),
    Topic.APPROVED: _("Approved sentence"),
}
CURRENCIES = {code: code for code in ("CNY", "USD", "EUR", "GBP", "KRW")}
REFUSALS = {
    "facts_malformed": _("These product facts cannot be read. Compare them with an exported file."),
    "facts_too_many": _("A product may have 400 facts. Leave out the least needed."),
    "fact_id_doubled": _("Two facts have the same name. Give each a name of its own."),
    "fact_without_source": _("A fact names no source. Say where it can be checked."),
    "fact_text_unusable": _("A text is empty or longer than 600 characters."),
    "price_not_positive": _("The price must be a number above zero."),
    "price_without_basis": _("Say where this price stands: a shop page, or a price list with its date."),
    "time_without_zone": _("Give the times of the price with their time zone."),
    "compared_price_without_basis": _(
        "A compared price must be higher than the price, and say where and when it was asked (Order 117 Art. 32)."
    ),
    "stock_time_invalid": _("A stock statement needs the time it was counted, and a later time at which it ends."),
    "stock_negative": _("A stock count cannot be below zero."),
}
_NEEDED = _("This is needed here.")


def refusal_text(error: FactsRefused) -> str:
    """A refusal of product facts in the reader's language."""
    return str(REFUSALS.get(error.code, error.text))


def _moment(label: Any, **kwargs: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")
    return forms.DateTimeField(label=label, required=False, widget=widget, **kwargs)


def _text(label: Any, limit: int = MAX_TEXT, **kwargs: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=limit, **kwargs)


def _area(label: Any) -> forms.CharField:
    return _text(label, widget=forms.Textarea(attrs={"rows": 2}))


class ProductForm(forms.Form):
    """The product itself, its price and its stock."""

    key = forms.SlugField(
        label=_("Short name"), max_length=64,
        help_text=_("Latin letters, digits, hyphens. Scripts and rundowns name the product by it; it never changes."),
    )  # fmt: skip
    name_zh = _text(_("Name in Chinese"), 120)
    name_en = _text(_("Name in English"), 120)
    brand = forms.CharField(label=_("Brand"), max_length=120)
    category = forms.ChoiceField(label=_("Product category"), choices=list(vocab.PRODUCT_CATEGORIES.items()))
    aliases = _text(_("Other names"), 300, help_text=_("What viewers call it, separated by commas."))
    amount = forms.DecimalField(label=_("Price"), required=False, min_value=0, max_digits=12, decimal_places=2)
    currency = forms.ChoiceField(label=_("Currency"), choices=list(CURRENCIES.items()))
    basis = _text(_("Where the price stands"), 200, help_text=_("A shop page, or a price list with its date."))
    price_source = _text(_("Source of the price"), 200)
    valid_from = _moment(_("Price holds from"))
    valid_until = _moment(_("Price holds until"), help_text=_("Empty: until you change it."))
    compared = forms.DecimalField(
        label=_("Compared price"), required=False, min_value=0, max_digits=12, decimal_places=2
    )
    compared_basis = _text(_("Where and when the compared price was asked"), 200)
    offer_zh = _area(_("Offer in Chinese"))
    offer_en = _area(_("Offer in English"))
    stock_zh = _area(_("Stock statement in Chinese"))
    stock_en = _area(_("Stock statement in English"))
    stock_source = _text(_("Source of the count"), 200)
    as_of = _moment(_("Counted at"))
    stock_until = _moment(_("Statement ends at"))
    count = forms.IntegerField(label=_("Pieces counted"), required=False, min_value=0)

    def __init__(self, *args: Any, facts: ProductFacts | None = None, **kwargs: Any) -> None:
        self.known = facts
        given: dict[str, Any] = {"initial": _initial(facts) if facts else None, **kwargs}
        super().__init__(*args, **given)
        if facts:
            self.fields["key"].disabled = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("name_zh") and not data.get("name_en"):
            self.add_error("name_zh", _("Name the product in at least one language."))
        self._need("price", data)
        self._need("stock", data)
        self._check_price(data)
        if data.get("as_of") and data.get("stock_until") and data["stock_until"] <= data["as_of"]:
            self.add_error("stock_until", REFUSALS["stock_time_invalid"])
        return data

    def _need(self, part: str, data: Mapping[str, Any]) -> None:
        """Whoever begins with a price or a stock statement has to finish it."""
        needed, more = _PARTS[part]
        if any(data.get(name) not in (None, "") for name in (*needed, *more)):
            for name in needed:
                if data.get(name) in (None, "") and name not in self.errors:
                    self.add_error(name, _NEEDED)
        if part == "stock" and data.get("as_of") and not (data.get("stock_zh") or data.get("stock_en")):
            self.add_error("stock_zh", _NEEDED)

    def _check_price(self, data: Mapping[str, Any]) -> None:
        amount, compared = data.get("amount"), data.get("compared")
        if amount is not None and amount <= 0:
            self.add_error("amount", REFUSALS["price_not_positive"])
        if compared is not None and (amount is None or compared <= amount):
            self.add_error("compared", REFUSALS["compared_price_without_basis"])
        if compared is not None and not data.get("compared_basis"):
            self.add_error("compared_basis", _NEEDED)

    # --- into facts ---
    def price(self) -> Price | None:
        """The price, with the name it had before."""
        data, known = self.cleaned_data, self.known.price if self.known else None
        if data["amount"] is None:
            return None
        return Price(
            known.id if known else "price", data["amount"], data["currency"], data["basis"], data["price_source"],
            data["valid_from"], data["valid_until"], data["compared"], data["compared_basis"],
            _texts(data, "offer", known.offers if known else {}),
        )  # fmt: skip

    def stock(self) -> Stock | None:
        """The stock statement, with the name it had before."""
        data, known = self.cleaned_data, self.known.stock if self.known else None
        if data["as_of"] is None:
            return None
        texts = _texts(data, "stock", known.text if known else {})
        name = known.id if known else "stock"
        return Stock(name, texts, data["stock_source"], data["as_of"], data["stock_until"], data["count"])


# What a part needs to be whole, and what else shows that somebody began with it.
_PARTS = {
    "price": (("amount", "basis", "price_source", "valid_from"), ("compared", "valid_until", "offer_zh", "offer_en")),
    "stock": (("stock_source", "as_of", "stock_until"), ("stock_zh", "stock_en", "count")),
}


class StatementForm(forms.Form):
    """One statement about the product; an empty one is left out."""

    id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    topic = forms.ChoiceField(label=_("Topic"), choices=[(str(topic), name) for topic, name in TOPICS.items()])
    text_zh = _area(_("In Chinese"))
    text_en = _area(_("In English"))
    source = _text(_("Source"), 200, help_text=_("Where it can be checked: test report, leaflet, label."))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        said = data.get("text_zh") or data.get("text_en")
        if said and not data.get("source"):
            self.add_error("source", _("Say where this can be checked."))
        if data.get("source") and not said:
            self.add_error("text_zh", _("Say it in at least one language."))
        return data


class FaqForm(forms.Form):
    """One question with its approved answer; an empty one is left out."""

    id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    question_zh = _text(_("Question in Chinese"))
    answer_zh = _area(_("Answer in Chinese"))
    question_en = _text(_("Question in English"))
    answer_en = _area(_("Answer in English"))
    source = _text(_("Source"), 200)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for language in LANGUAGES:
            asked, told = f"question_{language}", f"answer_{language}"
            if bool(data.get(asked)) != bool(data.get(told)):
                self.add_error(told if data.get(asked) else asked, _NEEDED)
        if (data.get("question_zh") or data.get("question_en")) and not data.get("source"):
            self.add_error("source", _("Say where this can be checked."))
        return data


StatementForms = forms.formset_factory(StatementForm, extra=0, max_num=MAX_FACTS)
FaqForms = forms.formset_factory(FaqForm, extra=0, max_num=MAX_FACTS)


class CatalogueForm:
    """The three forms of a product as one. `more`: "facts" or "faq" for one more empty row of these."""

    def __init__(self, data: Mapping[str, Any] | None = None, *, facts: ProductFacts | None = None) -> None:
        self._facts = facts
        self.product = ProductForm(data, facts=facts)
        self.statements = StatementForms(data, prefix="facts", initial=_rows(facts))
        self.faq = FaqForms(data, prefix="faq", initial=_faq_rows(facts))

    def is_valid(self) -> bool:
        """Whether `facts` can be asked for; says beside each field what is wrong."""
        # Each is asked, so that a person sees everything that is wrong at once.
        valid = [part.is_valid() for part in (self.product, self.statements, self.faq)]
        if not all(valid):
            return False
        try:
            self.facts = self._read()
        except FactsRefused as error:
            self.product.add_error(None, refusal_text(error))
            return False
        return True

    @property
    def has_errors(self) -> bool:
        """Whether something was refused."""
        return bool(self.product.errors or any(self.statements.errors) or any(self.faq.errors))

    def _read(self) -> ProductFacts:
        data = self.product.cleaned_data
        names = {code: data[f"name_{code}"] for code in LANGUAGES if data[f"name_{code}"]}
        others = {code: text for code, text in self._facts.name.items() if code not in LANGUAGES} if self._facts else {}
        aliases = tuple(filter(None, (part.strip() for part in data["aliases"].replace("，", ",").split(","))))
        return ProductFacts(
            data["key"], {**others, **names}, data["brand"], data["category"], tuple(self._statements()),
            self.product.price(), self.product.stock(), tuple(self._faq()), aliases,
        )  # fmt: skip

    def _statements(self) -> Iterator[Fact]:
        known = {fact.id: fact.text for fact in self._facts.facts} if self._facts else {}
        taken = {row["id"] for row in self.statements.cleaned_data if row.get("id")}
        for row in self.statements.cleaned_data:
            if row.get("text_zh") or row.get("text_en"):
                name = row["id"] or _free_name(row["topic"], taken)
                yield Fact(name, Topic(row["topic"]), _texts(row, "text", known.get(name, {})), row["source"])

    def _faq(self) -> Iterator[Faq]:
        known = {entry.id: entry for entry in self._facts.faq} if self._facts else {}
        taken = {row["id"] for row in self.faq.cleaned_data if row.get("id")}
        for row in self.faq.cleaned_data:
            if row.get("question_zh") or row.get("question_en"):
                name = row["id"] or _free_name("question", taken)
                before = known.get(name)
                asked = _texts(row, "question", before.question if before else {})
                yield Faq(name, asked, _texts(row, "answer", before.answer if before else {}), row["source"])


def with_one_more(data: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Posted data with one more empty row of `part`."""
    count = int(data.get(f"{part}-TOTAL_FORMS") or 0)
    return {**{name: data[name] for name in data}, f"{part}-TOTAL_FORMS": str(min(count + 1, MAX_FACTS))}


def _free_name(stem: str, taken: set[str]) -> str:
    number = next(n for n in range(1, MAX_FACTS + 2) if f"{stem}-{n}" not in taken)
    taken.add(f"{stem}-{number}")
    return f"{stem}-{number}"


def _texts(data: Mapping[str, Any], stem: str, known: Mapping[str, str]) -> dict[str, str]:
    """The texts of the form, and those in languages the form does not show."""
    others = {code: text for code, text in known.items() if code not in LANGUAGES}
    return {**others, **{code: data[f"{stem}_{code}"] for code in LANGUAGES if data.get(f"{stem}_{code}")}}


# --- out of facts ---
def _initial(facts: ProductFacts) -> dict[str, Any]:
    price, stock = facts.price, facts.stock
    initial: dict[str, Any] = {"key": facts.id, "brand": facts.brand, "category": facts.category}
    initial |= {"aliases": ", ".join(facts.aliases), **_by_language("name", facts.name)}
    if price:
        initial |= {
            "amount": price.amount, "currency": price.currency, "basis": price.basis, "price_source": price.source,
            "valid_from": price.valid_from, "valid_until": price.valid_until, "compared": price.compared,
            "compared_basis": price.compared_basis, **_by_language("offer", price.offers),
        }  # fmt: skip
    if stock:
        initial |= {"stock_source": stock.source, "as_of": stock.as_of, "stock_until": stock.valid_until}
        initial |= {"count": stock.count, **_by_language("stock", stock.text)}
    return initial


def _rows(facts: ProductFacts | None) -> list[dict[str, Any]]:
    rows = [
        {"id": fact.id, "topic": str(fact.topic), "source": fact.source, **_by_language("text", fact.text)}
        for fact in (facts.facts if facts else ())
    ]
    return rows or [{}, {"topic": str(Topic.USAGE)}, {"topic": str(Topic.WARNING)}]


def _faq_rows(facts: ProductFacts | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"id": item.id, "source": item.source, **_by_language("question", item.question),
         **_by_language("answer", item.answer)}
        for item in (facts.faq if facts else ())
    ]  # fmt: skip
    return rows or [{}]


def _by_language(stem: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {f"{stem}_{code}": texts[code] for code in LANGUAGES if code in texts}


class ImportForm(forms.Form):
    """Facts as JSON: one product or a list, as exported here."""

    document = forms.CharField(
        label=_("Product facts as JSON"), max_length=500_000, widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("One product or a list, in the form in which they are exported."),
    )  # fmt: skip

    def clean_document(self) -> tuple[ProductFacts, ...]:
        try:
            given = json.loads(self.cleaned_data["document"])
            products = given if isinstance(given, list) else [given]
            return tuple(ProductFacts.from_json(json.dumps(one)) for one in products)
        except FactsRefused as error:
            raise forms.ValidationError(f"{refusal_text(error)} ({error.text})", code=error.code) from error
        except (ValueError, RecursionError) as error:
            text = _("This is no JSON: %(error)s.") % {"error": error}
            raise forms.ValidationError(text, code="facts_malformed") from error
