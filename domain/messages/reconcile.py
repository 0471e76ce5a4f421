"""Between the reconciler and the order supervisor, who alone writes the journal."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.adjustments import PositionAdjusted
from domain.messages.journal import DifferenceCleared, DifferenceFound, OrderClosed, TradeBooked

ReconcileEvent = DifferenceFound | DifferenceCleared | TradeBooked | OrderClosed | PositionAdjusted


class JournalDifferences(Struct, frozen=True, tag=True):
    """Command, reconciler to order supervisor: commit these together, then tell them like every other event.

    The trades are those that no order of ours made; what closed is an order that outlived its day.
    request  a person's, that asked for this: it is journaled once; 0: nobody's
    """

    number: int
    events: tuple[ReconcileEvent, ...]
    request: int = 0


class DifferencesTaken(Struct, frozen=True, tag=True):
    """Event, order supervisor to reconciler: those events are journaled now, or could not be."""

    number: int


class UpdateHeard(Struct, frozen=True, tag=True):
    """Event, order supervisor to reconciler: an update of its own accord told of so many units filled."""

    tag: str
    filled: int
