"""Pages of a release: the video, what it carries and what led to it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from compliance.accounts.access import login_needed, signed_in
from compliance.disclosure.decisions import Decision
from compliance.ledger.events import Event
from compliance.ledger.selectors import entry_for
from compliance.release.media import serve
from compliance.release.models import Release, ReleaseState
from compliance.release.selectors import releases_for


@require_GET
@login_needed
def index(request: HttpRequest) -> HttpResponse:
    """Every release the person may see, newest first."""
    return render(request, "release/list.html", {"releases": releases_for(signed_in(request))[:100]})


@require_GET
@login_needed
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One release: player, marks, duties, consent, ledger."""
    release = get_object_or_404(releases_for(signed_in(request)), pk=pk)
    context = {
        "release": release,
        "entry": entry_for(event=Event.RELEASE_ASSET_RELEASED, subject_id=release.id),
        "duties": Decision.from_dict(release.decision).duties,
    }
    return render(request, "release/detail.html", context)


@require_GET
@login_needed
def media(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The signed file. After a withdrawal it is gone for everybody but an authority."""
    release = get_object_or_404(releases_for(signed_in(request)), pk=pk)
    return serve_release(request, release, gone=release.state == ReleaseState.TAKEDOWN)


def serve_release(request: HttpRequest, release: Release, *, gone: bool) -> HttpResponseBase:
    """The file of a release, to play or (`?download`) to keep; 410 when it must not be shown any longer."""
    if gone:
        return render(request, "release/gone.html", {"release": release}, status=410)
    name = f"avow-{release.id}.mp4" if "download" in request.GET else ""
    return serve(request, release.file, content_type="video/mp4", download_as=name)
