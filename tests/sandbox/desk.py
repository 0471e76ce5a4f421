"""A desk: a whole exchange on one thread, its clock stepped by hand and its timers run when the test says so."""

import heapq
import itertools
import json
from collections.abc import Callable
from datetime import date

from sandbox.exchange import Exchange, Options
from sandbox.rules import parse_modify, parse_place
from sandbox.trading_days import NS, at

FRIDAY = date(2026, 11, 20)
RELAX_PACE = ("rate-limits", "order-caps")
RUPEE = 10_000


class Desk:
    """An exchange without a server; `settle()` lets the orders' timers run, `go_to` moves market time."""

    def __init__(self, **options: object) -> None:
        # The first shares alone, with all indices and their contracts: enough for every rule, and quick to make.
        settings: dict[str, object] = {
            "day": FRIDAY,
            "speed": 0.0,
            "start_seconds": 36_000,
            "instruments": 46,
            **options,
        }
        self.sent: list[dict[str, object]] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        self._elapsed = 0.0
        self.exchange = Exchange(Options(**settings), self._schedule, self._publish)  # type: ignore[arg-type]  # a test's own words
        self.engine = self.exchange.engine

    def place(self, variety: str = "regular", /, **form: object) -> str:
        """Place an order from Kite's form fields, INFY bought at market for intraday unless said otherwise."""
        fields = {
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "BUY",
            "quantity": 10,
            "product": "MIS",
            "order_type": "MARKET",
            "market_protection": -1,
            **form,
        }
        texts = {name: str(value) for name, value in fields.items() if value is not None}
        return self.engine.place(parse_place(variety, texts, self.exchange.universe))

    def modify(self, order_id: str, **form: object) -> str:
        return self.engine.modify(order_id, parse_modify({name: str(value) for name, value in form.items()}))

    def settle(self) -> None:
        """Run every timer that is due or becomes due."""
        while self._timers:
            self._elapsed, _, action = heapq.heappop(self._timers)
            action()

    def do(self, variety: str = "regular", /, **form: object) -> str:
        """Place and settle."""
        order_id = self.place(variety, **form)
        self.settle()
        return order_id

    def go_to(self, seconds_of_day: float, day: date = FRIDAY) -> None:
        """Move market time forward."""
        target = at(day, 0) + round(seconds_of_day * NS)
        self.exchange.clock.advance(target - self.exchange.clock.now_ns())
        self.engine.run_to(target)
        self.settle()

    def forward(self, seconds: float) -> None:
        """Move market time on by some seconds."""
        self.exchange.clock.advance(round(seconds * NS))
        self.engine.run_to(self.exchange.clock.now_ns())
        self.settle()

    def rows(self, order_id: str) -> list[dict[str, object]]:
        """The order's history, decoded."""
        return [json.loads(row) for row in self.engine.find(order_id).rows]

    def row(self, order_id: str) -> dict[str, object]:
        return self.rows(order_id)[-1]

    def statuses(self, order_id: str) -> list[object]:
        return [row["status"] for row in self.rows(order_id)]

    def last(self, key: str = "NSE:INFY") -> int:
        """Last price, 1/10,000 rupee."""
        return self.engine.quote(self.exchange.universe.by_key[key]).last_price

    def rupees(self, key: str = "NSE:INFY", percent: float = 0.0) -> str:
        """A price `percent` away from the last, on the tick, as text."""
        tick = self.exchange.universe.by_key[key].tick
        return f"{int(self.last(key) * (1 + percent / 100)) // tick * tick / RUPEE:.4f}"

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self._elapsed + seconds, next(self._ids), action))

    def _publish(self, text: str) -> None:
        self.sent.append(json.loads(text)["data"])
