"""Peaks, and where the day began: across days, restarts, and money paid in."""

import pytest

from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import JournalEvent
from domain.portfolio import Book
from domain.portfolio.watermarks import Watermarks, measured_anew, observed
from domain.values import RUPEE
from tests.domain.builders import INFY, INSTRUMENTS, NEXT_DAY, NOW, at, buy, day_opened, journal, sell


class Desk:
    """A book, and the marks beside it."""

    def __init__(self) -> None:
        self.book = Book(INSTRUMENTS)
        self.marks = Watermarks()

    def tell(self, *events: JournalEvent) -> None:
        self.book.apply_all(journal(*events, after=self.book.seq))

    def see(self, infy: int) -> PortfolioSnapshot:
        self.book.mark(INFY.token, infy * RUPEE)
        self.marks, snapshot = observed(self.marks, self.book.snapshot(NOW), self.book.past)
        return snapshot


def day_net(snapshot: PortfolioSnapshot) -> int:
    return snapshot.realised + snapshot.unrealised - snapshot.charges - snapshot.carried_gain


@pytest.fixture
def desk() -> Desk:
    """10 INFY bought at 1,000."""
    desk = Desk()
    desk.tell(day_opened(), buy(10, 1000))
    return desk


def test_the_peak_stays_where_the_result_falls(desk: Desk) -> None:
    charges = desk.see(1000).charges
    desk.see(1050)
    snapshot = desk.see(1020)

    assert snapshot.peak == snapshot.day_peak == 500 * RUPEE - charges
    assert snapshot.total == day_net(snapshot) == 200 * RUPEE - charges


def test_a_day_is_counted_from_where_the_former_ended(desk: Desk) -> None:
    evening = desk.see(1040)
    desk.tell(day_opened(NEXT_DAY, cash=5_000_000 * RUPEE))  # a million was paid in: nobody's result

    morning = desk.see(1010)

    assert morning.total == evening.total - 300 * RUPEE
    assert day_net(morning) == -300 * RUPEE, "against the former close, though it is above what it had cost"
    assert [(each.strategy, each.day_net) for each in morning.strategies] == [("s1", -300 * RUPEE)]
    assert (morning.peak, morning.day_peak) == (evening.peak, 0)


def test_where_yesterdays_end_is_not_known_the_day_counts_from_cost(desk: Desk) -> None:
    desk.see(1040)
    desk.tell(day_opened(NEXT_DAY))
    desk.marks = Watermarks()

    assert day_net(desk.see(1010)) == 100 * RUPEE


def test_results_since_ever_add_up_over_days(desk: Desk) -> None:
    desk.see(1000)
    desk.tell(sell(10, 1030))
    first = desk.see(1030)
    desk.tell(day_opened(NEXT_DAY), buy(5, 1000, event_time=at("10:00", NEXT_DAY)))
    second = desk.see(1002)

    assert first.total == 300 * RUPEE - first.charges
    assert second.total == first.total + 10 * RUPEE - second.charges
    assert second.total == sum(desk.book.past.values()) + 10 * RUPEE - second.charges


def test_a_strategys_losses_in_a_row_are_counted_until_one_wins(desk: Desk) -> None:
    desk.tell(sell(10, 990), buy(10, 1000), sell(10, 999, event_time=at("11:30")))
    (result,) = desk.see(1000).strategies
    assert (result.trades, result.losses, result.last_loss) == (2, 2, at("11:30"))

    desk.tell(buy(10, 1000), sell(10, 1000))
    (result,) = desk.see(1000).strategies
    assert (result.trades, result.losses) == (3, 0)


def test_a_person_lets_the_fall_be_measured_anew(desk: Desk) -> None:
    desk.see(1050)
    desk.see(1020)

    desk.marks = measured_anew(desk.marks)

    assert desk.see(1020).peak == desk.see(1020).total


def test_marks_are_what_was_written() -> None:
    marks = Watermarks(day="2026-11-20", peak=5, bases=(("s1", -3),), marks=((1, 2),))

    assert Watermarks.decode(marks.encode()) == marks
    with pytest.raises(ValueError, match=r"."):
        Watermarks.decode(b"[]")
