"""What the broker is to be asked next: the day's price limits, and what orders would take. One batch at a time.

Nobody waits for an answer: an intent is decided on what is known. Limits are asked once a day and again where a price
comes near one of them or an order was refused by one (a band may have been widened since); margins once a day for every
way in which something may be opened, and again for each order approved. A batch that the broker refuses is halved until
the one that it means is found, which is left alone for the day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.messages.broker import PlaceOrder
from domain.messages.figures import ReadLimits, ReadMargins
from domain.messages.orders import OrderIntent
from domain.risk.limits import RiskLimits
from domain.values import E4, SECOND, Instrument, InstrumentKind, Nanos, OrderKind, Product, Side

LIMITS_BATCH: Final = 500
MARGINS_BATCH: Final = 100
AGAIN_AFTER: Final[Nanos] = 30 * SECOND
"""Between two questions about the same limits or the same kind of order, by the monotonic clock."""
AFTER_A_DENIAL: Final[Nanos] = 2 * SECOND
"""The same, where a limit has refused an order: leaving must stay possible."""
PATIENCE: Final[Nanos] = 100 * SECOND
"""A question without an answer for so long was lost with its worker."""
FIRST_PAUSE: Final[Nanos] = 15 * SECOND
LONGEST_PAUSE: Final[Nanos] = 1_800 * SECOND
"""After a failure, doubled each time: a plan without quotes refuses them all day."""
REFUSALS_MAX: Final = 40
"""Refused batches of a day after which the next is asked much later: it is not this or that order that is refused."""
NEAR_PERCENT: Final = 1

MarginKey = tuple[str, Product, Side]
"""(`EXCHANGE:SYMBOL`, product, side): one kind of order."""


def kind_of(order: PlaceOrder) -> MarginKey:
    """What a figure for this order is a figure for, in proportion to the quantity."""
    return f"{order.exchange}:{order.symbol}", order.product, order.side


def order_of(intent: OrderIntent) -> PlaceOrder:
    """The order as the broker is asked about it; it is never placed, so it has no tag."""
    exchange, _, symbol = intent.instrument.partition(":")
    return PlaceOrder(
        "",
        exchange,
        symbol,
        intent.side,
        intent.quantity,
        intent.product,
        intent.kind,
        intent.price,
        intent.trigger_price,
    )


def openings(instruments: Iterable[Instrument], limits: RiskLimits) -> list[PlaceOrder]:
    """One lot at the market in every way in which something may be opened."""
    found = []
    for each in instruments:
        if each.kind is InstrumentKind.INDEX or each.lot_size <= 0 or each.exchange not in limits.allowed_exchanges:
            continue
        share = each.kind is InstrumentKind.EQUITY
        for product in limits.allowed_products:
            if product is Product.MIS or (product is Product.NRML) is not share:
                sides = (Side.BUY,) if share and product is not Product.MIS else (Side.BUY, Side.SELL)
                exchange, _, symbol = each.key.partition(":")
                found += [
                    PlaceOrder("", exchange, symbol, side, each.lot_size, product, OrderKind.MARKET) for side in sides
                ]
    return found


def is_near(price: E4, limits: tuple[E4, E4]) -> bool:
    """Whether the price is within a percent of the exchange's lowest or highest of the day, or beyond."""
    lowest, highest = limits
    room = price * NEAR_PERCENT // 100
    return price - room <= lowest or price + room >= highest


