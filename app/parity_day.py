"""A traded day through the backtester: every strategy as it is configured, on the day's candles from the broker.

The backtest begins flat and decides from the moment when the day was opened; each strategy has the account for itself.
"""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.kite.history import INTERVALS
from adapters.kite.instruments import Catalog
from adapters.marketfiles.bars_file import path_of
from adapters.marketfiles.download import download, plan
from adapters.standing_in import sandbox_at
from app.logged_in import logged_in
from app.output import UsageError
from app.research_run import Question, asked_of, run_settings, with_warm_up
from app.strategies import Configured, cast_of
from app.world import folders
from config.loader import Loaded
from domain.calendar import SessionCalendar
from domain.errors import BrokerError, PatangError
from domain.market.buckets import DAY_SECONDS, INTERVAL_SECONDS
from domain.messages.journal import DayOpened, JournalRecord, TradeBooked
from domain.parity import DayParity
from domain.portfolio import Book
from domain.report.replay import past_day
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.load import find_strategy
from domain.values import E4, IST, SECOND, Instrument, Nanos, e4, ist, nanos, rupees
from research.backtest import backtest
from research.bias import own_bars
from research.data.candles import Candles
from research.data.checked import checked
from research.data.days import number_of
from research.data.load import between, read_raw
from research.event_engine import EventEngine
from research.fills import FillModel
from research.parity import Parity, backtest_orders, compare, in_one, live_orders
from research.settings import Charges

_WORDS: Final = {seconds: word for word, seconds in INTERVAL_SECONDS.items()}
_DAY: Final = dt.timedelta(days=1)
HOLIDAYS: Final = 1.6
"""Calendar days for a trading day of history, generously; and `MORE_DAYS` beyond them."""
MORE_DAYS: Final = 7


class Study(Struct, frozen=True):
    """What was found: the day in figures, and each strategy that was compared."""

    day: DayParity
    strategies: dict[str, Parity]


class NotCompared(PatangError):
    """One strategy cannot be compared; the text says why."""


class Traded(Struct, frozen=True):
    """The day as the journal has it.

    before       trades of the days before
    opened       when the day was opened first
    charges      by strategy
    """

    records: Sequence[JournalRecord]
    before: Sequence[TradeBooked]
    opened: Nanos
    opening_cash: E4
    charges: Mapping[str, E4]

    @staticmethod
    def of(records: Sequence[JournalRecord], day: dt.date, env: str) -> Traded:
        """Raises PatangError for a day that the journal does not have."""
        report = past_day(records, Book(), day.isoformat(), env)
        if report is None:
            raise PatangError(f"the journal has no trading day {day}")
        midnight = nanos(dt.datetime.combine(day, dt.time(), IST))
        mine = [each for each in records if midnight <= _time(each) < midnight + DAY_SECONDS * SECOND]
        opened = min(each.event.time for each in mine if isinstance(each.event, DayOpened))
        trades = (each.event for each in records if isinstance(each.event, TradeBooked))
        return Traded(
            records=mine,
            before=[each for each in trades if each.event_time < midnight],
            opened=opened,
            opening_cash=report.opening_cash,
            charges={row.strategy: row.charges for row in report.per_strategy},
        )


def study(loaded: Loaded, records: Sequence[JournalRecord], day: dt.date, chosen: str | None, fill: FillModel) -> Study:
    """Compare. What cannot be compared is left out, with its reason. Raises PatangError where nothing can be.

    chosen  one strategy; None: all that are enabled
    """
    traded = Traded.of(records, day, loaded.env)
    with logged_in(loaded, "parity") as (account, clock, calendar), tempfile.TemporaryDirectory() as scratch:
        with closing(account.instruments()) as source:
            catalog = Catalog(source.load(ist(clock.now_ns()).date()))
        cast = cast_of(loaded, catalog)
        each_of = [each for each in cast.strategies if chosen in (None, each.id)]
        if not each_of:
            raise PatangError(f"strategy {chosen} is not enabled")
        # A pretend market is another one at its next start: its candles are no data to keep.
        rest_url = loaded.settings.kite.rest_url
        pretend = rest_url is None or sandbox_at(rest_url) is not None
        folder = Path(scratch) if pretend else folders(loaded).data / "history"
        found: dict[str, Parity] = {}
        left_out: list[tuple[str, str]] = []
        with closing(account.history()) as history:
            for each in each_of:
                try:
                    _refuse(each, traded)
                    steps = plan(
                        folder,
                        each.instruments,
                        _WORDS[each.interval_seconds],
                        each.interval_seconds,
                        (day - _days_of(each), day),
                        INTERVALS[each.interval_seconds][1],
                    )
                    download(steps, history, clock, lambda _step, _added: None)
                    series = [_candles(folder, one, each, day, calendar) for one in each.instruments]
                    found[each.id] = _compared(each, series, traded, loaded, calendar, fill)
                except (NotCompared, BrokerError, ValueError) as error:
                    left_out.append((each.id, str(error)))
                except PatangError as error:
                    left_out.append((each.id, f"{type(error).__name__}: {error}"))
    why_not = "" if found else "there is no strategy that could be"
    if why_not and len({why for _, why in left_out}) == 1:
        why_not, left_out = left_out[0][1], []
    summed = in_one(day.isoformat(), found.values(), left_out)
    if why_not:
        summed = DayParity(summed.day, left_out=summed.left_out, why_not=why_not)
    return Study(summed, found)


