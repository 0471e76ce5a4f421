"""The day's charges beside the broker's virtual contract note, order by order and component by component.

What is held against each other are the tariffs: every executed order's unrounded charges by our tables and by the
broker's. What a day's note rounds, and what appears there alone (depository charge, square-off fee), is no part of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from domain.costs import order_charges
from domain.costs.kinds import UnknownInstrument, kind_by_name
from domain.costs.tables.contracts import units_per_quantity
from domain.messages.broker import ExecutedOrder, OrderCosts
from domain.messages.journal import TradeBooked
from domain.report.books import Difference
from domain.values import E4, PAISA, RUPEE, OrderKind, rupees

TOLERANCE: Final[E4] = PAISA
"""Per order and component: the broker shows some of them in whole paise (kite-facts 7.2)."""

UnitsOf = Callable[[str], int | None]
"""The multiplier of an `EXCHANGE:SYMBOL` of today's list; None for what is not listed."""


class NoteCheck(Struct, frozen=True):
    """ours, theirs: the charges of the same executed orders, in 1/10,000 rupee; differences: what is not equal."""

    orders: int
    ours: E4
    theirs: E4
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether they are the same but for rounding."""
        return not self.differences


def executed_orders(trades: Iterable[TradeBooked]) -> tuple[ExecutedOrder, ...]:
    """The day's trades as executed orders, oldest first; an order that two ledgers share is one."""
    found: dict[str, ExecutedOrder] = {}
    for trade in trades:
        exchange, _, symbol = trade.instrument.partition(":")
        known = found.get(trade.order_id)
        if kind_by_name(exchange, symbol, trade.product) is None:
            continue
        found[trade.order_id] = ExecutedOrder(
            order_id=trade.order_id,
            exchange=exchange,
            symbol=symbol,
            side=trade.side,
            product=trade.product,
            # The tariff does not tell kinds of orders apart, and trades do not state them.
            kind=OrderKind.MARKET,
            quantity=trade.quantity + (0 if known is None else known.quantity),
            value=trade.quantity * trade.price + (0 if known is None else known.value),
        )
    return tuple(found.values())


def check_note(
    day: dt.date, orders: Sequence[ExecutedOrder], stated: Sequence[OrderCosts], units_of: UnitsOf
) -> NoteCheck:
    """Our charges of these orders beside the broker's. Raises RatesUnknown for a day without a tariff of ours."""
    theirs = {each.order_id: each for each in stated}
    differences: list[Difference] = []
    sums = [0, 0]
    count = 0
    for order in orders:
        own, other = _own(day, order, units_of), theirs.get(order.order_id)
        if own is None or other is None:
            differences.append(Difference("note", order.order_id, "–" if own is None else "priced", "not stated"))
            continue
        count += 1
        sums[0] += sum(own.values())
        sums[1] += other.total
        for name, amount in own.items():
            said: E4 = getattr(other, name)
            if abs(amount - said) > TOLERANCE:
                subject = f"{name} of {order.exchange}:{order.symbol}, order {order.order_id}"
                differences.append(Difference("note", subject, rupees(amount), rupees(said)))
    return NoteCheck(count, sums[0], sums[1], tuple(differences))


def _own(day: dt.date, order: ExecutedOrder, units_of: UnitsOf) -> Mapping[str, E4] | None:
    kind = kind_by_name(order.exchange, order.symbol, order.product)
    units = units_of(f"{order.exchange}:{order.symbol}")
    if units is None:
        try:
            units = units_per_quantity(order.exchange, order.symbol)
        except UnknownInstrument:
            return None
    if kind is None:
        return None
    costs = order_charges(day, order.exchange, kind, order.side, order.value * units)
    parts = ("brokerage", "tax", "exchange", "sebi", "gst", "stamp")
    return {name: round(getattr(costs, name) * RUPEE) for name in parts}
