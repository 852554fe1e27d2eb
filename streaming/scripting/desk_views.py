"""The desk: from product facts to a script that brand legal can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from avatars.selectors import scripts_for
from compliance.accounts.access import active_organisation, role_required, signed_in
from compliance.accounts.models import Role
from compliance.errors import AvowError
from streaming.dialogue.drafting import estimate_seconds
from streaming.scripting import selectors, services
from streaming.scripting.desk_forms import DraftForm
from streaming.scripting.errors import DeskRefused
from streaming.scripting.lines import Author, Line
from streaming.scripting.models import ScriptDraft

producer = role_required(Role.PRODUCER)


@require_http_methods(["GET", "POST"])
@producer
def draft_new(request: HttpRequest) -> HttpResponse:
    """Say what is wanted, and have it drafted."""
    organisation, user = active_organisation(request, Role.PRODUCER), signed_in(request)
    initial = {"products": request.GET.getlist("products")}
    form = DraftForm(request.POST or None, initial=initial, organisation=organisation)
    if request.method == "POST" and form.is_valid():
        use_model = form.cleaned_data.get("writer") == "model"
        try:
            draft = services.start_draft(organisation=organisation, by=user, order=form.order(), use_model=use_model)
        except AvowError as error:
            form.add_error(None, _refusal(error))
        else:
            return redirect("scripting:desk", draft.pk)
    context = {"form": form, "drafts": selectors.drafts_for(user).filter(script__isnull=True)[:20]}
    return render(request, "scripting/draft_new.html", context, status=422 if form.errors else 200)


def _refusal(error: AvowError) -> str:
    texts = {
        "draft_products": _("Choose at least one product, and at least 15 seconds of speech for each."),
        "draft_language": _("A product has no texts in this language. Add them to its facts, or choose another."),
        "draft_length": _("Choose a length of 15 to 600 seconds."),
        "draft_without_facts": _("A product has no statement in this language that could be spoken. Add one."),
    }
    return texts.get(error.code, error.text)


@require_http_methods(["GET", "POST"])
@producer
def desk(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One draft: correct it, keep it, or make it a script."""
    draft = get_object_or_404(selectors.drafts_for(signed_in(request)), pk=pk)
    if draft.script_id is not None:
        return redirect("studio:script", draft.script_id)
    if request.method == "GET":
        return _page(request, draft, [Line.from_json(item) for item in draft.lines])
    try:
        return _save(request, draft)
    except AvowError as error:
        messages.error(request, error.text)
        return _page(request, draft, _as_posted(request, draft), status=error.http_status)


def _as_posted(request: HttpRequest, draft: ScriptDraft) -> list[Line]:
    """What was typed, so that a refusal loses nothing; the stored lines where even that cannot be read."""
    try:
        return services.corrected(draft, request.POST.getlist("line"), signed_in(request))
    except DeskRefused:
        return [Line.from_json(item) for item in draft.lines]


def _save(request: HttpRequest, draft: ScriptDraft) -> HttpResponse:
    user, do = signed_in(request), request.POST.get("do", "save")
    lines = services.corrected(draft, request.POST.getlist("line"), user)
    if do == "duties":
        lines = services.with_duties(draft, lines, services.check_draft(draft, lines).lacks)
    draft = services.save_draft(
        draft=draft, revision=_number(request, "revision"), title=request.POST.get("title", ""), lines=lines
    )
    if do == "ready":
        script = services.finish_draft(draft=draft, revision=draft.revision, by=user)
        messages.success(request, _("Saved as a script. Ordering a take asks brand legal."))
        return redirect("studio:script", script.pk)
    if do != "duties":
        messages.success(request, _("Kept as a draft."))
    return redirect("scripting:desk", draft.pk)


@require_POST
@producer
def desk_check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What one line rests on and breaks as it stands in the form, and the sum over all; nothing is kept."""
    draft = get_object_or_404(selectors.drafts_for(signed_in(request)), pk=pk)
    place, texts = _number(request, "place"), request.POST.getlist("line")
    lines = services.as_left(draft, texts, signed_in(request))
    if place >= len(lines):
        raise Http404
    checked = services.check_draft(draft, [line for line in lines if line.text])
    at = sum(bool(line.text) for line in lines[:place])
    spoken = checked.lines[at].to_json() if lines[place].text else None
    context = {**_sum(draft, checked.lines), "checked": checked, "line": spoken, "place": place}
    return render(request, "scripting/_checked.html", context)


def _page(request: HttpRequest, draft: ScriptDraft, lines: Sequence[Line], status: int = 200) -> HttpResponse:
    checked = services.check_draft(draft, lines)
    context = {
        **_sum(draft, checked.lines),
        "draft": draft,
        "checked": checked,
        "lines": [line.to_json() for line in checked.lines],
        "omitted": draft.omitted,
        "by_model": any(line.author == Author.MODEL for line in lines),
    }
    return render(request, "scripting/desk.html", context, status=status)


def _sum(draft: ScriptDraft, lines: Sequence[Any]) -> dict[str, Any]:
    versions = services.basis_of(draft)
    seconds = sum(estimate_seconds(line.line.text, draft.language) for line in lines)
    return {"versions": versions, "links": selectors.addresses(versions), "seconds": seconds}


@require_POST
@producer
def revise(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the newest version of a script to the desk."""
    user = signed_in(request)
    own = scripts_for(user, Role.PRODUCER).select_related("organisation")
    script = get_object_or_404(own, pk=pk, next__isnull=True)
    return redirect("scripting:desk", services.revise_script(script=script, by=user).pk)


def _number(request: HttpRequest, name: str) -> int:
    given = request.POST.get(name, "")
    return int(given) if given.isdecimal() else 0
