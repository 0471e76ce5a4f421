"""Rules that do as the bars say, for tests of what surrounds a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Columns(NamedTuple):
    """What the rule reads."""

    close: float


class DigitsParameters(NamedTuple):
    """As above."""

    stop: float
    target: float
    trail: float


class Digits(RuleStrategy, frozen=True):
    """Wants what the last digit of the close says: 1 long, 2 short, 0 flat, anything else: leave it."""

    stop: float = 0.0
    target: float = 0.0
    trail: float = 0.0

    @staticmethod
    def decide(
        now: Columns, before: Columns, book: Book, session: SessionNow, state: NoState, params: DigitsParameters
    ) -> tuple[Targets, NoState]:
        digit = round(now.close) % 10
        wanted = {0: 0, 1: book.size, 2: -book.size}.get(digit, book.quantity + book.pending)
        return Targets(wanted, params.stop, params.target, params.trail), state


class SlowDigits(Digits, frozen=True):
    """The same with a warm-up."""

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("SMA", timeperiod=3)}
