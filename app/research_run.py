"""The options that research commands share, and what they add up to: a strategy, data, and the rules of a run."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cyclopts import Parameter
from msgspec import Struct

from app.limits import risk_limits
from app.options import ConfigFile, Env, load_settings
from app.output import UsageError
from app.traded_classes import TRADED_CLASSES
from config.schema import Settings
from config.sections.trading import TimesByClass
from domain.calendar import SessionCalendar
from domain.indicators.declaration import coarse_warm_up
from domain.market.buckets import INTERVAL_SECONDS
from domain.risk.sizing import FixedQuantity, FixedValue, Sizing
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.load import load_strategy
from domain.strategy.rule import RuleStrategy
from domain.values import E4, IST, Product, SessionClass, e4, nanos
from research.data.adjust import read_actions
from research.data.candles import Candles
from research.data.load import Facts, Loaded, load
from research.fills import FillModel, parse_fill
from research.settings import Charges, RunSettings, no_limits

StrategyPath = Annotated[str, Parameter(name="--strategy", help="MODULE:CLASS.")]
Fields = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative=(), show_default=False, help="field=value of the strategy; may be repeated."),
]
DataPath = Annotated[Path, Parameter(name="--data", help="A Parquet or CSV file, or a folder of them.")]
From = Annotated[str | None, Parameter(name="--from", help="First day decided on, YYYY-MM-DD; bars before warm up.")]
To = Annotated[str | None, Parameter(name="--to", help="Last day, YYYY-MM-DD.")]
IntervalWord = Annotated[
    str | None,
    Parameter(name="--interval", help=f"Length of the bars; as the file says. {', '.join(INTERVAL_SECONDS)}."),
]
Fill = Annotated[
    str,
    Parameter(
        name="--fill",
        help="next-open, touch or pessimistic; then spread=BPS, slippage=BPS, ticks=N, participation=PERCENT, "
        "latency=MS/MS/MS, reject=PERCENT, seed=N, with commas.",
    ),
]
ProductWord = Annotated[Literal["MIS", "CNC", "NRML"], Parameter(name="--product", help="How positions are held.")]
Quantity = Annotated[int | None, Parameter(name="--quantity", help="Units of a position; 1 if nothing is said.")]
Value = Annotated[str | None, Parameter(name="--value", help="Rupees of a position, in place of --quantity.")]
Capital = Annotated[str | None, Parameter(name="--capital", help="Most rupees that one position may be worth.")]
Cash = Annotated[str, Parameter(name="--cash", help="Rupees that the account begins with.")]
ChargesWord = Annotated[
    str, Parameter(name="--charges", help="india (the broker's tariff and the taxes), none, or flat:RUPEES an order.")
]
Tariff = Annotated[
    str | None, Parameter(name="--tariff", help="Day whose tariff is charged on every day; needed before the tables.")
]
Tick = Annotated[str, Parameter(name="--tick", help="Tick size in rupees.")]
Lot = Annotated[int, Parameter(name="--lot", help="Lot size in units.")]
Multiplier = Annotated[int, Parameter(name="--multiplier", help="Rupees of value per unit and rupee of price.")]
Hours = Annotated[
    str | None,
    Parameter(name="--session", help=f"Trading hours: {', '.join(each.value for each in SessionClass)}, or none."),
]
Adjust = Annotated[
    Path | None, Parameter(name="--adjust", help="CSV of splits and bonuses: instrument,day,factor (2/1).")
]
NoLimits = Annotated[
    bool, Parameter(name="--no-limits", negative=(), show_default=False, help="Without the configured risk limits.")
]

NO_SESSION: Final = "none"


class Asked(Struct, frozen=True, kw_only=True):
    """What the options add up to. `series` has the warm-up before `first_day` in it."""

    strategy: RuleStrategy | EventStrategy
    path: str
    loaded: tuple[Loaded, ...]
    series: tuple[Candles, ...]
    settings: RunSettings
    calendar: SessionCalendar
    first_day: dt.date | None
    load_seconds: float


@dataclass(frozen=True, kw_only=True)
class Question:
    """The options themselves, as a person wrote them; a command takes them all as one parameter (`Asking`)."""

    strategy: StrategyPath
    data: DataPath
    sets: Fields = ()
    start: From = None
    end: To = None
    interval: IntervalWord = None
    fill: Fill = "next-open"
    product: ProductWord = "MIS"
    quantity: Quantity = None
    value: Value = None
    capital: Capital = None
    cash: Cash = "1000000"
    charges: ChargesWord = "india"
    tariff: Tariff = None
    tick: Tick = "0.05"
    lot: Lot = 1
    multiplier: Multiplier = 1
    session: Hours = None
    adjust: Adjust = None
    without_limits: NoLimits = False


Asking = Annotated[Question, Parameter(name="*")]


def ask(question: Question, env: Env, config: ConfigFile) -> Asked:
    """Raises UsageError, ConfigError or DataError with one line."""
    return asked_of(question, load_settings(env, config).settings)


def asked_of(question: Question, settings: Settings) -> Asked:
    """Likewise, under these settings."""
    found = strategy_of(question.strategy, question.sets)
    first, last = _day("--from", question.start), _day("--to", question.end)
    if first and last and first > last:
        raise UsageError(f"--from: found {first}, after --to {last}; allowed: a day up to it")
    run = run_settings(
        settings,
        cash=_rupees("--cash", question.cash),
        product=Product(question.product),
        sizing=_sizing(question.quantity, question.value),
        capital=0 if question.capital is None else _rupees("--capital", question.capital),
        charges=_charges(question.charges, question.tariff),
        fill=fill_of(question.fill),
        sessions=question.session != NO_SESSION,
        limited=not question.without_limits,
    )
    calendar = SessionCalendar(fallback_weekdays=True)
    began = time.perf_counter()
    loaded = load(
        question.data,
        calendar=calendar if run.sessions else None,
        facts=Facts(_rupees("--tick", question.tick), question.lot, question.multiplier, _session(question.session)),
        interval_seconds=_interval(question.interval),
        days=(None, last),
        actions={} if question.adjust is None else read_actions(question.adjust),
    )
    series = tuple(with_warm_up(each.candles, first, found) for each in loaded)
    return Asked(
        strategy=found,
        path=question.strategy,
        loaded=loaded,
        series=series,
        settings=run,
        calendar=calendar,
        first_day=first,
        load_seconds=time.perf_counter() - began,
    )


def run_settings(
    rules: Settings,
    *,
    cash: E4,
    product: Product,
    sizing: Sizing,
    capital: E4,
    charges: Charges,
    fill: FillModel,
    sessions: bool = True,
    limited: bool = True,
) -> RunSettings:
    """The rules of a run: what is configured for trading, with the account and the exchange that are pretended."""
    return RunSettings(
        cash=cash,
        product=product,
        sizing=sizing,
        capital=capital,
        limits=risk_limits(rules.risk) if limited else no_limits(),
        charges=charges,
        fill=fill,
        sessions=sessions,
        intent_valid_seconds=rules.orders.intent_valid_seconds,
        mis_cutoff=_times(rules.risk.mis_cutoff),
        square_off=_times(rules.schedule.square_off),
    )


def strategy_of(path: str, sets: tuple[str, ...]) -> RuleStrategy | EventStrategy:
    """The strategy with these `field=value` parameters. Raises UsageError."""
    parameters: dict[str, object] = {}
    for each in sets:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise UsageError(f"--set: found {each!r}; want field=value")
        try:
            parameters[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            parameters[name] = text
    try:
        return load_strategy(path, parameters)
    except ValueError as error:
        raise UsageError(f"--strategy: {error}") from None


def with_warm_up(candles: Candles, first: dt.date | None, strategy: RuleStrategy | EventStrategy) -> Candles:
    """From the first day on, and before it the warm-up, from the beginning of a day."""
    if first is None:
        return candles
    import numpy as np

    from research.bias import own_bars

    events = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)
    begin = int(np.searchsorted(candles.start, nanos(dt.datetime.combine(first, dt.time(), IST))))
    if begin == len(candles):
        raise UsageError(f"--from: found {first}; {candles.instrument.key} has no bar from then on")
    needs, interval = events.needs(), candles.interval_seconds
    warm_up = max(needs.decides_after(interval), own_bars(needs, interval) if coarse_warm_up(needs.indicators) else 0)
    wanted = max(begin - warm_up, 0)
    day = (int(candles.start[wanted]) + 19_800 * 10**9) // (86_400 * 10**9)
    midnight = day * 86_400 * 10**9 - 19_800 * 10**9
    return candles.cut(int(np.searchsorted(candles.start, midnight)), len(candles))


def _times(times: TimesByClass) -> dict[SessionClass, dt.time]:
    return {each: times.of(each) for each in TRADED_CLASSES}


def _sizing(quantity: int | None, value: str | None) -> Sizing:
    if quantity is not None and value is not None:
        raise UsageError("--quantity and --value exclude each other")
    if value is not None:
        return FixedValue(_rupees("--value", value))
    if quantity is not None and quantity < 1:
        raise UsageError(f"--quantity: found {quantity}; want 1 or more")
    return FixedQuantity(quantity or 1)


def _charges(text: str, tariff: str | None) -> Charges:
    kind, _, amount = text.partition(":")
    if kind == "india" and not amount:
        return Charges(tariff=_day("--tariff", tariff))
    if kind == "none" and not amount:
        return Charges(flat=0)
    if kind == "flat" and amount:
        return Charges(flat=_rupees("--charges", amount))
    raise UsageError(f"--charges: found {text!r}; allowed: india, none, flat:RUPEES")


def fill_of(text: str) -> FillModel:
    """The fill model that the option names. Raises UsageError."""
    try:
        return parse_fill(text)
    except ValueError as error:
        raise UsageError(f"--fill: {error}") from None


def _session(text: str | None) -> SessionClass | None:
    if text in (None, NO_SESSION):
        return None
    try:
        return SessionClass(text)
    except ValueError:
        allowed = ", ".join(each.value for each in SessionClass)
        raise UsageError(f"--session: found {text!r}; allowed: {allowed}, {NO_SESSION}") from None


def _interval(word: str | None) -> int | None:
    if word is None:
        return None
    if word not in INTERVAL_SECONDS:
        raise UsageError(f"--interval: found {word!r}; allowed: {', '.join(INTERVAL_SECONDS)}")
    return INTERVAL_SECONDS[word]


def _rupees(option: str, text: str) -> int:
    try:
        amount = e4(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if amount < 0 or (amount == 0 and option != "--charges"):
        raise UsageError(f"{option}: found {text!r}; want an amount above 0")
    return amount


def _day(option: str, text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise UsageError(f"{option}: found {text!r}; allowed: a day YYYY-MM-DD")
    return day
