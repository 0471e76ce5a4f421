"""What a row of the tariff is, and the two ways in which rates are published: percent, and rupees per crore."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Generic, TypeVar

from msgspec import Struct

from domain.costs.kinds import ChargeKind

T = TypeVar("T")

RATE_UNIT: Final = 1_000_000_000
"""What rates are parts of: exact for every published rate (0.03 % = 300,000; Rs 10 per crore = 1,000)."""

FIRST_KNOWN: Final = dt.date(2024, 10, 1)
"""Before it the exchanges charged by slabs for which there is no source good enough to state (kite-facts 7.1)."""

MARCH_2026: Final = dt.date(2026, 3, 1)
APRIL_2026: Final = dt.date(2026, 4, 1)

PAGE: Final = "broker's charges page as quoted in autumn 2026, kite-facts 7.1"
ACT_2024: Final = "Finance (No. 2) Act 2024, kite-facts 7.1"
ACT_2026: Final = "Finance Act 2026, kite-facts 7.1"
STAMP_ACT: Final = "Indian Stamp Act, table since 2020-07-01, kite-facts 7.1"
NSE_2024: Final = "NSE's uniform charges of 2024-10-01, kite-facts 7.1"
NSE_2026: Final = "NSE circular FA73061, kite-facts 7.1"


class Row(Struct, Generic[T], frozen=True):
    """A value in force from `since` until the next row's, and where it was taken from."""

    since: dt.date
    value: T
    source: str


class Charge(Struct, frozen=True):
    """What an exchange takes of the turnover: its own part, and the investor protection fund's, outside GST."""

    own: int
    ipft: int = 0


class Column(Struct, frozen=True):
    """One column of the tariff. Rates in parts of RATE_UNIT, rows oldest first.

    brokerage     per executed order up to the cap; None: every order costs the cap
    tax_buy, tax_sell  STT or CTT on the side's turnover
    stamp_buy     stamp duty: buyers alone pay it
    exchange      by the exchange's name as the broker writes it
    exercise_tax  STT on the intrinsic value of an option exercised, the holder's; empty where there is none
    """

    kind: ChargeKind
    brokerage: tuple[Row[int | None], ...]
    tax_buy: tuple[Row[int], ...]
    tax_sell: tuple[Row[int], ...]
    stamp_buy: tuple[Row[int], ...]
    exchange: Mapping[str, tuple[Row[Charge], ...]]
    exercise_tax: tuple[Row[int], ...] = ()


def percent(text: str) -> int:
    """A rate in percent, in parts of RATE_UNIT. Raises ValueError for one that is finer."""
    return _exact(Decimal(text) * (RATE_UNIT // 100), text)


def per_crore(text: str) -> int:
    """A rate in rupees per 10,000,000 of turnover, in parts of RATE_UNIT. Raises ValueError for one that is finer."""
    return _exact(Decimal(text) * (RATE_UNIT // 10_000_000), text)


def always(value: T, source: str) -> tuple[Row[T], ...]:
    """One row, in force ever since the tables begin."""
    return (Row(FIRST_KNOWN, value, source),)


def in_force(rows: tuple[Row[T], ...], day: dt.date) -> Row[T]:
    """The row of the day, which must not be before FIRST_KNOWN."""
    return next(row for row in reversed(rows) if row.since <= day)


def _exact(value: Decimal, text: str) -> int:
    whole = int(value)
    if whole != value:
        raise ValueError(f"the rate {text} is finer than one part in {RATE_UNIT}")
    return whole
