"""A store that knows no paths, as S3 does."""

from __future__ import annotations

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage


class RemoteStorage(Storage):
    """Objects without a file system behind them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return ContentFile(self.objects[name], name)

    def _save(self, name: str, content: File[bytes]) -> str:
        self.objects[name] = content.read()
        return name

    def exists(self, name: str) -> bool:
        return name in self.objects

    def delete(self, name: str) -> None:
        del self.objects[name]

    def size(self, name: str) -> int:
        return len(self.objects[name])
