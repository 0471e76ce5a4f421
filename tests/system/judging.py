"""Compares a trader's journal with the exchange's own books: the exchange judges."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from app.chaos.real_exchange import Exchange
from app.chaos.real_judging import Line, books_unequal, journaled, not_effectively_once

__all__ = ["Line", "assert_books_equal", "assert_effectively_once", "journaled"]


def assert_effectively_once(exchange: Exchange, path: Path) -> None:
    """See `not_effectively_once`."""
    assert not_effectively_once(exchange, path) == []


def assert_books_equal(exchange: Exchange, path: Path, but_for: AbstractSet[Line] = frozenset()) -> None:
    """See `books_unequal`."""
    assert books_unequal(exchange, path, but_for) == []
