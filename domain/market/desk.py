"""The market desk: every instrument of one feed shard, its bars and its prices; the thinking of the MarketData actor.

Each call returns the messages to publish, in order: bars before the prices that came with them, so that a price never
overtakes the bar it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from domain.bars import Bar
from domain.market.bar_builder import BarBuilder
from domain.market.buckets import Hours, next_end
from domain.market.series import DEFAULT_SETTINGS, Series, SeriesMessage, SeriesSettings, warm_up_start
from domain.messages.market import (
    BarsBackfilled,
    BarsClosed,
    HistoryLoaded,
    LoadHistory,
    PriceChanged,
    PricesChanged,
    TickBatch,
)
from domain.values import SECOND, Nanos

DeskMessage = BarsClosed | BarsBackfilled | LoadHistory | PricesChanged


class Sessions(Protocol):
    """When instruments trade."""

    def today(self, token: int, now: Nanos) -> Hours:
        """The session of the market day of `now`; NO_HOURS where it has none."""
        ...

    def back(self, token: int, now: Nanos) -> Iterator[Hours]:
        """Sessions from that day on backwards, as far as they are known."""
        ...


class DeskSettings(Struct, frozen=True):
    """How ticks become bars.

    lateness_seconds     market seconds that the shard's watermark must be past a bar's end before it closes a bar of
                         an instrument that is silent itself: packets of one second may come in several frames
    future_seconds_max   a packet stamped further ahead of our market clock is not believed (it would close every bar)
    series               patience with history
    """

    lateness_seconds: int = 1
    future_seconds_max: int = 300
    series: SeriesSettings = DEFAULT_SETTINGS


DEFAULT_DESK: Final = DeskSettings()
_NEVER: Final = 1 << 62


class Counts(Struct):
    """What was left out, since the start. Every figure belongs in the log of the day.

    ticks        packets seen
    stale        packets of an older connection
    unknown      packets of instruments that nobody asked for
    bad          no price, or stamped in the future
    untimed      packets without exchange time (modes ltp and quote): a price, but no bar can rest on it
    late, repeated, outside  see BarBuilder (summed over builders)
    given_up     gaps whose history did not come
    """

    ticks: int = 0
    stale: int = 0
    unknown: int = 0
    bad: int = 0
    untimed: int = 0
    late: int = 0
    repeated: int = 0
    outside: int = 0
    prints: int = 0
    bars: int = 0
    given_up: int = 0


class _Columns(NamedTuple):
    """What is read of each row, under the rows' own names."""

    token: list[int]
    last_price: list[int]
    last_quantity: list[int]
    volume: list[int]
    last_trade_time: list[int]
    exchange_time: list[int]


class _Stream:
    """One instrument: a builder and a series per interval."""

    __slots__ = ("builders", "token")

    def __init__(self, token: int, builders: tuple[tuple[BarBuilder, Series], ...]) -> None:
        self.token = token
        self.builders = builders


