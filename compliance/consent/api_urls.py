"""The routes of `/api/v1/grants/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from compliance.consent.api import GrantViewSet

router = SimpleRouter()
router.register("", GrantViewSet, basename="api-grant")

urlpatterns = router.urls
