"""A grid around the day's open, a toy of market making: the lower the price, the more it holds.

Idea: in a market that swings around a level every step down is bought and sold again one step up.
Weakness: it earns steps and loses trends: what it holds is largest exactly when it is most wrong. A toy, to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar, rupees."""

    close: float
    first: float


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    step: float
    levels: int
    last_entry_minutes: int


class Level(NamedTuple):
    """bar: number of the session's last bar seen. level: steps that are held, signed."""

    bar: int
    level: int


class Grid(RuleStrategy, frozen=True):
    """Holds one size for each step below the session's open, and is short for each step above it.

    step                distance of the levels, as a share of the open
    levels              most levels on one side; beyond them it waits
    last_entry_minutes  flat in the last minutes of the session
    """

    step: Annotated[float, Meta(ge=0.0005, le=0.05)] = 0.004
    levels: Annotated[int, Meta(ge=1, le=10)] = 3
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 45

    def indicators(self) -> Mapping[str, Indicator]:
        """The session's open."""
        return {"first": indicator("session_range", output="open")}

    def initial(self) -> tuple[object, ...]:
        """Flat."""
        return Level(0, 0)

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: Level, params: Parameters
    ) -> tuple[Targets, Level]:
        """A level is taken where the price has reached it, and given back one step from there."""
        level = state.level if session.bar > state.bar else 0
        if session.minutes_left <= params.last_entry_minutes:
            return Targets(0), Level(session.bar, 0)
        steps = (now.first - now.close) / (now.first * params.step)
        while level < params.levels and steps >= level + 1:
            level += 1
        while level > -params.levels and steps <= level - 1:
            level -= 1
        return Targets(level * book.size), Level(session.bar, level)
