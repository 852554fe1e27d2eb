"""Owner, colleague, stranger at every door. The doors are read from the URLconf: a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from avatars.models import Avatar, Recording, Script
from avatars.vault import seal_bytes
from compliance import storage
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.consent.asking import request_grant, request_use
from compliance.consent.models import Grant
from compliance.consent.terms import GrantTerms
from compliance.release.models import Mark, Permit, Quarantine, Release, Review, Take
from streaming.archive.models import Part, PartState
from streaming.demo import FACTS
from streaming.models import Air, Room
from streaming.scripting.models import Product, ScriptDraft
from streaming.scripting.services import revise_script, save_product
from tests.road import World

pytestmark = pytest.mark.django_db

# Open to everybody by intent; each with the reason.
PUBLIC = {
    "accounts:home": "the start page",
    "accounts:language": "a language choice is nobody's secret",
    "rooms:watch": "a broadcast is for everybody",
    "rooms:demonstration": "a broadcast is for everybody",
    "api-room-comments": "the signature of the room's secret is the key; tests/streaming/doors",
    "rooms:watch-state": "a broadcast is for everybody",
    "rooms:media": "a broadcast is for everybody",
    "rooms:comment": "a broadcast is for everybody",
    "inspection:verify": "anybody may ask",
    "inspection:result": "the unguessable id is the key; whoever asked has it",
    "ledger:home": "the log is public",
    "ledger:checkpoint": "the log is public",
    "ledger:key": "the log is public",
    "ledger:consistency": "the log is public",
    "ledger:entry": "the log is public and names no person",
    "ledger:proof": "the log is public",
    "api-schema": "a description of the interface",
    "api-root": "a list of routes",
    "api-inspections": "anybody may ask",
    "api-inspection": "the unguessable id is the key",
}
# Of allauth: it guards its own pages, each acts on the account that is signed in.
OWN_ACCOUNT = ("account_", "mfa_", "socialaccount_", "usersessions_")


def routes(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for item in resolver.url_patterns:
        if isinstance(item, URLResolver):
            inner = f"{namespace}{item.namespace}:" if item.namespace else namespace
            yield from routes(item, inner)
        elif item.name:
            yield f"{namespace}{item.name}", item


ROUTES = sorted({name for name, _pattern in routes(get_resolver())})
GUARDED = [name for name in ROUTES if name not in PUBLIC and not name.startswith(OWN_ACCOUNT)]


@pytest.fixture
def things(world: World) -> dict[str, Any]:
    """One of everything, all of it the brand's."""
    grant = world.grant
    take = world.order()
    mark = Mark.objects.create(value="0123456789abcdef", take=take, key_id="k")
    now = timezone.now()
    permit = Permit.objects.create(
        take=take, grant=grant, mark=mark, envelope={}, pattern="", issued_at=now, expires_at=now
    )
    release = Release.objects.create(
        take=take,
        organisation=world.brand,
        grant=grant,
        permit=permit,
        mark=mark,
        sha256="f" * 64,
        size=4,
        file=storage.save_bytes(f"releases/{take.id}/x.mp4", b"film"),
        duration_s=3.0,
        manifest_label="urn:c2pa:x",
        measurement={"picture": {"width": 640, "height": 360}, "label": None},
        decision={"outcome": "allow", "phase": "finished", "duties": [], "reasons": [], "packs": [], "facts": {}},
        credentials={"state": "trusted"},
    )
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, poster=seal_bytes(grant.pk, "posters/x.jpg", b"still"),
        preview=seal_bytes(grant.pk, "previews/x.mp4", b"film"),
        pictures={"1": seal_bytes(grant.pk, "findings/x.jpg", b"still")},
        comparison={"pairs": 2 * [
            {"picture": seal_bytes(grant.pk, "comparisons/x.jpg", b"still"), "at_s": 1, "sound": "a", "opening": 0.1,
             "drawn_opening": 0.1}
        ]},
    )  # fmt: skip
    script = Script.objects.create(
        organisation=world.brand, created_by=world.producer, title="S", language="zh", text="好", estimated_s=1.0
    )
    recording = Recording.objects.create(
        organisation=world.brand, created_by=world.producer, avatar=avatar, script=script, source="upload", name="x",
        sound=seal_bytes(grant.pk, "recordings/x.wav", b"sound"), sha256="d" * 64, seconds=1.0, state="ready",
    )  # fmt: skip
    Quarantine.objects.create(take=take, organisation=world.brand, file="", sha256="e" * 64, reasons=[])
    room = Room.objects.create(
        organisation=world.brand, created_by=world.producer, take=take, avatar=avatar, title="R", plan={"rundown": []}
    )
    Air.objects.create(room=room)
    part = Part.objects.create(
        room=room, first_sequence=0, last_sequence=0, start_ns=0, end_ns=1_000_000_000, state=PartState.SIGNED,
        file=storage.save_bytes(f"archives/{room.id}/x.mp4", b"film"),
    )  # fmt: skip
    request = request_grant(
        principal=world.streamer, grantee=world.brand, terms=GrantTerms.from_json(grant.terms),
        requested_by=world.producer,
    )  # fmt: skip
    review = Review.objects.filter(organisation=world.brand).first()
    approval = request_use(grant=grant, use_id=take.id, description="S", requested_by=world.producer)
    membership = Membership.objects.get(user=world.legal)
    product = save_product(organisation=world.brand, by=world.producer, facts=FACTS).product
    draft = revise_script(script=script, by=world.producer)
    return {
        "grant": grant, "take": take, "release": release, "avatar": avatar, "script": script, "review": review,
        "recording": recording,
        "room": room, "part": part, "request": request, "organisation": world.brand, "approval": approval,
        "membership": membership, "product": product, "draft": draft,
    }  # fmt: skip


