"""How many units one position has: seven ways, each explained in words. Exact: percents are taken as they are written.

Equity is what the strategy has to work with: its configured capital and what it has realised since (before charges). A
size is rounded down to whole lots, never above what the capital buys, and 0 where not even one lot is affordable, or
where a figure that the way rests on is not known: nothing is guessed.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from domain.bars import Bar
from domain.risk.limits import exactly, ratio
from domain.values import E4, rupees

_Percent = Annotated[float, Meta(gt=0, le=100)]
_Bars = Annotated[int, Meta(ge=1, le=500)]


class FixedQuantity(Struct, frozen=True, tag=True):
    """Always so many units; for derivatives a multiple of the lot."""

    quantity: Annotated[int, Meta(ge=1)]


class FixedValue(Struct, frozen=True, tag=True):
    """As many units as the amount buys at the last price (1/10,000 rupee)."""

    value: Annotated[int, Meta(ge=1)]


class PercentOfEquity(Struct, frozen=True, tag=True):
    """As many units as this share of the equity buys."""

    percent: _Percent


class VolatilityTarget(Struct, frozen=True, tag=True):
    """An average bar's range of the position (of the last `bars` bars) is this share of the equity."""

    percent: _Percent
    bars: _Bars = 14


class FractionalRisk(Struct, frozen=True, tag=True):
    """Where the price goes against it as far as `stop_percent`, this share of the equity is lost."""

    percent: _Percent
    stop_percent: _Percent


class Kelly(Struct, frozen=True, tag=True):
    """`fraction` of the Kelly share win_rate - (1 - win_rate) / payoff, never above `cap_percent` of the equity.

    win_rate  share of round trips that won, 0 to 1; payoff: average winner over average loser (both in the reports)
    """

    win_rate: Annotated[float, Meta(ge=0, le=1)]
    payoff: Annotated[float, Meta(gt=0)]
    fraction: Annotated[float, Meta(gt=0, le=1)] = 0.5
    cap_percent: _Percent = 20


class EqualRisk(Struct, frozen=True, tag=True):
    """As VolatilityTarget, of the equity of all strategies together, shared out evenly among so many of them."""

    percent: _Percent
    strategies: Annotated[int, Meta(ge=1)]
    together: Annotated[int, Meta(ge=0)]
    bars: _Bars = 14


Sizing = FixedQuantity | FixedValue | PercentOfEquity | VolatilityTarget | FractionalRisk | Kelly | EqualRisk


class Situation(Struct, frozen=True, kw_only=True):
    """What a size rests on. Money is 1/10,000 rupee.

    price      of one unit
    multiplier rupees of value per unit and rupee of price
    capital    most that the position may be worth; 0: no such limit
    equity     see the module
    range      average range of a bar, per unit; 0: not known
    """

    price: E4
    lot_size: int
    multiplier: int = 1
    capital: E4 = 0
    equity: E4 = 0
    range: E4 = 0


class Sized(Struct, frozen=True):
    """A size, and how it came about."""

    units: int
    why: str


def size(sizing: Sizing, now: Situation) -> Sized:
    """Units of one position, whole lots, rounded down, with how they came about."""
    units = units_of(sizing, now)
    if not _is_priced(now):
        return Sized(units, "no price")
    why = _words(sizing, now)
    affordable = _affordable(now)
    if affordable is not None and int(_wanted(sizing, now)) > affordable:
        why = f"{why}, capital {rupees(now.capital)} buys {affordable}"
    if now.lot_size > 1:
        why = f"{why}, in lots of {now.lot_size}"
    return Sized(units, f"{why}: {units}")


def units_of(sizing: Sizing, now: Situation) -> int:
    """The units alone: what is asked at every decision, where the words are needed for an order."""
    if not _is_priced(now):
        return 0
    units = max(int(_wanted(sizing, now)), 0)
    affordable = _affordable(now)
    if affordable is not None and units > affordable:
        units = affordable
    return units // now.lot_size * now.lot_size


def bars_needed(sizing: Sizing) -> int:
    """Over how many bars the range is averaged; 0 where none is needed."""
    return sizing.bars if isinstance(sizing, VolatilityTarget | EqualRisk) else 0


