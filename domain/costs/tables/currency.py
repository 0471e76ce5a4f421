"""Futures and options on currencies: no transaction tax."""

from __future__ import annotations

from typing import Final

from domain.costs.kinds import ChargeKind
from domain.costs.tables.shape import PAGE, STAMP_ACT, Charge, Column, always, percent

FUTURES: Final = Column(
    kind=ChargeKind.CURRENCY_FUTURE,
    brokerage=always(percent("0.03"), PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=always(0, PAGE),
    stamp_buy=always(percent("0.0001"), STAMP_ACT),
    exchange={
        "CDS": always(Charge(percent("0.00035")), PAGE),
        "BCD": always(Charge(percent("0.00045")), PAGE),
    },
)

OPTIONS: Final = Column(
    kind=ChargeKind.CURRENCY_OPTION,
    brokerage=always(None, PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=always(0, PAGE),
    stamp_buy=always(percent("0.0001"), STAMP_ACT),
    exchange={
        "CDS": always(Charge(percent("0.0311")), PAGE),
        "BCD": always(Charge(percent("0.001")), PAGE),
    },
)
