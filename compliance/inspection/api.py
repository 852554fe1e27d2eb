"""API of the public check."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from compliance.inspection import services
from compliance.inspection.models import Inspection


class QuestionSerializer(serializers.Serializer[Any]):
    """A file to be examined."""

    file = serializers.FileField(allow_empty_file=True)


class InspectionSerializer(serializers.ModelSerializer[Inspection]):
    """The answer, once `state` is `done`."""

    class Meta:
        model = Inspection
        fields = ("id", "file_name", "size", "sha256", "state", "result", "error_code", "error_text", "created_at")
        read_only_fields = fields


class InspectionsView(APIView):
    """`POST /api/v1/inspections/`: ask about a file; answers 202 with the address of the result."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (MultiPartParser,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "inspection"

    @extend_schema(request=QuestionSerializer, responses={202: InspectionSerializer})
    def post(self, request: Request) -> Response:
        question = QuestionSerializer(data=request.data)
        question.is_valid(raise_exception=True)
        upload = question.validated_data["file"]
        made = services.ask(upload=upload, upload_name=upload.name or "", upload_size=upload.size or 0)
        location = request.build_absolute_uri(reverse("api-inspection", args=[made.id]))
        body = InspectionSerializer(made).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": location})


class InspectionView(APIView):
    """`GET /api/v1/inspections/<id>/`: the answer."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=InspectionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(InspectionSerializer(get_object_or_404(Inspection, pk=pk)).data)
