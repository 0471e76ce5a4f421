"""Strategies with one planted flaw each, for what must catch it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from msgspec import Meta

from domain.bars import Bar
from domain.indicators.declaration import Indicator, indicator
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets
from domain.values import Side

SEEN: list[float] = []
COUNT = {"calls": 0}


class Close(NamedTuple):
    close: float


class GlobalList(RuleStrategy, frozen=True):
    """Remembers closes in a list of its module."""

    @staticmethod
    def decide(
        now: Close, before: Close, book: Book, session: SessionNow, state: NoState, params: Any
    ) -> tuple[Targets, NoState]:
        SEEN.append(now.close)
        return Targets(book.size if len(SEEN) % 7 == 0 else 0), state


class HiddenAttribute(RuleStrategy, frozen=True):
    """Remembers calls in an attribute of a type that decide may use."""

    @staticmethod
    def decide(
        now: Close, before: Close, book: Book, session: SessionNow, state: NoState, params: Any
    ) -> tuple[Targets, NoState]:
        Close.calls = getattr(Close, "calls", 0) + 1  # type: ignore[attr-defined]  # the flaw
        return Targets(10 if Close.calls % 7 == 0 else 0), state  # type: ignore[attr-defined]  # as above


class NotCompilable(RuleStrategy, frozen=True):
    """Writes a price as text."""

    @staticmethod
    def decide(
        now: Close, before: Close, book: Book, session: SessionNow, state: NoState, params: Any
    ) -> tuple[Targets, NoState]:
        return Targets(book.size if f"{now.close:.2f}" > "5" else 0), state


class Divides(RuleStrategy, frozen=True):
    """Divides by what may be nothing."""

    @staticmethod
    def decide(
        now: Close, before: Close, book: Book, session: SessionNow, state: NoState, params: Any
    ) -> tuple[Targets, NoState]:
        return Targets(int(100 / book.size)), state


class Unbounded(RuleStrategy, frozen=True):
    """A parameter without bounds."""

    period: int = 3

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("SMA", timeperiod=self.period)}

    @staticmethod
    def decide(
        now: Close, before: Close, book: Book, session: SessionNow, state: NoState, params: Any
    ) -> tuple[Targets, NoState]:
        return Targets(0), state


class Misspelt(Unbounded, frozen=True):
    """An indicator that does not exist."""

    period: Annotated[int, Meta(ge=2, le=9)] = 3

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("SMMA", timeperiod=self.period)}


class Forgetful(EventStrategy, frozen=True):
    """Remembers in its module, not in its memory: buys every seventh bar that the process has seen."""

    def needs(self) -> Needs:
        return Needs()

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        COUNT["calls"] += 1
        if COUNT["calls"] % 7 or view.busy(bar.token):
            return ()
        held = view.quantity(bar.token)
        side = Side.SELL if held > 0 else Side.BUY
        return [IntentDraft(bar.token, side, abs(held) or 10, bar.start, bar.close, reduce_only=held != 0)]


class Oracle(EventStrategy, frozen=True):
    """Looks into the engine that calls it, for a price of the bar to come."""

    price: Literal["open", "close"] = "close"

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        rises = _next(bar, self.price) > bar.close - (self.price == "open")  # bars open where the last one closed
        held = view.quantity(bar.token)
        if view.busy(bar.token) or rises == (held > 0):
            return ()
        side = Side.BUY if rises else Side.SELL
        return [IntentDraft(bar.token, side, 10, bar.start, bar.close, reduce_only=not rises)]


def _next(bar: Bar, price: str) -> int:
    frame: Any = sys._getframe()
    while frame is not None:
        for series in getattr(frame.f_locals.get("self"), "_series", ()):
            if hasattr(series, "start") and hasattr(series, "close"):
                after = getattr(series, price)[series.start > bar.start]
                return int(after[0]) if len(after) else 0
        frame = frame.f_back
    return 0


class ShortWarmUp(RuleStrategy, frozen=True):
    """A smoothed average that is said to need no history beyond its period."""

    period: Annotated[int, Meta(ge=2, le=400)] = 100

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("EMA", timeperiod=self.period, convergence=0)}

    @staticmethod
    def decide(now: Any, before: Any, book: Book, session: SessionNow, state: NoState, params: Any) -> Any:
        return Targets(book.size if now.close > now.average else 0), state


class Count(NamedTuple):
    bars: int


class CountsForEver(RuleStrategy, frozen=True):
    """Its state is the number of bars since the beginning, which no history rebuilds."""

    state_bars: ClassVar[int] = 200

    def initial(self) -> tuple[object, ...]:
        return Count(0)

    @staticmethod
    def decide(now: Close, before: Close, book: Book, session: SessionNow, state: Count, params: Any) -> Any:
        bars = state.bars + 1
        return Targets(book.size if bars % 14 < 7 else 0), Count(bars)
