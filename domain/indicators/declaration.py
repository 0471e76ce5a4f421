"""Declaring an indicator: which function of TA-Lib, on what, from where on.

    {"fast": indicator("SMA", timeperiod=5), "strength": indicator("RSI", timeperiod=7, anchor="session")}

TA-Lib is imported when the first indicator is looked into: it costs a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

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

BARS_PER_SESSION: Final = 390
"""One-minute bars of the longest cash or derivative session (09:15 to 15:40), rounded up."""


class Indicator(Struct, frozen=True):
    """One declared indicator, one output. Made by `indicator`.

    name         TA-Lib's name
    real         the bar's columns for functions that take any series; ignored by those that fix theirs (ATR)
    output       which of several outputs (`macdsignal`); empty for the first
    parameters   TA-Lib's own, in its order
    anchor       `series`: one run over all bars; `session`: starts anew with every session
    convergence  bars beyond the lookback until the value no longer depends on where the series began
    """

    name: str
    real: tuple[str, ...]
    output: str
    parameters: tuple[tuple[str, int | float], ...]
    anchor: Anchor
    convergence: int | None

    @property
    def warm_up_bars(self) -> int:
        """Bars that it must have seen before its value may be traded on."""
        function = describe(self)
        first = function.lookback + 1
        if self.anchor == "session":
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
    **parameters: float,
) -> Indicator:
    """Declare an indicator; unnamed parameters keep TA-Lib's defaults.

    Mistakes in names come to light in `describe`, which checks need and computing both go through.
    """
    columns = (real,) if isinstance(real, str) else tuple(real)
    return Indicator(name, columns, output, tuple(sorted(parameters.items())), anchor, convergence)


class Function(NamedTuple):
    """What TA-Lib says about a declared indicator.

    columns         the bar's columns it reads, in the order of its arguments
    lookback        bars before the first value
    smoothed        its value depends on all bars before (TA-Lib: "unstable period")
    longest_period  the largest of its period parameters, at least 10 (the Hilbert functions hide theirs)
    output_index    which element of its answer is meant
    outputs         how many outputs it has
    open            opens a streaming handle on arrays of history
    """

    columns: tuple[str, ...]
    lookback: int
    smoothed: bool
    longest_period: int
    output_index: int
    outputs: int
    open: Callable[..., Handle]


@lru_cache(maxsize=1024)
def describe(declared: Indicator) -> Function:
    """Look the declaration up in TA-Lib.

    Raises ValueError with one line for an unknown function, column, output or parameter, or one that TA-Lib refuses.
    """
    from talib import abstract, stream

    if not declared.name.isupper() or not hasattr(stream, declared.name):
        raise ValueError(f"indicator {declared.name!r}: TA-Lib has no such streaming function")
    where = f"indicator {declared.name}"
    function = abstract.Function(declared.name)  # type: ignore[attr-defined]  # TA-Lib's stub leaves it out
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
    )


def warm_up_bars(declared: Mapping[str, Indicator]) -> int:
    """Bars that all of them need, and one more for the row before; 0 without indicators."""
    return max((each.warm_up_bars for each in declared.values()), default=-1) + 1


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
