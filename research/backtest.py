"""One backtest: data in, an engine chosen, figures out."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.portfolio.ledger import RoundTrip
from domain.ports import Calendar
from domain.report import metrics
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.values import E4, IST, Nanos, ist, nanos
from research.data.candles import Candles, fingerprint
from research.data.days import date_of, number_of
from research.records import Outcome, Run
from research.settings import RunSettings
from research.trips import round_trips

if TYPE_CHECKING:
    from research.compiled import Prepared
    from research.ground import Ground
    from research.portfolio import PreparedMany

T = TypeVar("T")
EngineName = Literal["auto", "event", "compiled"]
ENGINES: Final = ("auto", "event", "compiled")


class Seconds(Struct, frozen=True):
    """Wall time by what it was spent on."""

    load: float
    compile: float
    run: float


class Backtest(Struct, frozen=True):
    """What a backtest says. Money in 1/10,000 rupee; `metrics` are those of the period report, by name.

    engine     which one ran, and (why_engine) why
    trips      round trips: flat, position, flat again
    """

    strategy: str
    parameters: dict[str, Any]
    engine: str
    why_engine: str
    fingerprint: str
    instruments: tuple[str, ...]
    bars: int
    first: Nanos
    last: Nanos
    run: Run
    trips: tuple[RoundTrip, ...]
    opening_cash: E4
    seconds: Seconds

    @property
    def returns(self) -> list[float]:
        """A return per day, from one day's equity to the next."""
        before, found = self.opening_cash, []
        for day in self.run.days:
            found.append(day.equity / before - 1 if before else 0.0)
            before = day.equity
        return found

    @property
    def days(self) -> list[dt.date]:
        """The days of the returns."""
        return [date_of(day.day) for day in self.run.days]


def backtest(
    strategy: RuleStrategy | EventStrategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
    *,
    engine: EngineName = "auto",
    first_day: dt.date | None = None,
    load_seconds: float = 0.0,
    name: str = "",
    ground: Ground | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Backtest:
    """Run it. Bars before `first_day` are learnt from and not decided on. Raises ValueError for what cannot be run.

    ground  of these bars and settings, where several runs share it
    """
    from research.compiled import CompiledUnfit

    refuse(series, settings)
    # It takes as long as the run, and the interpreter is not needed for it.
    named = Later(partial(fingerprint, series))
    decide_from = 0 if first_day is None else nanos(dt.datetime.combine(first_day, dt.time(), IST))
    started = clock()
    compiled = 0.0
    used, why = "event", "asked for"
    run: Run | None = None
    if engine != "event":
        try:
            prepared = _prepared(strategy, series, settings, calendar, decide_from, ground)
            compiled = clock() - started
            run = prepared.run()
            used, why = "compiled", "asked for" if engine == "compiled" else "a rule, and fills that it can do"
        except CompiledUnfit as unfit:
            if engine == "compiled":
                raise ValueError(f"--engine compiled: {unfit}") from None
            why = str(unfit)
            compiled = clock() - started
    if run is None:
        from research.event_engine import EventEngine

        run = EventEngine(strategy, series, settings, calendar, decide_from).run()
    if first_day is not None:
        from_number = number_of(first_day)
        run = replace(run, days=tuple(day for day in run.days if day.day >= from_number))
    spent = clock() - started - compiled
    return Backtest(
        strategy=name or type(strategy).__name__,
        parameters=msgspec.to_builtins(strategy),
        engine=used,
        why_engine=why,
        fingerprint=named.answer(),
        instruments=tuple(each.instrument.key for each in series),
        bars=sum(len(each) for each in series),
        first=min(int(each.start[0]) for each in series),
        last=max(int(each.start[-1]) for each in series),
        run=run,
        trips=round_trips(run, [each.instrument for each in series], settings.product),
        opening_cash=settings.cash,
        seconds=Seconds(load_seconds, compiled, spent),
    )


def _prepared(
    strategy: RuleStrategy | EventStrategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
    decide_from: Nanos,
    ground: Ground | None,
) -> Prepared | PreparedMany:
    if len(series) == 1:
        from research.compiled import prepare

        return prepare(strategy, series, settings, calendar, decide_from, ground)
    from research.portfolio import prepare_many

    return prepare_many(strategy, series, settings, calendar, decide_from)


class Later(Generic[T]):
    """An answer that another thread works out."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._thread = threading.Thread(target=self._find, name="later", daemon=True)
        self._found: list[T] = []
        self._thread.start()

    def answer(self) -> T:
        """Wait for it. Raises here what the work raises."""
        self._thread.join()
        return self._found[0] if self._found else self._work()

    def _find(self) -> None:
        with suppress(Exception):
            self._found.append(self._work())


def refuse(series: Sequence[Candles], settings: RunSettings) -> None:
    """Raises ValueError for data and settings that do not fit together."""
    if not series:
        raise ValueError("there is no data")
    lengths = {each.interval_seconds for each in series}
    if len(lengths) > 1:
        raise ValueError(f"bars of {', '.join(f'{each} s' for each in sorted(lengths))}: want one length for all")
    if settings.charges.flat is None:
        for each in series:
            settings.charges.on(ist(int(each.start[0])).date())


def figures(done: Backtest) -> dict[str, float | int | None]:
    """The metrics by name. Ratios are of daily returns; money in rupees."""
    returns = done.returns
    nets = [trip.gross / 10_000 for trip in done.trips]
    outcomes = [order.outcome for order in done.run.orders]
    return {
        "total_return": metrics.total_return(returns),
        "cagr": metrics.cagr(returns),
        "volatility": metrics.volatility(returns),
        "sharpe": metrics.sharpe(returns),
        "sortino": metrics.sortino(returns),
        "calmar": metrics.calmar(returns),
        "max_drawdown": metrics.max_drawdown(returns),
        "ulcer_index": metrics.ulcer_index(returns),
        "value_at_risk": metrics.value_at_risk(returns),
        "skew": metrics.skew(returns),
        "kurtosis": metrics.kurtosis(returns),
        "win_rate": metrics.win_rate(nets),
        "profit_factor": metrics.profit_factor(nets),
        "payoff_ratio": metrics.payoff_ratio(nets),
        "average_win": metrics.average_win(nets),
        "average_loss": metrics.average_loss(nets),
        "longest_losing_run": metrics.longest_run(nets, winning=False),
        "days_exposed": metrics.days_exposed(returns),
        "denied": outcomes.count(Outcome.DENIED),
        "rejected": outcomes.count(Outcome.REJECTED),
        "cancelled": outcomes.count(Outcome.CANCELLED),
    }
