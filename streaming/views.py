"""Rooms for those who make them, and the public page on which they are watched."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID, uuid4

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from avatars.models import Avatar
from avatars.selectors import STUDIO_ROLES
from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role
from compliance.accounts.selectors import has_role
from compliance.errors import AvowError
from compliance.provenance.live.selectors import viewer_options
from compliance.release.models import Review
from streaming import demo_room, directing, selectors, services
from streaming.air.folders import room_folder
from streaming.forms import OutputForm, RoomForm
from streaming.models import Room, RoomState
from streaming.sending.reasons import reason_text
from streaming.showing import FOR_VIEWERS, in_words
from streaming.webhooks.services import valid_keys

watching = role_required(*STUDIO_ROLES, Role.STREAMER)
producer = role_required(Role.PRODUCER)

_TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".mp4": "video/mp4", ".m4s": "video/iso.segment"}


# --- for those who make them ---
@require_GET
@watching
def rooms(request: HttpRequest) -> HttpResponse:
    """Every room, newest first."""
    found = selectors.rooms_for(signed_in(request))[:100]
    return render(request, "rooms/list.html", {"rooms": found})


@require_http_methods(["GET", "POST"])
@producer
def room_new(request: HttpRequest) -> HttpResponse:
    """Plan a room."""
    form = RoomForm(request.POST or None, user=signed_in(request))
    if request.method == "POST" and form.is_valid():
        try:
            room = _plan(request, form)
        except AvowError as error:
            form.add_error(None, error.text)
        else:
            return redirect("rooms:room", room.pk)
    return render(request, "rooms/new.html", {"form": form}, status=422 if form.errors else 200)


def _plan(request: HttpRequest, form: RoomForm) -> Room:
    data = form.cleaned_data
    avatar: Avatar = data["avatar"]
    return services.plan_room(
        created_by=signed_in(request),
        avatar=avatar,
        title=data["title"],
        rundown=data["rundown"],
        products=data["products"],
        campaign=form.campaign(language=data["language"], mode="live", interactive=bool(data["products"])),
        picture=data["picture"],
        freedom=form.freedom,
        hand_over_to=signed_in(request),
        quote_comments=data["quote_comments"],
    )


@require_GET
@watching
def room(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The control room: what is seen, what was said, what happened, and the buttons. Polled by itself while on air."""
    user = signed_in(request)
    found = get_object_or_404(selectors.rooms_for(user), pk=pk)
    digests = [found.take.avatar_digest, found.take.script_digest, found.take.campaign_digest]
    context = {
        "room": found,
        "take": found.take,
        "air": found.air,
        "ended_because": in_words(found.ended_because),
        "lines": found.lines.filter(blocked=False).order_by("-id")[:12],
        "dashboard": selectors.dashboard(found),
        "may_direct": directing.may_direct(user, found),
        "events": found.events.order_by("-id")[:20],
        "reviews": Review.objects.filter(organisation=found.organisation, digest__in=digests),
        "may_produce": has_role(user, found.organisation, Role.PRODUCER),
        "may_stop": services.may_stop(user, found) and found.state != RoomState.ENDED,
        "outputs": [(one, reason_text(one.reason)) for one in found.outputs.filter(removed_at=None)],
        "output_form": OutputForm(),
        "webhook_url": settings.AVOW_PUBLIC_URL.rstrip("/") + reverse("api-room-comments", args=[found.pk]),
        "webhook_keys": valid_keys(found),
    }
    template = "rooms/_state.html" if request.headers.get("HX-Request") else "rooms/room.html"
    return render(request, template, context)


@require_POST
@watching
def room_act(request: HttpRequest, pk: UUID, verb: str) -> HttpResponse:
    """One of the buttons, the director's among them."""
    user = signed_in(request)
    found = get_object_or_404(selectors.rooms_for(user), pk=pk)
    try:
        if verb == "on-air":
            services.go_on_air(room=found, by=user)
        elif verb == "stop":
            services.stop_room(room=found, by=user, because=request.POST.get("because", ""))
        elif verb in ("hand-over", "take-back"):
            services.hand_over(room=found, by=user, to_person=verb == "hand-over")
        elif verb in ("fix-order", "free-order"):
            directing.fix_order(room=found, by=user, fixed=verb == "fix-order")
        elif verb in ("bar", "unbar"):
            directing.bar_item(room=found, by=user, item_id=request.POST.get("item", ""), barred=verb == "bar")
        elif verb == "revert":
            directing.take_decision_back(room=found, by=user, decision_id=request.POST.get("decision", ""))
        else:
            raise Http404
    except AvowError as error:
        messages.error(request, error.text)
    return redirect("rooms:room", pk)


