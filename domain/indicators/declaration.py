"""Declaring an indicator: which function, on what, from where on.

    {"fast": indicator("SMA", timeperiod=5), "strength": indicator("RSI", timeperiod=7, anchor="session"),
     "vwap": indicator("vwap"), "trend": indicator("EMA", timeperiod=20, interval="day")}

Names in capitals are TA-Lib's, small ones our own (domain/indicators/onestep.py). `interval` computes it on bars of a
coarser interval, made from the strategy's own; its value is that of the last one that has closed.

TA-Lib is imported when the first indicator is looked into: it costs a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

from domain.indicators.library import talib_modules
from domain.indicators.onestep import BARS_PER_SESSION, OWN, OneStep
from domain.market.buckets import INTERVAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.indicators.handles import Handle

Anchor = Literal["series", "session"]

COLUMNS: Final = ("open", "high", "low", "close", "volume")
"""What a bar offers as input: prices in rupees, volume in units, all floats."""

CONVERGENCE_PERIODS: Final = 50
"""Periods after which a smoothed value no longer knows where it began: exp(-50) is far below a float's precision."""

_PERIOD_LEAST: Final = 10

# fmt: off
_SMOOTHED_UNMARKED: Final = frozenset({
    "ADOSC", "ADXR", "CVI", "DEMA", "EFI", "ERI", "KC", "KDJ",
    "MACD", "MACDEXT", "MACDFIX", "MASSI", "SAR", "SAREXT", "SMI", "STOCHRSI",
    "SUPERTREND", "TEMA", "TRIX", "TSI", "ZLEMA",
})
# fmt: on
"""Functions that remember where they began though TA-Lib does not mark them (found by running them from two starts).

Cumulative ones (AD, OBV, PVT, ...) never forget their start: declare them with anchor="session".
"""


class Indicator(Struct, frozen=True):
    """One declared indicator, one output. Made by `indicator`.

    name         TA-Lib's name
    real         the bar's columns for functions that take any series; ignored by those that fix theirs (ATR)
    output       which of several outputs (`macdsignal`); empty for the first
    parameters   TA-Lib's own, in its order
    anchor       `series`: one run over all bars; `session`: starts anew with every session
    convergence  bars beyond the lookback until the value no longer depends on where the series began
    interval     the coarser interval whose bars it reads (`15minute`, `day`); empty (or its own) for the strategy's own
    """

    name: str
    real: tuple[str, ...]
    output: str
    parameters: tuple[tuple[str, int | float], ...]
    anchor: Anchor
    convergence: int | None
    interval: str = ""

    @property
    def interval_seconds(self) -> int:
        """Length of the bars it reads; 0 for the strategy's own. Raises ValueError for an unknown interval."""
        if not self.interval:
            return 0
        if self.interval not in INTERVAL_SECONDS:
            known = ", ".join(INTERVAL_SECONDS)
            raise ValueError(f"indicator {self.name}: no interval {self.interval!r}; want {known}")
        return INTERVAL_SECONDS[self.interval]

    @property
    def warm_up_bars(self) -> int:
        """Bars (of its interval) that it must have seen before its value may be traded on."""
        function = describe(self)
        first = function.lookback + 1
        if function.anchor == "session":
            return max(first, BARS_PER_SESSION)
        if self.convergence is not None:
            return first + self.convergence
        return first + (CONVERGENCE_PERIODS * function.longest_period if function.smoothed else 0)


def indicator(
    name: str,
    *,
    real: str | Sequence[str] = "close",
    output: str = "",
    anchor: Anchor = "series",
    convergence: int | None = None,
    interval: str = "",
    **parameters: float,
) -> Indicator:
    """Declare an indicator; unnamed parameters keep their defaults.

    Mistakes in names come to light in `describe`, which checks need and computing both go through.
    """
    columns = (real,) if isinstance(real, str) else tuple(real)
    return Indicator(name, columns, output, tuple(sorted(parameters.items())), anchor, convergence, interval)


class Function(NamedTuple):
    """What is known about a declared indicator.

    columns         the bar's columns it reads, in the order of its arguments
    lookback        bars before the first value
    smoothed        its value depends on all bars before (TA-Lib: "unstable period")
    longest_period  the largest of its period parameters, at least 10 (the Hilbert functions hide theirs)
    output_index    which element of its answer is meant
    outputs         how many outputs it has
    open            opens a streaming handle on arrays of history (TA-Lib's alone)
    anchor          as declared, or `session` for an own one that knows no other
    own             an own indicator and the values of its parameters, instead of TA-Lib's
    """

    columns: tuple[str, ...]
    lookback: int
    smoothed: bool
    longest_period: int
    output_index: int
    outputs: int
    open: Callable[..., Handle] | None
    anchor: Anchor
    own: OneStep | None = None
    values: tuple[float, ...] = ()


