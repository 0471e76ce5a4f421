"""Does a strategy know more than it could have known? Lookahead, recursion and hidden state, each by its name.

lookahead     the future is cut off at the strategy's own signals: whatever it ordered until then must stay as it was.
recursive     it begins 1, 2, 5 and 10 times its declared warm-up before a day: the rows and the day's orders must be
              those of the longest history. Otherwise live, which has one warm-up, trades something else.
hidden state  two runs over the same data in one process must be the same run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from msgspec.structs import replace

from domain.market.buckets import DAY_SECONDS, Hours
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy, Needs
from domain.strategy.rows import Rows
from domain.values import SECOND, Nanos, ist
from research.data.days import DAY_NS, IST_NS
from research.event_engine import EventEngine
from research.strategy_check import Finding, Strategy

if TYPE_CHECKING:
    from domain.ports import Calendar
    from research.data.candles import Candles
    from research.records import OrderRow, Run
    from research.settings import RunSettings

MULTIPLES: Final = (1, 2, 5, 10)
RELATIVE: Final = 1e-9
"""How far a value may be from that of the longest history: far above rounding, far below a price step."""


def run(
    strategy: Strategy, series: Sequence[Candles], settings: RunSettings, calendar: Calendar, decide_from: Nanos = 0
) -> Run:
    """One run of the event engine, which is the one that any strategy can cheat, every bar as it goes live."""
    return EventEngine(strategy, series, settings, calendar, decide_from, stepwise=True).run()


# -- lookahead ---------------------------------------------------------------------------------------------------------


def lookahead(
    strategy: Strategy, series: Sequence[Candles], settings: RunSettings, calendar: Calendar, cuts: int = 12
) -> Finding:
    """Cut the future off at up to `cuts` of the strategy's signals, spread over the run."""
    whole = run(strategy, series, settings, calendar)
    signals = sorted({order.time for order in whole.orders})
    if not signals:
        return Finding("lookahead", ok=True, text="no signal in these data: nothing to cut at")
    chosen = [signals[int(at)] for at in np.linspace(0, len(signals) - 1, min(cuts, len(signals)))]
    for cut in chosen:
        known = [each.upto(cut) for each in series]
        if not all(len(each) for each in known):
            continue
        then = _decided(run(strategy, known, settings, calendar), cut)
        now = _decided(whole, cut)
        if not _same(then, now, cut) and not _follows(then, now, cut, strategy, series, settings, calendar):
            text = (
                f"with the future cut off at {ist(cut):%Y-%m-%d %H:%M} it ordered {_count(then)}, with it {_count(now)}"
            )
            return Finding("lookahead", ok=False, text=text)
    return Finding("lookahead", ok=True, text=f"cut off at {len(chosen)} of {len(signals)} signals: the past stays")


Decided: TypeAlias = tuple[Nanos, int, int, bool]
"""When, which instrument, signed units, reduce-only."""


def _decided(done: Run, until: Nanos) -> list[Decided]:
    """What it decided by itself until then; a square-off is not its own."""
    return [
        (order.time, order.where, order.signed, order.reduce_only)
        for order in done.orders
        if order.time <= until and not _is_forced(order)
    ]


def _same(then: Sequence[Decided], now: Sequence[Decided], cut: Nanos) -> bool:
    """Whether nothing was decided otherwise.

    The entry of a change of sides follows the exit's fill, at the open that the cut took away: it may be missing.
    """
    if list(then) != list(now[: len(then)]):
        return False
    leaving = {where for time, where, _, reduce_only in then if time == cut and reduce_only}
    return all(time == cut and where in leaving for time, where, _, _ in now[len(then) :])


def _follows(
    then: Sequence[Decided],
    now: Sequence[Decided],
    cut: Nanos,
    strategy: Strategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
) -> bool:
    """Whether what is missing was decided on a fill at the open that the cut took away, such as legs that wait for
    a hedge: with that open, and nothing else of the bar that it begins, everything is there.
    """
    if list(then) != list(now[: len(then)]) or not any(time == cut for time, *_ in then):
        return False
    opened = [_with_open(each, cut) for each in series]
    return _decided(run(strategy, opened, settings, calendar), cut) == list(now)


def _with_open(candles: Candles, cut: Nanos) -> Candles:
    """The bars that were over at the cut, and of the one that begins there its open: it stays where it opened."""
    known = len(candles.upto(cut))
    if known == len(candles) or candles.start[known] != cut:
        return candles.cut(0, known)
    found = candles.cut(0, known + 1)
    flat = found.open[-1:]
    return replace(found, **{name: np.append(getattr(found, name)[:-1], flat) for name in ("high", "low", "close")})


def _is_forced(order: OrderRow) -> bool:
    from research.records import REASONS

    return REASONS[order.reason] in {"square-off", "loss"}


def _count(orders: Sequence[Decided]) -> str:
    return f"{len(orders)} times, last {orders[-1][2]:+d} at {ist(orders[-1][0]):%H:%M}" if orders else "nothing"


# -- recursion ---------------------------------------------------------------------------------------------------------


