"""Shares, ratios, spans and days as a reader of the period report expects them."""

from __future__ import annotations

import datetime as dt
from typing import Final

from adapters.report.text import MINUS, inr, signed
from domain.values import E4, MINUTE, PAISA, Nanos

NOTHING: Final = "–"
"""For what is not defined."""

LONG: Final = 100
"""Rows of a folded table from which on it is left out on paper."""

LARGEST: Final = 1_000
"""A share beyond it (a few good days carried on for a year) is no figure to be written out."""


def percent(share: float | None) -> str:
    """A share with its sign: `+1.23 %`; a dash for none."""
    if share is None:
        return NOTHING
    if abs(share) >= LARGEST:
        return f"over {'+' if share > 0 else MINUS}{100 * LARGEST:,.0f} %"
    text = f"{abs(100 * share):,.2f}"
    return f"{'' if float(text.replace(',', '')) == 0 else '+' if share > 0 else MINUS}{text} %"


def plain_percent(share: float | None) -> str:
    """A share that has no sign: `12.34 %`."""
    return NOTHING if share is None else f"{100 * share:,.2f} %"


def ratio(value: float | None) -> str:
    """A plain number with two decimals."""
    return NOTHING if value is None else f"{value:,.2f}".replace("-", MINUS)


def one_decimal(share: float) -> str:
    """A share in percent, without the sign: `-1.2`."""
    return f"{100 * share:.1f}".replace("-", MINUS)


def axis_percent(value: float) -> str:
    """For axes: as few digits as say it."""
    return f"{100 * value:g} %".replace("-", MINUS)


def money(amount: E4) -> str:
    """Rupees to the paisa: parts of a note that several bear are finer, and nobody reads that."""
    return inr(round(amount / PAISA) * PAISA)


def result(amount: E4 | None) -> str:
    """Like `money`, with a plus sign before a gain; a dash for none."""
    return NOTHING if amount is None else signed(round(amount / PAISA) * PAISA)


def span(held: Nanos | None) -> str:
    """A length of time in its two largest units."""
    if held is None:
        return NOTHING
    minutes = held // MINUTE
    days, rest = divmod(minutes, 24 * 60)
    if days:
        return f"{days} d {rest // 60} h"
    return f"{rest // 60} h {rest % 60:02d} min" if rest >= 60 else f"{rest} min"


def date(day: dt.date) -> str:
    """`20 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"
