"""Pages about a person's own recording of a script."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from avatars import recordings, selectors
from avatars.forms import RecordingForm
from avatars.models import RecordingState, Script
from avatars.showing import serve_sealed
from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role, User
from compliance.accounts.selectors import has_role
from compliance.errors import AvowError

studio = role_required(*selectors.STUDIO_ROLES)
producer = role_required(Role.PRODUCER)


@require_http_methods(["GET", "POST"])
@producer
def recording_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand in the person's recording of one script."""
    user = signed_in(request)
    script = get_object_or_404(selectors.scripts_for(user, Role.PRODUCER), pk=pk)
    form = RecordingForm(request.POST or None, request.FILES or None, user=user, script=script)
    if request.method == "POST" and form.is_valid():
        try:
            recordings.add_recording(created_by=user, script=script, **form.wish())
        except AvowError as error:
            form.add_error("sound", error.text)
        else:
            return redirect("studio:script", script.pk)
    context = {"form": form, "script": script, "doubles": form.fields["avatar"].queryset}  # type: ignore[attr-defined]
    return render(request, "studio/recording_new.html", context, status=422 if form.errors else 200)


@require_GET
@studio
def recording_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The recordings of one script; polled by itself while one is being checked."""
    user = signed_in(request)
    script = get_object_or_404(selectors.scripts_for(user), pk=pk)
    return render(request, "studio/_recordings.html", recordings_context(user, script))


def recordings_context(user: User, script: Script) -> dict[str, object]:
    """What `studio/_recordings.html` shows."""
    shown = list(script.recordings.select_related("avatar"))
    return {
        "script": script,
        "recordings": shown,
        "checking": any(one.state == RecordingState.CHECKING for one in shown),
        "may_produce": has_role(user, script.organisation, Role.PRODUCER),
    }


@require_GET
@studio
def recording_sound(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The recording as it will be spoken, to listen to."""
    found = get_object_or_404(selectors.recordings_for(signed_in(request)), pk=pk)
    return serve_sealed(request, found.avatar.grant_id, found.sound, content_type="audio/wav")
