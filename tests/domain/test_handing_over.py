"""What a removed strategy holds becomes another's: the same units at the same cost, and no result by it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.messages.journal import JournalEvent
from domain.portfolio import Book
from domain.portfolio.adjusting import CannotAdjust
from domain.portfolio.handing import handed_over
from domain.risk import RiskBook
from domain.values import RUPEE, Side
from tests.domain.builders import INFY, INSTRUMENTS, NOW, a_trade, day_opened, journal


def trade(number: int, strategy: str, units: int, rupees: int) -> JournalEvent:
    side = Side.BUY if units > 0 else Side.SELL
    return a_trade(f"t{number}", strategy=strategy, side=side, quantity=abs(units), price=rupees * RUPEE)


def a_book(*events: JournalEvent) -> Book:
    book = Book(INSTRUMENTS)
    for record in journal(day_opened(), *events):
        book.apply(record)
    return book


def test_nothing_is_handed_over_where_nothing_is_held() -> None:
    assert handed_over(a_book(), "s1", "s2", "configuration", "it went", NOW) == []


def test_an_heir_that_holds_the_opposite_is_refused() -> None:
    book = a_book(trade(1, "s1", 10, 100), trade(2, "s2", -3, 100))

    with pytest.raises(CannotAdjust, match="opposed"):
        handed_over(book, "s1", "s2", "configuration", "it went", NOW)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(90, 110)), min_size=1, max_size=5), st.booleans())
@settings(max_examples=25)
def test_units_and_cost_move_and_no_result_comes_of_it(lots: list[tuple[int, int]], short: bool) -> None:
    sign = -1 if short else 1
    bought = [trade(number, "s1", sign * units, rupees) for number, (units, rupees) in enumerate(lots)]
    own = trade(99, "s2", sign * 4, 95)
    before = a_book(*bought, own)

    events = handed_over(before, "s1", "s2", "configuration", "it went", NOW)

    after = a_book(*bought, own, *events)
    (was, had), (left, has) = _two(before), _two(after)
    assert (left[0], has[0]) == (0, was[0] + had[0])
    assert has[1] == was[1] + had[1], "the same cost, to the last ten thousandth"
    assert after.snapshot(NOW).realised == before.snapshot(NOW).realised
    risk = RiskBook(INSTRUMENTS)
    for record in journal(day_opened(), *bought, own, *events):
        risk.apply(record)
    units = {key[0]: line.position for key, line in risk.lines() if key[1] == INFY.token}
    assert {name: held for name, held in units.items() if held} == {"s2": has[0]}


def _two(book: Book) -> tuple[tuple[int, int], tuple[int, int]]:
    found = {
        each.strategy: (each.quantity, sum(lot.quantity * lot.price for lot in each.lots)) for each in book.ledgers
    }
    return found.get("s1", (0, 0)), found.get("s2", (0, 0))
