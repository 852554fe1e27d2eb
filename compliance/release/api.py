"""API routes of takes and releases."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import serializers, viewsets

from compliance.accounts.access import signed_in
from compliance.accounts.models import Role
from compliance.accounts.selectors import organisations_with_role
from compliance.release.models import Release, Take
from compliance.release.selectors import releases_for


class TakeSerializer(serializers.ModelSerializer[Take]):
    """A take and where it stands."""

    class Meta:
        model = Take
        fields = ("id", "title", "state", "reasons", "campaign", "grant", "avatar_digest", "script_digest",
                  "width", "height", "fps", "created_at", "updated_at")
        read_only_fields = fields


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release with everything that was measured and signed."""

    class Meta:
        model = Release
        fields = ("id", "take", "grant", "mark", "sha256", "size", "duration_s", "manifest_label", "aigc",
                  "measurement", "decision", "credentials", "state", "takedown_at", "released_at")
        read_only_fields = fields


class TakeViewSet(viewsets.ReadOnlyModelViewSet[Take]):
    """Takes of the caller's organisations."""

    serializer_class = TakeSerializer
    queryset = Take.objects.none()

    def get_queryset(self) -> QuerySet[Take]:
        organisations = organisations_with_role(
            signed_in(self.request), Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR
        )
        return Take.objects.filter(organisation__in=organisations)


class ReleaseViewSet(viewsets.ReadOnlyModelViewSet[Release]):
    """Releases of the caller's organisations and those that show the caller."""

    serializer_class = ReleaseSerializer
    queryset = Release.objects.none()

    def get_queryset(self) -> QuerySet[Release]:
        return releases_for(signed_in(self.request))
