"""Turns a typed refusal that reaches the top of a page into a page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from compliance.errors import AvowError


class RefusalMiddleware:
    """Shows every `AvowError` that no view has handled, with its code and its text."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, AvowError):
            return None
        return render(request, "refused.html", {"error": error}, status=error.http_status)


class PermissionsPolicyMiddleware:
    """No page may use camera, microphone or place, but the one that says so itself."""

    POLICY = "camera=(), microphone=(), geolocation=(), display-capture=()"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", self.POLICY)
        return response
