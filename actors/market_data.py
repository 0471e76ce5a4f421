"""Market data: ticks in, bars and prices out. The thinking is in domain/market."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from actors.routes import Routes, strategy_name
from actors.runtime import Actor, Context
from domain.errors import CalendarUnknown
from domain.market.buckets import Hours
from domain.market.desk import DEFAULT_DESK, DeskMessage, DeskSettings, MarketDesk
from domain.market.silence import Silence
from domain.messages.control import Alert, Report
from domain.messages.market import (
    BarsBackfilled,
    DropFeed,
    FeedConnected,
    FeedDisconnected,
    HistoryLoaded,
    Subscribe,
    TickBatch,
)
from domain.ports import Calendar, Clock
from domain.strategy.messages import SeriesWanted, WarmUpRequested
from domain.values import Instrument, Nanos, SessionClass, ist

DAYS_BACK_MAX = 750
"""Sessions looked back for a warm-up: three years, for averages of hundreds of days."""


class MarketDataSettings(Struct, frozen=True):
    """How market data is made.

    mode           subscription mode; bars need `full`, which alone carries exchange times
    grace_seconds  wall seconds that a frame may take from the exchange to us: a bar whose end lies further back is
                   closed by the clock though nothing trades
    quiet_seconds  wall seconds without any tick, while an instrument has its session, before the socket is replaced
    """

    mode: str = "full"
    grace_seconds: float = 2.0
    quiet_seconds: float = 30.0
    desk: DeskSettings = DEFAULT_DESK


class _ClockDue(Struct, frozen=True, tag=True):
    """Own timer: time has passed."""


class CalendarSessions:
    """Hours per instrument from the calendar."""

    def __init__(self, calendar: Calendar, instruments: Mapping[int, Instrument]) -> None:
        self._calendar = calendar
        self._instruments = instruments

    def today(self, token: int, now: Nanos) -> Hours:
        """The session of the market day of `now`."""
        return Hours.of(self._calendar.hours(ist(now).date(), self._class(token)))

    def back(self, token: int, now: Nanos) -> Iterator[Hours]:
        """Sessions backwards from that day, until the calendar knows no more."""
        session = self._class(token)
        day = ist(now).date()
        for _ in range(DAYS_BACK_MAX):
            yield Hours.of(self._calendar.hours(day, session))
            try:
                day = self._calendar.previous_trading_day(day, session)
            except CalendarUnknown:
                return

    def _class(self, token: int) -> SessionClass:
        return self._instruments[token].session


class MarketData(Actor):
    """Builds the bars and tells the prices. Ready once its first subscription has been asked for.

    instruments  by token; must hold every token named here
    wanted       (token, interval in seconds) -> bars of warm-up
    quoted       further tokens whose prices are wanted (positions held, say)
    clock        market time
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        instruments: Mapping[int, Instrument],
        calendar: Calendar,
        clock: Clock,
        wanted: Mapping[tuple[int, int], int],
        quoted: Sequence[int] = (),
        settings: MarketDataSettings | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._clock = clock
        self._settings = settings or MarketDataSettings()
        sessions = CalendarSessions(calendar, instruments)
        self._desk = MarketDesk(wanted, quoted, sessions, self._settings.desk)
        self._settled: Nanos = 0
        self._silence = Silence(self._settings.quiet_seconds)

    def started(self) -> None:
        """Lay out the day, ask for the warm-up and the subscription."""
        now = self._clock.now_ns()
        self._publish(self._desk.begin(now, self._mono()))
        self._routes.publish(self.context, Subscribe(tokens=self._desk.tokens, mode=self._settings.mode))
        self.context.every(self._settings.grace_seconds, _ClockDue())
        self.context.ready()

    def receive(self, message: object) -> object:
        """Ticks, history, the feed's state, time."""
        match message:
            case TickBatch():
                self._silence.ticks(self._mono())
                self._publish(self._desk.ticks(message, self._mono()))
            case HistoryLoaded():
                self._history(message)
            case _ClockDue():
                now = self._clock.now_ns()
                self._publish(self._desk.clock(self._settled, now, self._mono()))
                self._settled = now
                self._listen(now)
            case WarmUpRequested():
                self._warm_up(message)
            case SeriesWanted(token=token, bars=bars):
                self._want(token, bars)
            case FeedConnected(epoch=epoch):
                self._desk.connected(epoch)
                self._silence.connected(self._mono())
            case FeedDisconnected(epoch=epoch):
                self._desk.disconnected(epoch)
                self._silence.lost()
            case Report():
                return msgspec.structs.asdict(self._desk.counts())
        return None

    def stopping(self) -> None:
        """Say what was left out today."""
        counts: dict[str, object] = msgspec.structs.asdict(self._desk.counts())
        self.context.log("info", "market.counts", **counts)

    def _listen(self, now: Nanos) -> None:
        silent = self._silence.overdue(self._mono(), trading=self._desk.trading(now))
        if silent:
            why = f"no price for {silent:.0f} s though markets are open"
            self._routes.publish(self.context, DropFeed(why=why))
            text = f"the ticker sends nothing but heartbeats: {why}; it is connected anew"
            self._routes.publish(self.context, Alert(level="warning", name="feed.no_prices", text=text, time=now))

    def _history(self, answer: HistoryLoaded) -> None:
        if answer.error:
            self.context.log("warning", "market.history_failed", token=answer.token, why=answer.error)
        messages = self._desk.loaded(answer, self._clock.now_ns(), self._mono())
        for message in messages:
            if isinstance(message, BarsBackfilled):
                keys = {"token": message.token, "interval_seconds": message.interval_seconds}
                self.context.log("info", "market.backfilled", **keys, bars=len(message.bars))
        self._publish(messages)

    def _want(self, token: int, bars: Mapping[int, int]) -> None:
        new, messages = self._desk.want(token, bars, self._clock.now_ns(), self._mono())
        if new:
            self._routes.publish(self.context, Subscribe(tokens=self._desk.tokens, mode=self._settings.mode))
        self._publish(messages)

    def _warm_up(self, request: WarmUpRequested) -> None:
        try:
            answer = self._desk.remembered(request.token, request.interval_seconds)
        except KeyError:
            # A wrong wiring: the strategy keeps waiting and does not trade.
            self.context.log("error", "market.unknown_series", **msgspec.structs.asdict(request))
            return
        if answer is not None:
            self.context.tell(strategy_name(request.strategy), answer)

    def _publish(self, messages: Sequence[DeskMessage]) -> None:
        for message in messages:
            self._routes.publish(self.context, message)

    def _mono(self) -> Nanos:
        return self.context.runtime.monotonic.now_ns()
