"""`POST /api/v1/rooms/<id>/comments`: the door for platforms."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from streaming.models import Room
from streaming.webhooks.errors import BodyTooLarge, TooFast
from streaming.webhooks.services import MAX_BYTES, check_delivery, take_delivery

COMMENT = inline_serializer(
    "RoomComment",
    {
        "platform": serializers.CharField(max_length=128),
        "id": serializers.CharField(
            max_length=128, help_text="The platform's; a comment that comes twice is kept once."
        ),
        "user_ref": serializers.CharField(max_length=128, help_text="A pseudonym of the platform's; kept as a hash."),
        "text": serializers.CharField(max_length=500),
        "ts": serializers.FloatField(required=False, help_text="Epoch seconds; the moment of arrival when absent."),
        "room": serializers.UUIDField(required=False),
        "kind": serializers.ChoiceField(["chat", "paid", "gift"], required=False),
        "value": serializers.FloatField(required=False),
        "language": serializers.CharField(required=False),
    },
    many=True,
)
KEPT = inline_serializer(
    "CommentsKept",
    {"kept": serializers.IntegerField(), "refused": serializers.DictField(child=serializers.IntegerField())},
)


class _PerAddress(SimpleRateThrottle):
    """What has not shown a signature yet is counted by where it comes from."""

    scope = "room-comments-address"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class _PerRoom(SimpleRateThrottle):
    """Signed deliveries are counted by room, so that nobody without a secret can use them up."""

    scope = "room-comments"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": view.kwargs["pk"]}


class RoomCommentsView(APIView):
    """Comments of a platform, signed by the rules of Standard Webhooks with the room's secret."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = ()  # the signature covers the bytes, so they are read as they came

    @extend_schema(request={"application/json": COMMENT, "application/x-ndjson": COMMENT}, responses={202: KEPT})
    def post(self, request: Request, pk: UUID) -> Response:
        self._slow_down(request, _PerAddress())
        room = get_object_or_404(Room.objects.select_related("organisation"), pk=pk, on_air_at__isnull=False)
        body = _read(request)
        check_delivery(room=room, headers={name.lower(): text for name, text in request.headers.items()}, body=body)
        self._slow_down(request, _PerRoom())
        kept = take_delivery(room=room, content_type=request.content_type or "", body=body)
        return Response(kept, status=202)

    def _slow_down(self, request: Request, throttle: SimpleRateThrottle) -> None:
        if not throttle.allow_request(request, self):
            wait = throttle.wait() or 1.0
            raise TooFast("rate_limited", _("Too many deliveries; put more comments into one."), retry_after_s=wait)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, TooFast):
            response["Retry-After"] = str(int(exc.details["retry_after_s"]) + 1)
        return response


def _read(request: Request) -> bytes:
    """At most one byte more than is allowed, whatever the sender's headers say."""
    body = cast(Any, request._request).read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        text = _("At most %(limit)d bytes fit one delivery.")
        raise BodyTooLarge("body_too_large", text % {"limit": MAX_BYTES})
    return bytes(body)
