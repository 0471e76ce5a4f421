"""What can be said of a strategy before it has seen a market: parameters, warm-up, purity, speed.

For a rule `decide` is compiled and compared with the interpreter on random data, in two orders: what remembers anything
but its state, or looks at anything but its arguments, answers differently. Any strategy is run twice over the same
pretend market: the orders must be the same.
"""

from __future__ import annotations

import builtins
import math
import time
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta, Struct

from domain.indicators.declaration import describe
from domain.market.buckets import DAY_SECONDS, INTERVAL_SECONDS
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets, legs_type, parameters_of, row_type

if TYPE_CHECKING:
    from domain.ports import Calendar
    from research.data.candles import Candles

CASES: Final = 2_000
_PLAIN: Final = (int, float, str, bool, tuple, type(None), types.ModuleType)
_CALLABLE: Final = frozenset({"abs", "min", "max", "int", "float", "round", "bool", "len", "range", "pow", "divmod"})


class Finding(Struct, frozen=True):
    """One question and its answer. name: parameters, warm-up, names, purity, hidden state, repeat, speed."""

    name: str
    ok: bool
    text: str


Strategy = RuleStrategy | EventStrategy


def check(strategy: Strategy, interval: str, series: Sequence[Candles], calendar: Calendar) -> list[Finding]:
    """Every question that can be asked of this kind of strategy, on this pretend market."""
    found = [_parameters(strategy), _warm_up(strategy, interval)]
    if isinstance(strategy, RuleStrategy):
        names = _names(strategy)
        found.append(names)
        found += _purity(strategy) if names.ok else []
    found.append(_repeat(strategy, series, calendar))
    return found


