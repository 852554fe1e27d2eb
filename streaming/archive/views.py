"""Pages after air: what was on air at a given second, and what a person's likeness was used for."""

from __future__ import annotations

import csv
import os
import tempfile
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role, User
from compliance.accounts.selectors import is_regulator
from compliance.errors import AvowError
from compliance.ledger.events import Event
from compliance.release.media import serve, serve_opened
from streaming.archive import export, replay, selectors, services, usage
from streaming.archive.errors import TimeUnclear
from streaming.archive.models import PartState
from streaming.archive.retention import clocks
from streaming.models import Room
from streaming.selectors import consent_ended

reading = role_required(*STUDIO_ROLES, Role.STREAMER, Role.REGULATOR)
streamer = role_required(Role.STREAMER)
_IN_MEMORY = 8 << 20
_STEP = timedelta(minutes=1)


def _room_of(user: User, pk: UUID) -> Room:
    return get_object_or_404(selectors.archives_for(user), pk=pk)


# --- the archive ---
@require_GET
@reading
def archives(request: HttpRequest) -> HttpResponse:
    """Find a broadcast by any lead."""
    lead = request.GET.get("q", "")
    found = selectors.find_archives(signed_in(request), lead)
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    return render(request, "archive/list.html", {"page": page, "lead": lead})


@require_GET
@reading
def archive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`?at=14:32`: what was seen, said, asked and decided then, and the film at that place."""
    user = signed_in(request)
    room = _room_of(user, pk)
    _note_authority(user, room)
    asked = request.GET.get("at", "")
    context = _whole(user, room) | {"asked": asked}
    try:
        moment = replay.moment_at(room, replay.span_of(room, asked))
    except TimeUnclear as error:
        context["problem"] = error.text
        return render(request, "archive/archive.html", context, status=422 if asked else 200)
    context |= {"moment": moment, "before": moment.span.at - _STEP, "after": moment.span.at + _STEP}
    return render(request, "archive/archive.html", context)


def _whole(user: User, room: Room) -> dict[str, Any]:
    holds = list(selectors.holds_on(room))
    return {
        "room": room,
        "aired": replay.aired(room),
        "parts": room.parts.all(),
        "clocks": clocks(room),
        "holds": holds,
        "may_lift": any(selectors.may_lift(user, hold) for hold in holds),
        "erasures": room.erasures.all(),
        "withdrawn": consent_ended(room),
        "may_watch": selectors.may_watch(user, room),
        "may_export": selectors.may_export(user, room),
    }


@transaction.atomic
def _note_authority(user: User, room: Room) -> None:
    """A look of an authority at somebody else's archive is itself logged."""
    if is_regulator(user):
        services.log(room, Event.STREAMING_ARCHIVE_VIEWED, user, {})


@require_GET
@reading
def film(request: HttpRequest, part_pk: UUID) -> HttpResponseBase:
    """One signed file, to play or (`?download`) to keep; 410 once consent has ended, but for an authority."""
    user = signed_in(request)
    part = get_object_or_404(selectors.parts_for(user), pk=part_pk, state=PartState.SIGNED)
    if not selectors.may_watch(user, part.room):
        return render(request, "archive/gone.html", {"room": part.room}, status=410)
    if "download" in request.GET and not selectors.may_export(user, part.room):
        raise Http404
    name = f"avow-live-{part.start:%Y%m%dT%H%M%SZ}.mp4" if "download" in request.GET else ""
    return serve(request, part.file, content_type="video/mp4", download_as=name)


@require_GET
@reading
@cache_control(private=True, no_store=True)
def as_json(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The records as one JSON document."""
    room = _exported(request, pk, {"form": "json"})
    return JsonResponse(export.document(room), json_dumps_params={"ensure_ascii": False})


@require_GET
@reading
@cache_control(private=True, no_store=True)
def as_zip(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The records as a ZIP with digests."""
    room = _exported(request, pk, {"form": "zip"})
    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # the response closes it
    export.write_zip(target, room)
    name = f"avow-archive-{room.pk}.zip"
    return serve_opened(request, target, target.seek(0, os.SEEK_END), content_type="application/zip", download_as=name)


@transaction.atomic
def _exported(request: HttpRequest, pk: UUID, data: dict[str, object]) -> Room:
    user = signed_in(request)
    room = _room_of(user, pk)
    if not selectors.may_export(user, room):
        raise Http404
    services.log(room, Event.STREAMING_ARCHIVE_EXPORTED, user, data)
    return room


@require_POST
@reading
def hold(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep everything until somebody lets go."""
    user = signed_in(request)
    try:
        services.place_hold(room=_room_of(user, pk), by=user, because=request.POST.get("because", ""))
    except AvowError as error:
        messages.error(request, error.text)
    return redirect("archive:archive", pk)


@require_POST
@reading
def lift(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let go of every hold that is the person's to lift."""
    user = signed_in(request)
    for one in selectors.holds_on(_room_of(user, pk)):
        if selectors.may_lift(user, one):
            services.lift_hold(hold=one, by=user)
    return redirect("archive:archive", pk)


# --- the person's own statement ---
@require_GET
@streamer
def statement(request: HttpRequest) -> HttpResponse:
    """Use and pay, by month."""
    return render(request, "archive/statement.html", {"statement": usage.statement_of(signed_in(request))})


@require_GET
@streamer
@cache_control(private=True, no_store=True)
def statement_csv(request: HttpRequest) -> HttpResponse:
    """The same for a spreadsheet; numbers with a point, whatever the language."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="avow-statement-{timezone.localdate()}.csv"'
    rows = csv.writer(response)
    rows.writerow(["month", "brand", "avatar", "grant", "minutes_on_air", "files", "amount", "currency"])
    for line in usage.statement_of(signed_in(request)).lines:
        amount = "" if line.amount is None else f"{line.amount:f}"
        names = [_harmless(line.brand), _harmless(line.avatar)]
        rows.writerow([f"{line.month:%Y-%m}", *names, line.grant_id, line.minutes, line.clips, amount, line.currency])
    return response


def _harmless(text: str) -> str:
    """A name that begins like a formula must not become one in a spreadsheet."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
