"""The routes of `/api/v1/`."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from compliance.inspection.api import InspectionsView, InspectionView
from compliance.release.api import ReleaseViewSet, TakeViewSet

router = DefaultRouter()
router.register("takes", TakeViewSet, basename="api-take")
router.register("releases", ReleaseViewSet, basename="api-release")

urlpatterns = [
    path("inspections/", InspectionsView.as_view(), name="api-inspections"),
    path("inspections/<uuid:pk>/", InspectionView.as_view(), name="api-inspection"),
    path("grants/", include("compliance.consent.api_urls")),
    path("", include(router.urls)),
]
