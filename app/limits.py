"""The risk gate's limits as configured: what is not stated follows a wider limit of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import fields

from config.sections.trading import RiskSettings
from domain.risk.limits import RiskLimits
from domain.values import Product

FOLLOWS: Final[Mapping[str, tuple[str, int]]] = {
    "strategy_orders_per_second": ("orders_per_second", 1),
    "strategy_orders_per_minute": ("orders_per_minute", 1),
    "strategy_orders_per_day": ("orders_per_day", 1),
    "underlying_exposure_max": ("max_position_value_per_instrument", 1),
    "strategy_exposure_max": ("gross_exposure_max", 1),
    "product_exposure_max": ("gross_exposure_max", 1),
    "segment_exposure_max": ("gross_exposure_max", 1),
    "net_exposure_max": ("gross_exposure_max", 1),
    "strategy_daily_loss_max": ("daily_loss_max", 1),
    "day_drawdown_max": ("daily_loss_max", 2),
    "drawdown_max": ("daily_loss_max", 5),
    "profit_lock_from": ("daily_loss_max", 5),
    "trades_per_day": ("orders_per_day", 1),
}
"""A limit that may be null: the limit that it follows then, and how many times that."""


def risk_limits(settings: RiskSettings) -> RiskLimits:
    """Every field of RiskLimits from the key of its name."""
    values = {field.name: getattr(settings, field.name) for field in fields(RiskLimits)}
    for name, (followed, times) in FOLLOWS.items():
        if values[name] is None:
            values[name] = values[followed] * times
    return RiskLimits(**{**values, "allowed_products": tuple(map(Product, settings.allowed_products))})
