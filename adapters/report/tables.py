"""Tables for the terminal: by rich where a person looks at them, plain columns where a file or a pipe does.

rich is imported only when it draws: it costs 0.1 s.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from msgspec import Struct
from msgspec.structs import replace

from adapters.report.text import clock, inr, long_date, minute, percent, signed, words
from domain.messages.control import PositionView
from domain.messages.journal import JournalRecord, OrderRecord, TradeBooked
from domain.orders.transitions import strategy_of, tag_of
from domain.report.books import Difference
from domain.report.eod import EXTERNAL, EodReport
from domain.values import ist

_GAP: Final = 3


class Table(Struct, frozen=True):
    """A table before it is drawn.

    heads  `#` before a name: numbers, aligned to the right; `*` after it: left out where the terminal is too narrow

    empty  what to say where there are no rows
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "none"


def show(tables: Iterable[Table], stream: TextIO | None = None) -> None:
    """Draw the tables on the stream (stdout by default), in colour on a terminal alone."""
    target = sys.stdout if stream is None else stream
    if target.isatty():
        _show_rich(tables, target)
        return
    for index, table in enumerate(tables):
        target.write(("\n" if index else "") + plain(table))


def plain(table: Table) -> str:
    """The table in aligned columns, two spaces apart, with a line's end after each row."""
    if not table.rows:
        return f"{table.title}: {table.empty}\n"
    heads = _names(table)
    shown = (heads, *table.rows) if any(heads) else table.rows
    widths = _widths(table)
    lines = [
        "  ".join(
            cell.rjust(width) if head.startswith("#") else cell.ljust(width)
            for cell, width, head in zip(row, widths, table.heads, strict=True)
        ).rstrip()
        for row in shown
    ]
    return "\n".join([table.title, *lines]) + "\n"


def fitted(table: Table, width: int) -> Table:
    """The table without as many of its dispensable columns, from the right, as it takes to fit (it may still not)."""
    widths = _widths(table)
    kept = list(range(len(widths)))
    for column in reversed(range(len(widths))):
        if sum(widths[each] + _GAP for each in kept) <= width:
            break
        if table.heads[column].endswith("*"):
            kept.remove(column)
    return replace(
        table,
        heads=tuple(table.heads[each] for each in kept),
        rows=tuple(tuple(row[each] for each in kept) for row in table.rows),
    )


def _names(table: Table) -> tuple[str, ...]:
    return tuple(head.strip("#*") for head in table.heads)


def _widths(table: Table) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(_names(table), *table.rows, strict=True)]


