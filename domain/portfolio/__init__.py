"""The account as ledgers: lots per strategy on one netted account, exact to 1/10,000 rupee, folded from the journal.

`lots` matches trades, `ledger` is one line of the books, `book` is all of them with cash and charges, `positions` has
the broker's own formulas for a position.
"""

from domain.portfolio.book import Book
from domain.portfolio.ledger import Ledger, RoundTrip
from domain.portfolio.positions import NetPosition
from domain.portfolio.sequence import SequenceGap, SnapshotUnreadable

__all__ = ["Book", "Ledger", "NetPosition", "RoundTrip", "SequenceGap", "SnapshotUnreadable"]
