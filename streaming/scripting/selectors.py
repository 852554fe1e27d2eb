"""What people may read of the catalogue and of drafts; and a catalogue's facts as of now."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import organisations_with_role
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.folding import fold
from streaming.scripting.models import Product, ProductVersion, ScriptDraft


def products_for(user: User, *roles: Role) -> QuerySet[Product]:
    """Products of the organisations in which the person holds one of `roles`; of the studio without any."""
    organisations = organisations_with_role(user, *(roles or STUDIO_ROLES))
    return Product.objects.filter(organisation__in=organisations).select_related("organisation")


def drafts_for(user: User) -> QuerySet[ScriptDraft]:
    """Drafts of the organisations for which the person produces."""
    found = ScriptDraft.objects.filter(organisation__in=organisations_with_role(user, Role.PRODUCER))
    return found.select_related("organisation", "created_by", "script", "previous")


def versions_by_id(organisation: Organisation, ids: Iterable[object]) -> list[ProductVersion]:
    """The organisation's versions of these ids, in their order; others are left out."""
    wanted = [UUID(str(item)) for item in ids]
    found = ProductVersion.objects.filter(product__organisation=organisation).select_related("product").in_bulk(wanted)
    return [found[item] for item in wanted if item in found]


def named_in(text: str, organisation: Organisation) -> list[ProductVersion]:
    """The newest versions of the organisation's products that a text names."""
    said = fold(text).tight.text
    current = [
        product.current for product in Product.objects.filter(organisation=organisation, retired_at__isnull=True)
    ]
    return [version for version in current if _is_named(version.facts(), said)]


def _is_named(facts: ProductFacts, said: str) -> bool:
    names = (fold(name).tight.text for name in (*facts.name.values(), *facts.aliases))
    return any(name and name in said for name in names)


def addresses(versions: Iterable[ProductVersion]) -> dict[str, str]:
    """The page of each version by the product's key."""
    return {
        version.product.key: f"{reverse('scripting:product', args=[version.product_id])}?version={version.number}"
        for version in versions
    }
