"""The broker's REST API over a network that loses, delays and garbles. Implements `domain.ports.Broker`.

Replies of a POST are made as HTTP status and body and judged by the real table (`adapters.kite.outcome`). An order
whose bytes have left is on its way whatever becomes of the process that sent it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from adapters.kite.http import Reply
from adapters.kite.outcome import Verdict, classify
from adapters.kite.tokens import TokenHolder
from adapters.simulated.exchange import Exchange
from adapters.simulated.seam import Hazard, Process, Time, Watcher, Weather
from domain.bars import Bar
from domain.errors import BrokerUnavailable, LoginNeeded, SlowDown
from domain.messages.broker import (
    Accepted,
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Change,
    DayLimits,
    ExecutedOrder,
    Funds,
    ModifyOutcome,
    NotSent,
    OrderCosts,
    PlaceOrder,
    PostOutcome,
    Rejected,
    SessionFacts,
    Unresolved,
)
from domain.messages.gtt import BrokerGtt, Gtt
from domain.values import E4, SECOND, Instrument, Nanos, Variety

T = TypeVar("T")

_TOKENS: Final = TokenHolder()
_JSON: Final = "application/json"

# What a POST that was struck looks like from here: status and body, and whether the order reaches the exchange.
_REPLIES: Final[dict[str, tuple[int, bytes]]] = {
    "rate_limited": (429, b'{"status":"error","message":"Too many requests","error_type":"NetworkException"}'),
    "server_error": (503, b"<html>Service Unavailable</html>"),
    "garbled": (200, b'{"status":"success","data":{"order_'),
    "told_timed_out": (
        400,
        b'{"status":"error","message":"Timed out, check the order book and confirm","error_type":"OrderException"}',
    ),
    "dead_token": (403, b'{"status":"error","message":"Incorrect `access_token`.","error_type":"TokenException"}'),
}
_NEVER_PLACED: Final = frozenset({"rate_limited", "dead_token"})
_TIMEOUT_SECONDS: Final = 7.0
A_GTT: Final = "a GTT"
GTT_LATE_MAX: Final = 20.0
"""Virtual seconds: with the fastest market less than the quarantine."""

MARGIN_SHARE: Final = 5
"""One rupee of margin carries so many of an order's value."""


