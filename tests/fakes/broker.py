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
    Funds,
    PlaceOrder,
    PostOutcome,
    Rejected,
)
from domain.values import E4, RUPEE, Nanos, Product


class FakeBroker:
    """See the module.

    calls      what was called, in order, as words
    slots      False: the pacer never has a turn
    failing    raised by every read while it is set
    scripted   outcomes of the next POSTs, first first; an accepted order rests in the book otherwise
    before_place  called when a POST begins, before its bytes leave
    now        time of what happens
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
        self.closed = False
        self._orders: dict[str, BrokerOrder] = {}
        self._trades: list[BrokerTrade] = []

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

    def cancel(self, order_id: str, variety: str) -> CancelOutcome:
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

    def close(self) -> None:
        """See Broker.close."""
        self.closed = True

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
        )
        return self._orders[order_id]

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
