"""What the database itself refuses, whoever holds the connection."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from compliance.consent import guards, services
from compliance.consent.models import ConsentEvent, Grant, Notice


def refused(act) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        act()


@pytest.mark.django_db
def test_all_guards_stand_after_all_migrations():
    assert guards.missing(connection) == set()


def test_attack_change_or_delete_a_grant(give):
    grant = give()
    rows = Grant.objects.filter(pk=grant.pk)
    refused(lambda: rows.update(terms={}))
    refused(lambda: rows.update(ends_at=timezone.now()))
    refused(lambda: rows.update(digest="0" * 64))
    refused(lambda: grant.save())
    refused(lambda: rows._raw_delete(rows.db))


def test_attack_a_receipt_is_written_once(give):
    rows = Grant.objects.filter(pk=give().pk)
    rows.update(receipt={"payload": {}})
    refused(lambda: rows.update(receipt={"payload": {"other": 1}}))
    refused(lambda: rows.update(receipt=None))


def test_attack_rewrite_the_events(give):
    events = ConsentEvent.objects.filter(grant=give())
    refused(lambda: events.update(state="refused"))
    refused(lambda: events.delete())


def test_attack_rewrite_the_notice_after_the_fact(give):
    notices = Notice.objects.filter(pk=give().notice_id)
    refused(lambda: notices.update(content={"title": "Everything is allowed"}))


def test_attack_revive_a_withdrawn_grant(give, ming, effects):
    grant = give()
    services.withdraw_grant(grant=grant, by=ming)
    refused(
        lambda: ConsentEvent.objects.create(
            grant=grant, number=9, state="re-confirmed", at=timezone.now(), entity=ming, method="api"
        )
    )