def _is_priced(now: Situation) -> bool:
    return now.price > 0 and now.lot_size > 0 and now.multiplier > 0


def _affordable(now: Situation) -> int | None:
    """What the capital buys; None where it is no limit."""
    return now.capital // (now.price * now.multiplier) if now.capital else None


def _wanted(sizing: Sizing, now: Situation) -> Fraction | int:
    unit = now.price * now.multiplier
    match sizing:
        case FixedQuantity(quantity=quantity):
            return quantity
        case FixedValue(value=value):
            return value // unit
        case PercentOfEquity(percent=percent):
            part, whole = ratio(percent)
            return max(now.equity, 0) * part // (100 * whole * unit)
        case FractionalRisk(percent=percent, stop_percent=stop):
            return exactly(percent) / 100 * now.equity / (exactly(stop) / 100 * unit)
        case Kelly():
            return min(_kelly(sizing), exactly(sizing.cap_percent) / 100) * now.equity / unit
        case VolatilityTarget(percent=percent):
            return _by_range(exactly(percent) / 100 * now.equity, now)
        case EqualRisk(percent=percent, strategies=strategies, together=together):
            return _by_range(exactly(percent) / 100 * together / strategies, now)


def _by_range(risk: Fraction, now: Situation) -> Fraction | int:
    return risk / (now.range * now.multiplier) if now.range > 0 else 0


def _kelly(sizing: Kelly) -> Fraction:
    """The share that Kelly's formula gives, before the cap; 0 where it is not positive."""
    win, payoff = exactly(sizing.win_rate), exactly(sizing.payoff)
    return max((win - (1 - win) / payoff) * exactly(sizing.fraction), Fraction(0))


def _words(sizing: Sizing, now: Situation) -> str:
    """How what is wanted came about."""
    equity = rupees(now.equity)
    match sizing:
        case FixedQuantity():
            return "fixed quantity"
        case FixedValue(value=value):
            return f"{rupees(value)} at {rupees(now.price)}"
        case PercentOfEquity(percent=percent):
            return f"{percent:g} % of {equity} at {rupees(now.price)}"
        case FractionalRisk(percent=percent, stop_percent=stop):
            return f"{percent:g} % of {equity} at risk, {stop:g} % to the stop"
        case Kelly():
            return _words_of_kelly(sizing, equity)
        case VolatilityTarget(percent=percent, bars=bars):
            return _words_of_range(bars, now, f"{percent:g} % of {equity}")
        case EqualRisk(percent=percent, strategies=strategies, together=together, bars=bars):
            return _words_of_range(bars, now, f"{percent:g} % of {rupees(together)} among {strategies}")


def _words_of_range(bars: int, now: Situation, of_what: str) -> str:
    if now.range <= 0:
        return f"the average range of {bars} bars is not known yet"
    return f"{of_what} over an average range of {rupees(now.range)}"


def _words_of_kelly(sizing: Kelly, equity: str) -> str:
    share = _kelly(sizing)
    if share <= 0:
        return f"Kelly's share of {sizing.win_rate:g} won at {sizing.payoff:g} is not positive"
    cap = exactly(sizing.cap_percent) / 100
    capped = f", capped at {sizing.cap_percent:g} %" if cap < share else ""
    return f"{float(share) * 100:.2f} % by Kelly{capped} of {equity}"


class AverageRange:
    """The mean true range of the last `bars` bars, 1/10,000 rupee; 0 until there are so many."""

    def __init__(self, bars: int) -> None:
        self._wanted = bars > 0
        self._ranges: deque[E4] = deque(maxlen=max(bars, 1))
        self._close: E4 = 0

    def push(self, bar: Bar) -> None:
        """One more bar, in order."""
        if not self._wanted:
            return
        before = self._close or bar.open
        self._ranges.append(max(bar.high, before) - min(bar.low, before))
        self._close = bar.close

    @property
    def value(self) -> E4:
        """Rounded up, so that the size is not too large."""
        ranges = self._ranges
        return -(-sum(ranges) // len(ranges)) if len(ranges) == ranges.maxlen else 0
