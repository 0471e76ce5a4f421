"""A broker in memory: it keeps an order book, trades and positions, and does what a test tells it to.

It implements `domain.ports.Broker` for real: what it answers follows from what was placed, filled and cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from domain.errors import BrokerError
from domain.messages.broker import (
    Accepted,
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerStatus,
    BrokerTrade,
    CancelOutcome,
    Change,
    DayLimits,
    ExecutedOrder,
    Funds,
    ModifyOutcome,
    OrderCosts,
    PlaceOrder,
    PostOutcome,
    Rejected,
)
from domain.messages.gtt import BrokerGtt, Gtt, GttResult, GttStatus
from domain.values import E4, RUPEE, Nanos, OrderKind, Product, Variety


class FakeBroker:
    """See the module.

    calls      what was called, in order, as words
    slots      False: the pacer never has a turn
    failing    raised by every read while it is set
    scripted   outcomes of the next POSTs, first first; an accepted order rests in the book otherwise
    before_place  called when a POST begins, before its bytes leave
    now        time of what happens
    day_limits, last_prices, margin_percent  what it reckons with
    """

    def __init__(self, now: Nanos = 0, cash: E4 = 1_000_000 * RUPEE) -> None:
        self.calls: list[str] = []
        self.slots = True
        self.failing: BrokerError | None = None
        self.scripted: list[PostOutcome] = []
        self.before_place: Callable[[], None] = lambda: None
        self.before_pace: Callable[[], None] = lambda: None
        self.now = now
        self.cash = cash
        self.day_limits: dict[str, DayLimits] = {}
        self.last_prices: dict[str, E4] = {}
        self.margin_percent = 20
        self.closed = False
        self._orders: dict[str, BrokerOrder] = {}
        self._trades: list[BrokerTrade] = []
        self._gtts: dict[str, BrokerGtt] = {}

    # -- the port --------------------------------------------------------------------------------------------------

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        self.calls.append("pace urgent" if urgent else "pace")
        self.before_pace()
        return self.slots

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        self.calls.append(f"place {order.tag}")
        self.before_place()
        if on_sent is not None:
            on_sent()
        if self.scripted:
            return self.scripted.pop(0)
        return Accepted(self.rest(order).order_id)

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """See Broker.modify."""
        self.calls.append(f"modify {order_id}")
        if on_sent is not None:
            on_sent()
        if self.scripted:
            return self.scripted.pop(0)
        row = self._orders.get(order_id)
        if row is None or row.status.terminal:
            return Rejected(400, "the order is not open")
        quantity = change.quantity or row.quantity
        self._orders[order_id] = replace(
            row,
            quantity=quantity,
            pending=quantity - row.filled,
            price=change.price or row.price,
            trigger_price=change.trigger_price or row.trigger_price,
            kind=change.kind or row.kind,
        )
        return Accepted(order_id)

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place_gtt."""
        self.calls.append("place gtt")
        if on_sent is not None:
            on_sent()
        if self.scripted:
            return self.scripted.pop(0)
        return Accepted(self.watch(gtt).trigger_id)

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.modify_gtt."""
        self.calls.append(f"modify gtt {trigger_id}")
        if self.scripted:
            return self.scripted.pop(0)
        row = self._gtts.get(trigger_id)
        if row is None or row.status is not GttStatus.ACTIVE:
            return Rejected(400, "the trigger is not active")
        self._gtts[trigger_id] = replace(row, gtt=gtt, updated=self.now)
        return Accepted(trigger_id)

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """See Broker.delete_gtt."""
        self.calls.append(f"delete gtt {trigger_id}")
        row = self._gtts.get(trigger_id)
        if row is None or row.status is not GttStatus.ACTIVE:
            return Rejected(400, "the trigger is not active")
        self._gtts[trigger_id] = replace(row, status=GttStatus.DELETED, updated=self.now)
        return Accepted(trigger_id)

    def gtts(self) -> Sequence[BrokerGtt]:
        """See Broker.gtts."""
        self._read("gtts")
        return list(self._gtts.values())

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """See Broker.cancel."""
        self.calls.append(f"cancel {order_id}")
        row = self._orders.get(order_id)
        if row is None or row.status.terminal:
            return Rejected(400, "the order is not open")
        cancelled = row.quantity - row.filled
        self._orders[order_id] = replace(
            row, status=BrokerStatus.CANCELLED, status_word="CANCELLED", cancelled=cancelled, pending=0
        )
        return Accepted(order_id)

    def orders(self) -> Sequence[BrokerOrder]:
        """See Broker.orders."""
        self._read("orders")
        return list(self._orders.values())

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """See Broker.trades."""
        self._read("trades" if order_id is None else f"trades {order_id}")
        return [trade for trade in self._trades if order_id in (None, trade.order_id)]

    def positions(self) -> Sequence[BrokerPosition]:
        """See Broker.positions."""
        self._read("positions")
        rows: dict[tuple[str, str, Product], BrokerPosition] = {}
        for trade in self._trades:
            key = trade.exchange, trade.symbol, trade.product
            row = rows.get(key) or BrokerPosition(*key, 0, 0, 0, 0, 0, 0, trade.price)
            bought = trade.quantity if trade.side.sign > 0 else 0
            sold = trade.quantity - bought
            rows[key] = replace(
                row,
                quantity=row.quantity + trade.side.sign * trade.quantity,
                buy_quantity=row.buy_quantity + bought,
                buy_value=row.buy_value + bought * trade.price,
                sell_quantity=row.sell_quantity + sold,
                sell_value=row.sell_value + sold * trade.price,
            )
        return list(rows.values())

    def holdings(self) -> Sequence[BrokerHolding]:
        """See Broker.holdings."""
        self._read("holdings")
        return []

    def funds(self) -> Funds:
        """See Broker.funds."""
        self._read("funds")
        return Funds(cash=self.cash, live_balance=self.cash, opening_balance=self.cash, collateral=0)

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits: those that a test has set."""
        self._read(f"limits {' '.join(instruments)}")
        return [self.day_limits[name] for name in instruments if name in self.day_limits]

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins: so many percent of the value at the order's own price, or the last that a test has set."""
        self._read(f"margins {len(orders)}")
        prices = [each.price or self.last_prices[f"{each.exchange}:{each.symbol}"] for each in orders]
        return [
            price * each.quantity * (self.margin_percent if each.product is Product.MIS else 100) // 100
            for price, each in zip(prices, orders, strict=True)
        ]

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs: a flat rate of brokerage, and its tax."""
        self._read(f"costs {len(orders)}")
        fee = 20 * RUPEE
        return [OrderCosts(each.order_id, fee, 0, 0, 0, fee * 18 // 100, 0, fee * 118 // 100) for each in orders]

    def close(self) -> None:
        """See Broker.close."""
        self.closed = True

    def reckons(self, instrument: str, price: E4) -> None:
        """At this price of the instrument, and with limits of a tenth around it."""
        self.last_prices[instrument] = price
        self.day_limits[instrument] = DayLimits(instrument, price * 9 // 10, price * 11 // 10)

    # -- what the market and other people do -------------------------------------------------------------------------

    def rest(self, order: PlaceOrder) -> BrokerOrder:
        """An order comes into the book, whoever placed it."""
        order_id = f"26112000000{len(self._orders) + 1:04d}"
        self._orders[order_id] = BrokerOrder(
            order_id=order_id,
            tags=(order.tag,) if order.tag else (),
            status=BrokerStatus.OPEN,
            status_word="OPEN",
            exchange=order.exchange,
            symbol=order.symbol,
            side=order.side,
            product=order.product,
            quantity=order.quantity,
            filled=0,
            pending=order.quantity,
            cancelled=0,
            average_price=0,
            text="",
            event_time=self.now,
            received_time=self.now,
            variety=order.variety.value,
            kind=order.kind,
            price=order.price,
            trigger_price=order.trigger_price,
        )
        return self._orders[order_id]

    def watch(self, gtt: Gtt) -> BrokerGtt:
        """A GTT comes into the list, whoever placed it."""
        trigger_id = str(100_001 + len(self._gtts))
        row = BrokerGtt(trigger_id, GttStatus.ACTIVE, gtt, (None,) * len(gtt.legs), self.now, self.now)
        self._gtts[trigger_id] = row
        return row

    def fire(self, trigger_id: str, leg: int) -> BrokerOrder:
        """The market reaches a trigger; the row of the order that it places, which has no tag."""
        row = self._gtts[trigger_id]
        fired, gtt = row.gtt.legs[leg], row.gtt
        order = self.rest(
            PlaceOrder(
                tag="",
                exchange=gtt.exchange,
                symbol=gtt.symbol,
                side=fired.side,
                quantity=fired.quantity,
                product=gtt.product,
                kind=OrderKind.LIMIT,
                price=fired.price,
            )
        )
        results = [None if at != leg else GttResult(order.order_id) for at in range(len(gtt.legs))]
        self._gtts[trigger_id] = replace(row, status=GttStatus.TRIGGERED, results=tuple(results), updated=self.now)
        return order

    def fill(self, order_id: str, quantity: int, price: E4) -> BrokerOrder:
        """The market takes some of an order; its row as an update would show it."""
        row = self._orders[order_id]
        trade = BrokerTrade(
            trade_id=f"T{len(self._trades) + 1}",
            order_id=order_id,
            exchange=row.exchange,
            symbol=row.symbol,
            side=row.side,
            product=row.product,
            quantity=quantity,
            price=price,
            event_time=self.now,
        )
        self._trades.append(trade)
        filled = row.filled + quantity
        average = (row.average_price * row.filled + price * quantity) // filled
        status = BrokerStatus.COMPLETE if filled == row.quantity else row.status
        self._orders[order_id] = replace(
            row,
            filled=filled,
            pending=row.quantity - filled,
            average_price=average,
            status=status,
            status_word=status.value,
        )
        return self._orders[order_id]

    def _read(self, what: str) -> None:
        self.calls.append(what)
        if self.failing is not None:
            raise self.failing
