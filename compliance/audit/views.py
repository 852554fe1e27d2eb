"""The regulator's portal. Every look at a release is itself logged."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role
from compliance.audit import selectors
from compliance.audit.services import export_bundle
from compliance.disclosure.decisions import Decision
from compliance.ledger.events import Event
from compliance.ledger.selectors import latest_checkpoint
from compliance.ledger.services import record
from compliance.release.models import Release
from compliance.release.views import serve_release

regulator = role_required(Role.REGULATOR)


@require_GET
@regulator
def home(request: HttpRequest) -> HttpResponse:
    """Find a release by any lead."""
    lead = request.GET.get("q", "")
    page = Paginator(selectors.find_releases(lead), 25).get_page(request.GET.get("page"))
    return render(request, "audit/home.html", {"page": page, "lead": lead})


@require_GET
@regulator
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One release with grant, approvals, duties and ledger."""
    release = get_object_or_404(selectors.releases(), pk=pk)
    _log_access(request, release, Event.AUDIT_RELEASE_VIEWED)
    context = {
        "release": release,
        "reviews": selectors.reviews_behind(release),
        "duties": Decision.from_dict(release.decision).duties,
        "log": selectors.log_of(release),
        "checkpoint": latest_checkpoint(),
        "events": release.grant.events.all(),
    }
    return render(request, "audit/detail.html", context)


@require_GET
@regulator
def media(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The released file; an authority may look at it even after a withdrawal."""
    release = get_object_or_404(selectors.releases(), pk=pk)
    return serve_release(request, release, gone=False)


@require_GET
@regulator
def bundle(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The evidence bundle, which verifies on another machine without us."""
    release = get_object_or_404(selectors.releases(), pk=pk)
    content = export_bundle(release=release)
    _log_access(request, release, Event.AUDIT_BUNDLE_EXPORTED)
    name = f"avow-evidence-{release.id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(content, content_type="application/zip", headers=headers)


@transaction.atomic
def _log_access(request: HttpRequest, release: Release, event: Event) -> None:
    record(
        event=event,
        subject_id=release.id,
        organisation_id=release.organisation_id,
        actor_id=signed_in(request).pk,
        data={},
    )
