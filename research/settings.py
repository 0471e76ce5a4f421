"""Under which rules a strategy is run over the past: money, limits, hours, costs and fills."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from domain.risk.limits import RiskLimits
from domain.risk.sizing import FixedQuantity, Sizing
from domain.values import E4, RUPEE, Product, SessionClass
from research.fills import FillModel

STRATEGY: Final = "backtest"
"""The id of the one strategy that a run has."""

_CUTOFF: Final = MappingProxyType(
    {
        SessionClass.EQUITY_AUCTION: dt.time(14, 50),
        SessionClass.EQUITY: dt.time(15, 5),
        SessionClass.EQUITY_DERIVATIVE: dt.time(15, 10),
        SessionClass.CURRENCY: dt.time(16, 25),
        SessionClass.COMMODITY: dt.time(22, 45),
    }
)
_SQUARE_OFF: Final = MappingProxyType(
    {
        SessionClass.EQUITY_AUCTION: dt.time(15, 0),
        SessionClass.EQUITY: dt.time(15, 15),
        SessionClass.EQUITY_DERIVATIVE: dt.time(15, 20),
        SessionClass.CURRENCY: dt.time(16, 35),
        SessionClass.COMMODITY: dt.time(22, 55),
    }
)


class Charges(Struct, frozen=True):
    """What trading costs beside the price.

    flat    so much for each executed order (1/10,000 rupee), 0 for nothing; None: India's charges, the day's note
            rounded as the contract note is
    tariff  the day whose tariff is charged on every day; None: each day its own, which is refused before the tables
    """

    flat: E4 | None = None
    tariff: dt.date | None = None

    def on(self, day: dt.date) -> dt.date:
        """The day whose tariff is charged."""
        return self.tariff or day


class RunSettings(Struct, frozen=True, kw_only=True):
    """The rules of one run.

    cash            what the account begins with
    capital         most that one position may be worth; 0: no such limit
    intent_valid_seconds  market seconds for which a decision may be acted on (the entry of a change of sides)
    mis_cutoff, square_off  times of day by session class; both are for MIS alone
    sessions        whether there are sessions at all: off, every bar is tradable, and nothing is squared off
    """

    cash: E4 = 1_000_000 * RUPEE
    product: Product = Product.MIS
    sizing: Sizing = FixedQuantity(1)
    capital: E4 = 0
    limits: RiskLimits = RiskLimits()
    charges: Charges = Charges()
    fill: FillModel = FillModel()
    sessions: bool = True
    intent_valid_seconds: float = 30.0
    mis_cutoff: Mapping[SessionClass, dt.time] = _CUTOFF
    square_off: Mapping[SessionClass, dt.time] = _SQUARE_OFF


def no_limits() -> RiskLimits:
    """Limits that nothing reasonable reaches: for comparing with programs that have none."""
    much, many = 10**15, 10**9
    return RiskLimits(
        max_quantity_per_order=many,
        max_value_per_order=much,
        orders_per_second=many,
        orders_per_minute=many,
        orders_per_day=many,
        strategy_orders_per_second=many,
        strategy_orders_per_minute=many,
        strategy_orders_per_day=many,
        exits_reserved_share=0,
        repeat_seconds=0.001,
        open_orders_per_instrument=many,
        open_orders_per_strategy=many,
        open_orders=many,
        max_position_quantity=many,
        max_position_value_per_instrument=much,
        underlying_exposure_max=much,
        strategy_exposure_max=much,
        product_exposure_max=much,
        segment_exposure_max=much,
        net_exposure_max=much,
        gross_exposure_max=much,
        concentration_max_percent=100_000,
        daily_loss_max=much,
        strategy_daily_loss_max=much,
        day_drawdown_max=much,
        drawdown_max=much,
        profit_lock_from=much,
        losses_in_a_row=many,
        trades_per_day=many,
        price_band_percent=100,
        margin_percent_mis=1,
        margin_buffer_percent=0,
        allowed_products=tuple(Product),
    )
