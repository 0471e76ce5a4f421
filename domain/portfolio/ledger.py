"""One line of the books: a strategy's position in one instrument and product, with the day's turnover and profit."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.journal import TradeBooked
from domain.portfolio.lots import Lot, cost, match
from domain.values import E4, Nanos, Product, Side


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
    trip_opened: Nanos = 0
    trip_quantity: int = 0
    trip_gross: E4 = 0

    @property
    def quantity(self) -> int:
        """Signed position."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> E4:
        """Signed value of the open lots at their prices."""
        return cost(self.lots) * self.multiplier

    @property
    def idle(self) -> bool:
        """Neither a position nor anything done today."""
        return not (self.lots or self.day_buy_quantity or self.day_sell_quantity)

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
    buying = trade.side is Side.BUY

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

    changed = Ledger(
        strategy=ledger.strategy,
        instrument=ledger.instrument,
        token=ledger.token,
        product=ledger.product,
        multiplier=ledger.multiplier,
        lots=matched.lots,
        last_trade=trade.price,
        carried_quantity=ledger.carried_quantity,
        carried_cost=ledger.carried_cost,
        day_buy_quantity=ledger.day_buy_quantity + (trade.quantity if buying else 0),
        day_buy_value=ledger.day_buy_value + (value if buying else 0),
        day_sell_quantity=ledger.day_sell_quantity + (0 if buying else trade.quantity),
        day_sell_value=ledger.day_sell_value + (0 if buying else value),
        day_realised=ledger.day_realised + gross,
        day_round_trips=ledger.day_round_trips + (trip is not None),
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