@lru_cache(maxsize=1024)
def describe(declared: Indicator) -> Function:
    """Look the declaration up.

    Raises ValueError with one line for an unknown function, column, output, interval or parameter, or a refused one.
    """
    assert declared.interval_seconds >= 0  # raises for an unknown interval
    if declared.name in OWN:
        return _describe_own(declared, OWN[declared.name])
    abstract, stream = talib_modules()

    if not declared.name.isupper() or not hasattr(stream, declared.name):
        own = ", ".join(OWN)
        raise ValueError(f"indicator {declared.name!r}: TA-Lib has no such streaming function; our own are {own}")
    where = f"indicator {declared.name}"
    function = abstract.Function(declared.name)
    known = dict(function.parameters)
    for name, _ in declared.parameters:
        if name not in known:
            raise ValueError(f"{where}: no parameter {name!r}; it has {', '.join(known) or 'none'}")
    try:
        function.parameters = dict(declared.parameters)
        lookback = int(function.lookback)
    except Exception as error:  # noqa: BLE001 - TA-Lib raises a bare Exception for a value out of range
        raise ValueError(f"{where}: {dict(declared.parameters)} refused by TA-Lib ({error})") from None
    if lookback < 0:
        raise ValueError(f"{where}: {dict(declared.parameters)} refused by TA-Lib (out of range)")
    outputs = list(function.output_names)
    if declared.output and declared.output not in outputs:
        raise ValueError(f"{where}: no output {declared.output!r}; it has {', '.join(outputs)}")
    known.update(declared.parameters)
    periods = [int(value) for name, value in known.items() if name.endswith("period") and value]
    smoothed = (
        declared.name in _SMOOTHED_UNMARKED
        or any("unstable period" in flag for flag in function.function_flags)
        or bool(known.get("matype"))
    )
    return Function(
        columns=_columns(where, function.input_names, declared.real),
        lookback=lookback,
        smoothed=smoothed,
        longest_period=max([_PERIOD_LEAST, *periods]),
        output_index=outputs.index(declared.output) if declared.output else 0,
        outputs=len(outputs),
        open=getattr(stream, declared.name),
        anchor=declared.anchor,
    )


def _describe_own(declared: Indicator, own: OneStep) -> Function:
    where = f"indicator {declared.name}"
    values = dict(own.parameters)
    for name, value in declared.parameters:
        if name not in values:
            raise ValueError(f"{where}: no parameter {name!r}; it has {', '.join(values) or 'none'}")
        if value < own.least.get(name, value):
            raise ValueError(f"{where}: {name} {value:g} is below {own.least[name]:g}")
        values[name] = float(value)
    if declared.output and declared.output not in own.outputs:
        raise ValueError(f"{where}: no output {declared.output!r}; it has {', '.join(own.outputs)}")
    taken = tuple(values.values())
    periods = [int(value) for name, value in values.items() if name.endswith("period")]
    return Function(
        columns=COLUMNS,
        lookback=own.lookback(taken),
        smoothed=own.smoothed,
        longest_period=max([_PERIOD_LEAST, *periods]),
        output_index=own.outputs.index(declared.output) if declared.output else 0,
        outputs=len(own.outputs),
        open=None,
        anchor="session" if own.session else declared.anchor,
        own=own,
        values=taken,
    )


def warm_up_bars(declared: Mapping[str, Indicator], interval_seconds: int = 0) -> int:
    """Bars of the strategy's own interval that all need, and one more for the row before; 0 without indicators.

    interval_seconds  the own interval, by which an indicator that names it counts too. Others: `coarse_warm_up`.
    """
    own = [each.warm_up_bars for each in declared.values() if each.interval_seconds in {0, interval_seconds}]
    return max(own, default=-1) + 1


def coarse_warm_up(declared: Mapping[str, Indicator], interval_seconds: int = 0) -> dict[int, int]:
    """Coarser intervals in seconds -> bars of them that the indicators on them need."""
    needed: dict[int, int] = {}
    for each in declared.values():
        seconds = each.interval_seconds
        if seconds not in {0, interval_seconds}:
            needed[seconds] = max(needed.get(seconds, 0), each.warm_up_bars)
    return needed


def _columns(where: str, inputs: Mapping[str, str | list[str]], real: tuple[str, ...]) -> tuple[str, ...]:
    fixed: list[str] = []
    free = 0
    for wanted in inputs.values():
        if isinstance(wanted, str):
            # A function of any series: the declaration names it, or TA-Lib's default where it names too few.
            fixed.append(real[free] if free < len(real) else wanted)
            free += 1
        else:
            fixed.extend(wanted)
    for column in fixed:
        if column not in COLUMNS:
            raise ValueError(f"{where}: no column {column!r}; a bar has {', '.join(COLUMNS)}")
    return tuple(fixed)
