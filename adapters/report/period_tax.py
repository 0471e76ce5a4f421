"""The tax sheet on the period's page: sums by head, and every lot behind them, folded."""

from __future__ import annotations

from html import escape
from typing import Final

from adapters.report.page import _table
from adapters.report.period_text import LONG, date, money, result
from domain.report.tax import ClosedLot, Head, HeadTotal, TaxSheet

HINT: Final = (
    "Lots are matched first in, first out, for the account as a whole. Turnover of business is the sum of absolute "
    "results; the premium of options sold is in the result and not added again (ICAI guidance note, revised 2022). "
    "STT is an expense of business and no deduction from a capital gain. This sheet sorts; it does not advise."
)


def tax_section(sheet: TaxSheet, rows_max: int) -> str:
    """The section; empty where the account closed nothing and holds nothing."""
    if not (sheet.lots or sheet.open_lots or sheet.unmatched):
        return ""
    heads = ("Head", "#Turnover", "#Gross*", "#Charges*", "#STT / CTT*", "#Result")
    rows = [_head(total) for total in sheet.heads if total.lots]
    return f"""<section class="card tax"><h2>Tax sheet</h2>{_table(heads, rows, raw=True)}
<p class="hint">{HINT}</p>{_unmatched(sheet)}{_open(sheet)}{_lots(sheet, rows_max)}</section>"""


def _head(total: HeadTotal) -> tuple[str, ...]:
    name, _, kind = total.head.value.partition(" (")
    sums = f", sold for {money(total.proceeds)}, cost {money(total.cost)}"
    if total.premium_sold:
        sums += f", premium of options sold {money(total.premium_sold)}"
    detail = f'{kind.rstrip(")")}, {total.lots} lots<span class="w">{sums}</span>'
    tone = "gain" if total.result > 0 else "loss" if total.result < 0 else ""
    return (
        f"<b>{escape(name)}</b><small>{detail}</small>",
        money(total.turnover),
        result(total.gross),
        money(total.charges),
        money(total.tax),
        f'<span class="{tone}">{result(total.result)}</span>',
    )


def _unmatched(sheet: TaxSheet) -> str:
    if not sheet.unmatched:
        return ""
    rows = [(each.instrument, date(each.sold), str(each.quantity), money(each.proceeds)) for each in sheet.unmatched]
    return "<h3>Sold, but bought where this journal does not know</h3>" + _table(
        ("Instrument", "Sold", "#Quantity", "#Proceeds"), rows
    )


def _open(sheet: TaxSheet) -> str:
    if not sheet.open_lots:
        return ""
    rows = [
        (lot.instrument, date(lot.opened), f"{lot.quantity:+d}", money(lot.value), str(lot.days))
        for lot in sheet.open_lots
    ]
    return "<h3>Open at the end</h3>" + _table(("Instrument", "Opened*", "#Quantity", "#Value*", "#Days held"), rows)


def _lots(sheet: TaxSheet, rows_max: int) -> str:
    heads = ("Closed", "Opened*", "#Days", "Instrument", "#Quantity*", "#Cost*", "#Proceeds*", "#Charges*", "#Result")
    parts = []
    for head in Head:
        lots = [lot for lot in sheet.lots if lot.head is head]
        if lots:
            rest = (
                f'<p class="hint">{len(lots) - rows_max} earlier ones are in period.json</p>'
                if len(lots) > rows_max
                else ""
            )
            shown = _table(heads, [_lot(lot) for lot in lots[-rows_max:]])
            name = escape(head.value.partition(" (")[0])
            long = ' class="long"' if len(lots) > LONG else ""
            parts.append(
                f"<details{long}><summary><h3>{name}</h3> <span>{len(lots)}</span></summary>{shown}{rest}</details>"
            )
    return "".join(parts)


def _lot(lot: ClosedLot) -> tuple[str, ...]:
    return (
        date(lot.closed),
        date(lot.opened),
        str(lot.days),
        lot.instrument,
        str(lot.quantity),
        money(lot.cost),
        money(lot.proceeds),
        money(lot.charges),
        result(lot.result),
    )
