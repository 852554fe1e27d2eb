"""The public pages: the same for everybody, read-only, and enough to verify with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance.ledger import merkle, selectors, signing
from compliance.ledger.checkpoint import open_checkpoint
from compliance.ledger.models import LogEntry
from compliance.ledger.note import VerifierKey, decode64
from compliance.ledger.tlog_proof import TlogProof

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keystore")]


def test_page_before_the_first_entry(client: Client) -> None:
    assert client.get(reverse("ledger:home")).status_code == 200
    assert client.get(reverse("ledger:checkpoint")).status_code == 404
    assert client.get(reverse("ledger:proof", args=[0])).status_code == 404


def test_page_shows_size_root_and_key_without_an_account(client: Client, log: Callable[..., Any]) -> None:
    log(30, batch=30)
    page = client.get(reverse("ledger:home")).content.decode()
    newest = selectors.latest_checkpoint()
    assert newest is not None
    assert signing.log_key().to_vkey().replace("+", "+") in page.replace("&#x2B;", "+")
    assert page.count("/proof") == 25
    assert client.get(reverse("ledger:home"), {"page": "2"}).content.decode().count("/proof") == 5


def test_stranger_verifies_an_entry_with_what_the_site_serves(client: Client, log: Callable[..., Any]) -> None:
    log(9, batch=4)
    key = VerifierKey.from_vkey(client.get(reverse("ledger:key")).content.decode().strip())
    head = open_checkpoint(client.get(reverse("ledger:checkpoint")).content.decode(), [key])
    leaf = client.get(reverse("ledger:entry", args=[5])).content
    proof = TlogProof.parse(client.get(reverse("ledger:proof", args=[5])).content.decode())
    assert proof.verify(leaf, [key]) == head
    old = merkle.root_of(bytes(e.leaf_hash) for e in LogEntry.objects.all()[:4])
    lines = client.get(reverse("ledger:consistency", args=[4, 9])).content.decode().split()
    merkle.verify_consistency(
        old_size=4, new_size=9, old_root=old, new_root=head.root, proof=[decode64(line) for line in lines]
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("entry", [2]),
        ("proof", [2]),
        ("entry", [10**30]),
        ("proof", [10**30]),
        ("consistency", [2, 1]),
        ("consistency", [1, 3]),
    ],
)
def test_what_is_not_in_the_log_is_404(
    client: Client, log: Callable[..., Any], name: str, arguments: list[int]
) -> None:
    log(2, batch=2)
    assert client.get(reverse(f"ledger:{name}", args=arguments)).status_code == 404


@pytest.mark.parametrize("name", ["home", "checkpoint", "key"])
def test_nothing_can_be_sent(client: Client, name: str) -> None:
    assert client.post(reverse(f"ledger:{name}")).status_code == 405


def test_page_costs_a_fixed_number_of_queries(
    client: Client, log: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    log(40, batch=40)
    with django_assert_max_num_queries(6):
        client.get(reverse("ledger:home"))
