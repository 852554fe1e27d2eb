"""Brand legal's workspace."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from compliance.accounts.access import role_required, signed_in
from compliance.accounts.models import Role
from compliance.legal import selectors
from compliance.legal.forms import DecisionForm
from compliance.legal.notes import notes_on
from compliance.release.models import ReviewState
from compliance.release.services import decide_review

legal = role_required(Role.LEGAL)
legal_or_producer = role_required(Role.LEGAL, Role.PRODUCER)


@require_GET
@legal
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, oldest first, and the decision log."""
    reviews = selectors.reviews_for(signed_in(request))
    context = {
        "waiting": reviews.filter(state=ReviewState.PENDING).order_by("requested_at"),
        "decided": reviews.exclude(state=ReviewState.PENDING).order_by("-decided_at")[:50],
    }
    return render(request, "legal/queue.html", context)


@require_http_methods(["GET", "POST"])
@legal
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One review: the exact content, and the decision."""
    user = signed_in(request)
    found = get_object_or_404(selectors.reviews_for(user), pk=pk)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        approve = form.cleaned_data["decision"] == "approve"
        decide_review(review=found, decided_by=user, approve=approve, comment=form.cleaned_data["comment"])
        messages.success(request, _("Approved.") if approve else _("Rejected."))
        return redirect("legal:queue")
    context = {"review": found, "form": form, "notes": notes_on(found)}
    return render(request, "legal/review.html", context, status=422 if form.errors else 200)


@require_GET
@legal_or_producer
def quarantine(request: HttpRequest) -> HttpResponse:
    """Renderings the gate refused, with every reason."""
    return render(request, "legal/quarantine.html", {"held": selectors.quarantine_for(signed_in(request))[:100]})


@require_GET
@legal_or_producer
def takedowns(request: HttpRequest) -> HttpResponse:
    """Released files whose consent was withdrawn."""
    return render(request, "legal/takedowns.html", {"releases": selectors.takedowns_for(signed_in(request))[:200]})
