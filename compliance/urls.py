"""Every door of the site."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
]
for prefix, module in (
    ("", "compliance.accounts.urls"),
    ("consent/", "compliance.consent.urls"),
    ("studio/", "avatars.urls"),
    ("legal/", "compliance.legal.urls"),
    ("releases/", "compliance.release.urls"),
    ("verify/", "compliance.inspection.urls"),
    ("audit/", "compliance.audit.urls"),
    ("ledger/", "compliance.ledger.urls"),
    ("api/v1/", "compliance.api_urls"),
):
    try:
        import_module(module)
    except ImportError:
        continue
    urlpatterns.append(path(prefix, include(module)))
