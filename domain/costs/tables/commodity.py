"""Futures and options on commodities at MCX. The tax (CTT) is that of non-agricultural ones: MCX's liquid contracts."""

from __future__ import annotations

from typing import Final

from domain.costs.kinds import ChargeKind
from domain.costs.tables.shape import PAGE, STAMP_ACT, Charge, Column, always, percent

FUTURES: Final = Column(
    kind=ChargeKind.COMMODITY_FUTURE,
    brokerage=always(percent("0.03"), PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=always(percent("0.01"), PAGE),
    stamp_buy=always(percent("0.002"), STAMP_ACT),
    exchange={"MCX": always(Charge(percent("0.0021")), PAGE)},
)

OPTIONS: Final = Column(
    kind=ChargeKind.COMMODITY_OPTION,
    brokerage=always(None, PAGE),
    tax_buy=always(0, PAGE),
    tax_sell=always(percent("0.05"), PAGE),
    stamp_buy=always(percent("0.003"), STAMP_ACT),
    exchange={"MCX": always(Charge(percent("0.0418")), PAGE)},
)
