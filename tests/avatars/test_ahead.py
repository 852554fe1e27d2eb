"""The next item is made while the one before is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.ahead import ahead


@given(st.lists(st.one_of(st.none(), st.integers())))
def test_the_same_items_in_the_same_order(items: list[int | None]) -> None:
    assert list(ahead(items)) == items


def test_the_next_item_is_made_meanwhile_and_no_more_than_one() -> None:
    made, second = [], threading.Event()

    def items() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    coming = ahead(items())
    assert next(coming) == 0
    assert second.wait(10)  # nobody has asked for it yet
    assert made == [0, 1]
    assert list(coming) == [1, 2, 3]


def test_what_the_items_raise_is_raised_where_they_are_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(KeyError, match="gone"):
        next(coming)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    coming = ahead(iter(range(10)))
    assert next(coming) == 0
    coming.close()
    assert threading.active_count() == before
