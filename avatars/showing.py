"""Sealed files as a browser gets them."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from avatars.vault import open_sealed
from compliance.release.media import serve_opened


def serve_sealed(request: HttpRequest, grant_id: UUID, name: str, *, content_type: str) -> HttpResponseBase:
    """The plain bytes of a stored file, or the range asked for. Raises as `vault.open_sealed`.

    All of it is authenticated before the first byte leaves: a damaged file is refused with its reason, not broken off.
    """
    source = open_sealed(grant_id, name)
    try:
        source.verify()
    except BaseException:
        source.close()
        raise
    return serve_opened(request, source, source.length, content_type=content_type)
