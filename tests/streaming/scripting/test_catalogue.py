"""Product facts: kept in versions, changed by a form that says beside each field what is wrong."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from streaming.demo import FACTS
from streaming.dialogue.facts import ProductFacts
from streaming.forms import RoomForm
from streaming.scripting.errors import CatalogueRefused
from streaming.scripting.models import Product, ProductVersion
from streaming.scripting.services import save_product

from .conftest import Studio


class _Fields(HTMLParser):
    """What a browser would post from a page's form."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self._name, self._select = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name") and given.get("type") != "radio" and "disabled" not in given:
            self.data[str(given["name"])] = given.get("value") or ""
        elif tag == "textarea":
            self._name = str(given["name"])
            self.data[self._name] = ""
        elif tag == "select":
            self._select = str(given["name"])
        elif tag == "option" and ("selected" in given or self._select not in self.data):
            self.data[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self._name = "" if tag == "textarea" else self._name

    def handle_data(self, data: str) -> None:
        if self._name:
            self.data[self._name] += data.removeprefix("\n").removeprefix("\r\n")


def form_of(client: Client, address: str) -> dict[str, str]:
    parser = _Fields()
    parser.feed(client.get(address).content.decode())
    return parser.data


def errors_in(response: Any, field: str) -> str:
    """The error list shown with the field, or nothing."""
    page = response.content.decode()
    before = page.partition(f'name="{field}"')[0]
    return before.rpartition('class="field')[2]


def test_a_version_is_named_by_the_digest_of_its_facts(studio: Studio) -> None:
    assert studio.cream.digest == FACTS.digest
    assert studio.cream.facts() == ProductFacts.from_json(FACTS.to_json())


def test_the_form_gives_back_what_it_shows(studio: Studio) -> None:
    """Opening and saving without a change makes no new version."""
    client = studio.client(studio.producer)
    address = f"/studio/products/{studio.cream.product_id}/edit/"
    response = client.post(address, form_of(client, address))
    assert response.status_code == 302, response.content.decode()
    assert studio.cream.product.versions.count() == 1


def test_a_change_makes_a_version_and_leaves_the_old_one_alone(studio: Studio) -> None:
    client = studio.client(studio.producer)
    address = f"/studio/products/{studio.cream.product_id}/edit/"
    data = form_of(client, address) | {"amount": "189.00", "facts-1-text_zh": "质地清爽，不黏手。"}
    assert client.post(address, data).status_code == 302
    newest = studio.cream.product.current
    facts = newest.facts()
    assert (newest.number, str(facts.price and facts.price.amount)) == (2, "189.00")
    assert facts.facts[1].id == "feel"
    assert facts.facts[1].text["zh"] == "质地清爽，不黏手。"
    assert ProductVersion.objects.get(number=1).facts() == FACTS
    page = client.get(f"/studio/products/{studio.cream.product_id}/?version=1").content.decode()
    assert "抹开以后不黏手" in page


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"facts-0-source": ""}, "facts-0-source"),
        ({"basis": ""}, "basis"),
        ({"amount": "0"}, "amount"),
        ({"compared": "150", "compared_basis": "shop in May"}, "compared"),
        ({"compared": "250"}, "compared_basis"),
        ({"stock_zh": "还有五十瓶。"}, "as_of"),
        ({"faq-0-answer_zh": ""}, "faq-0-answer_zh"),
        ({"name_zh": "", "name_en": ""}, "name_zh"),
        ({"facts-0-text_zh": "好" * 601}, "facts-0-text_zh"),
        ({"valid_from": "soon"}, "valid_from"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(studio: Studio, change: dict[str, str], field: str) -> None:
    client = studio.client(studio.producer)
    address = f"/studio/products/{studio.cream.product_id}/edit/"
    response = client.post(address, form_of(client, address) | change)
    assert response.status_code == 422
    assert "errorlist" in errors_in(response, field)
    assert studio.cream.product.versions.count() == 1


def test_a_product_is_described_row_by_row(studio: Studio) -> None:
    client = studio.client(studio.producer)
    data = form_of(client, "/studio/products/new/")
    data |= {"key": "mask", "name_zh": "面膜", "brand": "Lumen", "category": "cosmetics", "do": "more-facts"}
    longer = client.post("/studio/products/new/", data)
    assert longer.status_code == 200
    parser = _Fields()
    parser.feed(longer.content.decode())
    data = parser.data
    assert (data["key"], data["facts-TOTAL_FORMS"]) == ("mask", "4")
    data |= {"facts-0-text_zh": "每盒五片。", "facts-0-source": "label"}
    data |= {"facts-3-topic": "warning", "facts-3-text_zh": "请避开眼部。", "facts-3-source": "leaflet", "do": "save"}
    assert client.post("/studio/products/new/", data).status_code == 302
    facts = Product.objects.get(key="mask").current.facts()
    assert [(fact.id, str(fact.topic)) for fact in facts.facts] == [("claim-1", "claim"), ("warning-1", "warning")]


def test_export_and_import_lead_back_to_the_same_digest(studio: Studio) -> None:
    client = studio.client(studio.producer)
    exported = client.get(f"/studio/products/{studio.cream.product_id}/facts.json").content.decode()
    other = json.loads(exported) | {"id": "cream-2"}
    response = client.post("/studio/products/import/", {"document": json.dumps([json.loads(exported), other])})
    assert response.status_code == 302
    assert studio.cream.product.versions.count() == 1
    assert Product.objects.get(key="cream-2").current.facts().price == FACTS.price


@pytest.mark.parametrize("document", ["{", "[1]", '{"id": "x"}', "[" * 100_000, '{"schema": "other", "facts": []}'])
def test_an_import_that_cannot_be_read_changes_nothing(studio: Studio, document: str) -> None:
    response = studio.client(studio.producer).post("/studio/products/import/", {"document": document})
    assert response.status_code == 422
    assert Product.objects.count() == 1


def test_facts_altered_in_the_database_are_refused(studio: Studio) -> None:
    altered = studio.cream.document.replace("199", "99")
    ProductVersion.objects.filter(pk=studio.cream.pk).update(document=altered)
    with pytest.raises(CatalogueRefused, match="product_altered"):
        ProductVersion.objects.get(pk=studio.cream.pk).facts()


def test_legal_reads_and_only_producers_write(studio: Studio) -> None:
    client = studio.client(studio.legal)
    assert client.get(f"/studio/products/{studio.cream.product_id}/").status_code == 200
    assert client.get(f"/studio/products/{studio.cream.product_id}/edit/").status_code == 404
    with pytest.raises(CatalogueRefused, match="product_not_yours"):
        save_product(organisation=studio.brand, by=studio.legal, facts=FACTS, product=studio.cream.product)


def test_a_retired_product_is_no_longer_offered(studio: Studio) -> None:
    client = studio.client(studio.producer)
    client.post(f"/studio/products/{studio.cream.product_id}/retire/")
    assert "No products yet" in client.get("/studio/desk/").content.decode()
    client.post(f"/studio/products/{studio.cream.product_id}/retire/")
    assert "Jasmine Tea Cream" in client.get("/studio/desk/").content.decode()


def test_a_second_product_of_the_same_name_is_refused(studio: Studio) -> None:
    with pytest.raises(CatalogueRefused, match="product_key_taken"):
        save_product(organisation=studio.brand, by=studio.producer, facts=FACTS)


def test_a_room_can_be_planned_with_products_of_the_catalogue(studio: Studio) -> None:
    form = RoomForm({"catalogue": [str(studio.cream.product_id)]}, user=studio.producer)
    form.is_valid()
    assert "catalogue" not in form.errors
    assert form.cleaned_data["products"] == (FACTS,)
    stranger = RoomForm({"catalogue": [str(studio.cream.product_id)]}, user=studio.legal)
    assert "catalogue" in stranger.errors
