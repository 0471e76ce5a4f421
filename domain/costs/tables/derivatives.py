"""Futures and options on shares and share indices. For options the turnover is the premium."""

from __future__ import annotations

from typing import Final

from domain.costs.kinds import ChargeKind
from domain.costs.tables.shape import (
    ACT_2024,
    ACT_2026,
    APRIL_2026,
    FIRST_KNOWN,
    MARCH_2026,
    NSE_2024,
    NSE_2026,
    PAGE,
    STAMP_ACT,
    Charge,
    Column,
    Row,
    always,
    per_crore,
    percent,
)

FUTURES: Final = Column(
    kind=ChargeKind.EQUITY_FUTURE,
    brokerage=always(percent("0.03"), PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=(
        Row(FIRST_KNOWN, percent("0.02"), ACT_2024),
        Row(APRIL_2026, percent("0.05"), ACT_2026),
    ),
    stamp_buy=always(percent("0.002"), STAMP_ACT),
    exchange={
        "NFO": (
            Row(FIRST_KNOWN, Charge(per_crore("173"), per_crore("10")), NSE_2024),
            Row(MARCH_2026, Charge(per_crore("182.99"), per_crore("0.01")), NSE_2026),
        ),
        "BFO": always(Charge(0), PAGE),
    },
)

OPTIONS: Final = Column(
    kind=ChargeKind.EQUITY_OPTION,
    brokerage=always(None, PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=(
        Row(FIRST_KNOWN, percent("0.1"), ACT_2024),
        Row(APRIL_2026, percent("0.15"), ACT_2026),
    ),
    stamp_buy=always(percent("0.003"), STAMP_ACT),
    exchange={
        "NFO": (
            Row(FIRST_KNOWN, Charge(per_crore("3503"), per_crore("50")), NSE_2024),
            Row(MARCH_2026, Charge(per_crore("3552"), per_crore("1")), NSE_2026),
        ),
        "BFO": always(Charge(percent("0.0325")), PAGE),
    },
    exercise_tax=(
        Row(FIRST_KNOWN, percent("0.125"), "Finance Act 2019, kite-facts 7.1"),
        Row(APRIL_2026, percent("0.15"), ACT_2026),
    ),
)