class MarketDesk:
    """See the module.

    wanted  (token, interval in seconds) -> bars of warm-up; 0 where bars are wanted without
    quoted  further tokens whose prices are told
    """

    def __init__(
        self,
        wanted: Mapping[tuple[int, int], int],
        quoted: Sequence[int],
        sessions: Sessions,
        settings: DeskSettings = DEFAULT_DESK,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._wanted = dict(wanted)
        self._series = {
            (token, interval): Series(token, interval, keep, settings.series)
            for (token, interval), keep in wanted.items()
        }
        pairs: dict[int, list[tuple[BarBuilder, Series]]] = {token: [] for token, _ in wanted}
        for token, interval in wanted:
            pairs[token].append((BarBuilder(token, interval), self._series[token, interval]))
        self._streams = {token: _Stream(token, tuple(pairs.get(token, ()))) for token in (*pairs, *quoted)}
        self._built = len(pairs)
        self._counts = Counts()
        self._epoch = 0
        self._watermark = 0
        self._day_ends: Nanos = 0
        self._hours: frozenset[Hours] = frozenset()
        # Thousands of bars are open all the time, and all end together: nobody looks at them in between.
        self._awake = set(self._series.values())  # series that may have something to say
        self._grids: frozenset[tuple[Hours, int]] = frozenset()  # sessions and intervals of the bars
        self._closed_until = 0  # no bar that ended by this second is open
        self._next_end = 0  # the first second after that at which one may end; 0: not known
        self._late_end = False  # a print from before that second has opened a bar that had ended by it

    @property
    def tokens(self) -> tuple[int, ...]:
        """What is to be subscribed."""
        return tuple(self._streams)

    @property
    def _mostly_quoted(self) -> bool:
        return 4 * self._built < len(self._streams)

    @property
    def watermark(self) -> Nanos:
        """The newest exchange time seen."""
        return self._watermark * SECOND

    def counts(self) -> Counts:
        """The figures so far."""
        counts = self._counts
        builders = [builder for stream in self._streams.values() for builder, _ in stream.builders]
        counts.late = sum(each.late for each in builders)
        counts.repeated = sum(each.repeated for each in builders)
        counts.outside = sum(each.outside for each in builders)
        counts.prints = sum(each.prints for each in builders)
        counts.given_up = sum(each.given_up for each in self._series.values())
        return counts

    # -- events ------------------------------------------------------------------------------------------------------

    def begin(self, now: Nanos, mono: Nanos) -> list[DeskMessage]:
        """Start at market time `now`: lays out the day and asks for the warm-up."""
        for stream in self._streams.values():
            for builder, series in stream.builders:
                interval = builder.interval_seconds
                today = self._sessions.today(stream.token, now)
                keep = self._wanted[stream.token, interval]
                start = warm_up_start(self._sessions.back(stream.token, now), interval, keep, now) if keep else now
                builder.new_session(today)
                series.begin(start, today, now)
        self._lay_out_hours(now)
        return self._told(self._step(0, mono), now)

    def want(self, token: int, bars: Mapping[int, int], now: Nanos, mono: Nanos) -> tuple[bool, list[DeskMessage]]:
        """One instrument more, or more bars of one that is known: whether it is new, and what is to be told."""
        stream = self._streams.get(token)
        pairs = (
            {}
            if stream is None
            else {builder.interval_seconds: (builder, series) for builder, series in stream.builders}
        )
        today = self._sessions.today(token, now)
        begun = []
        for interval, keep in bars.items():
            if interval in pairs and self._wanted[token, interval] >= keep:
                continue
            if interval in pairs:
                builder = pairs[interval][0]
            else:
                builder = BarBuilder(token, interval)
                builder.new_session(today)
                builder.gap()
            self._wanted[token, interval] = keep
            series = self._series[token, interval] = Series(token, interval, keep, self._settings.series)
            start = warm_up_start(self._sessions.back(token, now), interval, keep, now) if keep else now
            series.begin(start, today, now)
            pairs[interval] = builder, series
            begun.append(series)
        self._streams[token] = _Stream(token, tuple(pairs.values()))
        self._built = sum(bool(each.builders) for each in self._streams.values())
        if stream is None:
            self._lay_out_hours(now)
        self._lay_out_ends()
        self._awake = {each for each in self._series.values() if not each.quiet}
        told: list[SeriesMessage] = []
        for series in begun:
            told.extend(series.step(self._passed() * SECOND, mono))
        return stream is None, self._told(told, now)

    def trading(self, now: Nanos) -> bool:
        """Whether any instrument of this shard has its session now."""
        return any(hours.opens <= now // SECOND < hours.closes for hours in self._hours)

    def connected(self, epoch: int) -> None:
        """A fresh connection: ticks of older ones are refused, and all bars are interrupted until they tick again."""
        if epoch <= self._epoch:
            return
        self._epoch = epoch
        for stream in self._streams.values():
            for builder, _ in stream.builders:
                builder.gap()

    # The same thing happens to bars: from here on ticks are missing.
    disconnected = connected

    def ticks(self, batch: TickBatch, mono: Nanos) -> list[DeskMessage]:
        """One decoded frame."""
        rows = batch.rows
        counts = self._counts
        counts.ticks += len(rows)
        if batch.epoch < self._epoch:
            counts.stale += len(rows)
            return []
        self.connected(batch.epoch)
        if batch.received_time >= self._day_ends:
            self._new_day(batch.received_time)
        horizon = batch.received_time // SECOND + self._settings.future_seconds_max
        bars_before = counts.bars
        # Columns as lists: reading single fields of a structured array is many times slower.
        columns = _Columns(*(rows[name].tolist() for name in _Columns._fields))
        changed: dict[int, int] = {}
        watermark = self._watermark
        if self._mostly_quoted and self._is_plain(columns, horizon):
            # Only the few that bars are made of need a look.
            changed = dict(zip(columns.token, range(len(rows)), strict=True))
            watermark = max(watermark, *columns.exchange_time)
            built = [index for token, index in changed.items() if self._streams[token].builders]
            picked = zip(built, *([column[index] for index in built] for column in columns), strict=True)
            self._take(picked, horizon, changed)
        else:
            watermark = max(watermark, self._take(zip(range(len(rows)), *columns, strict=True), horizon, changed))
        told: list[DeskMessage] = []
        if watermark > self._watermark or counts.bars != bars_before:
            self._watermark = watermark
            told.extend(self._told(self._close_until(self._passed(), mono), batch.received_time))
        if changed:
            told.append(self._prices(batch, columns, changed))
        return told

    def clock(self, settled: Nanos, now: Nanos, mono: Nanos) -> list[DeskMessage]:
        """Time has passed: bars that ended by `settled` close even where nothing trades.

        settled  market time a grace ago: whatever happened until then has reached us
        """
        told = self._close_until(max(settled // SECOND, self._passed()), mono)
        if now >= self._day_ends:
            self._new_day(now)
        return self._told(told, now)

    def loaded(self, answer: HistoryLoaded, now: Nanos, mono: Nanos) -> list[DeskMessage]:
        """History for one of the series."""
        series = self._series.get((answer.token, answer.interval_seconds))
        if series is None:
            return []
        told = [*series.loaded(answer, mono), *series.step(self._passed() * SECOND, mono)]
        self._awake.add(series)
        return self._told(told, now)

    def remembered(self, token: int, interval_seconds: int) -> BarsBackfilled | None:
        """The warm-up of a series from memory; None while it is on its way to everybody.

        Raises KeyError for a series that nobody declared.
        """
        return self._series[token, interval_seconds].remembered()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _take(self, rows: Iterator[tuple[int, ...]], horizon: int, changed: dict[int, int]) -> int:
        """Bars of these rows (index and columns); `changed` is told the newest row of each good one's instrument.

        Returns the newest exchange time; 0 where there is none.
        """
        counts, streams, newest = self._counts, self._streams, 0
        awake, closed_until = self._awake, self._closed_until
        for index, token, price, quantity, volume, traded, exchange in rows:
            stream = streams.get(token)
            if stream is None:
                counts.unknown += 1
                continue
            if price <= 0 or exchange > horizon or traded > horizon:
                counts.bad += 1
                continue
            changed[token] = index
            if exchange == 0:
                counts.untimed += 1
                continue
            if exchange > newest:  # noqa: PLR1730 - once for each row of thousands: a call costs more
                newest = exchange
            for builder, series in stream.builders:
                resumes = builder.interrupted
                bar = builder.tick(price, quantity, volume, traded, exchange)
                if resumes:
                    series.resumed(builder.whole_from)
                    awake.add(series)
                if bar is not None:
                    counts.bars += 1
                    series.closed(bar)
                    awake.add(series)
                if traded < closed_until and builder.due(closed_until):
                    self._late_end = True
        return newest

    def _is_plain(self, columns: _Columns, horizon: int) -> bool:
        """Whether every row is good, timed, of an instrument that is asked for, and the only one of it."""
        tokens = set(columns.token)
        return (
            len(tokens) == len(columns.token) > 0
            and self._streams.keys() >= tokens
            and min(columns.last_price) > 0
            and 0 < min(columns.exchange_time) <= max(columns.exchange_time) <= horizon
            and max(columns.last_trade_time) <= horizon
        )

    def _passed(self) -> int:
        """The second before which nothing more is expected."""
        return self._watermark - self._settings.lateness_seconds

    def _close_until(self, second: int, mono: Nanos) -> list[SeriesMessage]:
        if self._late_end or second >= self._next_end:
            for stream in self._streams.values():
                for builder, series in stream.builders:
                    bar = builder.close_until(second)
                    if bar is not None:
                        self._counts.bars += 1
                        series.closed(bar)
                        self._awake.add(series)
            if second >= self._closed_until:
                self._closed_until, self._late_end = second, False
                ends = [next_end(hours, interval, second) for hours, interval in self._grids]
                self._next_end = min(filter(None, ends), default=_NEVER)
        return self._step(second * SECOND, mono)

    def _step(self, watermark: Nanos, mono: Nanos) -> list[SeriesMessage]:
        told: list[SeriesMessage] = []
        awake = self._awake
        if not awake:
            return told
        for series in self._series.values():  # in their own order, whichever woke first
            if series in awake:
                told.extend(series.step(watermark, mono))
                if series.quiet:
                    awake.discard(series)
        return told

    def _told(self, said: Sequence[SeriesMessage], now: Nanos) -> list[DeskMessage]:
        """The bars as one message, behind the history that came with them."""
        bars: list[Bar] = []
        told: list[DeskMessage] = []
        for each in said:
            if isinstance(each, Bar):
                bars.append(each)
            else:
                told.append(each)
        if bars:
            told.append(BarsClosed(tuple(bars), now))
        return told

    def _prices(self, batch: TickBatch, columns: _Columns, changed: Mapping[int, int]) -> PricesChanged:
        bids, asks = (batch.rows[side]["price"][:, 0].tolist() for side in ("bids", "asks"))
        received, volumes, last = batch.received_time, columns.volume, columns.last_price
        exchanges, trades = columns.exchange_time, columns.last_trade_time
        return PricesChanged(
            {
                token: PriceChanged(
                    token,
                    last[at],
                    bids[at],
                    asks[at],
                    volumes[at],
                    (exchanges[at] or trades[at]) * SECOND or received,
                    received,
                )
                for token, at in changed.items()
            }
        )

    def _new_day(self, now: Nanos) -> None:
        for stream in self._streams.values():
            for builder, series in stream.builders:
                leftover = builder.close_until(max(builder.hours.closes, 1))
                if leftover is not None:
                    series.closed(leftover)
                    self._awake.add(series)
                builder.new_session(self._sessions.today(stream.token, now))
        self._lay_out_hours(now)

    def _lay_out_hours(self, now: Nanos) -> None:
        self._hours = frozenset(self._sessions.today(token, now) for token in self._streams)
        self._day_ends = _next_midnight(now)
        self._lay_out_ends()

    def _lay_out_ends(self) -> None:
        builders = [builder for stream in self._streams.values() for builder, _ in stream.builders]
        self._grids = frozenset((each.hours, each.interval_seconds) for each in builders)
        self._next_end = 0


def _next_midnight(now: Nanos) -> Nanos:
    ist_offset = 19_800 * SECOND
    day = 86_400 * SECOND
    return now - (now + ist_offset) % day + day
