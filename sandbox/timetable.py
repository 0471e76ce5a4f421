"""What the exchange and the broker do by themselves, in order: new days, releases, auctions, square-offs, ends."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from sandbox import orders as status
from sandbox.charges import exercise_tax
from sandbox.phases import AUCTION_END_SECONDS, AUCTION_MATCH_SECONDS, PRE_OPEN_MATCH_SECONDS, has_auction
from sandbox.rules import PlaceRequest
from sandbox.trading_days import (
    CLOSING_AUCTION_SINCE,
    OPEN_SECONDS,
    TOKEN_FLUSH_SECONDS,
    SessionKind,
    at,
    close_seconds,
    next_trading_day,
    square_off_seconds,
)

if TYPE_CHECKING:
    from sandbox.engine import Engine

BUY, SELL = 1, -1
Action = Callable[[], None]
_KINDS: tuple[SessionKind, ...] = ("auction", "cash", "derivative", "currency", "commodity")
_RELEASE_SECONDS = 9 * 3600
AUCTION_SESSION_END_SECONDS = 14 * 3600 + 45 * 60


class Timetable:
    """Actions by the market time at which they fall due, a day at a time."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._planned = engine.day
        self._due = self._plan(self._planned)

    def until(self, now_ns: int) -> Iterator[tuple[int, Action]]:
        """What falls due up to an instant, each once, earliest first."""
        while True:
            if not self._due:
                self._planned = next_trading_day(self._planned)
                self._due = self._plan(self._planned)
            if self._due[0][0] > now_ns:
                return
            yield self._due.pop(0)

    def _plan(self, day: date) -> list[tuple[int, Action]]:
        engine = self._engine
        due: list[tuple[int, Action]] = []

        def add(seconds: int, action: Action) -> None:
            due.append((at(day, seconds), action))

        if day != engine.day:
            add(TOKEN_FLUSH_SECONDS, partial(engine.start_day, day))
        add(_RELEASE_SECONDS, partial(engine.varieties.release, at_open=False))
        add(PRE_OPEN_MATCH_SECONDS, engine.calls.match_open)
        add(OPEN_SECONDS, engine.calls.carry_into_session)
        add(OPEN_SECONDS, partial(engine.varieties.release, at_open=True))
        add(AUCTION_SESSION_END_SECONDS, engine.calls.match_holdings_auction)
        for kind in _KINDS:
            add(square_off_seconds(kind, day), partial(self._square_off, kind))
            add(close_seconds(kind, day), partial(self._end_session, kind, day))
        if day >= CLOSING_AUCTION_SINCE:
            add(AUCTION_MATCH_SECONDS, engine.calls.match_close)
            add(AUCTION_END_SECONDS, engine.calls.end_close)
        due.sort(key=lambda entry: entry[0])
        return [entry for entry in due if entry[0] > engine.seen_ns]

    def _square_off(self, kind: SessionKind) -> None:
        """The broker closes what is left of MIS and cover orders, at any price inside the circuit, for its fee."""
        engine = self._engine
        for order in engine.live:
            if (
                order.product in {"MIS", "CO"}
                and order.instrument.session == kind
                and order.status != status.AMO_RECEIVED
            ):
                engine.finish_cancel(order, "Order cancelled by the intraday square-off.")
        for key, row in list(engine.portfolio.positions.items()):
            quantity = row.quantity
            if key[2] not in {"MIS", "CO"} or quantity == 0 or row.instrument.session != kind:
                continue
            side = SELL if quantity > 0 else BUY
            left = abs(quantity)
            while left:
                part = min(left, row.instrument.freeze // row.instrument.lot * row.instrument.lot)
                variety = "co" if key[2] == "CO" else "regular"
                request = PlaceRequest(
                    row.instrument, side, part, "MIS", "MARKET", "DAY", 0, 0, 0, 0, 100.0, None, variety
                )
                order = engine.new_order(request, engine.seen_ns, square_off=True)
                engine.reach_exchange(order, engine.seen_ns)
                left -= part

    def _end_session(self, kind: SessionKind, day: date) -> None:
        engine = self._engine
        for order in engine.live:
            if order.instrument.session != kind or order.status == status.AMO_RECEIVED:
                continue
            if has_auction(order.instrument, day) and engine.calls.carries(order):
                engine.calls.wait_for_close(order)
                continue
            engine.finish_cancel(order, None)
        self._settle(kind, day)

    def _settle(self, kind: SessionKind, day: date) -> None:
        """Contracts end in cash on their last day: futures at the underlying's close, options at intrinsic value."""
        engine = self._engine
        for key, row in list(engine.portfolio.positions.items()):
            one = row.instrument
            if one.expiry != day or one.session != kind or row.quantity == 0:
                continue
            price = engine.market.settlement(one) * one.multiplier
            taxed = one.is_option and row.quantity > 0 and one.path.group == "equity"
            tax = exercise_tax(day, row.quantity * price) if taxed else 0
            engine.portfolio.settle(day.toordinal(), key, price, tax)
