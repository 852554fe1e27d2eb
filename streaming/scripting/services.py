"""The verbs of the script desk: keep product facts, draft, correct, and make a script of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.models import Script
from avatars.services import write_script
from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import has_role
from streaming.dialogue.chat_client import ChatClient, ModelDesk, ModelSettings
from streaming.dialogue.drafting import Tone
from streaming.dialogue.errors import DraftRefused
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard
from streaming.dialogue.model_lines import ModelAccess
from streaming.dialogue.speaking import phrases
from streaming.dialogue.spending import CircuitBreaker
from streaming.model_key import model_key
from streaming.scripting.checking import Checked, Lack, policy_for
from streaming.scripting.composing import Composed, Wish, compose
from streaming.scripting.errors import CatalogueRefused, DeskRefused
from streaming.scripting.lines import Author, Line, one_line
from streaming.scripting.models import Product, ProductVersion, ScriptDraft
from streaming.scripting.provenance import check_now, lines_of, provenance_of, versions_of
from streaming.scripting.selectors import versions_by_id

MOST_LINES, MOST_CHARS = 200, 8000
# Words for the body of a minute's script; a room's answer is far shorter.
_MODEL_TOKENS = 2000


# --- the catalogue ---
@transaction.atomic
def save_product(
    *, organisation: Organisation, by: User, facts: ProductFacts, product: Product | None = None
) -> ProductVersion:
    """Keep facts as the next version of `product`, or as a new product. Unchanged facts make no version.

    Raises:
        CatalogueRefused: product_not_yours, product_key_taken, product_key_differs.
    """
    if not has_role(by, organisation, Role.PRODUCER):
        raise CatalogueRefused("product_not_yours", _("Only producers of this organisation can change its products."))
    if product is None:
        if Product.objects.filter(organisation=organisation, key=facts.id).exists():
            text = _("There is a product “%(key)s” already. Open it to change it, or choose another short name.")
            raise CatalogueRefused("product_key_taken", text % {"key": facts.id})
        product = Product.objects.create(organisation=organisation, key=facts.id, created_by=by)
    elif product.key != facts.id:
        text = _("These facts are about “%(other)s”, not about “%(key)s”.")
        raise CatalogueRefused("product_key_differs", text % {"other": facts.id, "key": product.key})
    latest = Product.objects.select_for_update().get(pk=product.pk).versions.first()
    if latest and latest.digest == facts.digest:
        return latest
    number = latest.number + 1 if latest else 1
    return ProductVersion.objects.create(
        product=product, number=number, digest=facts.digest, document=facts.to_json(), created_by=by
    )


@transaction.atomic
def import_products(*, organisation: Organisation, by: User, products: Sequence[ProductFacts]) -> list[ProductVersion]:
    """Keep each as a new product or as the next version of the one with its short name; all or none."""
    known = {product.key: product for product in Product.objects.filter(organisation=organisation)}
    return [
        save_product(organisation=organisation, by=by, facts=facts, product=known.get(facts.id)) for facts in products
    ]


def retire_product(*, product: Product, retired: bool) -> Product:
    """Take a product out of every choice, or put it back. What was made with it keeps its facts."""
    product.retired_at = timezone.now() if retired else None
    product.save(update_fields=["retired_at"])
    return product


# --- drafting ---
@dataclass(frozen=True)
class Order:
    """What a producer wants written, for which products."""

    title: str
    versions: tuple[ProductVersion, ...]
    wish: Wish

    @property
    def products(self) -> tuple[ProductFacts, ...]:
        return tuple(version.facts() for version in self.versions)


def start_draft(*, organisation: Organisation, by: User, order: Order, use_model: bool) -> ScriptDraft:
    """Draft a script by the composer, or by the language model where the operator has set one up.

    Whatever the model does, there is a draft; what went wrong stands in its `incidents`.

    Raises:
        DraftRefused: as `streaming.scripting.composing.compose`.
    """
    composed = _composed(organisation, order, use_model=use_model)
    wish = order.wish
    return ScriptDraft.objects.create(
        organisation=organisation, created_by=by, title=order.title[:120], language=wish.language, tone=str(wish.tone),
        audience=wish.audience[:200], seconds=wish.seconds, basis=[str(version.id) for version in order.versions],
        lines=[line.to_json() for line in composed.lines], omitted=composed.omitted, incidents=composed.incidents,
    )  # fmt: skip


def model_is_there() -> bool:
    """Whether the operator has set up a language model for drafts."""
    return bool(settings.AVOW_MODEL_URL and settings.AVOW_MODEL_NAME)


def _composed(organisation: Organisation, order: Order, *, use_model: bool) -> Composed:
    products, now = order.products, timezone.now()
    if not products:
        raise DraftRefused("draft_products", "Choose at least one product, and at least 15 seconds of speech for each.")
    guard = Guard(policy_for(organisation.name, products, order.wish.language))
    if not (use_model and model_is_there()):
        return compose(products, order.wish, guard=guard, now=now)
    # A person waits for this: the time is shared by the products, and a dead server costs it once only.
    desk = ModelDesk()
    try:
        once = CircuitBreaker(threshold=1, rest_s=settings.AVOW_MODEL_DRAFT_S)
        access = ModelAccess(desk, ChatClient(_model_settings(len(products)), breaker=once))
        return compose(products, order.wish, guard=guard, now=now, access=access)
    finally:
        desk.close()


def _model_settings(products: int) -> ModelSettings:
    total = settings.AVOW_MODEL_DRAFT_S / products
    return ModelSettings(
        settings.AVOW_MODEL_URL, settings.AVOW_MODEL_NAME, model_key(),
        connect_s=min(1.5, total), first_token_s=total, total_s=total, max_tokens=_MODEL_TOKENS,
    )  # fmt: skip


def revise_script(*, script: Script, by: User) -> ScriptDraft:
    """Take a script to the desk: its lines, and the newest facts of its products."""
    named = versions_of(script.organisation, script.provenance)
    newest = [version.product.current for version in named]
    wish = script.provenance.get("wish") or {}
    return ScriptDraft.objects.create(
        organisation=script.organisation, created_by=by, previous=script, title=script.title, language=script.language,
        tone=wish.get("tone", str(Tone.PLAIN)), audience=wish.get("audience", ""), seconds=script.estimated_s,
        basis=[str(version.id) for version in newest], lines=[line.to_json() for line in lines_of(script)],
    )  # fmt: skip


# --- at the desk ---
def as_left(draft: ScriptDraft, texts: Sequence[str], by: User) -> list[Line]:
    """A line for each text a person left in the form: the draft's own in their places, what follows is new and theirs.

    Raises:
        DeskRefused: draft_changed_meanwhile, when there are fewer texts than lines; draft_too_long.
    """
    stored = [Line.from_json(item) for item in draft.lines]
    if len(texts) < len(stored):
        raise DeskRefused("draft_changed_meanwhile", _("The draft has changed meanwhile. Open it again."))
    if len(texts) > MOST_LINES or sum(map(len, texts)) > MOST_CHARS:
        raise DeskRefused("draft_too_long", _("A script has at most 200 lines and 8,000 characters. Divide it."))
    more = [Line("", Author.PERSON, str(by))] * (len(texts) - len(stored))
    return [line.reworded(one_line(text), str(by)) for line, text in zip([*stored, *more], texts, strict=True)]


def corrected(draft: ScriptDraft, texts: Sequence[str], by: User) -> list[Line]:
    """The draft's lines as a person left them; empty ones fall away. Raises as `as_left`."""
    return [line for line in as_left(draft, texts, by) if line.text]


