"""What every page may know about the site."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Whether this is the demonstration, and whether accounts may be opened."""
    return {
        "demo": settings.AVOW_DEMO,
        "signup_open": settings.AVOW_SIGNUP_OPEN,
        "public_url": settings.AVOW_PUBLIC_URL,
    }
