"""VWAP reversion: back to the day's average price.

Idea: large orders are worked around the day's volume-weighted average; prices far from it tend to come back.
Weakness: on a day with a trend the average only follows, and the price never comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar, rupees."""

    close: float
    vwap: float
    deviation: float


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    enter: float
    give_up: float
    first_minutes: int
    last_entry_minutes: int


class VwapReversion(RuleStrategy, frozen=True):
    """Against the distance from the session's VWAP: in at `enter` deviations, out at the VWAP or at `give_up`.

    enter               deviations from the VWAP at which it enters
    give_up             deviations from the entry at which it is stopped
    first_minutes       of a session, in which the average means little
    last_entry_minutes  no new position in the last minutes of the session
    """

    enter: Annotated[float, Meta(gt=0, le=6)] = 2.0
    give_up: Annotated[float, Meta(gt=0, le=6)] = 1.5
    first_minutes: Annotated[int, Meta(ge=0, le=240)] = 30
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 45

    def indicators(self) -> Mapping[str, Indicator]:
        """VWAP of the session, and the volume-weighted deviation from it."""
        return {"vwap": indicator("vwap"), "deviation": indicator("vwap", output="deviation")}

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """Enter where the close leaves the band; leave where it is back."""
        risk = params.give_up * now.deviation
        if book.quantity > 0:
            return Targets(0 if now.close >= now.vwap else book.quantity, book.entry - risk), state
        if book.quantity < 0:
            return Targets(0 if now.close <= now.vwap else book.quantity, book.entry + risk), state
        settled = session.minutes_open > params.first_minutes and session.minutes_left > params.last_entry_minutes
        if settled and book.pending == 0 and now.deviation > 0.0:
            low, high = now.vwap - params.enter * now.deviation, now.vwap + params.enter * now.deviation
            low_before = before.vwap - params.enter * before.deviation
            high_before = before.vwap + params.enter * before.deviation
            if now.close < low and before.close >= low_before:
                return Targets(book.size, now.close - risk), state
            if now.close > high and before.close <= high_before:
                return Targets(-book.size, now.close + risk), state
        return Targets(book.pending), state