class Questions:
    """See the module. Times are the monotonic clock's."""

    def __init__(self) -> None:
        self._limits: dict[str, None] = {}
        self._margins: dict[MarginKey, PlaceOrder] = {}
        self._asked: dict[str | MarginKey, Nanos] = {}
        self._refused: set[str | MarginKey] = set()
        self._out: ReadLimits | ReadMargins | None = None
        self._until: Nanos = 0
        self._size = MARGINS_BATCH
        self._names_size = LIMITS_BATCH
        self._pauses = {ReadLimits: FIRST_PAUSE, ReadMargins: FIRST_PAUSE}
        self._waits: dict[type, Nanos] = {ReadLimits: 0, ReadMargins: 0}
        self._number = 0
        self._refusals = 0

    def open_day(self, instruments: Iterable[str], orders: Iterable[PlaceOrder]) -> None:
        """Everything is asked afresh; an answer that is still under way is of yesterday."""
        self._limits = dict.fromkeys(instruments)
        self._margins = {kind_of(order): order for order in orders}
        self._asked.clear()
        self._refused.clear()
        self._out, self._refusals = None, 0
        self._size, self._names_size = MARGINS_BATCH, LIMITS_BATCH
        self._waits = {ReadLimits: 0, ReadMargins: 0}

    def about_limits(self, instrument: str, mono: Nanos, after: Nanos = AGAIN_AFTER) -> None:
        """Its limits may have moved."""
        if instrument not in self._refused and self._is_old(instrument, mono, after):
            self._limits[instrument] = None

    def about_order(self, order: PlaceOrder, mono: Nanos) -> None:
        """What it takes may have moved."""
        key = kind_of(order)
        if key not in self._refused and self._is_old(key, mono):
            self._margins[key] = order

    def next(self, mono: Nanos) -> ReadLimits | ReadMargins | None:
        """The batch to ask now: none while another is out, or while there is nothing to ask."""
        if self._out is not None and mono < self._until:
            return None
        self._number += 1
        out: ReadLimits | ReadMargins | None = None
        if self._limits and mono >= self._waits[ReadLimits]:
            names = tuple(self._limits)[: self._names_size]
            out = ReadLimits(self._number, names)
            self._asked.update(dict.fromkeys(names, mono))
        elif self._margins and mono >= self._waits[ReadMargins]:
            keys = tuple(self._margins)[: self._size]
            out = ReadMargins(self._number, tuple(self._margins[key] for key in keys))
            self._asked.update(dict.fromkeys(keys, mono))
        self._out, self._until = out, mono + PATIENCE
        return out

    def answered(self, request: int) -> bool:
        """The batch is done; False for an answer to another question, which is not to be used."""
        out = self._out
        if out is None or out.request != request:
            return False
        self._out = None
        self._drop(out)
        self._size, self._names_size = MARGINS_BATCH, LIMITS_BATCH
        self._pauses[type(out)] = FIRST_PAUSE
        return True

    def failed(self, request: int, *, refused: bool, mono: Nanos) -> bool:
        """It is asked again: at once and in halves where the broker refused it, later where it was not reached.

        True where it is worth a word: the first of a row of failures.
        """
        out = self._out
        if out is None or out.request != request:
            return False
        self._out = None
        count = len(out.instruments) if isinstance(out, ReadLimits) else len(out.orders)
        self._refusals += refused
        if self._refusals > REFUSALS_MAX:
            self._waits[type(out)] = mono + LONGEST_PAUSE
            return False
        if refused and count > 1:
            if isinstance(out, ReadLimits):
                self._names_size = (count + 1) // 2
            else:
                self._size = (count + 1) // 2
            return False
        if refused:
            self._refused.update(self._drop(out))
            self._size, self._names_size = MARGINS_BATCH, LIMITS_BATCH
            return True
        pause = self._pauses[type(out)]
        self._waits[type(out)] = mono + pause
        self._pauses[type(out)] = min(2 * pause, LONGEST_PAUSE)
        return pause == FIRST_PAUSE

    def _is_old(self, key: str | MarginKey, mono: Nanos, after: Nanos = AGAIN_AFTER) -> bool:
        asked = self._asked.get(key)
        return asked is None or mono - asked >= after

    def _drop(self, out: ReadLimits | ReadMargins) -> list[str | MarginKey]:
        if isinstance(out, ReadLimits):
            for name in out.instruments:
                self._limits.pop(name, None)
            return list(out.instruments)
        keys = [kind_of(order) for order in out.orders]
        for key in keys:
            self._margins.pop(key, None)
        return list(keys)
