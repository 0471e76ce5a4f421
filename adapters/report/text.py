"""Amounts, times and dates as a reader in India expects them."""

from __future__ import annotations

import datetime as dt

from domain.values import E4, PAISA, Nanos, ist, rupees

MINUS = "\N{MINUS SIGN}"


def inr(amount: E4) -> str:
    """Rupees in Indian grouping, to the paisa or as fine as they are: `−12,34,567.50`."""
    sign, digits = (MINUS, rupees(-amount)) if amount < 0 else ("", rupees(amount))
    whole, _, fraction = digits.partition(".")
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return f"{sign}{','.join([*groups, tail])}.{fraction}"


def in_paise(amount: E4) -> E4:
    """To the nearest paisa, halves up: for shares of charges, which are finer than anybody reads."""
    return (2 * amount + PAISA) // (2 * PAISA) * PAISA


def signed(amount: E4) -> str:
    """Like `inr`, with a plus sign before a gain: a sign reads without colour too."""
    return f"+{inr(amount)}" if amount > 0 else inr(amount)


def short(amount: E4) -> str:
    """For axes: whole rupees, thousands as `k`, lakhs as `L`, with a sign."""
    value = amount / 10_000
    sign = MINUS if value < 0 else "+" if value > 0 else ""
    size = abs(value)
    for unit, name in ((100_000, "L"), (1_000, "k")):
        if size >= unit:
            return f"{sign}{size / unit:.4g}{name}"
    return f"{sign}{size:.4g}"


def percent(part: E4, whole: E4) -> str:
    """A share with its sign and two decimals; a dash of nothing."""
    if whole == 0:
        return "–"
    share = 100 * part / whole
    return f"{'+' if share > 0 else MINUS if share < 0 else ''}{abs(share):.2f} %"


def clock(instant: Nanos) -> str:
    """`15:04:05`, IST."""
    return f"{ist(instant):%H:%M:%S}"


def minute(instant: Nanos) -> str:
    """`15:04`, IST."""
    return f"{ist(instant):%H:%M}"


def long_date(day: str) -> str:
    """`2026-11-20` as `Friday, 20 November 2026`; anything else unchanged."""
    try:
        date = dt.date.fromisoformat(day)
    except ValueError:
        return day
    return f"{date:%A}, {date.day} {date:%B %Y}"


def words(name: str) -> str:
    """An identifier for people: `square_off` as `square off`. Dotted names of actors stay as they are."""
    return name if "." in name else name.replace("_", " ")
