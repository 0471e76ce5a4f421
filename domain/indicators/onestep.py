"""Own indicators, one step at a time: tuples of floats in, tuples of floats out, and nothing else.

    step(state, bar, parameters) -> (state, outputs)

`bar` is (open, high, low, close, volume, minute), `minute` the minutes from the session's open to the bar's end. The
functions use scalars, tuples and `math` alone, so that research can compile each as it stands; streaming and batch run
the very same function, hence the same bits. An output is NaN where there is no value yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

Floats: TypeAlias = tuple[float, ...]
Step: TypeAlias = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]


class OneStep(NamedTuple):
    """One own indicator.

    step        see the module
    initial     the state before the first bar
    outputs     names, the first is the one meant where none is named
    parameters  name -> default, in the order in which `step` takes them
    least       name -> the least value allowed
    lookback    parameters -> bars before the first value
    smoothed    the value depends on all bars before
    session     starts anew with every session, whatever is declared
    """

    step: Step
    initial: Floats
    outputs: tuple[str, ...]
    parameters: Mapping[str, float]
    least: Mapping[str, float]
    lookback: Callable[[Floats], int]
    smoothed: bool = False
    session: bool = False


def last_bar(state: Floats, bar: Floats, _parameters: Floats) -> tuple[Floats, Floats]:
    """The bar itself: for columns of a coarser interval."""
    return state, (bar[3], bar[0], bar[1], bar[2], bar[4])


def vwap(state: Floats, bar: Floats, _parameters: Floats) -> tuple[Floats, Floats]:
    """Volume-weighted average of the typical price since the session's open, and its weighted standard deviation.

    State: volume, mean, weighted sum of squared deviations (West 1979, without cancellation).
    """
    volume, mean, squares = state
    typical = (bar[1] + bar[2] + bar[3]) / 3.0
    if bar[4] > 0.0:
        volume += bar[4]
        away = typical - mean
        mean += away * bar[4] / volume
        squares += bar[4] * away * (typical - mean)
    if volume <= 0.0:
        return (volume, mean, squares), (typical, 0.0)
    return (volume, mean, squares), (mean, math.sqrt(max(squares, 0.0) / volume))


def supertrend(state: Floats, bar: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    """Bands of `multiplier` Wilder ranges around the middle, which only tighten while the close stays inside.

    State: bars seen, average true range, last close, lower and upper band, trend (1 up, -1 down).
    """
    seen, average, close, lower, upper, trend = state
    period, multiplier = parameters
    true_range = bar[1] - bar[2]
    if seen > 0.0:
        true_range = max(true_range, abs(bar[1] - close), abs(bar[2] - close))
    seen += 1.0
    if seen <= period:
        average += (true_range - average) / seen
    else:
        average += (true_range - average) / period
    middle = (bar[1] + bar[2]) / 2.0
    below, above = middle - multiplier * average, middle + multiplier * average
    if seen <= period:
        return (seen, average, bar[3], below, above, 1.0), (math.nan, math.nan)
    if below > lower or close < lower:
        lower = below
    if above < upper or close > upper:
        upper = above
    if trend > 0.0 and bar[3] < lower:
        trend = -1.0
    elif trend < 0.0 and bar[3] > upper:
        trend = 1.0
    return (seen, average, bar[3], lower, upper, trend), (lower if trend > 0.0 else upper, trend)


def opening_range(state: Floats, bar: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    """High and low of the session's first minutes; no value until they are over."""
    high, low = state
    if bar[5] <= parameters[0]:
        high = bar[1] if math.isnan(high) else max(high, bar[1])
        low = bar[2] if math.isnan(low) else min(low, bar[2])
    if bar[5] < parameters[0]:
        return (high, low), (math.nan, math.nan)
    return (high, low), (high, low)


def session_range(state: Floats, bar: Floats, _parameters: Floats) -> tuple[Floats, Floats]:
    """High, low and open of the session so far."""
    high, low, first = state
    if math.isnan(first):
        high, low, first = bar[1], bar[2], bar[0]
    else:
        high, low = max(high, bar[1]), min(low, bar[2])
    return (high, low, first), (high, low, first)


def previous_session(state: Floats, bar: Floats, _parameters: Floats) -> tuple[Floats, Floats]:
    """High, low and close of the session before.

    State: those three, the running session's, and the minute of its last bar: a new session begins where it falls.
    """
    past_high, past_low, past_close, high, low, close, minute = state
    if math.isnan(minute):
        high, low = bar[1], bar[2]
    elif bar[5] <= minute:
        past_high, past_low, past_close = high, low, close
        high, low = bar[1], bar[2]
    else:
        high, low = max(high, bar[1]), min(low, bar[2])
    after = (past_high, past_low, past_close, high, low, bar[3], bar[5])
    return after, (past_high, past_low, past_close)


def _at_once(_parameters: Floats) -> int:
    return 0


def _after_a_period(parameters: Floats) -> int:
    return int(parameters[0])


def _after_minutes(parameters: Floats) -> int:
    return max(int(parameters[0]) - 1, 0)


def _after_a_session(_parameters: Floats) -> int:
    return BARS_PER_SESSION


BARS_PER_SESSION: Final = 390
"""One-minute bars of the longest cash or derivative session (09:15 to 15:40), rounded up."""

_NAN: Final = math.nan

OWN: Final[Mapping[str, OneStep]] = {
    "bar": OneStep(last_bar, (0.0,), ("close", "open", "high", "low", "volume"), {}, {}, _at_once),
    "vwap": OneStep(vwap, (0.0, 0.0, 0.0), ("vwap", "deviation"), {}, {}, _at_once, session=True),
    "supertrend": OneStep(
        supertrend,
        (0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        ("line", "trend"),
        {"timeperiod": 10.0, "multiplier": 3.0},
        {"timeperiod": 2.0, "multiplier": 0.1},
        _after_a_period,
        smoothed=True,
    ),
    "opening_range": OneStep(
        opening_range, (_NAN, _NAN), ("high", "low"), {"minutes": 15.0}, {"minutes": 1.0}, _after_minutes, session=True
    ),
    "session_range": OneStep(
        session_range, (_NAN, _NAN, _NAN), ("high", "low", "open"), {}, {}, _at_once, session=True
    ),
    "previous_session": OneStep(previous_session, (_NAN,) * 7, ("high", "low", "close"), {}, {}, _after_a_session),
}
"""By the name that `indicator` takes. Small letters: TA-Lib's names are large."""
