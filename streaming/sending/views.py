"""Outputs on the control room."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role
from compliance.errors import AvowError
from streaming import selectors
from streaming.forms import OutputForm
from streaming.models import RoomOutput
from streaming.sending.services import add_output, remove_output

producer = role_required(Role.PRODUCER)


@require_POST
@sensitive_post_parameters("key", "address")
@producer
def output_add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a server and its key; a refused form is not shown again with the key in it."""
    user = signed_in(request)
    room = get_object_or_404(selectors.rooms_for(user), pk=pk)
    form = OutputForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return redirect("rooms:room", pk)
    try:
        add_output(room=room, by=user, target=form.cleaned_data["target"])
    except AvowError as error:
        messages.error(request, error.text)
    else:
        messages.success(request, _("The output was added. Its key cannot be shown again."))
    return redirect("rooms:room", pk)


@require_POST
@producer
def output_remove(request: HttpRequest, pk: UUID, output_pk: UUID) -> HttpResponse:
    """Send there no more."""
    user = signed_in(request)
    room = get_object_or_404(selectors.rooms_for(user), pk=pk)
    output = get_object_or_404(RoomOutput.objects.select_related("room"), pk=output_pk, room=room, removed_at=None)
    try:
        remove_output(output=output, by=user)
    except AvowError as error:
        messages.error(request, error.text)
    return redirect("rooms:room", pk)