def _show_rich(tables: Iterable[Table], stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for whole in tables:
        if not whole.rows:
            console.print(Text.assemble((whole.title, "bold"), f": {whole.empty}"))
            continue
        table = fitted(whole, console.width)
        drawn = RichTable(box=SIMPLE_HEAD, show_header=any(_names(table)), pad_edge=False)
        for head, name in zip(table.heads, _names(table), strict=True):
            drawn.add_column(name, justify="right" if head.startswith("#") else "left", no_wrap=True)
        for row in table.rows:
            # Text and not markup: a broker's message may hold brackets.
            drawn.add_row(*(Text(cell, _style(cell)) for cell in row))
        console.print(Text(whole.title, "bold"))
        # A line too long for the terminal is better than figures with dots in them.
        natural = sum(_widths(table)) + _GAP * (len(table.heads) + 1)
        Console(file=stream, highlight=False, width=max(console.width, natural)).print(drawn, crop=False)


def _style(cell: str) -> str:
    if cell.startswith("+") and cell[1:2].isdigit():
        return "green"
    if cell.startswith("\N{MINUS SIGN}"):
        return "red"
    return ""


# -- which tables there are ------------------------------------------------------------------------------------------


def summary(report: EodReport) -> tuple[Table, ...]:
    """The day in three tables: what it made, what each strategy did, and what is still open."""
    day = f"{long_date(report.date)} · {report.env} · {minute(report.started)}–{minute(report.finished)} IST"
    return tuple(
        table
        for table in (
            Table(day, ("", "#"), _figures(report)),
            Table(
                "Strategies",
                ("Strategy", "#Net", "#Realised*", "#Unrealised*", "#Charges", "#Round trips", "#Orders*", "#Trades*"),
                tuple(
                    (
                        row.strategy,
                        signed(row.net),
                        signed(row.realised),
                        signed(row.unrealised),
                        inr(row.charges),
                        str(row.round_trips),
                        str(row.orders),
                        str(row.trades),
                    )
                    for row in report.per_strategy
                ),
            ),
            positions(report.open_positions, "Open positions", "none, the account is flat"),
            Table("The same day in the backtester", ("", "#"), _parity(report)),
            Table(
                "Differences from the exchange's books",
                ("Figure", "Of", "#Ours", "#Exchange"),
                tuple((each.name, each.subject, each.ours, each.theirs) for each in report.differences),
            ),
            Table(
                "Differences from the broker's contract note",
                ("Figure", "Of", "#Ours", "#Broker"),
                tuple((each.name, each.subject, each.ours, each.theirs) for each in _of_note(report)),
            ),
        )
        if table.rows or table.empty != "none"
    )


def _parity(report: EodReport) -> tuple[tuple[str, str], ...]:
    parity = report.parity
    if parity is None:
        return ()
    if parity.why_not:
        return (("Not compared", parity.why_not),)
    return (
        ("Signals matched / missed / added", f"{parity.matched} / {parity.missed} / {parity.added}"),
        ("Less than its backtest", inr(parity.total)),
        *((f"of that {cause}", inr(amount)) for cause, amount in parity.parts),
        *((f"left out: {strategy}", why) for strategy, why in parity.left_out),
    )


def _of_note(report: EodReport) -> tuple[Difference, ...]:
    return () if report.note is None else report.note.differences


def _figures(report: EodReport) -> tuple[tuple[str, str], ...]:
    agree = {True: "equal", False: "DIFFERENT", None: "not compared"}[report.books_agree]
    return (
        ("Net profit and loss", signed(report.net)),
        ("of the opening cash", percent(report.net, report.opening_cash)),
        ("Realised", signed(report.realised)),
        ("Unrealised", signed(report.unrealised)),
        ("Charges", inr(report.charges)),
        ("Opening cash", inr(report.opening_cash)),
        ("Cash", inr(report.cash)),
        ("Positions", inr(report.positions_value)),
        ("Books", "balanced" if report.balanced else "NOT BALANCED"),
        ("Exchange's books", agree),
        ("Round trips", str(report.round_trips)),
        ("Orders / trades", f"{report.orders} / {report.trades}"),
        ("Restarts / reconnects", f"{report.restarts} / {report.reconnects}"),
    )


def positions(
    views: Sequence[PositionView], title: str = "Positions", empty: str = "none, the account is flat"
) -> Table:
    """A row per ledger line that holds something."""
    return Table(
        title,
        ("Strategy", "Instrument", "Product", "#Quantity", "#Cost*", "#Last*", "#Unrealised", "#Realised*"),
        tuple(
            (
                view.strategy or EXTERNAL,
                view.instrument,
                view.product.value,
                f"{view.quantity:+d}",
                inr(view.cost),
                inr(view.last_price),
                signed(view.unrealised),
                signed(view.realised),
            )
            for view in views
            if view.quantity
        ),
        empty,
    )


def orders(records: Sequence[OrderRecord]) -> Table:
    """A row per order of ours, as the journal has it."""
    return Table(
        "Orders",
        ("Time", "Tag*", "Strategy", "Instrument", "Side", "#Quantity", "#Booked", "State", "Order id*", "Text*"),
        tuple(
            (
                clock(record.created),
                record.tag,
                record.intent.strategy,
                record.intent.instrument,
                record.order.side.value,
                str(record.order.quantity),
                str(record.booked),
                words(record.state.name.lower()),
                record.order_id or "-",
                record.text,
            )
            for record in records
        ),
    )


def journal(records: Iterable[JournalRecord]) -> Table:
    """A row per event."""
    return Table(
        "Journal",
        ("#Seq", "Event", "Tag", "Strategy", "Time"),
        tuple(
            (
                str(record.seq),
                type(record.event).__name__,
                tag_of(record.event),
                strategy_of(record.event),
                _time(record),
            )
            for record in records
        ),
    )


def _time(record: JournalRecord) -> str:
    event = record.event
    time = event.booked_time if isinstance(event, TradeBooked) else event.time
    return f"{ist(time):%Y-%m-%d %H:%M:%S}"
