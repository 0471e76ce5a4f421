"""Shapes of rules for comparing the engines: each is compiled once, and run with parameters and data that a seed draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import RuleStrategy, Targets


class Crossing(RuleStrategy, frozen=True):
    """Always in the market, with a stop and a target."""

    fast: int = 3
    slow: int = 8
    stop: float = 0.0
    target: float = 0.0
    trail: float = 0.0

    def indicators(self) -> Mapping[str, Indicator]:
        return {"fast": indicator("SMA", timeperiod=self.fast), "slow": indicator("SMA", timeperiod=self.slow)}

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        side = 1 if now.fast > now.slow else -1
        stop = now.close * (1 - side * params.stop) if params.stop > 0 else 0.0
        target = now.close * (1 + side * params.target) if params.target > 0 else 0.0
        return Targets(side * book.size, stop, target, params.trail), state


class Scaling(RuleStrategy, frozen=True):
    """Adds and takes away by thirds, so that a position has several lots."""

    step: float = 1.0

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        if now.close > before.close + params.step:
            return Targets(min(book.quantity + book.size, 3 * book.size)), state
        if now.close < before.close - params.step:
            return Targets(max(book.quantity - book.size, -3 * book.size)), state
        return Targets(book.quantity + book.pending), state


class Count(NamedTuple):
    """Bars since the last turn, and the close then."""

    bars: int
    level: float


class Turning(RuleStrategy, frozen=True):
    """Keeps a state: turns when the close has gone far enough from where it turned last."""

    away: float = 3.0
    bars_min: int = 2

    def initial(self) -> tuple[object, ...]:
        return Count(0, 0.0)

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        level = state.level if state.level > 0 else now.close
        bars = state.bars + 1
        if bars >= params.bars_min and now.close > level + params.away:
            return Targets(book.size), Count(0, now.close)
        if bars >= params.bars_min and now.close < level - params.away:
            return Targets(-book.size), Count(0, now.close)
        return Targets(book.quantity + book.pending), Count(bars, level)


class Holding(RuleStrategy, frozen=True):
    """Looks at its own book and at the hour: in by the bar's number, out by age or by entry price."""

    every: int = 5
    age: int = 3
    loss: float = 0.002
    minutes: int = 20

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        if book.quantity != 0:
            lost = (now.close - book.entry) * book.quantity < -params.loss * book.entry * abs(book.quantity)
            if lost or book.bars_held >= params.age or session.minutes_left <= params.minutes:
                return Targets(0), state
        elif session.bar % params.every == 0 and session.minutes_left > params.minutes:
            side = 1 if now.close >= now.open else -1
            return Targets(side * book.size, book.entry * 0.99), state
        return Targets(book.quantity + book.pending), state


class Anchored(RuleStrategy, frozen=True):
    """Session-anchored and own indicators, those of a coarser interval too."""

    band: float = 0.5
    trail: float = 2.0

    def indicators(self) -> Mapping[str, Indicator]:
        return {
            "vwap": indicator("vwap"),
            "strength": indicator("RSI", timeperiod=3, anchor="session"),
            "trend": indicator("EMA", timeperiod=2, interval="3minute", convergence=0),
        }

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        if now.close < now.vwap - params.band and now.strength < 60:
            return Targets(book.size, trail=params.trail), state
        if now.close > now.vwap + params.band and now.strength > 40 and now.close < now.trend:
            return Targets(-book.size, trail=params.trail), state
        return Targets(book.quantity + book.pending, trail=params.trail), state


class Oversized(RuleStrategy, frozen=True):
    """Wants so much that limits refuse it now and then."""

    times: int = 4

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        wanted = int(now.volume) % (2 * params.times + 1) - params.times
        return Targets(wanted * book.size, target=now.close * 1.003), state


SHAPES: tuple[type[RuleStrategy], ...] = (Crossing, Scaling, Turning, Holding, Anchored, Oversized)