def study_files(
    loaded: Loaded,
    records: Sequence[JournalRecord],
    day: dt.date,
    chosen: str,
    data: Path,
    fill: str,
    charges_paid: str,
) -> Study:
    """Compare one strategy, on candles from files and with what their names say of the instruments. Asks no broker.

    Raises UsageError and PatangError.
    """
    each = loaded.settings.strategies[chosen]
    parameters = msgspec.structs.asdict(loaded.parameters(chosen, find_strategy(each.kind)))
    question = Question(
        strategy=each.kind,
        data=data,
        sets=tuple(f"{name}={msgspec.json.encode(value).decode()}" for name, value in parameters.items()),
        start=day.isoformat(),
        end=day.isoformat(),
        interval=each.interval,
        fill=fill,
        product=each.product,
        quantity=each.quantity,
        capital=rupees(each.capital) if each.capital else None,
        cash="10000000",
    )
    asked = asked_of(question, loaded.settings)
    series = tuple(one for one in asked.series if one.instrument.key in set(each.instruments))
    if {one.instrument.key for one in series} != set(each.instruments):
        raise UsageError(
            f"--data: found {len(series)} of the instruments; allowed: all of {', '.join(each.instruments)}"
        )
    try:
        done = backtest(
            asked.strategy, series, asked.settings, asked.calendar, engine="event", first_day=asked.first_day
        )
        paid = e4(charges_paid)
    except ValueError as error:
        raise UsageError(str(error)) from None
    seconds, first = INTERVAL_SECONDS[each.interval], nanos(dt.datetime.combine(day, dt.time(), IST))
    mine = (record.event for record in records if first <= _time(record) < first + DAY_SECONDS * SECOND)
    found = compare(
        live_orders(mine, chosen, seconds),
        backtest_orders(done.run, series, first),
        seconds,
        (paid, done.run.charges),
        closes={one.instrument.key: float(one.close[-1]) for one in series},
    )
    return Study(in_one(day.isoformat(), [found]), {chosen: found})


def _refuse(each: Configured, traded: Traded) -> None:
    if not each.decides_on_bars:
        raise NotCompared("it decides on prices, of which no candles tell")
    if each.interval_seconds >= DAY_SECONDS:
        raise NotCompared("it decides on bars of a day, which trade on the next one")
    held: dict[str, int] = {}
    for trade in traded.before:
        if trade.strategy == each.id:
            held[trade.instrument] = held.get(trade.instrument, 0) + trade.side.sign * trade.quantity
    carried = [instrument for instrument, units in held.items() if units]
    if carried:
        raise NotCompared(f"it held {', '.join(carried)} from the day before, and a backtest begins flat")


def _days_of(each: Configured) -> dt.timedelta:
    """Calendar days that surely hold the strategy's history."""
    events = each.strategy if isinstance(each.strategy, EventStrategy) else RuleEvents(each.strategy)
    bars = max(own_bars(events.needs(), each.interval_seconds), each.warm_up_bars)
    trading_days = math.ceil(bars * each.interval_seconds / (375 * 60)) + 1
    return math.ceil(trading_days * HOLIDAYS) * _DAY + MORE_DAYS * _DAY


def _candles(
    folder: Path, instrument: Instrument, each: Configured, day: dt.date, calendar: SessionCalendar
) -> Candles:
    path = path_of(folder, instrument.key, _WORDS[each.interval_seconds])
    if not path.exists():
        raise NotCompared(f"there are no candles of {instrument.key}")
    raw = between(read_raw(path), (day - _days_of(each), day))
    candles, _, _ = checked(instrument, each.interval_seconds, raw, calendar)
    if not len(candles) or ist(int(candles.start[-1])).date() != day:
        raise NotCompared(f"there are no candles of {instrument.key} on {day}")
    # As much history as live begins with: an indicator that never forgets is then begun at the same bar.
    return with_warm_up(candles, day, each.strategy)


def _compared(
    each: Configured,
    series: Sequence[Candles],
    traded: Traded,
    loaded: Loaded,
    calendar: SessionCalendar,
    fill: FillModel,
) -> Parity:
    settings = run_settings(
        loaded.settings,
        cash=traded.opening_cash,
        product=each.product,
        sizing=each.runner.sizing,
        capital=each.runner.capital,
        charges=Charges(),
        fill=fill,
    )
    # A bar that had begun before the day was opened is not whole live, and nothing is decided on it.
    begin = traded.opened + each.interval_seconds * SECOND
    run = EventEngine(each.strategy, series, settings, calendar, begin).run()
    live = live_orders((record.event for record in traded.records), each.id, each.interval_seconds)
    today = number_of(ist(traded.opened).date())
    charged = sum(row.charges for row in run.days if row.day == today)
    return compare(
        live,
        backtest_orders(run, series, traded.opened),
        each.interval_seconds,
        (traded.charges.get(each.id, 0), charged),
        closes={one.instrument.key: float(one.close[-1]) for one in series},
        multipliers={one.instrument.key: one.instrument.multiplier for one in series},
    )


def _time(record: JournalRecord) -> Nanos:
    event = record.event
    return event.event_time if isinstance(event, TradeBooked) else event.time
