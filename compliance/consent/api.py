"""Grants over the API: list, look, take the receipt, withdraw. Mounted at /api/v1/grants/."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from compliance.accounts.models import User
from compliance.consent import selectors, services
from compliance.consent.models import CascadeStep, Grant, Method
from compliance.errors import Unavailable


class StepSerializer(serializers.ModelSerializer[CascadeStep]):
    """One effect of a withdrawal and its delay in seconds."""

    class Meta:
        model = CascadeStep
        fields = ("name", "state", "affected", "delay_s", "finished_at")


class GrantSerializer(serializers.ModelSerializer[Grant]):
    """A grant as its parties see it."""

    state = serializers.SerializerMethodField()
    effects = serializers.SerializerMethodField()
    used_seconds = serializers.SerializerMethodField()

    class Meta:
        model = Grant
        fields = (
            "id",
            "principal",
            "grantee",
            "state",
            "terms",
            "digest",
            "starts_at",
            "ends_at",
            "created_at",
            "supersedes",
            "used_seconds",
            "effects",
        )

    def get_state(self, grant: Grant) -> str:
        return selectors.state_of(grant, timezone.now()).value

    def get_used_seconds(self, grant: Grant) -> float:
        return selectors.used_seconds(grant)

    @extend_schema_field(StepSerializer(many=True))
    def get_effects(self, grant: Grant) -> Any:
        withdrawal = getattr(grant, "withdrawal", None)
        return StepSerializer(withdrawal.steps.all(), many=True).data if withdrawal else []


class WithdrawSerializer(serializers.Serializer[Any]):
    """A withdrawal needs no reason."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class GrantViewSet(ReadOnlyModelViewSet[Grant]):
    """Own grants and those held by organisations one works for; all others do not exist (404)."""

    serializer_class = GrantSerializer
    queryset = Grant.objects.none()

    def get_queryset(self) -> QuerySet[Grant]:
        user = self.request.user
        return selectors.grants_visible_to(user) if isinstance(user, User) else Grant.objects.none()

    @extend_schema(request=WithdrawSerializer, responses=GrantSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str | None = None) -> Response:
        """End the consent; only the person, a guardian or an authority. Twice is the same as once."""
        body = WithdrawSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        withdrawal = services.withdraw_grant(
            grant=self.get_object(),
            by=request.user,
            reason=body.validated_data.get("reason", ""),
            method=Method.API,
        )
        return Response(self.get_serializer(withdrawal.grant).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def receipt(self, request: Request, pk: str | None = None) -> Response:
        """The signed receipt; 503 until the gate has signed it."""
        receipt = self.get_object().receipt
        if receipt is None:
            raise Unavailable("receipt_pending", _("The gate is still signing it. Ask again in a moment."))
        return Response(receipt)
