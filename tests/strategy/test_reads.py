"""What a rule's `decide` looks at: whatever might be looked at counts as looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.strategy.reads import reads_argument, reads_field


def _helper(book: Any) -> Any:
    return book.bars_held


def quantity_alone(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return book.quantity + book.size, state


def by_name(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return book.quantity if now.close > before.close else book.bars_held, state


def taken_apart(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    _, _, _, _, held = book
    return held, state


def by_place(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return book[4], state


def handed_on(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return _helper(book), state


def enclosed(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return max([1, 2], key=lambda _: book.bars_held), state


def renamed(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    mine = book
    return mine.bars_held, state


def two_at_once(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return (state, book), book.quantity


def of_session(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
    return session.bar, state


@pytest.mark.parametrize(
    ("decide", "reads"),
    [
        (quantity_alone, False),
        (of_session, False),
        (by_name, True),
        (taken_apart, True),
        (by_place, True),
        (handed_on, True),
        (enclosed, True),
        (renamed, True),
        (two_at_once, True),
    ],
)
def test_a_field_that_may_be_read_is_worked_out(decide: Callable[..., Any], reads: bool) -> None:
    assert reads_field(decide, 2, "bars_held") is reads


def test_an_argument_that_is_never_loaded_is_not_read() -> None:
    assert reads_argument(of_session, 3)
    assert reads_argument(enclosed, 2)
    assert not reads_argument(quantity_alone, 3)
