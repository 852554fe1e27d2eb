"""The webhook on the control room: make its secret, end it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role
from compliance.errors import AvowError
from streaming import selectors
from streaming.webhooks.services import OVERLAP, end_secrets, rotate_secret

producer = role_required(Role.PRODUCER)


@require_POST
@never_cache
@producer
def webhook_secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make a secret and show it once, in this very answer: it passes through no cookie and no address."""
    user = signed_in(request)
    room = get_object_or_404(selectors.rooms_for(user), pk=pk)
    try:
        secret = rotate_secret(room=room, by=user)
    except AvowError as error:
        messages.error(request, error.text)
        return redirect("rooms:room", pk)
    hours = int(OVERLAP.total_seconds()) // 3600
    return render(request, "rooms/secret.html", {"room": room, "secret": secret, "hours": hours})


@require_POST
@producer
def webhook_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept nothing more."""
    user = signed_in(request)
    room = get_object_or_404(selectors.rooms_for(user), pk=pk)
    try:
        end_secrets(room=room, by=user)
    except AvowError as error:
        messages.error(request, error.text)
    return redirect("rooms:room", pk)
