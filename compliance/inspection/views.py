"""The public check: no account, no charge."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from compliance.errors import AvowError
from compliance.inspection import services
from compliance.inspection.forms import InspectionForm
from compliance.inspection.models import Inspection
from compliance.jobs.models import Job


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Drop a file, get an answer."""
    form = InspectionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            inspection = services.ask(upload=upload, upload_name=upload.name or "", upload_size=upload.size or 0)
        except AvowError as error:
            form.add_error("file", error.text)
        else:
            return redirect("inspection:result", inspection.id)
    return render(request, "inspection/verify.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
def result(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The answer; polled by itself until it is there."""
    inspection = get_object_or_404(Inspection, pk=pk)
    found = inspection.result or {}
    chinese = (get_language() or "").startswith("zh")
    context = {
        "inspection": inspection,
        "result": found,
        "verdict": found.get("verdict_zh" if chinese else "verdict"),
        "chinese": chinese,
        "job": Job.objects.filter(subject_id=pk).first(),
    }
    template = "inspection/_result.html" if request.headers.get("HX-Request") else "inspection/result.html"
    return render(request, template, context)
