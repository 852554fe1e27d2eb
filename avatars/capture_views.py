"""Recording the consented minute in the browser: the one page that may use camera and microphone."""

from __future__ import annotations

from uuid import UUID

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from avatars import selectors, services
from avatars.capture.plan import LANGUAGES, CapturePlan
from avatars.forms import LANGUAGE_NAMES
from compliance.accounts.access import login_needed, signed_in
from compliance.accounts.models import User
from compliance.accounts.selectors import has_role
from compliance.consent.models import Grant
from compliance.errors import AvowError

PERMISSIONS = "camera=(self), microphone=(self), geolocation=(), display-capture=()"


@require_http_methods(["GET", "POST"])
@login_needed
@csp_update({"media-src": ["blob:"]})  # type: ignore[arg-type] # a take is looked at before it is sent
def record(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Record the minute under one grant, step by step; POST brings the takes and answers in JSON."""
    user = signed_in(request)
    grant = get_object_or_404(selectors.recordable_grants_for(user), pk=pk)
    response = _keep(request, user, grant) if request.method == "POST" else _page(request, user, grant)
    response.headers["Permissions-Policy"] = PERMISSIONS
    return response


def _page(request: HttpRequest, user: User, grant: Grant) -> HttpResponse:
    language = _language(request)
    plan = CapturePlan.draw(
        by=user.pk, grant=grant.pk, name=str(grant.principal), brand=grant.grantee.name, language=language
    )
    context = {
        "grant": grant,
        "plan": plan,
        "steps": plan.steps(),
        "seal": plan.seal(),
        "languages": [(code, LANGUAGE_NAMES[code], code == language) for code in LANGUAGES],
        "in_studio": has_role(user, grant.grantee, *selectors.STUDIO_ROLES),
    }
    return render(request, "studio/record.html", context)


def _language(request: HttpRequest) -> str:
    """The language of the texts: as asked, else that of the page."""
    asked = request.GET.get("language") or (get_language() or "en")[:2]
    return asked if asked in LANGUAGES else "en"


def _keep(request: HttpRequest, user: User, grant: Grant) -> HttpResponse:
    try:
        avatar = services.start_recorded_avatar(
            organisation=grant.grantee,
            created_by=user,
            grant=grant,
            name=request.POST.get("name", "").strip() or str(grant.principal),
            plan=CapturePlan.unseal(request.POST.get("plan", ""), by=user.pk),
            takes={key: upload for key, upload in request.FILES.items() if not isinstance(upload, list)},
        )
    except AvowError as error:
        return JsonResponse({"code": error.code, "text": str(error.text)}, status=error.http_status)
    return JsonResponse({"location": reverse("studio:avatar", args=[avatar.id])}, status=201)
