"""A store that knows no paths, as S3 does."""

from __future__ import annotations

from django.core.files.storage import InMemoryStorage


class RemoteStorage(InMemoryStorage):
    """Objects without a file system behind them."""

    def path(self, name: str) -> str:
        raise NotImplementedError
