"""Two things at once without sharing anything: the next item is made while its user works on the one before."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_END = object()


def ahead(items: Iterable[_Item]) -> Generator[_Item, None, None]:
    """The same items in the same order, each made by another thread while the caller has the one before.

    Worth it where both sides leave the interpreter (drawing, reading faces, coding pictures). Whatever `items` raises
    is raised here. `items` must not ask the database: its connections belong to a thread.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, source, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, source, _END)
            yield item  # type: ignore[misc]
