"""Serving a private video: byte ranges (RFC 9110 §14), so that a player can seek."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Protocol, cast

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from compliance.storage import CHUNK, private


class Seekable(Protocol):
    """What can be sent in parts; an answer to `read` may be shorter than asked for."""

    def read(self, size: int, /) -> bytes | None: ...
    def seek(self, offset: int, /) -> int: ...
    def close(self) -> None: ...


_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def serve(request: HttpRequest, name: str, *, content_type: str, download_as: str = "") -> HttpResponseBase:
    """The stored object, or the single range asked for; 416 for a range outside it."""
    size = private().size(name)
    source = cast(Seekable, private().open(name, "rb"))
    return serve_opened(request, source, size, content_type=content_type, download_as=download_as)


def serve_opened(
    request: HttpRequest, source: Seekable, size: int, *, content_type: str, download_as: str = ""
) -> HttpResponseBase:
    """The same of what lies open: `size` bytes. `source` is closed when the answer is sent, or at once when none is."""
    span = _span(request.headers.get("Range", ""), size)
    if span is None:
        source.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = span
    # Under ASGI a plain iterator would be read into memory whole before the first byte leaves.
    read = _read_async if isinstance(request, ASGIRequest) else _read
    body = read(source, start, end - start)
    partial = "Range" in request.headers
    response = StreamingHttpResponse(body, status=206 if partial else 200, content_type=content_type)
    response["Content-Length"] = str(end - start)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    if partial:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if download_as:
        response["Content-Disposition"] = f'attachment; filename="{download_as}"'
    return response


def _span(header: str, size: int) -> tuple[int, int] | None:
    """[start, end) of the wanted bytes; the whole for no or an unreadable header."""
    match = _RANGE.match(header)
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    return (start, end) if start < end else None


async def _read_async(source: Seekable, start: int, length: int) -> AsyncIterator[bytes]:
    pieces = _read(source, start, length)
    while chunk := await sync_to_async(lambda: next(pieces, b""))():
        yield chunk


def _read(source: Seekable, start: int, length: int) -> Iterator[bytes]:
    with closing(source):
        source.seek(start)
        while length > 0 and (chunk := source.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
