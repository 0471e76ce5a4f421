"""Tables: plain for pipes, drawn for people, never with figures cut."""

import io

from msgspec.structs import replace

from adapters.report import tables
from domain.messages.journal import OrderRecord
from domain.orders.transitions import fold, tag_of
from domain.parity import DayParity
from domain.report.books import read_books
from domain.report.eod import EodReport, build
from tests.report.sample_day import day_facts, journal, order_facts, snapshot, stated_books


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def the_report() -> EodReport:
    return build(snapshot(), order_facts(), day_facts(), ("ma_cross",), read_books(stated_books()))


def order_records() -> list[OrderRecord]:
    records: dict[str, OrderRecord] = {}
    for each in journal():
        folded = fold(records.get(tag_of(each.event)), each.event)
        if folded is not None:
            records[folded.tag] = folded
    return list(records.values())


def test_a_pipe_gets_aligned_columns_without_colour() -> None:
    stream = io.StringIO()
    table = tables.Table("Things", ("Name", "#Amount*"), (("a", "1.00"), ("long name", "-12.50")))

    tables.show([table, tables.Table("Others", ("Name",), ())], stream)

    assert stream.getvalue() == "Things\nName       Amount\na            1.00\nlong name  -12.50\n\nOthers: none\n"


def test_the_summary_says_what_matters() -> None:
    stream = io.StringIO()
    tables.show(tables.summary(the_report()), stream)

    text = stream.getvalue()
    for said in ("+665.85", "balanced", "equal", "ma_cross", "NSE:SBIN", "7 / 9", "1 / 1"):
        assert said in text
    assert "Differences" not in text


def test_the_summary_has_the_day_in_the_backtester() -> None:
    shown = "".join(tables.plain(each) for each in tables.summary(the_report()))
    without = tables.summary(replace(the_report(), parity=DayParity("", why_not="no candles")))

    assert "Signals matched / missed / added" in shown
    assert "7 / 1 / 2" in shown
    assert ("Not compared", "no candles") in [row for table in without for row in table.rows]


def test_the_summary_of_unequal_books_shows_the_difference() -> None:
    stated = stated_books() | {"trades": 10}
    report = build(replace(snapshot(), cash=1), order_facts(), day_facts(), (), read_books(stated))
    stream = io.StringIO()

    tables.show(tables.summary(report), stream)

    assert "NOT BALANCED" in stream.getvalue()
    assert "DIFFERENT" in stream.getvalue()
    assert "trades" in stream.getvalue()


def test_orders_positions_and_journal_have_a_row_each() -> None:
    orders, positions = tables.orders(order_records()), tables.positions(snapshot().positions)

    assert [row[1] for row in orders.rows] == [f"T{number:03d}" for number in range(1, 8)]
    assert [row[1] for row in positions.rows] == ["NSE:SBIN"]
    assert len(tables.journal(journal()).rows) == len(journal())
    assert tables.journal(journal()).rows[0][-1] == "2026-11-20 09:10:00"


def test_a_terminal_gets_whole_figures_and_a_broker_s_brackets_as_they_are() -> None:
    record = replace(order_records()[4], text="[red]refused[/red]")
    stream = Terminal()

    tables.show([tables.orders([record]), tables.positions(snapshot().positions)], stream)

    text = stream.getvalue()
    assert "…" not in text
    assert "rsi_reversion" in text
    wide = Terminal()
    table = tables.Table("Wide", ("Text",), (("[red]" + "x" * 300 + "[/red]",),))
    tables.show([table], wide)
    assert "[red]" + "x" * 300 + "[/red]" in wide.getvalue()


def test_a_narrow_terminal_loses_dispensable_columns_from_the_right_and_no_others() -> None:
    table = tables.Table("T", ("Aaaaaaaaaa", "Bbbbbbbbbb*", "Cccccccccc", "Dddddddddd*"), (("1", "2", "3", "4"),))

    assert tables.fitted(table, 100) == table
    assert tables.fitted(table, 45).heads == ("Aaaaaaaaaa", "Bbbbbbbbbb*", "Cccccccccc")
    assert tables.fitted(table, 30).rows == (("1", "3"),)
    assert tables.fitted(table, 5).heads == ("Aaaaaaaaaa", "Cccccccccc")
