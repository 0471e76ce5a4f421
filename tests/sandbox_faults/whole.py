"""A whole trader at an exchange that breaks on demand, and what must hold after each fault whatever it was.

One pair serves many scenarios: each begins trading, flat and without faults, and must end so.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from actors.routes import ORDERS, RISK
from app.chaos.real_exchange import Exchange
from app.chaos.real_judging import books_unequal, not_effectively_once
from domain.messages.control import SetTradingState, TradingState
from domain.messages.journal import OrderRecord, OrderState
from domain.messages.operator import OperatorRequest, Resolve
from tests.sandbox_faults.talk import Talk
from tests.support.log_lines import LogLines
from tests.support.waiting import eventually
from tests.system.plant import Trader, an_exchange

Fault = Mapping[str, object]

SPEED: Final = 20

STRATEGIES: Final = """
market: {stale_price_seconds: 3600}
risk:
  max_quantity_per_order: 100
  max_position_quantity: 1000
  max_value_per_order: 1000000
  max_position_value_per_instrument: 10000000
  gross_exposure_max: 100000000
  daily_loss_max: 100000000
  orders_per_second: 1000
  orders_per_minute: 60000
  orders_per_day: 5000
  stale_price_seconds: 3600
strategies:
  ma_crossover: {enabled: false}
  rsi_reversion: {enabled: false}
  pulse_infy: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:INFY"], interval: minute, capital: 100000, quantity: 1, parameters: {period_seconds: 8}}
  pulse_sbin: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:SBIN"], interval: minute, capital: 100000, quantity: 2, parameters: {period_seconds: 8}}
  pulse_rcf:  {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:RCF"], interval: minute, capital: 100000, quantity: 5, parameters: {period_seconds: 8}}
drills: {drop_feed_at: null, crash_strategy_at: null}
"""

IMPATIENT: Final = (
    "kite.connect_timeout_seconds=1",
    "kite.read_timeout_seconds=1",
    "orders.poll_seconds=0.2",
    "orders.reconcile_seconds=0.5",
    "orders.quarantine_seconds=120",
    "feed.stale_after_seconds=2",
    "feed.quiet_after_seconds=3",
    "feed.connect_timeout_seconds=2",
    "feed.backoff_min_seconds=0.1",
    "feed.backoff_max_seconds=0.5",
    "logs.file_level=DEBUG",
    # One trader serves many scenarios: what the one before was told, this one must be told again.
    "alerts.repeat_after_seconds=0.001",
)
"""A fault is noticed in a second or two where a real broker would be given seven."""


class Pair:
    """The exchange, the trader on it, and the question what became of both."""

    def __init__(self, exchange: Exchange, trader: Trader) -> None:
        self.exchange = exchange
        self.trader = trader
        self.whole = True
        self._goes_on = False
        self._lines = LogLines(trader.lines.path)

    # -- one scenario ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Trade, and count log events from here on."""
        if not self._goes_on:
            self.goes_on()
        self._goes_on = False
        self._lines.forget()

    def strike(self, *faults: Fault, times: int = 1, lift: bool = True) -> list[dict[str, object]]:
        """Put faults in force until each has struck so often, then lift them (or not); how they stood then."""
        self.exchange.set_faults(faults)
        rows = eventually(lambda: self._struck(times), what=f"{faults} strike {times} times") or []
        if lift:
            self.exchange.set_faults(())
        return rows

    def end(self, absent: bool = False) -> list[OrderRecord]:
        """No more entries, flat, and both books the same; orders that only a person could conclude are returned.

        absent  whether there may be such: orders that never reached the exchange
        """
        self.trader.tell(RISK, SetTradingState(TradingState.REDUCING, "a scenario ends", "test"))
        for behind_it in (RISK, ORDERS):
            self.trader.ask(behind_it)
        eventually(lambda: not self._moving(), what="nothing moves, and what the exchange has is found")
        if not absent:
            eventually(lambda: not self._unresolved(), what="nothing is unresolved")
        lost = self._unresolved()
        for number, record in enumerate(lost, start=1):
            self._resolve_absent(number, record)
        eventually(lambda: not self._moving() and self.exchange.books().flat, what="flat")
        self.trader.settled(self.exchange)
        assert not_effectively_once(self.exchange, self.trader.journal_path) == []
        assert books_unequal(self.exchange, self.trader.journal_path) == []
        crashed = self.said("child.crashed") + self.said("child.hung")
        assert not crashed, "whatever the broker does is no reason to crash"
        return lost

    def goes_on(self) -> None:
        """It trades again as if nothing had been."""
        self.trader.tell(RISK, SetTradingState(TradingState.ACTIVE, "it goes on", "test"))
        self.trader.trade_on(2)
        self._goes_on = True

    def said(self, event: str) -> list[dict[str, object]]:
        """Log events of this scenario by name."""
        return self._lines.named(event)

    def outcomes(self) -> set[str]:
        """What the requests of orders came to in this scenario."""
        return {str(row["outcome"]) for row in self.said("order.posted")}

    def log_in_ourselves(self) -> None:
        """The exchange is asked with a token of its own, which faults may end as well."""
        Talk(self.exchange.running, priced=False).log_in()

    # -- looking ---------------------------------------------------------------------------------------------------

    def _struck(self, times: int) -> list[dict[str, object]] | None:
        rows: list[dict[str, object]] = json.loads(self.exchange.call("GET", "/_sandbox/faults"))["faults"]
        if not all(int(str(row["struck"])) >= times for row in rows):
            # Asking is not free: the exchange has more to do than to answer this.
            threading.Event().wait(0.05)
            return None
        return rows

    def _moving(self) -> bool:
        return any(r.state is not OrderState.QUARANTINED for r in self.trader.world.journal.open_records()) or any(
            record.tag in {row.tag for row in self.exchange.orders()} for record in self._unresolved()
        )

    def _unresolved(self) -> list[OrderRecord]:
        records = self.trader.world.journal.open_records()
        return [record for record in records if record.state is OrderState.QUARANTINED]

    def _resolve_absent(self, number: int, record: OrderRecord) -> None:
        """As a person does who has looked, once the quarantine is over; sooner, it is refused."""

        def gone() -> bool:
            self.trader.tell(ORDERS, OperatorRequest(number, 0, "test", Resolve("looked", record.tag)))
            found = self.trader.world.journal.record(record.tag)
            return found is not None and found.state.final

        self.exchange.set_clock(rate=SPEED * 20)
        self.trader.world.refresh_clock()
        try:
            eventually(gone, what=f"{record.tag} resolved as absent")
        finally:
            self.exchange.set_clock(rate=SPEED)
            self.trader.world.refresh_clock()


@contextmanager
def a_pair(*faults: Fault) -> Iterator[Pair]:
    """A trader that trades; these faults are in force while it starts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "strategies.yaml"
        config.write_text(STRATEGIES, encoding="utf-8")
        day = ("--date", "2026-11-20", "--start", "10:00:00", "--faults", "on")
        exchange = stack.enter_context(an_exchange(speed=SPEED, extra=day))
        exchange.set_faults(faults)
        trader = stack.enter_context(Trader(folder, *exchange.sets, *IMPATIENT, config=config))
        trader.trading()
        yield Pair(exchange, trader)