# Route -> which of the things its id belongs to.
SUBJECT = {
    "consent:": "grant", "api-grant": "grant", "api-take": "take", "api-release": "release", "release:": "release",
    "studio:avatar": "avatar", "studio:avatar-record": "grant",
    "studio:recording": "recording", "studio:recording-new": "script",
    "studio:script": "script", "studio:take": "take", "legal:review": "review",
    "audit:": "release", "accounts:": "organisation", "rooms:": "room", "archive:": "room", "archive:film": "part",
    "scripting:product": "product", "scripting:desk": "draft", "scripting:revise": "script",
}  # fmt: skip


def subject_of(name: str) -> str:
    fitting = [prefix for prefix in SUBJECT if name.startswith(prefix)]
    assert fitting, f"{name} takes an id, but this test does not know of what: add it to SUBJECT or PUBLIC"
    return SUBJECT[max(fitting, key=len)]


def address(name: str, things: dict[str, Any]) -> tuple[str, bool]:
    """The route's address for a thing of the brand, and whether it names one at all."""
    pattern = dict(routes(get_resolver()))[name]
    parameters = list(pattern.pattern.converters) or list(getattr(pattern.pattern.regex, "groupindex", {}))
    parameters = [parameter for parameter in parameters if parameter != "format"]
    if not parameters:
        return reverse(name), False
    named = {f"{kind}_{key}": thing.pk for kind, thing in things.items() for key in ("id", "pk")}
    subject = things[subject_of(name)].pk
    named["number"] = 1
    return reverse(name, kwargs={p: named.get(p, subject) for p in parameters}), True


def person(name: str, organisation: Organisation, *roles: Role) -> Client:
    user = User.objects.create_user(f"{name}@example.org", None, display_name=name)
    for role in roles:
        Membership.objects.create(user=user, organisation=organisation, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("name", GUARDED)
def test_a_stranger_learns_nothing(name: str, things: dict[str, Any]) -> None:
    """Somebody with every ordinary role, but at another brand, meets 404 wherever a thing is named."""
    rival = Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)
    stranger = person("eve", rival, Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR, Role.STREAMER, Role.REGULATOR)
    url, names_a_thing = address(name, things)
    before = _state(things)
    for response in (stranger.get(url), stranger.post(url, {})):
        if names_a_thing:
            assert response.status_code in (404, 405), f"{name}: {response.status_code}"
        assert str(things["release"].id) not in response.content.decode("utf-8", "replace").replace(url, "")
    assert _state(things) == before


@pytest.mark.parametrize("name", GUARDED)
def test_a_nameless_visitor_is_sent_to_sign_in(name: str, things: dict[str, Any]) -> None:
    url, _names = address(name, things)
    for response in (Client().get(url), Client().post(url, {})):
        assert response.status_code in (302, 401, 403, 404, 405), f"{name}: {response.status_code}"
        if response.status_code == 302:
            assert response.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", [n for n in GUARDED if not n.startswith(("audit:",))])
def test_no_door_breaks_for_owner_or_colleague(name: str, things: dict[str, Any], world: World) -> None:
    """Colleagues with all roles and the person shown get an answer at every door; none of them an error."""
    colleague = person("col", world.brand, Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)
    owner = Client()
    owner.force_login(world.streamer)
    url, _names = address(name, things)
    answers = [client.get(url).status_code for client in (colleague, owner)]
    assert all(status < 500 for status in answers), f"{name}: {answers}"
    assert min(answers) != 404 or 405 in answers, f"{name}: nobody of the brand can open it: {answers}"


def test_a_regulator_of_a_brand_is_no_regulator(things: dict[str, Any], world: World) -> None:
    fake = person("mallory", world.brand, Role.REGULATOR)
    for name in (n for n in GUARDED if n.startswith("audit:")):
        assert fake.get(address(name, things)[0]).status_code == 404


def test_an_authority_opens_every_page_of_the_portal(things: dict[str, Any]) -> None:
    office = Organisation.objects.create(name="Office", kind=OrganisationKind.AUTHORITY)
    regulator = person("rui", office, Role.REGULATOR)
    # The bundle needs the log to have taken up the release, which this test does not wait for.
    for name in (n for n in GUARDED if n.startswith("audit:") and n != "audit:bundle"):
        assert regulator.get(address(name, things)[0]).status_code == 200, name


def _state(things: dict[str, Any]) -> list[Any]:
    """What a stranger's POST must not have changed."""
    ids: list[UUID] = [things[name].pk for name in ("grant", "take", "release", "avatar", "script")]
    return [
        Grant.objects.get(pk=ids[0]).events.count(),
        Take.objects.get(pk=ids[1]).state,
        Release.objects.get(pk=ids[2]).state,
        Avatar.objects.get(pk=ids[3]).state,
        Script.objects.count(),
        ScriptDraft.objects.count(),
        things["product"].versions.count(),
        Product.objects.get(pk=things["product"].pk).retired_at,
        Membership.objects.filter(organisation=things["organisation"]).count(),
    ]
