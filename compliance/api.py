"""What all API routes share: refusals as JSON with code and text."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from compliance.errors import AvowError


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """`{"code": ..., "text": ..., "details": ...}` with the status of the error's kind."""
    if isinstance(error, AvowError):
        body = {"code": error.code, "text": error.text, "details": error.details}
        return Response(body, status=error.http_status)
    return default_handler(error, context)
