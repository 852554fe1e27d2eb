"""The studio: pages for producers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from avatars import selectors, services
from avatars.advice import advise
from avatars.cost import cost_of
from avatars.demo import PRESENTER, presenter_is_drawn
from avatars.forms import AvatarForm, ScriptForm, TakeForm
from avatars.models import Avatar, AvatarState, Script
from avatars.recording_views import recordings_context
from avatars.recordings import recording_of
from avatars.showing import serve_sealed
from compliance.accounts.access import active_organisation, login_needed, role_required, signed_in
from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import has_role
from compliance.consent.models import Grant
from compliance.consent.presentation import compensation_text
from compliance.consent.selectors import acts_for
from compliance.consent.terms import GrantTerms
from compliance.errors import AvowError
from compliance.jobs.models import JobState
from compliance.jobs.services import try_again
from compliance.release.media import serve
from compliance.release.models import Review, Take
from compliance.release.services import ask_for_permit, cancel_take
from compliance.release.steps import steps_of
from compliance.textdiff import diff

studio = role_required(*selectors.STUDIO_ROLES)
producer = role_required(Role.PRODUCER)


@require_GET
@studio
def home(request: HttpRequest) -> HttpResponse:
    """What is being made, newest first, and what to do next."""
    user = signed_in(request)
    context = {
        "avatars": selectors.avatars_for(user)[:12],
        "scripts": selectors.scripts_for(user).filter(next__isnull=True)[:12],
        "takes": selectors.takes_for(user)[:20],
        "grants": selectors.usable_grants_for(user).count(),
    }
    return render(request, "studio/home.html", context)


# --- avatars ---
@require_http_methods(["GET", "POST"])
@producer
def avatar_new(request: HttpRequest) -> HttpResponse:
    """Upload a clip and start the build."""
    user = signed_in(request)
    form = AvatarForm(request.POST or None, request.FILES or None, user=user)
    if request.method == "POST" and form.is_valid():
        clip, grant = form.cleaned_data["clip"], form.cleaned_data["grant"]
        try:
            avatar = services.start_avatar(
                organisation=grant.grantee,
                created_by=user,
                grant=grant,
                name=form.cleaned_data["name"],
                upload=clip,
                upload_name=clip.name or "",
                upload_size=clip.size or 0,
            )
        except AvowError as error:
            form.add_error("clip", error.text)
        else:
            return redirect("studio:avatar", avatar.id)
    context = {"form": form, "clip_ready": presenter_is_drawn(), "grants": form.fields["grant"].queryset}  # type: ignore[attr-defined]
    return render(request, "studio/avatar_new.html", context, status=422 if form.errors else 200)


@require_GET
@login_needed
def avatar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One avatar: its build, its findings, its card. Polled by itself while it is being built."""
    user = signed_in(request)
    found = get_object_or_404(selectors.avatars_visible_to(user), pk=pk)
    job = selectors.current_job(found.id)
    context = {
        "avatar": found,
        "job": job,
        "cost": cost_of(selectors.jobs_about(found.id)),
        "paid": _paid(found.grant),
        "may_produce": has_role(user, found.organisation, Role.PRODUCER),
        "may_steer": may_steer(user, found),
        "refinable": selectors.can_be_refined(found),
        "refinements": selectors.refinements_of(found),
        "in_studio": has_role(user, found.organisation, *selectors.STUDIO_ROLES),
    }
    template = "studio/_avatar_state.html" if request.headers.get("HX-Request") else "studio/avatar.html"
    return render(request, template, context)


def _paid(grant: Grant) -> str:
    """What the person gets, in words, to stand beside what the machines get; empty where nothing was agreed."""
    return compensation_text(GrantTerms.from_json(grant.terms))


def may_steer(user: User, avatar: Avatar) -> bool:
    """Who may pause a build and let it go on: a producer, and the person it copies."""
    return has_role(user, avatar.organisation, Role.PRODUCER) or acts_for(user, avatar.grant.principal)


def _steered(request: HttpRequest, pk: UUID) -> Avatar:
    """The avatar, for somebody who may steer its build; 404 for anybody else."""
    user = signed_in(request)
    found = get_object_or_404(selectors.avatars_visible_to(user), pk=pk)
    if not may_steer(user, found):
        raise Http404
    return found