def recursive(
    strategy: Strategy, series: Sequence[Candles], settings: RunSettings, calendar: Calendar, days: int = 1
) -> Finding:
    """Compare the rows and orders of the last days after ever longer histories."""
    first = series[0]
    needs = (strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)).needs()
    wanted = own_bars(needs, first.interval_seconds)
    at = _begin_of_last(first, days)
    begin = int(first.start[at])
    possible = [factor for factor in MULTIPLES if factor * wanted <= at]
    if wanted and (not possible or possible == [1]):
        text = f"the data have {at} bars before the last day; twice the warm-up is {2 * wanted}: nothing is proved"
        return Finding("recursive", ok=False, text=text)
    if not wanted:
        return Finding("recursive", ok=True, text="it has no warm-up")
    longest = possible[-1]
    histories = {factor: [_history(each, begin, factor * wanted) for each in series] for factor in possible}
    reference = _rows(needs, histories[longest][0], begin, settings, calendar)
    orders = _decided(run(strategy, histories[longest], settings, calendar, begin), 1 << 62)
    for factor in possible[:-1]:
        column = _differs(_rows(needs, histories[factor][0], begin, settings, calendar), reference, needs)
        if column:
            text = f"{column} after {factor} times the declared warm-up is not what it is after {longest} times"
            return Finding("recursive", ok=False, text=text)
        if _decided(run(strategy, histories[factor], settings, calendar, begin), 1 << 62) != orders:
            text = f"the orders after {factor} times the declared history are not those after {longest} times"
            return Finding("recursive", ok=False, text=text)
    return Finding("recursive", ok=True, text=f"{wanted} bars of warm-up or {longest} times as many: the same day")


def own_bars(needs: Needs, interval_seconds: int) -> int:
    """The history that a strategy declares, in bars of its own interval; coarser ones by the hours of a session."""
    wanted = 0
    for seconds, bars in needs.loads(interval_seconds).items():
        each = 1 if seconds == interval_seconds else _per_coarse(seconds, interval_seconds)
        wanted = max(wanted, bars * each)
    return wanted


def _per_coarse(seconds: int, interval_seconds: int) -> int:
    session = 390 * 60
    return math.ceil((session if seconds >= DAY_SECONDS else seconds) / interval_seconds)


def _begin_of_last(candles: Candles, days: int) -> int:
    """Index of the first bar of the last days; of day bars, of the last ten of each."""
    if candles.interval_seconds >= DAY_SECONDS:
        return max(len(candles) - 10 * days, 0)
    numbers = (candles.start + IST_NS) // DAY_NS
    edges = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    return int(edges[-days]) if len(edges) >= days else 0


def _history(candles: Candles, begin: Nanos, bars: int) -> Candles:
    at = int(np.searchsorted(candles.start, begin))
    # From the beginning of a session, as history is loaded live.
    first = max(at - bars, 0)
    if candles.interval_seconds < DAY_SECONDS and first:
        midnight = (int(candles.start[first]) + IST_NS) // DAY_NS * DAY_NS - IST_NS
        first = int(np.searchsorted(candles.start, midnight))
    return candles.cut(first, len(candles))


def _rows(
    needs: Needs, candles: Candles, begin: Nanos, settings: RunSettings, calendar: Calendar
) -> list[tuple[float, ...]]:
    """The rows of the bars from `begin` on."""
    rows = Rows(needs.indicators, candles.interval_seconds)
    session, found = candles.instrument.session, []
    for index in range(len(candles)):
        bar = candles.bar(index)
        hours = Hours.of(calendar.hours(ist(bar.start).date(), session)) if settings.sessions else _whole_day(bar.start)
        row = rows.push(bar, hours)
        if bar.start >= begin:
            found.append(row)
    return found


def _whole_day(start: Nanos) -> Hours:
    midnight = ((start + IST_NS) // DAY_NS * DAY_NS - IST_NS) // SECOND
    return Hours(midnight, midnight + DAY_SECONDS)


def _differs(rows: Sequence[tuple[float, ...]], wanted: Sequence[tuple[float, ...]], needs: Needs) -> str:
    """The name of the first column that differs; empty where none does."""
    names = ("open", "high", "low", "close", "volume", *needs.indicators)
    for one, other in zip(rows, wanted, strict=True):
        for name, value, right in zip(names, one, other, strict=True):
            same = math.isclose(value, right, rel_tol=RELATIVE, abs_tol=1e-9) or (
                math.isnan(value) and math.isnan(right)
            )
            if not same:
                return name
    return ""


# -- hidden state ------------------------------------------------------------------------------------------------------


def hidden_state(strategy: Strategy, series: Sequence[Candles], settings: RunSettings, calendar: Calendar) -> Finding:
    """Run it twice."""
    first, second = (run(strategy, series, settings, calendar) for _ in range(2))
    if first != second:
        return Finding("hidden state", ok=False, text="two runs over the same data differ: it remembers something")
    return Finding("hidden state", ok=True, text=f"two runs over the same data: the same {len(first.orders)} orders")
