"""The truth: orders, trades and cash at the broker and the exchange behind it. It outlives every process of ours.

Decides by itself what is true: it keeps its own integers and asks none of our rules. An order is taken, opens, and
fills in parts against the tape, or rests, is refused after all, or is cancelled; each change is told to listeners as a
cumulative row. Trades become visible a little after the row that they moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from adapters.simulated.market import ExchangeClock, Tape
from adapters.simulated.seam import Time, Watcher, Weather
from adapters.simulated.triggers import Triggers
from domain.messages.broker import BrokerOrder, BrokerPosition, BrokerStatus, BrokerTrade, Change, Funds, PlaceOrder
from domain.messages.gtt import Gtt
from domain.values import E4, RUPEE, SECOND, Nanos, OrderKind, Product, Side

STOPS: Final = frozenset({OrderKind.STOP_MARKET, OrderKind.STOP_LIMIT})

WATCH_SECONDS: Final = 0.25
"""How often the tape is held against stops and triggers."""

OPENING_CASH: Final[E4] = 1_000_000 * RUPEE

OrderListener = Callable[[BrokerOrder], None]


class Order(Struct, eq=False):
    """One order at the exchange."""

    order_id: str
    tag: str
    exchange: str
    symbol: str
    token: int
    side: Side
    product: Product
    quantity: int
    filled: int = 0
    value: E4 = 0
    status: BrokerStatus = BrokerStatus.IN_FLIGHT
    text: str = ""
    changed: Nanos = 0
    kind: OrderKind = OrderKind.MARKET
    price: E4 = 0
    trigger_price: E4 = 0

    @property
    def alive(self) -> bool:
        """It may still trade."""
        return not self.status.terminal

    @property
    def remaining(self) -> int:
        """Units that may still fill."""
        return self.quantity - self.filled if self.alive else 0


class Trade(Struct, frozen=True, eq=False):
    """One execution. visible_ns: the virtual time from which the API shows it."""

    trade_id: str
    order: Order
    quantity: int
    price: E4
    time: Nanos
    visible_ns: int


class Exchange:
    """See the module.

    orders     in order of arrival; logged_in: whether our access token is good
    triggers   the GTTs; fires: whether those that come in from now on are held against the tape
    """

    def __init__(self, time: Time, clock: ExchangeClock, tape: Tape, weather: Weather, watcher: Watcher) -> None:
        self.clock = clock
        self.tape = tape
        self.orders: list[Order] = []
        self.trades: list[Trade] = []
        self.logged_in = False
        self.fires = False
        self._time = time
        self._weather = weather
        self._watcher = watcher
        self._tokens = {each.symbol: each.token for each in tape.instruments}
        self._by_id: dict[str, Order] = {}
        self.triggers = Triggers(clock.now_ns)
        self._listeners: list[OrderListener] = []
        self._last_trade_visible = 0

    # -- what the API offers -------------------------------------------------------------------------------------------

    def listen(self, listener: OrderListener) -> None:
        """Hear of every change of an order."""
        self._listeners.append(listener)

    def leave(self, listener: OrderListener) -> None:
        """Hear no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def place(self, wanted: PlaceOrder) -> str:
        """Take an order; its id."""
        order = Order(
            order_id=f"26112300{len(self.orders) + 1:08d}",
            tag=wanted.tag,
            exchange=wanted.exchange,
            symbol=wanted.symbol,
            token=self._tokens[wanted.symbol],
            side=wanted.side,
            product=wanted.product,
            quantity=wanted.quantity,
            kind=wanted.kind,
            price=wanted.price,
            trigger_price=wanted.trigger_price,
        )
        self.orders.append(order)
        self._by_id[order.order_id] = order
        if order.tag:
            self._watcher.order_arrived(order.tag, order.order_id)
        self._after(0.002, 0.03, lambda: self._opened(order))
        return order.order_id

    def place_gtt(self, gtt: Gtt) -> str:
        """Take a GTT; its id. It fires when the tape reaches a leg."""
        trigger_id = self.triggers.place(gtt)
        if self.fires:
            self._time.after(WATCH_SECONDS, lambda: self._watch_gtt(trigger_id))
        return trigger_id

    def modify(self, order_id: str, change: Change) -> bool:
        """Take a request to modify; False where there is nothing to modify. What comes of it shows in the book."""
        order = self._by_id.get(order_id)
        if order is None or not order.alive or (change.quantity and change.quantity <= order.filled):
            return False
        self._after(0.005, 0.25, lambda: self._modified(order, change))
        return True

    def cancel(self, order_id: str) -> bool:
        """Take a request to cancel; False where there is nothing to cancel. What comes of it shows in the book."""
        order = self._by_id.get(order_id)
        if order is None or not order.alive:
            return False
        self._after(0.005, 0.25, lambda: self._cancelled(order))
        return True

    def book(self) -> list[BrokerOrder]:
        """The order book."""
        return [self._row(order) for order in self.orders]

    def visible_trades(self, order_id: str | None = None) -> list[BrokerTrade]:
        """The trade book, of one order or of all."""
        return [
            BrokerTrade(
                trade_id=trade.trade_id,
                order_id=trade.order.order_id,
                exchange=trade.order.exchange,
                symbol=trade.order.symbol,
                side=trade.order.side,
                product=trade.order.product,
                quantity=trade.quantity,
                price=trade.price,
                event_time=trade.time,
            )
            for trade in self.trades
            if trade.visible_ns <= self._time.now and order_id in (None, trade.order.order_id)
        ]

    def positions(self) -> list[BrokerPosition]:
        """Net positions."""
        net: dict[tuple[str, Product], list[int]] = {}
        for trade in self.trades:
            line = net.setdefault((trade.order.symbol, trade.order.product), [0, 0, 0, 0])
            at = 0 if trade.order.side is Side.BUY else 2
            line[at] += trade.quantity
            line[at + 1] += trade.quantity * trade.price
        second = self.clock.now_ns() // SECOND
        return [
            BrokerPosition(
                exchange="NSE",
                symbol=symbol,
                product=product,
                quantity=bought - sold,
                overnight_quantity=0,
                buy_quantity=bought,
                buy_value=paid,
                sell_quantity=sold,
                sell_value=got,
                last_price=self.tape.price(self._tokens[symbol], second),
            )
            for (symbol, product), (bought, paid, sold, got) in net.items()
        ]

    def funds(self) -> Funds:
        """Opening cash never changes within the day."""
        moved = sum(-trade.order.side.sign * trade.quantity * trade.price for trade in self.trades)
        return Funds(cash=OPENING_CASH, live_balance=OPENING_CASH + moved, opening_balance=OPENING_CASH, collateral=0)

    # -- what becomes of an order ------------------------------------------------------------------------------------

    def _opened(self, order: Order) -> None:
        if self._weather.strikes("late_rejection"):
            self._change(order, BrokerStatus.REJECTED, "RMS: refused after acceptance")
            return
        if order.kind in STOPS:
            self._change(order, BrokerStatus.TRIGGER_PENDING)
            self._watch(order)
            return
        self._may_fill(order)

    def _may_fill(self, order: Order) -> None:
        self._change(order, BrokerStatus.OPEN)
        if self._weather.strikes("unfilled"):
            return
        self._after(0.01, 0.2, lambda: self._fill(order))

    def _watch(self, order: Order) -> None:
        """A stop waits until the tape is at its trigger or beyond."""
        if order.status is not BrokerStatus.TRIGGER_PENDING:
            return
        price = self.tape.price(order.token, self.clock.now_ns() // SECOND)
        if (price - order.trigger_price) * order.side.sign >= 0:
            self._may_fill(order)
        else:
            self._time.after(WATCH_SECONDS, lambda: self._watch(order))

    def _watch_gtt(self, trigger_id: str) -> None:
        try:
            gtt = self.triggers.definition(trigger_id)
            price = self.tape.price(self._tokens[gtt.symbol], self.clock.now_ns() // SECOND)
            number = self.triggers.reached(trigger_id, price)
        except KeyError:
            return
        if number is None:
            self._time.after(WATCH_SECONDS, lambda: self._watch_gtt(trigger_id))
            return
        leg = gtt.legs[number]
        order = PlaceOrder(
            "", gtt.exchange, gtt.symbol, leg.side, leg.quantity, gtt.product, OrderKind.LIMIT, price=leg.price
        )
        self.triggers.fired(trigger_id, number, self.place(order))

    def _fill(self, order: Order) -> None:
        if not order.alive:
            return
        left = order.quantity - order.filled
        part = left
        if left > 1 and self._weather.strikes("partial_fill"):
            part = self._weather.random.randrange(1, left)
        price = self.tape.price(order.token, self.clock.now_ns() // SECOND)
        # A trade shows in the trade book a little after the order's row; never before an earlier trade.
        visible = self._time.now + int(self._weather.random.random() * 0.3 * SECOND)
        visible = self._last_trade_visible = max(visible, self._last_trade_visible)
        trade = Trade(f"T{len(self.trades) + 1:06d}", order, part, price, self.clock.now_ns(), visible)
        self.trades.append(trade)
        order.filled += part
        order.value += part * price
        self._watcher.traded(order.order_id, trade.trade_id)
        done = order.filled == order.quantity
        self._change(order, BrokerStatus.COMPLETE if done else BrokerStatus.OPEN)
        if not done and not self._weather.strikes("unfilled"):
            self._after(0.05, 1.5, lambda: self._fill(order))

    def _cancelled(self, order: Order) -> None:
        if order.alive:
            self._change(order, BrokerStatus.CANCELLED)

    def _modified(self, order: Order, change: Change) -> None:
        if not order.alive:
            return
        if change.quantity and change.quantity <= order.filled:
            self._change(order, order.status, "the quantity has been traded meanwhile")
            return
        order.quantity = change.quantity or order.quantity
        order.price = change.price or order.price
        order.trigger_price = change.trigger_price or order.trigger_price
        order.kind = change.kind or order.kind
        self._change(order, order.status)
        if order.status is BrokerStatus.TRIGGER_PENDING:
            return
        if not self._weather.strikes("unfilled"):
            self._after(0.05, 1.5, lambda: self._fill(order))

    def _change(self, order: Order, status: BrokerStatus, text: str = "") -> None:
        order.status, order.text, order.changed = status, text, self.clock.now_ns()
        row = self._row(order)
        for listener in tuple(self._listeners):
            listener(row)

    def _row(self, order: Order) -> BrokerOrder:
        return BrokerOrder(
            order_id=order.order_id,
            tags=(order.tag,) if order.tag else (),
            status=order.status,
            status_word=order.status.value,
            exchange=order.exchange,
            symbol=order.symbol,
            side=order.side,
            product=order.product,
            quantity=order.quantity,
            filled=order.filled,
            pending=order.remaining,
            cancelled=0 if order.alive else order.quantity - order.filled,
            average_price=order.value // order.filled if order.filled else 0,
            text=order.text,
            event_time=order.changed,
            received_time=order.changed,
            kind=order.kind,
            price=order.price,
            trigger_price=order.trigger_price,
        )

    def _after(self, least: float, most: float, call: Callable[[], None]) -> None:
        self._time.after(least + (most - least) * self._weather.random.random(), call)
