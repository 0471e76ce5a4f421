"""A day long over, from the journal alone, through the real books."""

from msgspec.structs import replace

from domain.messages.journal import DayOpened, JournalEvent, JournalRecord
from domain.portfolio import Book
from domain.report.memory import DayMemory
from domain.report.replay import days, past_day
from tests.report.sample_day import DAY, OPENING, at, journal_events

NEXT = "2026-11-23"


def two_days() -> list[JournalRecord]:
    events: list[JournalEvent] = [*journal_events(), DayOpened(NEXT, OPENING, at("09:10", NEXT))]
    return [JournalRecord(seq, event) for seq, event in enumerate(events, start=1)]


def test_the_journal_knows_its_days() -> None:
    assert days(two_days()) == (DAY, NEXT)


def test_a_past_day_is_balanced_and_whole() -> None:
    report = past_day(two_days(), Book(), DAY, "sandbox", ("ma_cross",))

    assert report is not None
    assert report.balanced
    assert (report.date, report.orders, report.trades) == (DAY, 7, 9)
    assert report.charges > 0
    assert [view.instrument for view in report.open_positions] == ["NSE:SBIN"]
    assert report.equity_curve[0].equity == OPENING
    assert report.equity_curve[-1].equity == report.equity
    assert (report.started, report.finished) == (at("09:10"), at("14:02"))


def test_the_next_day_carries_the_position_and_counts_only_its_own() -> None:
    report = past_day(two_days(), Book(), NEXT, "sandbox")

    assert report is not None
    assert report.balanced
    assert (report.orders, report.trades, report.charges) == (0, 0, 0)
    assert [view.quantity for view in report.open_positions] == [40]


def test_what_the_reporter_kept_of_that_day_is_used() -> None:
    memory = DayMemory()
    memory.begin_run("run 1", at("09:10"))
    memory.open(DAY, 1, at("09:10"))
    memory.restarted(at("10:00"), "market", "KeyError")

    mine = past_day(two_days(), Book(), DAY, "sandbox", memory=memory)
    other = past_day(two_days(), Book(), NEXT, "sandbox", memory=memory)

    assert mine is not None and other is not None
    assert (mine.restarts, other.restarts) == (1, 0)


def test_a_day_that_the_journal_does_not_know_has_no_report() -> None:
    assert past_day(two_days(), Book(), "2026-11-19", "sandbox") is None
    assert past_day([], Book(), DAY, "sandbox") is None


def test_a_day_opened_again_after_a_restart_is_still_one_day() -> None:
    opened = journal_events()[0]
    assert isinstance(opened, DayOpened)
    again = replace(opened, opening_cash=1, time=at("11:00"))
    events = [*journal_events()[:20], again, *journal_events()[20:]]
    records = [JournalRecord(seq, event) for seq, event in enumerate(events, start=1)]

    report = past_day(records, Book(), DAY, "sandbox")

    assert report is not None
    assert (report.trades, report.opening_cash) == (9, OPENING)