# --- for everybody ---
@require_GET
def demonstration(request: HttpRequest) -> HttpResponse:
    """The room a demonstration brings on air by itself: to it, or how far it is. Polled by itself until then."""
    asked = demo_room.newest() if settings.AVOW_DEMO_ROOM_MINUTES else None
    if asked is None:
        raise Http404
    if asked.room is not None and demo_room.is_seen(asked):
        place = reverse("rooms:watch", args=[asked.room.pk])
        return HttpResponse(headers={"HX-Redirect": place}) if request.headers.get("HX-Request") else redirect(place)
    context = {"asked": asked, "steps": demo_room.steps_of(asked), "minutes": settings.AVOW_DEMO_ROOM_MINUTES}
    context["because"] = in_words(asked.room.ended_because) if asked.room else ""
    template = "rooms/_demonstration.html" if request.headers.get("HX-Request") else "rooms/demonstration.html"
    return render(request, template, context)


@require_POST
def demonstration_again(request: HttpRequest) -> HttpResponse:
    """Bring a demonstration that has left the air on air again; its page asks for this by itself while it rests."""
    if not settings.AVOW_DEMO_ROOM_MINUTES or demo_room.newest() is None:
        raise Http404
    demo_room.ask_for_room()
    back = reverse("rooms:demonstration")
    return HttpResponse(headers={"HX-Redirect": back}) if request.headers.get("HX-Request") else redirect(back)


@require_GET
@csp_update({"media-src": ["blob:"]})  # type: ignore[arg-type]  # its types know no arguments of a route
def watch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The viewer's page: plays only what its own checks have passed, and says who speaks."""
    found = get_object_or_404(selectors.public_rooms(), pk=pk)
    demo_room.note_watched(pk)
    context = {
        "room": found,
        "label": selectors.label_of(found),
        "options": viewer_options(),
        "why": selectors.why_not_seen(found),
        "renditions": selectors.renditions_of(found),
        "whys": {str(kind): str(text) for kind, text in FOR_VIEWERS.items()},
        "demonstration_ends_at": demo_room.end_of(found),
        "rest_minutes": settings.AVOW_DEMO_ROOM_REST_MINUTES,
        "demonstration_again": demo_room.is_again(found),
    }
    return render(request, "rooms/watch.html", context)


@require_GET
@cache_control(no_cache=True)
def watch_state(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is on air now, for the viewer's page and for anybody's own."""
    found = get_object_or_404(selectors.public_rooms(), pk=pk)
    return JsonResponse(selectors.live_state(found))


@require_POST
def comment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A viewer's words; what becomes of them is decided where all comments are."""
    found = get_object_or_404(selectors.public_rooms().filter(wanted_on_air=True), pk=pk)
    if not request.session.session_key:
        request.session.create()
    message = {
        "platform": "avow",
        "room": str(found.pk),
        "id": uuid4().hex,
        "user_ref": str(request.session.session_key),
        "text": request.POST.get("text", ""),
        "ts": time.time(),
    }
    counts = services.receive_comments(room=found, messages=[message])
    return JsonResponse({"kept": bool(counts["kept"])}, status=200 if counts["kept"] else 422)


@require_GET
def media(request: HttpRequest, pk: UUID, path: str) -> HttpResponse:
    """A published playlist, init or segment of a room on air."""
    if selectors.no_longer_shown(get_object_or_404(selectors.public_rooms(), pk=pk)):
        raise Http404
    folder = room_folder(pk).resolve()
    wanted = (folder / path).resolve()
    if wanted.suffix == ".m3u8":
        demo_room.note_watched(pk)  # whoever plays it asks for this every second
    if wanted.suffix not in _TYPES or not wanted.is_relative_to(folder) or wanted.name.startswith("."):
        raise Http404
    return _file(wanted)


def _file(path: Path) -> HttpResponse:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise Http404 from error
    response = HttpResponse(data, content_type=_TYPES[path.suffix])
    # A segment never changes under its name; a playlist changes every second.
    fixed = path.suffix != ".m3u8"
    response["Cache-Control"] = "public, max-age=86400, immutable" if fixed else "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    return response