def pretend_market(strategy: Strategy, interval: str, calendar: Calendar) -> list[Candles]:
    """Prices for it: as many instruments as it has legs, enough bars beyond its warm-up; options for one that names
    their underlying.
    """
    from research.synthetic import options, shares

    seconds = INTERVAL_SECONDS[interval]
    if getattr(strategy, "underlying", ""):
        return options(3, calendar)
    events = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)
    try:
        loads = events.needs().loads(seconds)
    except ValueError:
        loads = {}
    per_day = max(1, 22_500 // seconds)
    needed = [-(-bars * each // (22_500 if each < DAY_SECONDS else DAY_SECONDS)) for each, bars in loads.items()]
    days = min(max([2, *needed]) + max(3, 400 // per_day), 450)
    count = len(strategy.legs) if isinstance(strategy, RuleStrategy) and strategy.legs else 1
    return shares(
        3 if isinstance(strategy, EventStrategy) else count, days, calendar, interval_seconds=seconds, trend=0.1
    )


# -- parameters --------------------------------------------------------------------------------------------------------


class Bound(Struct, frozen=True):
    """A numeric parameter and where it may lie; None where nothing is declared. Open ends are taken as closed."""

    name: str
    whole: bool
    low: float | None
    high: float | None
    default: float


def bounds_of(strategy: Strategy | type[Strategy]) -> list[Bound]:
    """The numeric parameters with the bounds of their annotations: the space that an optimiser searches."""
    kind = strategy if isinstance(strategy, type) else type(strategy)
    values = {each.name: each.default for each in msgspec.structs.fields(kind)}
    if not isinstance(strategy, type):
        values = {name: getattr(strategy, name) for name in values}
    bounds = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        bare, metas = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
        if name not in values or bare not in (int, float):
            continue
        meta = next((each for each in metas if isinstance(each, Meta)), Meta())
        whole = bare is int
        edge = 1 if whole else 0
        low = meta.ge if meta.ge is not None else (None if meta.gt is None else meta.gt + edge)
        high = meta.le if meta.le is not None else (None if meta.lt is None else meta.lt - edge)
        default = values[name]
        start = float(default) if isinstance(default, int | float) else math.nan
        bounds.append(Bound(name, whole, low, high, start))
    return bounds


def _parameters(strategy: Strategy) -> Finding:
    bounds = bounds_of(strategy)
    loose = [each.name for each in bounds if each.low is None or each.high is None]
    if loose:
        return Finding(
            "parameters", ok=False,
            text=f"{', '.join(loose)}: without bounds; declare Annotated[int, Meta(ge=..., le=...)]",
        )  # fmt: skip
    said = ", ".join(f"{each.name} {each.low:g} to {each.high:g}" for each in bounds)
    return Finding("parameters", ok=True, text=said or "none")


def _warm_up(strategy: Strategy, interval: str) -> Finding:
    seconds = INTERVAL_SECONDS[interval]
    events = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)
    try:
        needs = events.needs()
        for each in needs.indicators.values():
            describe(each)
        loads = needs.loads(seconds)
    except ValueError as error:
        return Finding("warm-up", ok=False, text=str(error))
    words = {number: word for word, number in INTERVAL_SECONDS.items()}
    said = ", ".join(f"{bars} bars of {words.get(number, f'{number} s')}" for number, bars in loads.items() if bars)
    return Finding("warm-up", ok=True, text=said or "none")


# -- a rule's function -------------------------------------------------------------------------------------------------


def _names(rule: RuleStrategy) -> Finding:
    decide = rule.decide
    if not isinstance(decide, types.FunctionType) or decide.__closure__ is not None:
        return Finding("names", ok=False, text="decide must be a plain @staticmethod without a closure")
    strange = []
    for name in _globals_of(decide.__code__):
        if name not in decide.__globals__:
            if not hasattr(builtins, name) or name not in _CALLABLE:
                strange.append(f"{name} (no part of decide's language)")
            continue
        value = decide.__globals__[name]
        if not (isinstance(value, _PLAIN) or (isinstance(value, type) and issubclass(value, tuple))):
            strange.append(f"{name} (a {type(value).__name__})")
        elif isinstance(value, types.ModuleType) and value is not math:
            strange.append(f"{name} (a module)")
    if strange:
        return Finding("names", ok=False, text=f"decide looks at {', '.join(strange)}; it may use its arguments alone")
    return Finding("names", ok=True, text="arguments, Targets and its state alone")


def _globals_of(code: types.CodeType) -> list[str]:
    import dis

    return list(dict.fromkeys(str(each.argval) for each in dis.get_instructions(code) if "GLOBAL" in each.opname))


def cases(rule: RuleStrategy, count: int, seed: int) -> Iterator[tuple[Any, ...]]:
    """Random arguments of `decide` without the state: prices that wander, indicators near them, near 0 and near 50."""
    draw = np.random.default_rng(seed)
    names = tuple(rule.indicators())
    row = row_type(names)
    scale = draw.choice([0.0, 1.0, 50.0, -1.0], size=len(names))
    legs = rule.legs or ("",)
    by_leg = legs_type(rule.legs) if rule.legs else None
    parameters = parameters_of(rule)
    price = 100.0
    rows = [_row(row, draw, price, scale) for _ in legs]
    for number in range(count):
        price = max(1.0, price * (1 + draw.normal(0, 0.01)))
        before, rows = rows, [_row(row, draw, price * (1 + draw.normal(0, 0.02)), scale) for _ in legs]
        books = [_book(draw, price) for _ in legs]
        session = SessionNow(number % 375 + 1, number % 375 + 1, 375 - number % 375 - 1)
        if by_leg is None:
            yield rows[0], before[0], books[0], session, parameters
        else:
            yield by_leg(*rows), by_leg(*before), by_leg(*books), session, parameters


def _row(row: Callable[..., Any], draw: np.random.Generator, price: float, scale: Any) -> Any:  # noqa: ANN401 - as row_type
    high, low = price * (1 + abs(draw.normal(0, 0.003))), price * (1 - abs(draw.normal(0, 0.003)))
    values = [
        price * (1 + draw.normal(0, 0.02)) if kind == 0.0 else float(draw.normal(kind, abs(kind) / 3)) for kind in scale
    ]
    return row(price, high, low, price * (1 + draw.normal(0, 0.002)), float(draw.integers(0, 10_000)), *values)


def _book(draw: np.random.Generator, price: float) -> Book:
    held = int(draw.choice([0, 0, 10, -10, 5]))
    pending = int(draw.choice([0, 0, 0, 10, -10]))
    return Book(
        held, pending, int(draw.choice([10, 10, 0])), price if held else 0.0, int(draw.integers(1, 90)) if held else 0
    )


def _purity(rule: RuleStrategy) -> list[Finding]:
    from numba.core.errors import NumbaError, UnsupportedBytecodeError

    from research.decide import compiled

    listed = list(cases(rule, CASES, 7))
    try:
        first = _answers(rule.decide, rule, listed)
    except ArithmeticError as error:
        return [Finding("purity", ok=False, text=f"decide raises {type(error).__name__} on ordinary data: {error}")]
    again = [
        rule.decide(*_arguments(case, state)) for case, state in reversed(list(zip(listed, first[1], strict=True)))
    ]
    if again[::-1] != first[0]:
        return [
            Finding(
                "hidden state", ok=False, text="decide answers differently when asked again: it remembers something"
            )
        ]
    found = [Finding("hidden state", ok=True, text="asked again in another order, it answers the same")]
    try:
        fast = compiled(rule)
        by_kernel = _answers(fast, rule, listed)[0]
    except (NumbaError, UnsupportedBytecodeError) as error:
        line = next((each for each in str(error).splitlines() if each.strip()), "")
        return [*found, Finding("purity", ok=False, text=f"decide cannot be compiled: {line}")]
    differs = next((at for at, pair in enumerate(zip(first[0], by_kernel, strict=True)) if pair[0] != pair[1]), None)
    if differs is not None:
        text = f"compiled it says {by_kernel[differs]}, interpreted {first[0][differs]}, for {listed[differs]}"
        return [*found, Finding("purity", ok=False, text=text)]
    found.append(Finding("purity", ok=True, text=f"compiled and interpreted agree on {CASES} random cases"))
    plain, kernel = _nanoseconds(rule.decide, rule, listed), _nanoseconds(fast, rule, listed)
    found.append(Finding("speed", ok=True, text=f"{plain:.0f} ns a call live; compiled, from Python, {kernel:.0f} ns"))
    return found


def _arguments(case: tuple[Any, ...], state: object) -> tuple[Any, ...]:
    now, before, book, session, parameters = case
    return now, before, book, session, state, parameters


def _answers(
    decide: Callable[..., Any], rule: RuleStrategy, listed: Sequence[tuple[Any, ...]]
) -> tuple[list[Any], list[Any]]:
    """Answers along a path of states, and the states that were handed in."""
    state: object = rule.initial()
    answers, states = [], []
    for case in listed:
        states.append(state)
        wanted, state = answer = decide(*_arguments(case, state))
        targets = wanted if rule.legs else (wanted,)
        assert all(isinstance(each, Targets) for each in targets), "decide answers with Targets"
        answers.append(answer)
    return answers, states


def _nanoseconds(decide: Callable[..., Any], rule: RuleStrategy, listed: Sequence[tuple[Any, ...]]) -> float:
    state = rule.initial()
    ready = [_arguments(case, state) for case in listed]
    began = time.perf_counter_ns()
    for each in ready:
        decide(*each)
    return (time.perf_counter_ns() - began) / len(ready)


# -- the whole strategy ------------------------------------------------------------------------------------------------


def _repeat(strategy: Strategy, series: Sequence[Candles], calendar: Calendar) -> Finding:
    from domain.strategy.sizing import FixedQuantity
    from research.backtest import backtest
    from research.settings import RunSettings, no_limits

    lot = max(each.instrument.lot_size for each in series)
    settings = RunSettings(sizing=FixedQuantity(10 * lot), limits=no_limits(), cash=10**12)
    try:
        runs = [backtest(strategy, series, settings, calendar, engine="event").run for _ in range(2)]
    except ValueError as error:
        return Finding("repeat", ok=False, text=str(error))
    if runs[0] != runs[1]:
        return Finding(
            "repeat", ok=False, text="two runs over the same prices gave different orders: it remembers something"
        )
    return Finding(
        "repeat", ok=True, text=f"two runs over the same pretend prices: the same {len(runs[0].orders)} orders"
    )
