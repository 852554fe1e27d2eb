"""Pages: my grants, give one, see what became of it, withdraw it. The verbs are in `services`."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance.accounts.access import login_needed, signed_in
from compliance.accounts.models import Organisation, User
from compliance.consent import asking, presentation, selectors, services
from compliance.consent.ceremony import Ceremony
from compliance.consent.forms import GrantForm, initial_from, initial_terms
from compliance.consent.models import Grant, GrantRequest, Notice, StepState, UseApproval
from compliance.consent.presentation import Standing
from compliance.consent.record import record
from compliance.consent.rules import IN_FORCE, AgeBand
from compliance.consent.terms import GrantTerms
from compliance.ledger.selectors import entries_for_subject

ROWS = 50


def _grant_or_404(user: User, grant_id: UUID) -> Grant:
    return get_object_or_404(selectors.grants_visible_to(user), pk=grant_id)


def _own_grant_or_404(user: User, grant_id: UUID) -> Grant:
    """A colleague of the grantee may look, but this page is not theirs."""
    grant = _grant_or_404(user, grant_id)
    if not selectors.acts_for(user, grant.principal):
        raise Http404
    return grant


@login_needed
@require_GET
def grant_list(request: HttpRequest) -> HttpResponse:
    """What I have granted, what I am asked for, and what my organisations hold."""
    user, now = signed_in(request), timezone.now()
    held = Paginator(selectors.grants_held_by_colleagues_of(user), ROWS).get_page(request.GET.get("page"))
    context = {
        "mine": [Standing(*row) for row in selectors.states_of(selectors.grants_given_by(user), now)],
        "held": [Standing(*row) for row in selectors.states_of(held, now)],
        "page": held,
        "proposals": selectors.requests_open_for(user),
        "uses": selectors.use_approvals_open_for(user),
    }
    return render(request, "consent/list.html", context)


# --- Giving ---
@login_needed
@require_http_methods(["GET", "POST"])
def give(request: HttpRequest) -> HttpResponse:
    """The notice and the form; a valid form leads to the review page, which changes nothing yet."""
    user = signed_in(request)
    notice = services.current_notice(language=get_language() or "en")
    replaces, proposal = _replaced(request, user), _proposal(request, user)
    form = GrantForm(
        request.POST or None,
        user=user,
        notice_sha256=notice.sha256,
        separate_text=notice.content["separate_consent"],
        initial=_initial(replaces, proposal),
    )
    if request.method == "POST" and form.is_valid():
        return _review(request, form, notice, replaces, proposal)
    context = {"form": form, "notice": notice, "replaces": replaces, "proposal": proposal}
    return render(request, "consent/give.html", context, status=422 if form.errors else 200)


def _replaced(request: HttpRequest, user: User) -> Grant | None:
    grant_id = request.GET.get("replaces")
    return _own_grant_or_404(user, _uuid_or_404(grant_id)) if grant_id else None


def _proposal(request: HttpRequest, user: User) -> GrantRequest | None:
    request_id = request.GET.get("proposal")
    if not request_id:
        return None
    return get_object_or_404(selectors.requests_open_for(user), pk=_uuid_or_404(request_id))


def _uuid_or_404(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _initial(replaces: Grant | None, proposal: GrantRequest | None) -> dict[str, object]:
    source = replaces or proposal
    if source is None:
        return initial_terms()
    return initial_from(GrantTerms.from_json(source.terms), source.grantee_id)


def _review(
    request: HttpRequest,
    form: GrantForm,
    notice: Notice,
    replaces: Grant | None,
    proposal: GrantRequest | None,
) -> HttpResponse:
    data = form.cleaned_data
    terms: GrantTerms = data["terms"]
    ceremony = Ceremony(
        grant_id=str(uuid4()),
        by=str(signed_in(request).pk),
        principal=str(data["principal"].pk),
        grantee=str(data["grantee"].pk),
        notice=notice.sha256,
        terms=terms.to_json(),
        separate_consent=data["separate_consent"],
        age_band=data["age_band"],
        starts_now=form.starts_now,
        replaces=str(replaces.pk) if replaces else None,
        request=str(proposal.pk) if proposal else None,
    )
    context = {
        "sealed": ceremony.seal(),
        "rows": presentation.scope_rows(terms),
        "sensitive": presentation.sensitive_traits(terms),
        "grantee": data["grantee"],
        "principal": data["principal"],
        "notice": notice,
        "separate_consent": data["separate_consent"],
        "replaces": replaces,
    }
    return render(request, "consent/review.html", context)


@login_needed
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """The button: the consent is given. The same form sent again leads to the same grant."""
    user = signed_in(request)
    ceremony = Ceremony.unseal(request.POST.get("sealed", ""), by=user.pk)
    if Grant.objects.filter(pk=ceremony.grant_id, principal_id=UUID(ceremony.principal)).exists():
        return redirect("consent:detail", grant_id=ceremony.grant_id)
    grant = services.give_grant(
        principal=User.objects.get(pk=ceremony.principal),
        by=user,
        grantee=Organisation.objects.get(pk=ceremony.grantee),
        terms=ceremony.terms_at(timezone.now()),
        notice=Notice.objects.get(sha256=ceremony.notice),
        separate_consent=ceremony.separate_consent,
        age_band=AgeBand(ceremony.age_band),
        grant_id=UUID(ceremony.grant_id),
        supersedes=_own_grant_or_404(user, UUID(ceremony.replaces)) if ceremony.replaces else None,
        request=GrantRequest.objects.get(pk=ceremony.request) if ceremony.request else None,
    )
    messages.success(request, _("Your consent has been recorded. You can withdraw it here at any time."))
    return redirect("consent:detail", grant_id=grant.pk)


# --- Watching ---
@login_needed
@require_GET
def detail(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """The receipt page: state, scope, life, uses, and after a withdrawal the proof of its effect."""
    user, now = signed_in(request), timezone.now()
    grant = _grant_or_404(user, grant_id)
    state = selectors.state_of(grant, now)
    own = selectors.acts_for(user, grant.principal)
    newer = Grant.objects.filter(supersedes=grant).first()
    terms = GrantTerms.from_json(grant.terms)
    used_s = selectors.used_seconds(grant)
    context = {
        "grant": grant,
        "standing": Standing(grant, state),
        "own": own,
        "can_withdraw": own and state in IN_FORCE,
        "newer": newer,
        "rows": presentation.scope_rows(terms),
        "sensitive": presentation.sensitive_traits(terms),
        "timeline": presentation.timeline(list(grant.events.select_related("entity"))),
        "entries": entries_for_subject(grant.pk),
        "usages": grant.usages.all(),
        "used_h": used_s / 3600,
        "max_hours": terms.max_hours,
        "used_share": min(used_s / (terms.max_hours * 3600), 1.0) if terms.max_hours else None,
        **_effects(grant),
    }
    return render(request, "consent/detail.html", context)


def _effects(grant: Grant) -> dict[str, object]:
    withdrawal = getattr(grant, "withdrawal", None)
    steps = list(withdrawal.steps.all()) if withdrawal else []
    return {
        "withdrawal": withdrawal,
        "steps": [(presentation.step_name(step.name), step) for step in steps],
        "settled": all(step.state == StepState.DONE for step in steps),
    }


@login_needed
@require_GET
def effects(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """Only the table of cascade steps, for a page that watches them; 286 tells htmx to stop asking."""
    grant = _grant_or_404(signed_in(request), grant_id)
    context = {"grant": grant, **_effects(grant)}
    return render(request, "consent/_effects.html", context, status=286 if context["settled"] else 200)


def _download(content: object, name: str) -> HttpResponse:
    response = HttpResponse(
        json.dumps(content, ensure_ascii=False, indent=2), content_type="application/json; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_needed
@require_GET
def receipt(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """The signed receipt as a file; 404 until the gate has signed it."""
    grant = _grant_or_404(signed_in(request), grant_id)
    if grant.receipt is None:
        raise Http404
    return _download(grant.receipt, f"avow-receipt-{grant.pk}.json")


@login_needed
@require_GET
def full_record(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """The ISO/IEC TS 27560 record as of now, with every event since the receipt."""
    grant = _grant_or_404(signed_in(request), grant_id)
    return _download(record(grant), f"avow-record-{grant.pk}.json")


# --- Ending, answering ---
@login_needed
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """What a withdrawal does, and one button. No reason is asked for, nothing is offered instead."""
    user = signed_in(request)
    grant = _own_grant_or_404(user, grant_id)
    if request.method == "POST":
        withdrawal = services.withdraw_grant(grant=grant, by=user, reason=request.POST.get("reason", ""))
        messages.success(request, _("Your consent is withdrawn. Below you see how it takes effect."))
        return redirect("consent:detail", grant_id=withdrawal.grant_id)
    head = selectors.head_of(grant)
    if selectors.state_of(head, timezone.now()) not in IN_FORCE:
        return redirect("consent:detail", grant_id=head.pk)
    return render(request, "consent/withdraw.html", {"grant": head, "effects": presentation.effects_of_withdrawal()})


@login_needed
@require_POST
def refuse(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """No to a proposal."""
    user = signed_in(request)
    proposal = get_object_or_404(GrantRequest, pk=request_id, principal__in=selectors.acts_as(user))
    asking.refuse_request(request=proposal, by=user)
    messages.success(request, _("You have refused the proposal."))
    return redirect("consent:list")


@login_needed
@require_POST
def decide_use(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Yes or no to one single use."""
    user, decision = signed_in(request), request.POST.get("decision")
    approval = get_object_or_404(UseApproval, pk=approval_id, grant__principal__in=selectors.acts_as(user))
    if decision not in ("approve", "refuse"):
        return HttpResponseBadRequest()
    asking.decide_use(approval=approval, by=user, approve=decision == "approve")
    messages.success(request, _("Your decision has been recorded."))
    return redirect("consent:list")
