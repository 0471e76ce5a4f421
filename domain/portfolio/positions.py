"""A position by the broker's own formulas (kite-facts 2.3), for comparing with what the broker shows.

The broker's average is that of all buys (or sells), not first in first out; its profit treats every fill as open. Both
agree with the ledgers in total, which is what makes the comparison worth having.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct

from domain.portfolio.ledger import Ledger
from domain.values import E4, Product


class NetPosition(Struct, frozen=True):
    """One instrument and product over all strategies. Values are 1/10,000 rupee and include the multiplier.

    overnight_quantity  carried into the day, signed
    buy_value, sell_value  the day's, with what a carried position had cost (long) or brought (short)
    """

    instrument: str
    token: int
    product: Product
    multiplier: int
    quantity: int
    overnight_quantity: int
    day_buy_quantity: int
    day_buy_value: E4
    day_sell_quantity: int
    day_sell_value: E4
    overnight_buy_quantity: int
    overnight_buy_value: E4
    overnight_sell_quantity: int
    overnight_sell_value: E4

    @property
    def buy_quantity(self) -> int:
        """Units bought, the carried long included."""
        return self.overnight_buy_quantity + self.day_buy_quantity

    @property
    def sell_quantity(self) -> int:
        """Units sold, the carried short included."""
        return self.overnight_sell_quantity + self.day_sell_quantity

    @property
    def buy_value(self) -> E4:
        """Value bought, the carried long included at what it had cost."""
        return self.overnight_buy_value + self.day_buy_value

    @property
    def sell_value(self) -> E4:
        """Value sold, the carried short included at what it had brought."""
        return self.overnight_sell_value + self.day_sell_value

    @property
    def value(self) -> E4:
        """`sell_value` - `buy_value`."""
        return self.sell_value - self.buy_value

    @property
    def average_price(self) -> Fraction:
        """Average of all buys if long, of all sells if short, 0 when flat; 1/10,000 rupee per unit, exact."""
        if self.quantity > 0:
            return Fraction(self.buy_value, self.buy_quantity * self.multiplier)
        if self.quantity < 0:
            return Fraction(self.sell_value, self.sell_quantity * self.multiplier)
        return Fraction(0)

    def pnl(self, last_price: E4) -> E4:
        """`value` + quantity x last price x multiplier: profit since each unit was bought or sold, before charges."""
        return self.value + self.quantity * last_price * self.multiplier

    def m2m(self, last_price: E4, close_price: E4) -> E4:
        """The day's own profit: as pnl, with a carried position taken at the previous close."""
        carried = self.overnight_quantity * close_price * self.multiplier
        buys = self.day_buy_value + max(carried, 0)
        sells = self.day_sell_value + max(-carried, 0)
        return sells - buys + self.quantity * last_price * self.multiplier


def net_positions(ledgers: Iterable[Ledger]) -> tuple[NetPosition, ...]:
    """The ledgers added up by instrument and product, in that order of keys."""
    groups: dict[tuple[str, str], list[Ledger]] = {}
    for ledger in ledgers:
        groups.setdefault((ledger.instrument, ledger.product.value), []).append(ledger)
    return tuple(_added(groups[key]) for key in sorted(groups))


def _added(group: list[Ledger]) -> NetPosition:
    first = group[0]
    long = [one for one in group if one.carried_quantity > 0]
    short = [one for one in group if one.carried_quantity < 0]
    return NetPosition(
        instrument=first.instrument,
        token=first.token,
        product=first.product,
        multiplier=first.multiplier,
        quantity=sum(one.quantity for one in group),
        overnight_quantity=sum(one.carried_quantity for one in group),
        day_buy_quantity=sum(one.day_buy_quantity for one in group),
        day_buy_value=sum(one.day_buy_value for one in group),
        day_sell_quantity=sum(one.day_sell_quantity for one in group),
        day_sell_value=sum(one.day_sell_value for one in group),
        overnight_buy_quantity=sum(one.carried_quantity for one in long),
        overnight_buy_value=sum(one.carried_cost for one in long),
        overnight_sell_quantity=-sum(one.carried_quantity for one in short),
        overnight_sell_value=-sum(one.carried_cost for one in short),
    )
