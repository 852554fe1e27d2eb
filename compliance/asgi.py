"""The web process."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")

_pages = get_asgi_application()
# Load every page's code now, not while the first visitor waits.
_ = get_resolver().url_patterns


def _load_sockets() -> dict[str, Callable[..., Awaitable[None]]]:
    from django.conf import settings
    from django.utils.module_loading import import_string

    return {prefix: import_string(path) for prefix, path in settings.AVOW_SOCKETS.items()}


_sockets = _load_sockets()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Pages to Django; a WebSocket to whoever settings name for the beginning of its path, or to nobody."""
    if scope["type"] != "websocket":
        await _pages(scope, receive, send)
        return
    for prefix, handler in _sockets.items():
        if scope["path"].startswith(prefix):
            await handler(scope, receive, send)
            return
    await receive()
    await send({"type": "websocket.close", "code": 1008})
