"""What `strategy new` writes: a rule with comments where a beginner asks, and the test that keeps it honest."""

from __future__ import annotations

from typing import Final

RULE: Final = '''"""{title}: say here in one line what it does.

Idea: why should this earn money, and from whom?
Weakness: when does it lose, and how much?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar (prices in rupees): open, high, low, close, volume, and your indicators by name."""

    close: float
    average: float


class Parameters(Protocol):
    """What `decide` reads of the parameters below."""

    margin: float
    stop: float
    last_entry_minutes: int


class {name}(RuleStrategy, frozen=True):
    """Long while the close stands above its average by a margin.

    Each field is a parameter. Its bounds check the configuration, and are what the optimiser searches.

    period              bars of the average
    margin              how far above the average it enters, as a share
    stop                how far below the entry it leaves at a loss, as a share
    last_entry_minutes  no new position in the last minutes of the session
    """

    period: Annotated[int, Meta(ge=2, le=200)] = 20
    margin: Annotated[float, Meta(ge=0, le=0.05)] = 0.001
    stop: Annotated[float, Meta(ge=0.001, le=0.1)] = 0.01
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 30

    def indicators(self) -> Mapping[str, Indicator]:
        """Names in capitals are TA-Lib's. interval="day" computes on day bars, anchor="session" anew each day."""
        return {{"average": indicator("SMA", timeperiod=self.period)}}

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """Called at every closed bar. Answer with what you want to HOLD, and where it is to be left.

        Use the arguments and Targets alone: no globals, no lists, no clock. What must be remembered goes into `state`
        (a NamedTuple of numbers, begun by `initial`).
        """
        if book.quantity > 0:
            # Said again at every bar: what is not in Targets is no longer in force.
            stop = book.entry * (1 - params.stop)
            return Targets(0 if now.close < now.average else book.quantity, stop), state
        may_enter = session.minutes_left > params.last_entry_minutes
        if book.pending == 0 and may_enter and now.close > now.average * (1 + params.margin):
            return Targets(book.size, now.close * (1 - params.stop)), state
        return Targets(book.pending), state
'''

TEST: Final = '''"""{name}: what `strategy check` asks, and a few decisions that must stay as they are."""

from __future__ import annotations

import pytest

from domain.calendar import SessionCalendar
from domain.strategy.rule import Book, NoState, SessionNow, parameters_of, row_type
from research.strategy_check import check
from research.synthetic import shares
from {module} import {name}

CALENDAR = SessionCalendar(fallback_weekdays=True)


def test_nothing_is_found_against_it() -> None:
    found = check({name}(), "minute", shares(1, 3, CALENDAR), CALENDAR)

    assert [each for each in found if not each.ok] == []


@pytest.mark.parametrize(
    ("close", "average", "held", "minutes_left", "wanted"),
    [
        (102.0, 100.0, 0, 200, 10),  # above the average: in
        (100.0, 100.0, 0, 200, 0),  # not above it: nothing
        (102.0, 100.0, 0, 10, 0),  # too late in the day
        (101.0, 100.0, 10, 200, 10),  # stays
        (99.0, 100.0, 10, 200, 0),  # below the average: out
    ],
)
def test_what_it_wants(close: float, average: float, held: int, minutes_left: int, wanted: int) -> None:
    strategy = {name}()
    row = row_type(tuple(strategy.indicators()))(close, close, close, close, 1.0, average)
    book = Book(held, 0, 10, 100.0 if held else 0.0, 1 if held else 0)
    session = SessionNow(100, 100, minutes_left)

    targets, _ = strategy.decide(row, row, book, session, NoState(), parameters_of(strategy))

    assert targets.quantity == wanted
    assert targets.stop <= close
'''