class SimBroker:
    """One worker's connection."""

    def __init__(
        self, time: Time, process: Process, exchange: Exchange, weather: Weather, watcher: Watcher, hazard: Hazard
    ) -> None:
        self._time = time
        self._process = process
        self._exchange = exchange
        self._weather = weather
        self._watcher = watcher
        self._hazard = hazard

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        self._hazard("broker.pace")
        random = self._weather.random.random
        wait = random() * (timeout_seconds * 1.2 if self._weather.strikes("crowded") else 0.02)
        self._process.sleep(min(wait, timeout_seconds))
        return wait < timeout_seconds

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        by = self._process.running
        self._watcher.post_begins(order, by)
        self._hazard("broker.place")
        if self._weather.strikes("unreachable"):
            self._latency()
            return NotSent("no connection")
        self._latency()
        self._watcher.bytes_left(order, by)
        return self._sent(lambda: self._exchange.place(order), order.tag, on_sent)

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """See Broker.modify."""
        self._watcher.modify_begins(order_id, change, self._process.running)
        self._hazard("broker.modify")
        if self._weather.strikes("unreachable"):
            return NotSent("no connection")
        outcome = self._asked(order_id, lambda: self._exchange.modify(order_id, change), "modified", on_sent)
        self._hazard("broker.modified")
        return outcome

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """See Broker.cancel."""
        self._watcher.cancel_begins(order_id, self._process.running)
        self._hazard("broker.cancel")
        if self._weather.strikes("unreachable"):
            return NotSent("no connection")
        return self._asked(order_id, lambda: self._exchange.cancel(order_id), "cancelled")

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place_gtt."""
        self._hazard("broker.gtt")
        if self._weather.strikes("unreachable"):
            return NotSent("no connection")
        self._latency()
        return self._sent(lambda: self._exchange.place_gtt(gtt), A_GTT, on_sent)

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.modify_gtt."""
        self._hazard("broker.gtt")
        return self._asked(trigger_id, lambda: self._exchange.triggers.modify(trigger_id, gtt), "modified", on_sent)

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """See Broker.delete_gtt."""
        self._hazard("broker.gtt")
        return self._asked(trigger_id, lambda: self._exchange.triggers.delete(trigger_id), "deleted")

    def gtts(self) -> Sequence[BrokerGtt]:
        """See Broker.gtts."""
        return self._read(self._exchange.triggers.rows)

    def orders(self) -> Sequence[BrokerOrder]:
        """See Broker.orders."""
        return self._read(self._exchange.book)

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """See Broker.trades."""
        return self._read(lambda: self._exchange.visible_trades(order_id))

    def positions(self) -> Sequence[BrokerPosition]:
        """See Broker.positions."""
        return self._read(self._exchange.positions)

    def holdings(self) -> Sequence[BrokerHolding]:
        """See Broker.holdings: none."""
        return ()

    def funds(self) -> Funds:
        """See Broker.funds."""
        return self._read(self._exchange.funds)

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits: this exchange has none."""
        return self._read(tuple)

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins: what positions take here, at the order's own price."""
        return self._read(lambda: tuple(order.quantity * order.price // MARGIN_SHARE for order in orders))

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs: trading is free here."""
        return self._read(lambda: tuple(OrderCosts(order.order_id, 0, 0, 0, 0, 0, 0, 0) for order in orders))

    def close(self) -> None:
        """Nothing to give back."""

    def _asked(
        self, order_id: str, ask: Callable[[], bool], done: str, on_sent: Callable[[], None] | None = None
    ) -> CancelOutcome:
        """Ask the exchange to do something with an order; the request or its reply may be lost."""
        lost = self._weather.strikes("request_lost")
        taken = [True]
        if not lost:
            self._time.after(0.01, lambda: taken.__setitem__(0, ask()))
        if on_sent is not None:
            on_sent()
        if lost or self._weather.strikes("reply_lost"):
            self._process.sleep(_TIMEOUT_SECONDS)
            return Unresolved("timed out")
        self._latency(0.02)
        return Accepted(order_id) if taken[0] else Rejected(400, f"the order cannot be {done}")

    # -- the network -------------------------------------------------------------------------------------------------

    def _struck(self) -> str:
        if not self._exchange.logged_in:
            return "dead_token"
        for fault in ("request_lost", "reply_lost", "late_order", *_REPLIES):
            if fault != "dead_token" and self._weather.strikes(fault):
                return fault
        return ""

    def _sent(self, place: Callable[[], str], tag: str, on_sent: Callable[[], None] | None) -> PostOutcome:
        fault = self._struck()
        answer: list[str] = []
        if fault == "":
            self._arrive(place, 0.003, 0.05, answer)
        else:
            self._lose(place, tag, fault)
        if on_sent is not None:
            on_sent()
        self._hazard("broker.sent")
        return self._outcome(fault, answer)

    def _arrive(self, place: Callable[[], str], least: float, most: float, answer: list[str]) -> None:
        seconds = least + (most - least) * self._weather.random.random()
        self._time.after(seconds, lambda: answer.append(place()))

    def _lose(self, place: Callable[[], str], tag: str, fault: str) -> None:
        random = self._weather.random.random
        if fault == "late_order":
            # Later than anybody would wait: 83 s has been seen (kite-facts), quarantine is 120 s of market time. A GTT
            # does not leave the broker and is believed absent after the quarantine: it may be late, but not that late.
            latest = 60.0 if random() < 0.5 else 20.0
            self._arrive(place, 5.0, min(latest, GTT_LATE_MAX) if tag == A_GTT else latest, [])
        elif fault == "reply_lost" or (fault not in _NEVER_PLACED and fault != "request_lost" and random() < 0.5):
            self._arrive(place, 0.003, 2.0, [])
        else:
            self._watcher.never_arrives(tag)

    def _outcome(self, fault: str, answer: list[str]) -> PostOutcome:
        if fault in ("request_lost", "reply_lost", "late_order"):
            self._process.sleep(_TIMEOUT_SECONDS * (0.3 + 0.7 * self._weather.random.random()))
            return Unresolved("no reply within the deadline")
        self._latency(0.06)
        if fault == "":
            return Accepted(answer[0])
        status, body = _REPLIES[fault]
        verdict = classify(Reply(status, _JSON, body), _TOKENS)
        if verdict.verdict is Verdict.DONE:
            raise AssertionError(f"a struck reply was judged done: {fault}")
        if verdict.verdict is Verdict.UNRESOLVED:
            return Unresolved(verdict.text, verdict.login_needed)
        return Rejected(status, verdict.text, turned_away=verdict.verdict is not Verdict.REFUSED)

    def _read(self, what: Callable[[], T]) -> T:
        self._hazard("broker.read")
        self._latency()
        if not self._exchange.logged_in:
            raise LoginNeeded("the broker ended the session")
        if self._weather.strikes("read_fails"):
            self._process.sleep(self._weather.random.random() * 10.0)
            if self._weather.random.random() < 0.3:
                raise SlowDown("HTTP 429 too many requests")
            raise BrokerUnavailable("no reply within the deadline")
        found = what()
        self._latency()
        return found

    def _latency(self, least: float = 0.0) -> None:
        most = 3.0 if self._weather.strikes("slow_network") else 0.05
        self._process.sleep(least + most * self._weather.random.random())


class SimSession:
    """The login. Implements `domain.ports.SessionPort`."""

    def __init__(self, process: Process, exchange: Exchange, weather: Weather) -> None:
        self._process = process
        self._exchange = exchange
        self._weather = weather

    def open(self) -> SessionFacts:
        """See SessionPort.open."""
        self._process.sleep(0.05)
        if self._weather.strikes("login_fails"):
            raise (
                LoginNeeded("a person must log in")
                if self._weather.random.random() < 0.5
                else BrokerUnavailable("the login page does not answer")
            )
        self._exchange.logged_in = True
        now = self._exchange.clock.now_ns()
        return SessionFacts(user_id="SIM001", opened=now, expires=now + 12 * 3600 * SECOND)


class SimHistory:
    """Candles from the tape. Implements `domain.ports.History`."""

    def __init__(self, process: Process, exchange: Exchange, weather: Weather) -> None:
        self._process = process
        self._exchange = exchange
        self._weather = weather

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """See History.bars."""
        self._process.sleep(0.01 + 0.2 * self._weather.random.random())
        if self._weather.strikes("read_fails"):
            raise BrokerUnavailable("no history now")
        exchange = self._exchange
        return exchange.tape.bars(instrument.token, interval_seconds, start, end, exchange.clock.now_ns())
