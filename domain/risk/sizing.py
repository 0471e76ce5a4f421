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
from domain.risk.limits import exactly
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
    """Units of one position, whole lots, rounded down."""
    if now.price <= 0 or now.lot_size <= 0 or now.multiplier <= 0:
        return Sized(0, "no price")
    wanted, why = _wanted(sizing, now)
    units = max(int(wanted), 0)
    if now.capital:
        affordable = now.capital // (now.price * now.multiplier)
        if units > affordable:
            units, why = affordable, f"{why}, capital {rupees(now.capital)} buys {affordable}"
    whole = units // now.lot_size * now.lot_size
    if now.lot_size > 1:
        why = f"{why}, in lots of {now.lot_size}"
    return Sized(whole, f"{why}: {whole}")


def bars_needed(sizing: Sizing) -> int:
    """Over how many bars the range is averaged; 0 where none is needed."""
    return sizing.bars if isinstance(sizing, VolatilityTarget | EqualRisk) else 0


def _wanted(sizing: Sizing, now: Situation) -> tuple[Fraction | int, str]:
    unit = now.price * now.multiplier
    match sizing:
        case FixedQuantity(quantity=quantity):
            return quantity, "fixed quantity"
        case FixedValue(value=value):
            return value // unit, f"{rupees(value)} at {rupees(now.price)}"
        case PercentOfEquity(percent=percent):
            share = exactly(percent) / 100
            return share * now.equity / unit, f"{percent:g} % of {rupees(now.equity)} at {rupees(now.price)}"
        case FractionalRisk(percent=percent, stop_percent=stop):
            risk, distance = exactly(percent) / 100 * now.equity, exactly(stop) / 100 * unit
            return risk / distance, f"{percent:g} % of {rupees(now.equity)} at risk, {stop:g} % to the stop"
        case Kelly():
            return _kelly(sizing, now)
        case VolatilityTarget(percent=percent, bars=bars):
            return _by_range(exactly(percent) / 100 * now.equity, bars, now, f"{percent:g} % of {rupees(now.equity)}")
        case EqualRisk(percent=percent, strategies=strategies, together=together, bars=bars):
            share = exactly(percent) / 100 * together / strategies
            return _by_range(share, bars, now, f"{percent:g} % of {rupees(together)} among {strategies}")


def _by_range(risk: Fraction, bars: int, now: Situation, of_what: str) -> tuple[Fraction | int, str]:
    if now.range <= 0:
        return 0, f"the average range of {bars} bars is not known yet"
    return risk / (now.range * now.multiplier), f"{of_what} over an average range of {rupees(now.range)}"


def _kelly(sizing: Kelly, now: Situation) -> tuple[Fraction | int, str]:
    win, payoff = exactly(sizing.win_rate), exactly(sizing.payoff)
    share = (win - (1 - win) / payoff) * exactly(sizing.fraction)
    if share <= 0:
        return 0, f"Kelly's share of {sizing.win_rate:g} won at {sizing.payoff:g} is not positive"
    capped = min(share, exactly(sizing.cap_percent) / 100)
    text = f"{float(share) * 100:.2f} % by Kelly" + (f", capped at {sizing.cap_percent:g} %" if capped < share else "")
    return capped * now.equity / (now.price * now.multiplier), f"{text} of {rupees(now.equity)}"


class AverageRange:
    """The mean true range of the last `bars` bars, 1/10,000 rupee; 0 until there are so many."""

    def __init__(self, bars: int) -> None:
        self._ranges: deque[E4] = deque(maxlen=max(bars, 1))
        self._close: E4 = 0

    def push(self, bar: Bar) -> None:
        """One more bar, in order."""
        before = self._close or bar.open
        self._ranges.append(max(bar.high, before) - min(bar.low, before))
        self._close = bar.close

    @property
    def value(self) -> E4:
        """Rounded up, so that the size is not too large."""
        ranges = self._ranges
        return -(-sum(ranges) // len(ranges)) if len(ranges) == ranges.maxlen else 0