@require_POST
@login_needed
def avatar_pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Set a build aside."""
    services.pause_build(avatar=_steered(request, pk))
    return redirect("studio:avatar", pk)


@require_POST
@login_needed
def avatar_resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a paused build go on."""
    services.resume_build(avatar=_steered(request, pk))
    return redirect("studio:avatar", pk)


@require_POST
@producer
def avatar_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a build done again that was given up."""
    found = get_object_or_404(selectors.avatars_for(signed_in(request), Role.PRODUCER), pk=pk)
    job = selectors.current_job(found.id)
    if found.state == AvatarState.BUILDING and job is not None:
        try_again(job=job)
    return redirect("studio:avatar", pk)


@require_POST
@producer
def avatar_refine(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a second double of the same footage learn longer."""
    user = signed_in(request)
    found = get_object_or_404(selectors.avatars_for(user, Role.PRODUCER), pk=pk)
    try:
        refined = services.refine_avatar(avatar=found, created_by=user)
    except AvowError as error:
        messages.error(request, error.text)
        return redirect("studio:avatar", pk)
    return redirect("studio:avatar", refined.id)


@require_GET
@login_needed
def avatar_poster(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """A still of the double."""
    found = get_object_or_404(selectors.avatars_visible_to(signed_in(request)).exclude(poster=""), pk=pk)
    return serve_sealed(request, found.grant_id, found.poster, content_type="image/jpeg")


@require_GET
@login_needed
def avatar_preview(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The double speaking, with words across every frame: see `preview`."""
    found = get_object_or_404(selectors.avatars_visible_to(signed_in(request)).exclude(preview=""), pk=pk)
    return serve_sealed(request, found.grant_id, found.preview, content_type="video/mp4")


@require_GET
@login_needed
def avatar_finding(request: HttpRequest, pk: UUID, number: int) -> HttpResponseBase:
    """The picture of the second that a finding names."""
    found = get_object_or_404(selectors.avatars_visible_to(signed_in(request)), pk=pk)
    name = found.pictures.get(str(number))
    if name is None:
        raise Http404
    return serve_sealed(request, found.grant_id, name, content_type="image/jpeg")


@require_GET
@login_needed
def avatar_comparison(request: HttpRequest, pk: UUID, number: int) -> HttpResponseBase:
    """One moment of the footage beside the double: see `comparison`."""
    found = get_object_or_404(selectors.avatars_visible_to(signed_in(request)), pk=pk)
    pairs = found.comparison.get("pairs", [])
    if number >= len(pairs):
        raise Http404
    return serve_sealed(request, found.grant_id, pairs[number]["picture"], content_type="image/jpeg")


@require_GET
@studio
def demo_clip(request: HttpRequest) -> HttpResponseBase:
    """The invented presenter's consented minute, to try the road with."""
    if not presenter_is_drawn():
        messages.info(request, _("The demonstration clip is not there yet. Try again in a minute."))
        return redirect("studio:avatar-new")
    return serve(request, PRESENTER, content_type="video/mp4", download_as="presenter.mp4")


# --- scripts ---
@require_http_methods(["GET", "POST"])
@producer
def script_new(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """Write a script, or the next version of one."""
    user = signed_in(request)
    own = selectors.scripts_for(user, Role.PRODUCER)
    previous = get_object_or_404(own, pk=pk, next__isnull=True) if pk else None
    organisation = previous.organisation if previous else active_organisation(request, Role.PRODUCER)
    initial = {"title": previous.title, "language": previous.language, "text": previous.text} if previous else {}
    form = ScriptForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {"form": form, "previous": previous}
    if request.POST.get("do") == "check":
        context["advice"] = _advice(organisation, user, form)
        template = "scripting/_advice.html" if request.headers.get("HX-Request") else "studio/script_new.html"
        return render(request, template, context)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.write_script(
                organisation=organisation, created_by=user, previous=previous, **form.cleaned_data
            )
        except AvowError as error:
            form.add_error("text", error.text)
        else:
            return redirect("studio:script", made.id)
    return render(request, "studio/script_new.html", context, status=422 if form.errors else 200)


def _advice(organisation: Organisation, user: User, form: ScriptForm) -> dict[str, Any] | None:
    """What the check of speech says about the text in a form that need not be complete yet; nothing is kept."""
    form.is_valid()
    text, language = form.cleaned_data.get("text", ""), form.cleaned_data.get("language", "")
    if not text or not language:
        return None
    return advise(organisation=organisation, author=str(user), language=language, text=text)


@require_GET
@studio
def script(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One version of a script with what legal said about it."""
    found = get_object_or_404(selectors.scripts_for(signed_in(request)), pk=pk)
    versions = _versions(found)
    against = next((version for version in versions[1:] if str(version.pk) == request.GET.get("against")), None)
    against = against or found.previous
    context = {
        "script": found,
        "reviews": _reviews_about(found),
        "versions": [(version, _reviews_about(version).first()) for version in versions],
        "against": against,
        "pieces": diff(against.text, found.text) if against else (),
        "newest": not Script.objects.filter(previous=found).exists(),
        "may_produce": has_role(signed_in(request), found.organisation, Role.PRODUCER),
        **recordings_context(signed_in(request), found),
    }
    return render(request, "studio/script.html", context)


def _reviews_about(script: Script) -> QuerySet[Review]:
    return Review.objects.filter(organisation=script.organisation, subject_id=script.id)


def _versions(script: Script) -> list[Script]:
    """All versions up to this one, the newest first."""
    versions = [script]
    while (earlier := versions[-1].previous) is not None:
        versions.append(earlier)
    return versions


# --- takes ---
@require_http_methods(["GET", "POST"])
@producer
def take_new(request: HttpRequest) -> HttpResponse:
    """Order a take."""
    user = signed_in(request)
    initial = {name: request.GET[name] for name in ("avatar", "script", "recording") if name in request.GET}
    form = TakeForm(request.POST or None, initial=initial, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            take = _order(request, form)
        except AvowError as error:
            form.add_error(None, error.text)
        else:
            return redirect("studio:take", take.id)
    return render(request, "studio/take_new.html", {"form": form}, status=422 if form.errors else 200)


def _order(request: HttpRequest, form: TakeForm) -> Take:
    data = form.cleaned_data
    avatar: Avatar = data["avatar"]
    return services.order_performance(
        created_by=signed_in(request),
        avatar=avatar,
        script=data["script"],
        campaign=form.campaign(language=data["script"].language),
        picture=data["picture"],
        recording=data["recording"],
    )


@require_GET
@studio
def take(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One take on its road; polled by itself until it has ended."""
    found = get_object_or_404(selectors.takes_for(signed_in(request)), pk=pk)
    context = {
        "take": found,
        "job": selectors.current_job(found.id),
        "steps": steps_of(found),
        "recording": recording_of(found),
        "cost": cost_of(selectors.jobs_about(found.id), played_s=found.estimated_s),
        "paid": _paid(found.grant),
        "reviews": Review.objects.filter(
            organisation=found.organisation,
            digest__in=[found.avatar_digest, found.script_digest, found.campaign_digest],
        ),
        "may_produce": has_role(signed_in(request), found.organisation, Role.PRODUCER),
    }
    template = "studio/_take_state.html" if request.headers.get("HX-Request") else "studio/take.html"
    return render(request, template, context)


@require_POST
@producer
def take_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop a take."""
    found = get_object_or_404(selectors.takes_for(signed_in(request), Role.PRODUCER), pk=pk)
    cancel_take(take=found, by=signed_in(request))
    messages.info(request, _("The take was stopped."))
    return redirect("studio:take", pk)


@require_POST
@producer
def take_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have done again what was given up, or ask the gate again after what stood in the way has changed."""
    found = get_object_or_404(selectors.takes_for(signed_in(request), Role.PRODUCER), pk=pk)
    job = selectors.current_job(found.id)
    if found.open and job is not None and job.state == JobState.FAILED:
        try_again(job=job)
    else:
        ask_for_permit(take=found)
    return redirect("studio:take", pk)
