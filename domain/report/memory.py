"""What the reporter must remember that the journal does not tell: restarts, reconnects, the equity curve, events."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    PortfolioSnapshot,
    StrategyFrozen,
    TradingStateChanged,
)
from domain.messages.market import FeedConnected, FeedDisconnected
from domain.parity import DayParity
from domain.report.eod import DayEvent, DayFacts, EquityPoint
from domain.values import E4, Nanos

DRILLS: Final = frozenset({JobKind.DRILL_DROP_FEED, JobKind.DRILL_CRASH_STRATEGY})

EVENTS_MAX: Final = 1_000
"""A system that restarts all day still gets a report that opens; the counts go on."""

EQUITY_POINTS_MAX: Final = 2_000
"""Beyond it every other point is dropped: a day of minutes is 376, an MCX day 900."""
PRICE_SAMPLES_MAX: Final = 20_000
"""Over all instruments; past it every second one goes, as with the curve."""


class DayMemory(Struct):
    """The day so far, as the reporter has seen it. Kept beside the journal, so that it outlives reporter and process.

    day_seq         the journal's record that opened the day: orders and trades are folded again from there
    run             identifies the process that last reported in; a new one counts as a run
    connected_run   the process in which the feed was last connected: a second connection in one is a reconnect
    equity_step     nanoseconds of market time between points of the curve
    parity          the day beside its backtest, since that was found
    """

    day: str = ""
    day_seq: int = 0
    started: Nanos = 0
    run: str = ""
    connected_run: str = ""
    runs: int = 0
    restarts: int = 0
    reconnects: int = 0
    alerts: int = 0
    denied: dict[str, int] = {}
    events: list[DayEvent] = []
    events_dropped: int = 0
    equity_curve: list[EquityPoint] = []
    equity_step: Nanos = 60_000_000_000
    price_samples: dict[str, list[tuple[Nanos, E4]]] = {}
    parity: DayParity | None = None

    def open(self, day: str, day_seq: int, now: Nanos) -> None:
        """Another day: forget the former one. The same day again changes nothing."""
        if day == self.day:
            return
        self.day, self.day_seq, self.started = day, day_seq, now
        self.runs = 1 if self.run else 0
        self.restarts = self.reconnects = self.alerts = self.events_dropped = 0
        self.denied, self.events, self.equity_curve, self.price_samples = {}, [], [], {}
        self.parity = None

    def begin_run(self, run: str, now: Nanos) -> None:
        """A reporter came up in this process; the first one of a process counts the run."""
        if run == self.run:
            return
        self.run = run
        self.runs += 1
        if self.runs > 1:
            self.note(now, "start", "trader", "started again")
        self.started = self.started or now

    def connected(self, now: Nanos) -> None:
        """The feed is connected."""
        if self.connected_run == self.run:
            self.reconnects += 1
            self.note(now, "reconnect", "feed", "connected again")
        self.connected_run = self.run

    def restarted(self, now: Nanos, name: str, why: str) -> None:
        """A supervisor has started an actor again."""
        self.restarts += 1
        self.note(now, "restart", name, why)

    def deny(self, reason: str) -> None:
        """The risk gate refused an intent."""
        self.denied[reason] = self.denied.get(reason, 0) + 1

    def witness(self, message: object, now: Nanos) -> bool:
        """Take in a message about the system's own day; False for one that says nothing about it."""
        match message:
            case FeedConnected():
                self.connected(now)
            case FeedDisconnected(reason=reason):
                self.note(now, "disconnect", "feed", reason)
            case TradingStateChanged(state=state, why=why, who=who):
                self.note(now, "state", state.value, f"{why} ({who})")
            case StrategyFrozen(strategy=strategy, why=why):
                self.note(now, "frozen", strategy, why)
            case JobDue(kind=kind, subject=subject):
                self.note(now, "drill" if kind in DRILLS else "job", kind.value.removeprefix("drill_"), subject)
            case Alert(level=level, name=name, text=text):
                self.alerts += 1
                if level != "info":
                    self.note(now, "alert", name, text)
            case _:
                return False
        return True

    def note(self, time: Nanos, kind: str, name: str, text: str) -> None:
        """Keep an event for the report."""
        if len(self.events) >= EVENTS_MAX:
            self.events_dropped += 1
            return
        self.events.append(DayEvent(time, kind, name, text))

    def sample(self, snapshot: PortfolioSnapshot) -> bool:
        """Add the snapshot's equity to the curve, and the prices of what is held, where a step has passed."""
        if snapshot.day != self.day:
            return False
        slot = snapshot.time // self.equity_step
        if self.equity_curve and slot <= self.equity_curve[-1].time // self.equity_step:
            return False
        self.equity_curve.append(EquityPoint(snapshot.time, snapshot.cash + snapshot.positions_value))
        held = {view.instrument: view.last_price for view in snapshot.positions if view.quantity and view.last_price}
        for instrument, price in sorted(held.items()):
            self.price_samples.setdefault(instrument, []).append((snapshot.time, price))
        sampled = sum(map(len, self.price_samples.values()))
        if len(self.equity_curve) > EQUITY_POINTS_MAX or sampled > PRICE_SAMPLES_MAX:
            self.equity_curve = self.equity_curve[::2]
            self.price_samples = {instrument: points[::2] for instrument, points in self.price_samples.items()}
            self.equity_step *= 2
        return True

    def facts(self, env: str, finished: Nanos) -> DayFacts:
        """The day as the report wants it."""
        events = list(self.events)
        if self.events_dropped:
            events.append(DayEvent(finished, "alert", "report", f"{self.events_dropped} more events are in the log"))
        return DayFacts(
            env=env,
            date=self.day,
            started=self.started,
            finished=finished,
            runs=max(1, self.runs),
            restarts=self.restarts,
            reconnects=self.reconnects,
            alerts=self.alerts,
            denied=tuple(sorted(self.denied.items(), key=lambda each: (-each[1], each[0]))),
            events=tuple(sorted(events, key=lambda event: event.time)),
            equity_curve=tuple(self.equity_curve),
            price_samples=tuple((name, tuple(points)) for name, points in sorted(self.price_samples.items())),
            parity=self.parity,
        )

    def encode(self) -> bytes:
        """As bytes for the journal's snapshot store."""
        return _ENCODER.encode(self)

    @staticmethod
    def decode(body: bytes) -> DayMemory:
        """From `encode`. Raises msgspec.DecodeError (a ValueError) for anything else."""
        return _DECODER.decode(body)


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(DayMemory)
