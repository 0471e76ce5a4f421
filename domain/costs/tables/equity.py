"""Shares: for delivery, and bought and sold within the day."""

from __future__ import annotations

from typing import Final

from domain.costs.kinds import ChargeKind
from domain.costs.tables.shape import (
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

_EXCHANGE: Final = {
    "NSE": (
        Row(FIRST_KNOWN, Charge(per_crore("297"), per_crore("10")), NSE_2024),
        Row(MARCH_2026, Charge(per_crore("306.99"), per_crore("0.01")), NSE_2026),
    ),
    # By group of shares; the groups of almost all shares pay this.
    "BSE": always(Charge(percent("0.00375")), PAGE),
}

DELIVERY: Final = Column(
    kind=ChargeKind.EQUITY_DELIVERY,
    brokerage=always(0, PAGE),
    tax_buy=always(percent("0.1"), PAGE),
    tax_sell=always(percent("0.1"), PAGE),
    stamp_buy=always(percent("0.015"), STAMP_ACT),
    exchange=_EXCHANGE,
)

INTRADAY: Final = Column(
    kind=ChargeKind.EQUITY_INTRADAY,
    brokerage=always(percent("0.03"), PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=always(percent("0.025"), PAGE),
    stamp_buy=always(percent("0.003"), STAMP_ACT),
    exchange=_EXCHANGE,
)
