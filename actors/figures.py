"""How the risk gate learns what the broker reckons: it asks, goes on, and takes the answers in when they come.

What is to be asked is decided by domain/risk/questions. The gate never waits here: until a figure is known its own
estimate counts, and of two figures the larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.broker import PlaceOrder
from domain.messages.figures import LimitsRead, MarginsRead
from domain.messages.orders import DenyReason, OrderIntent
from domain.risk import RiskBook
from domain.risk.limits import RiskLimits, exactly, strikes
from domain.risk.questions import AFTER_A_DENIAL, MarginKey, Questions, kind_of, openings, order_of
from domain.risk.settings import RiskSettings
from domain.risk.world import World
from domain.values import E4, SECOND, Instrument, Nanos, OrderKind, Side, rupees

LOOK_AT_PRICES: Final[Nanos] = 5 * SECOND
"""Monotonic time between looks for prices near the day's limits, and at what positions take."""


class BrokerFigures:
    """See the module.

    book    the gate's, whichever it is now
    limits  in force now
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        world: World,
        instruments: Mapping[int, Instrument],
        settings: RiskSettings,
        book: Callable[[], RiskBook],
        limits: Callable[[], RiskLimits],
    ) -> None:
        self._context = context
        self._routes = routes
        self._world = world
        self._instruments = instruments
        self._settings = settings
        self._book = book
        self._limits = limits
        self._by_key: dict[str, Instrument] = {}
        self._questions = Questions()
        self._asked_for: dict[MarginKey, OrderIntent] = {}
        self._named: set[MarginKey] = set()
        self._looked: Nanos = 0

    def open_day(self) -> None:
        """Yesterday's figures say nothing of today."""
        if self._settings.asks_broker:
            self._by_key = {each.key: each for each in tuple(self._instruments.values())}
            self._questions.open_day(self._by_key, openings(self._by_key.values(), self._limits()))
            self._asked_for.clear()
            self._named.clear()

    def approved(self, intent: OrderIntent) -> None:
        """What an entry takes is asked anew; until the answer comes it holds what is known."""
        if self._settings.asks_broker and not intent.reduce_only:
            order = order_of(intent)
            self._asked_for[kind_of(order)] = intent
            self._questions.about_order(order, self._mono())

    def denied(self, reason: DenyReason, instrument: str) -> None:
        """A limit of the day that refuses an order may have been widened since it was read."""
        if reason is DenyReason.CIRCUIT:
            self._questions.about_limits(instrument, self._mono(), AFTER_A_DENIAL)

    def look(self, *, connected: bool) -> None:
        """Ask what is due, where there is a session to ask with."""
        if not (self._settings.asks_broker and connected):
            return
        mono = self._mono()
        if mono - self._looked >= LOOK_AT_PRICES:
            self._looked = mono
            self._look_at_prices(mono)
        batch = self._questions.next(mono)
        if batch is not None:
            self._routes.publish(self._context, batch)

    def take(self, read: LimitsRead | MarginsRead) -> None:
        """An answer: of two figures for what an order takes the larger counts from here on."""
        if read.error:
            if self._questions.failed(read.request, refused=read.refused, mono=self._mono()):
                self._context.log("warning", "risk.figures_unread", what=type(read).__name__, why=read.error)
        elif self._questions.answered(read.request):
            if isinstance(read, LimitsRead):
                self._world.circuits({each.instrument: (each.lowest, each.highest) for each in read.limits})
            else:
                for order, margin in read.margins:
                    self._margin_read(order, margin)

    def _margin_read(self, order: PlaceOrder, margin: E4) -> None:
        key = kind_of(order)
        self._world.margin(*key, order.quantity, margin)
        intent = self._asked_for.pop(key, None)
        if intent is not None:
            self._book().state_margin(intent.intent_id, order.quantity, margin)
        own = self._own_margin(order)
        if own and key not in self._named and self._differ(own, margin):
            self._named.add(key)
            self._context.log(
                "warning" if margin > own else "info",
                "risk.margin_differs",
                instrument=key[0],
                product=order.product.value,
                side=order.side.value,
                quantity=order.quantity,
                ours=rupees(own),
                brokers=rupees(margin),
            )

    def _own_margin(self, order: PlaceOrder) -> E4:
        """By our own rates, at the order's price or the last one; 0 where there is none."""
        listed = self._by_key.get(kind_of(order)[0])
        if listed is None:
            return 0
        price = max(order.price, order.trigger_price) or self._world.last_price(listed.token)
        units = order.side.sign * order.quantity
        value = order.quantity * price * listed.multiplier
        return self._limits().margin(value, order.product, strikes(listed, units)) if price else 0

    def _differ(self, own: E4, theirs: E4) -> bool:
        return abs(own - theirs) * 100 > exactly(self._settings.margin_differs_percent) * max(own, theirs)

    def _look_at_prices(self, mono: Nanos) -> None:
        for new in [each for each in tuple(self._instruments.values()) if each.key not in self._by_key]:
            self._by_key[new.key] = new
            self._questions.about_limits(new.key, mono)
            for opening in openings((new,), self._limits()):
                self._questions.about_order(opening, mono)
        for instrument in self._world.near_limits():
            self._questions.about_limits(instrument, mono)
        book = self._book()
        for (_, token, product), line in book.lines():
            listed = self._instruments.get(token)
            if line.position and listed is not None:
                exchange, _, symbol = listed.key.partition(":")
                side = Side.BUY if line.position > 0 else Side.SELL
                held = PlaceOrder("", exchange, symbol, side, abs(line.position), product, OrderKind.MARKET)
                self._questions.about_order(held, mono)

    def _mono(self) -> Nanos:
        return self._context.runtime.monotonic.now_ns()
