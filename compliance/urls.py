"""Every door of the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("compliance.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("consent/", include("compliance.consent.urls")),
    path("", include("streaming.archive.urls")),
    path("", include("streaming.urls")),
    path("studio/", include("streaming.scripting.urls")),
    path("studio/", include("avatars.urls")),
    path("legal/", include("compliance.legal.urls")),
    path("releases/", include("compliance.release.urls")),
    path("verify/", include("compliance.inspection.urls")),
    path("audit/", include("compliance.audit.urls")),
    path("ledger/", include("compliance.ledger.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/", include("compliance.api_urls")),
]
