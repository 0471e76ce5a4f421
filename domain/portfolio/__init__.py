"""The account as ledgers: lots per strategy on one netted account, exact to 1/10,000 rupee, folded from the journal.

`lots` matches trades, `ledger` is one line of the books, `book` is all of them with cash and charges, `positions` has
the broker's own formulas for a position.

They are imported when they are asked for: who wants the limits alone does not wait for the book.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from domain.portfolio.book import Book
    from domain.portfolio.ledger import Ledger, RoundTrip
    from domain.portfolio.positions import NetPosition
    from domain.portfolio.sequence import SequenceGap, SnapshotUnreadable

__all__ = ["Book", "Ledger", "NetPosition", "RoundTrip", "SequenceGap", "SnapshotUnreadable"]

_HOME: Final = {
    "Book": "book",
    "Ledger": "ledger",
    "RoundTrip": "ledger",
    "NetPosition": "positions",
    "SequenceGap": "sequence",
    "SnapshotUnreadable": "sequence",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
