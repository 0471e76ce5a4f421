"""What changes a position without a trade, as a person (or reconciliation) has said it: kept in the journal."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.values import E4, Nanos, Product


class AdjustmentKind(Enum):
    """CORPORATE_ACTION: split, bonus, consolidation: other units, the same cost. CONVERSION: to another product, at
    what they cost. SETTLEMENT: a contract has ended at the exchange's price. ASSIGNMENT: whose units these are, as a
    person says who accepts a difference: they come or go at `price`, as a trade without charges.
    """

    CORPORATE_ACTION = "corporate action"
    CONVERSION = "conversion"
    SETTLEMENT = "settlement"
    ASSIGNMENT = "assignment"


class PositionAdjusted(Struct, frozen=True, tag=True):
    """One line of the books is changed.

    quantity    signed units that are changed: all of the line's but for a conversion
    becomes     signed units that they are then: 0 for a settlement, the same for a conversion
    to_product  a conversion's; else the line's own
    price       a settlement's or an assignment's, 1/10,000 rupee per unit; else 0
    tax         what the exchange or the state takes for a settlement, 1/10,000 rupee
    who, why    in their words
    adopted     of an assignment: signed units that reconciliation had adopted, and that leave the external ledger
    of_holdings of an assignment: shares that were carried into the day
    """

    kind: AdjustmentKind
    strategy: str
    instrument: str
    token: int
    product: Product
    quantity: int
    becomes: int
    to_product: Product
    who: str
    why: str
    time: Nanos
    price: E4 = 0
    tax: E4 = 0
    adopted: int = 0
    of_holdings: bool = False

    def moves(self) -> tuple[tuple[Product, int], ...]:
        """Signed units by product, for whoever counts units alone."""
        if self.kind is AdjustmentKind.CONVERSION:
            return (self.product, -self.quantity), (self.to_product, self.quantity)
        return ((self.product, self.becomes - self.quantity),)


class PeakReset(Struct, frozen=True, tag=True):
    """A person has seen how far the result since ever has fallen: from here on it is measured from where it stands."""

    who: str
    why: str
    time: Nanos
