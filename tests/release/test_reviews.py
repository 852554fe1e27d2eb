"""Brand legal approves exact content, once, and nobody can approve for them."""

from __future__ import annotations

import pytest

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.errors import Refused
from compliance.release.models import Review, ReviewState, TakeState
from compliance.release.services import cancel_take, decide_review
from tests.road import World

pytestmark = pytest.mark.django_db


def codes(world: World, **changes: object) -> set[str]:
    take = world.order(**changes)  # type: ignore[arg-type]
    world.run_jobs()
    take.refresh_from_db()
    assert take.state == TakeState.HELD
    return {reason["code"] for reason in take.reasons}


def test_nothing_is_permitted_before_legal_has_read_it(world: World) -> None:
    assert {"script_not_approved", "avatar_not_approved", "campaign_not_approved"} <= codes(world)


def test_the_last_approval_starts_the_take_by_itself(world: World) -> None:
    assert world.permitted().state == TakeState.PERMITTED


def test_a_changed_word_needs_a_new_decision(world: World) -> None:
    world.permitted(text="大家好。")
    assert "script_not_approved" in codes(world, text="大家好！")


def test_an_approved_script_is_not_asked_about_again(world: World) -> None:
    world.permitted()
    world.order()
    assert Review.objects.filter(kind="script").count() == 1


def test_a_rejection_holds_the_take_and_says_so_in_both_languages(world: World) -> None:
    take = world.order()
    for review in Review.objects.all():
        decide_review(review=review, decided_by=world.legal, approve=review.kind != "script", comment="no")
    world.run_jobs()
    take.refresh_from_db()
    (reason,) = (reason for reason in take.reasons if reason["code"] == "script_rejected")
    assert (take.state, reason["text"] != reason["text_zh"]) == (TakeState.HELD, True)


@pytest.mark.parametrize("attacker", ["producer", "streamer", "legal of another brand", "asker who is also legal"])
def test_somebody_who_must_not_approve(attacker: str, world: World) -> None:
    world.order()
    review = Review.objects.first()
    assert review is not None
    if attacker == "legal of another brand":
        rival = Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)
        person = User.objects.create_user("eve@example.org", None, display_name="Eve")
        Membership.objects.create(user=person, organisation=rival, role=Role.LEGAL)
    elif attacker == "asker who is also legal":
        person = world.producer
        Membership.objects.create(user=person, organisation=world.brand, role=Role.LEGAL)
    else:
        person = getattr(world, attacker)
    with pytest.raises(Refused):
        decide_review(review=review, decided_by=person, approve=True)
    review.refresh_from_db()
    assert review.state == ReviewState.PENDING


def test_a_decision_is_not_changed_afterwards(world: World) -> None:
    world.order()
    review = Review.objects.first()
    assert review is not None
    decide_review(review=review, decided_by=world.legal, approve=False, comment="no")
    with pytest.raises(Refused, match="review_already_decided"):
        decide_review(review=review, decided_by=world.legal, approve=True)


def test_use_outside_the_grant_is_held_with_every_reason(world: World) -> None:
    found = codes(world, product_category="finance", platform="youtube", purpose="brand_story")
    assert {"category_not_granted", "platform_not_granted", "purpose_not_granted"} <= found


def test_a_market_without_rules_is_held(world: World) -> None:
    assert codes(world, markets=("CN", "BR"))


def test_a_market_whose_duty_cannot_be_checked_is_held_before_anything_is_made(world: World) -> None:
    assert "duty_not_supported" in codes(world, markets=("KR",))


def test_a_stopped_take_lets_its_permit_die(world: World) -> None:
    take = world.permitted()
    cancel_take(take=take, by=world.producer)
    take.refresh_from_db()
    assert (take.state, take.permits.filter(revoked_at__isnull=True).count()) == (TakeState.CANCELLED, 0)
    with pytest.raises(Refused, match="take_already_ended"):
        cancel_take(take=take, by=world.producer)
