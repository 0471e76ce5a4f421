"""Pairs trading: two shares of one trade, the dear one sold and the cheap one bought.

Idea: what moves both (the market, the sector) cancels out; the ratio of their prices has a level that it returns to.
Weakness: when the reason for the level is gone (a merger, a fine) the ratio walks away, and both legs lose together.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, NamedTuple, Protocol

from msgspec import Meta

from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar, rupees."""

    close: float


class Rows(Protocol):
    """A row per leg."""

    one: Row
    other: Row


class Books(Protocol):
    """A book per leg."""

    one: Book
    other: Book


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    span: int
    enter: float
    leave: float
    give_up: float
    last_entry_minutes: int


class Ratio(NamedTuple):
    """The ratio of the two prices: bars seen, smoothed mean and variance."""

    seen: int
    mean: float
    variance: float


class Pairs(RuleStrategy, frozen=True):
    """Trades the distance of the ratio from its smoothed mean, in deviations; both legs of about the same value.

    span                bars over which mean and variance are smoothed
    enter, leave        deviations at which it enters and leaves
    give_up             deviations at which it gives up
    last_entry_minutes  no new position in the last minutes of the session
    """

    legs: ClassVar[tuple[str, ...]] = ("one", "other")
    state_bars: ClassVar[int] = 4_000

    span: Annotated[int, Meta(ge=10, le=400)] = 120
    enter: Annotated[float, Meta(gt=0, le=6)] = 2.0
    leave: Annotated[float, Meta(ge=0, le=3)] = 0.5
    give_up: Annotated[float, Meta(gt=0, le=20)] = 6.0
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 60

    def __post_init__(self) -> None:
        if not self.leave < self.enter < self.give_up:
            raise ValueError(f"want leave < enter < give_up, got {self.leave}, {self.enter}, {self.give_up}")

    def initial(self) -> tuple[object, ...]:
        """Nothing seen."""
        return Ratio(0, 0.0, 0.0)

    @staticmethod
    def decide(
        now: Rows, before: Rows, book: Books, session: SessionNow, state: Ratio, params: Parameters
    ) -> tuple[tuple[Targets, Targets], Ratio]:
        """Both legs at once; the distance is measured before the newest ratio is learnt."""
        ratio = now.one.close / now.other.close
        away = ratio - state.mean
        share = 2.0 / (params.span + 1.0)
        if state.seen == 0:
            learnt = Ratio(1, ratio, 0.0)
        else:
            learnt = Ratio(
                state.seen + 1, state.mean + share * away, (1.0 - share) * (state.variance + share * away * away)
            )
        held, other = book.one.quantity, book.other.quantity
        stay = (Targets(held + book.one.pending), Targets(other + book.other.pending))
        if state.seen < params.span or state.variance <= 0.0:
            return stay, learnt
        score = away / state.variance**0.5
        if held != 0 or other != 0:
            # One leg alone is no pair: it is left as well.
            broken = (held == 0 or other == 0) and book.one.pending == 0 and book.other.pending == 0
            back = (held > 0 and score >= -params.leave) or (held < 0 and score <= params.leave)
            if broken or back or abs(score) >= params.give_up:
                return (Targets(0), Targets(0)), learnt
            return stay, learnt
        units = book.one.size
        against = int(units * ratio)
        may_enter = session.minutes_left > params.last_entry_minutes and units > 0 and 0 < against <= book.other.size
        if may_enter and abs(score) < params.give_up:
            if score <= -params.enter:
                return (Targets(units), Targets(-against)), learnt
            if score >= params.enter:
                return (Targets(-units), Targets(against)), learnt
        return stay, learnt