def check_draft(draft: ScriptDraft, lines: Sequence[Line]) -> Checked:
    """The guard's word on lines of a draft, now."""
    products = [version.facts() for version in basis_of(draft)]
    return check_now(draft.organisation, lines, products, draft.language, timezone.now())


def basis_of(draft: ScriptDraft) -> list[ProductVersion]:
    """The product versions a draft rests on."""
    return versions_by_id(draft.organisation, draft.basis)


@transaction.atomic
def save_draft(*, draft: ScriptDraft, revision: int, title: str, lines: Sequence[Line]) -> ScriptDraft:
    """Keep the lines as they are, findings or not.

    Raises:
        DeskRefused: draft_finished, draft_changed_meanwhile.
    """
    draft = _open(draft.pk, revision)
    draft.lines, draft.revision = [line.to_json() for line in lines], revision + 1
    draft.title = one_line(title)[:120] or draft.title
    draft.save()
    return draft


@transaction.atomic
def finish_draft(*, draft: ScriptDraft, revision: int, by: User) -> Script:
    """Make the draft, as it is saved, a version of a script, with everything its lines rest on.

    Raises:
        DeskRefused: draft_finished, draft_changed_meanwhile, draft_empty, draft_has_findings, draft_lacks_duties,
            draft_not_yours.
        ScriptRefused: as `avatars.services.write_script`.
    """
    draft = _open(draft.pk, revision)
    if not has_role(by, draft.organisation, Role.PRODUCER):
        raise DeskRefused("draft_not_yours", _("Only producers of this organisation can finish this draft."))
    lines = [Line.from_json(item) for item in draft.lines]
    checked = check_draft(draft, lines)
    _require_ready(checked)
    wish = {"audience": draft.audience, "tone": draft.tone, "seconds": draft.seconds}
    draft.script = write_script(
        organisation=draft.organisation,
        created_by=by,
        title=draft.title,
        language=draft.language,
        text="\n".join(line.text for line in lines),
        previous=draft.previous,
        provenance=provenance_of(checked, basis_of(draft), wish),
    )
    draft.save()
    return draft.script


def _open(pk: UUID, revision: int) -> ScriptDraft:
    draft = ScriptDraft.objects.select_for_update(of=("self",)).select_related("organisation", "previous").get(pk=pk)
    if draft.script_id is not None:
        raise DeskRefused("draft_finished", _("This draft has become a script already."))
    if draft.revision != revision:
        raise DeskRefused("draft_changed_meanwhile", _("The draft has changed meanwhile. Open it again."))
    return draft


def _require_ready(checked: Checked) -> None:
    if not checked.lines:
        raise DeskRefused("draft_empty", _("There is no line to be spoken."))
    if checked.stopped:
        text = _("Lines that break a rule: %(count)d. Change them, or keep this as a draft.")
        raise DeskRefused("draft_has_findings", text % {"count": checked.stopped})
    if checked.lacks:
        raise DeskRefused("draft_lacks_duties", _("What every script must say is missing. Add it, or keep a draft."))


def with_duties(draft: ScriptDraft, lines: Sequence[Line], lacks: Sequence[Lack]) -> list[Line]:
    """The lines with what is missing in the house's own words: who speaks at the beginning, warnings before the end."""
    first, warnings = list[Line](), list[Line]()
    for lack in lacks:
        if lack.code == "no_disclosure":
            opening = phrases("opening", draft.language)[0].format(operator=draft.organisation.name)
            first.append(Line(opening, Author.COMPOSER, section="opening"))
        elif lack.code == "warning_missing":
            warnings.append(Line(lack.text, Author.COMPOSER, "", lack.product, (lack.fact,), "warnings"))
    end = next((i for i, line in enumerate(lines) if line.section == "closing"), len(lines))
    return [*first, *lines[:end], *warnings, *lines[end:]]
