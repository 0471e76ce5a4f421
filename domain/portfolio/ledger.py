"""One line of the books: a strategy's position in one instrument and product, with the day's turnover and profit."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.journal import TradeBooked
from domain.portfolio.lots import Lot, cost, match, merged, rescaled, taken
from domain.values import E4, Nanos, Product, Side

_BUY: Final = Side.BUY


class RoundTrip(Struct, frozen=True):
    """Flat, position, flat again (a trade that turns the position ends one and begins the next).

    quantity  the largest position held, positive; side says which way it was
    gross     profit before charges
    opened, closed  exchange times of the first and the last trade
    """

    strategy: str
    instrument: str
    product: Product
    side: Side
    quantity: int
    opened: Nanos
    closed: Nanos
    gross: E4


class Ledger(Struct, frozen=True):
    """The state of one line. Values include the multiplier. `day_` figures begin again each trading day.

    lots               what is open, oldest first
    last_trade         price of the newest trade: the valuation until the market gives one
    carried            position at the day's start, and what it had cost
    day_moved_value    cost of units that came (or went, negative) by conversion
    day_opened         positions opened from flat, a turn included
    trip_*             the round trip that is open, if any
    """

    strategy: str
    instrument: str
    token: int
    product: Product
    multiplier: int = 1
    lots: tuple[Lot, ...] = ()
    last_trade: E4 = 0
    carried_quantity: int = 0
    carried_cost: E4 = 0
    day_buy_quantity: int = 0
    day_buy_value: E4 = 0
    day_sell_quantity: int = 0
    day_sell_value: E4 = 0
    day_realised: E4 = 0
    day_round_trips: int = 0
    day_moved_value: E4 = 0
    day_opened: int = 0
    trip_opened: Nanos = 0
    trip_quantity: int = 0
    trip_gross: E4 = 0

    @property
    def quantity(self) -> int:
        """Signed position."""
        units = 0
        for lot in self.lots:
            units += lot.quantity
        return units

    @property
    def cost(self) -> E4:
        """Signed value of the open lots at their prices."""
        return cost(self.lots) * self.multiplier

    @property
    def idle(self) -> bool:
        """Neither a position nor anything done today."""
        return not (self.lots or self.day_buy_quantity or self.day_sell_quantity or self.day_moved_value)

    def value(self, price: E4) -> E4:
        """The position at `price`, signed."""
        return self.quantity * price * self.multiplier

    def unrealised(self, price: E4) -> E4:
        """Profit of the open lots at `price`."""
        return self.value(price) - self.cost


def traded(ledger: Ledger, trade: TradeBooked) -> tuple[Ledger, RoundTrip | None]:
    """The ledger after a trade, and the round trip that it ended, if it ended one."""
    signed = trade.side.sign * trade.quantity
    before = ledger.quantity
    matched = match(ledger.lots, signed, trade.price)
    after = before + signed
    gross = matched.realised * ledger.multiplier
    value = trade.quantity * trade.price * ledger.multiplier
    buying = trade.side is _BUY

    trip = None
    opened, largest, trip_gross = ledger.trip_opened, ledger.trip_quantity, ledger.trip_gross + gross
    if before == 0:
        opened, largest, trip_gross = trade.event_time, abs(after), 0
    elif after == 0 or (after > 0) != (before > 0):
        trip = RoundTrip(
            strategy=ledger.strategy,
            instrument=ledger.instrument,
            product=ledger.product,
            side=Side.BUY if before > 0 else Side.SELL,
            quantity=largest,
            opened=opened,
            closed=trade.event_time,
            gross=trip_gross,
        )
        opened, largest, trip_gross = (trade.event_time, abs(after), 0) if after else (0, 0, 0)
    else:
        largest = max(largest, abs(after))

    changed = replace(
        ledger,
        lots=matched.lots,
        last_trade=trade.price,
        day_buy_quantity=ledger.day_buy_quantity + (trade.quantity if buying else 0),
        day_buy_value=ledger.day_buy_value + (value if buying else 0),
        day_sell_quantity=ledger.day_sell_quantity + (0 if buying else trade.quantity),
        day_sell_value=ledger.day_sell_value + (0 if buying else value),
        day_realised=ledger.day_realised + gross,
        day_round_trips=ledger.day_round_trips + (trip is not None),
        day_opened=ledger.day_opened + (after != 0 and (before == 0 or (after > 0) != (before > 0))),
        trip_opened=opened,
        trip_quantity=largest,
        trip_gross=trip_gross,
    )
    return changed, trip


def carried(ledger: Ledger) -> Ledger:
    """The ledger at the start of the next trading day: the position stays, the day's figures begin again."""
    return Ledger(
        strategy=ledger.strategy,
        instrument=ledger.instrument,
        token=ledger.token,
        product=ledger.product,
        multiplier=ledger.multiplier,
        lots=ledger.lots,
        last_trade=ledger.last_trade,
        carried_quantity=ledger.quantity,
        carried_cost=ledger.cost,
        trip_opened=ledger.trip_opened,
        trip_quantity=ledger.trip_quantity,
        trip_gross=ledger.trip_gross,
    )


def converted(line: Ledger, target: Ledger, quantity: int) -> tuple[Ledger, Ledger]:
    """Signed units move from one product's line to another's at what they cost: no profit, no turnover.

    Against an opposite position of the target they close it, which is profit of the target. Round trips go on where
    they are: what ends here by moving is none that was traded. Raises ValueError where there are not so many units.
    """
    stays, goes = taken(line.lots, quantity)
    met = merged(target.lots, goes)
    gross = met.realised * target.multiplier
    line_after = replace(
        line,
        lots=stays,
        day_moved_value=line.day_moved_value - cost(goes) * line.multiplier,
        **({} if stays else {"trip_opened": 0, "trip_quantity": 0, "trip_gross": 0}),
    )
    units = sum(lot.quantity for lot in met.lots)
    target_after = replace(
        target,
        lots=met.lots,
        last_trade=target.last_trade or line.last_trade,
        day_moved_value=target.day_moved_value + cost(goes) * line.multiplier,
        day_realised=target.day_realised + gross,
        trip_opened=(target.trip_opened or line.trip_opened) if units else 0,
        trip_quantity=max(target.trip_quantity, abs(units)) if units else 0,
        trip_gross=target.trip_gross + gross if units else 0,
    )
    return line_after, target_after


def rescale(ledger: Ledger, becomes: int) -> Ledger:
    """After a corporate action: other units, the same cost. Raises ValueError where the position would end or turn."""
    units = ledger.quantity
    lots = rescaled(ledger.lots, becomes)
    carried_quantity = ledger.carried_quantity * becomes // units
    return replace(
        ledger,
        lots=lots,
        last_trade=ledger.last_trade * units // becomes,
        carried_quantity=carried_quantity,
        trip_quantity=max(ledger.trip_quantity * becomes // units, abs(becomes)),
    )


def settled(ledger: Ledger, quantity: int, price: E4, time: Nanos) -> tuple[Ledger, RoundTrip | None]:
    """A contract ended at the exchange's price: as a trade that closes `quantity` (signed, as held)."""
    closing = TradeBooked(
        trade_id="",
        order_id="",
        tag="",
        strategy=ledger.strategy,
        token=ledger.token,
        instrument=ledger.instrument,
        side=Side.SELL if quantity > 0 else Side.BUY,
        product=ledger.product,
        quantity=abs(quantity),
        price=price,
        event_time=time,
        booked_time=time,
    )
    return traded(ledger, closing)
