"""The public side of the log: read-only, without an account, nothing in it names a person."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance.ledger import selectors
from compliance.ledger.errors import NotInLog
from compliance.ledger.models import LogEntry
from compliance.ledger.note import encode64
from compliance.ledger.signing import log_key

PAGE_SIZE = 25
TEXT = "text/plain; charset=utf-8"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the log holds and how anybody checks it."""
    newest = selectors.latest_checkpoint()
    page = Paginator(LogEntry.objects.order_by("-index"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "checkpoint": newest,
        "root": encode64(bytes(newest.root)) if newest else "",
        "waiting": selectors.waiting_count(),
        "vkey": log_key().to_vkey(),
        "page": page,
    }
    return render(request, "ledger/home.html", context)


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed note, as C2SP monitors and witnesses read it."""
    newest = selectors.latest_checkpoint()
    if newest is None:
        raise Http404
    response = HttpResponse(newest.note, content_type=TEXT)
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def key(request: HttpRequest) -> HttpResponse:
    """The log's verifier key. Pin it once, from a second source if you can."""
    return HttpResponse(log_key().to_vkey() + "\n", content_type=TEXT)


@require_safe
def consistency(request: HttpRequest, old: int, new: int) -> HttpResponse:
    """The hashes, one base64 line each, that prove that size ``new`` extends size ``old``."""
    try:
        hashes = selectors.consistency(old, new)
    except NotInLog as error:
        raise Http404(error.text) from error
    return HttpResponse("".join(encode64(value) + "\n" for value in hashes), content_type=TEXT)


@require_safe
def entry(request: HttpRequest, index: int) -> HttpResponse:
    """The leaf's exact bytes: what is hashed is what you get."""
    return HttpResponse(bytes(_entry_or_404(index).leaf), content_type="application/json")


@require_safe
def proof(request: HttpRequest, index: int) -> HttpResponse:
    """The entry's ``.tlog-proof`` against the newest checkpoint, as a file to keep."""
    try:
        text = selectors.proof_text(index)
    except NotInLog as error:
        raise Http404(error.text) from error
    response = HttpResponse(text, content_type=TEXT)
    response["Content-Disposition"] = f'attachment; filename="entry-{index}.tlog-proof"'
    return response


def _entry_or_404(index: int) -> LogEntry:
    try:
        return selectors.entry_at(index)
    except NotInLog as error:
        raise Http404(error.text) from error
