"""The average-cost view of the same trades: a sale takes its units at the average of all that are held.

The ledgers match first in, first out; most brokers' screens show averages. Both make the same profit in the end, and at
any price the same sum of realised and unrealised: that is the test. An average is a pair, never stored rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.journal import JournalRecord, TradeBooked
from domain.values import E4, Product

AverageLine = tuple[str, str, Product]
"""(strategy, instrument, product)."""


class AverageCost(Struct, frozen=True):
    """One line. quantity: signed; price: average of what is held, 1/10,000 rupee, exact; realised: since ever, before
    charges and without the multiplier.
    """

    quantity: int = 0
    price: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)

    def traded(self, signed: int, price: E4 | Fraction) -> AverageCost:
        """After so many units (signed) came at this price."""
        held = self.quantity
        if held == 0 or (held > 0) == (signed > 0):
            total = held + signed
            return AverageCost(total, (held * self.price + signed * Fraction(price)) / total, self.realised)
        closed = min(abs(held), abs(signed)) * (1 if held > 0 else -1)
        realised = self.realised + closed * (price - self.price)
        left = held + signed
        turned = left != 0 and (left > 0) != (held > 0)
        return AverageCost(left, Fraction(price) if turned else self.price if left else Fraction(0), realised)

    def unrealised(self, price: E4) -> Fraction:
        """Profit of what is held at this price, without the multiplier."""
        return self.quantity * (price - self.price)


def average_costs(records: Iterable[JournalRecord]) -> dict[AverageLine, AverageCost]:
    """Every line that ever traded, by the journal from its beginning."""
    lines: dict[AverageLine, AverageCost] = {}
    for record in records:
        event = record.event
        if isinstance(event, TradeBooked):
            key = event.strategy, event.instrument, event.product
            lines[key] = lines.get(key, AverageCost()).traded(event.side.sign * event.quantity, event.price)
        elif isinstance(event, PositionAdjusted):
            _adjust(lines, event)
    return lines


def _adjust(lines: dict[AverageLine, AverageCost], event: PositionAdjusted) -> None:
    key = event.strategy, event.instrument, event.product
    if event.kind is AdjustmentKind.ASSIGNMENT:
        lines[key] = lines.get(key, AverageCost()).traded(event.becomes - event.quantity, event.price)
        return
    line = lines[key]
    match event.kind:
        case AdjustmentKind.CORPORATE_ACTION:
            lines[key] = AverageCost(event.becomes, line.price * line.quantity / event.becomes, line.realised)
        case AdjustmentKind.SETTLEMENT:
            lines[key] = line.traded(-event.quantity, event.price)
        case AdjustmentKind.CONVERSION:
            to = event.strategy, event.instrument, event.to_product
            left = line.quantity - event.quantity
            lines[key] = AverageCost(left, line.price if left else Fraction(0), line.realised)
            lines[to] = lines.get(to, AverageCost()).traded(event.quantity, line.price)
