"""How a strategy sizes its entries, as configured: the words of a file as the domain has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from config.errors import ConfigError
from config.sections.trading import SizingSettings, StrategySettings
from domain.risk.sizing import (
    EqualRisk,
    FixedQuantity,
    FixedValue,
    FractionalRisk,
    Kelly,
    PercentOfEquity,
    Sizing,
    VolatilityTarget,
)

T = TypeVar("T")


def sizing_of(name: str, strategies: Mapping[str, StrategySettings]) -> Sizing:
    """The sizing of one strategy. Raises ConfigError where a key is missing that its kind reads.

    Equal risk shares out the capital of all enabled strategies evenly among them.
    """
    each = strategies[name]
    configured = each.sizing
    if configured is None or configured.kind == "quantity":
        return FixedQuantity(each.quantity)
    where = f"strategies.{name}.sizing"
    match configured.kind:
        case "value":
            return FixedValue(_needed(where, configured, "value", configured.value))
        case "equity":
            return PercentOfEquity(_needed(where, configured, "percent", configured.percent))
        case "volatility":
            return VolatilityTarget(_needed(where, configured, "percent", configured.percent), configured.bars)
        case "risk":
            percent = _needed(where, configured, "percent", configured.percent)
            return FractionalRisk(percent, _needed(where, configured, "stop_percent", configured.stop_percent))
        case "kelly":
            win_rate = _needed(where, configured, "win_rate", configured.win_rate)
            payoff = _needed(where, configured, "payoff", configured.payoff)
            return Kelly(win_rate, payoff, configured.fraction, configured.cap_percent)
        case "equal-risk":
            enabled = [other for other in strategies.values() if other.enabled]
            together = sum(other.capital for other in enabled)
            percent = _needed(where, configured, "percent", configured.percent)
            return EqualRisk(percent, max(len(enabled), 1), together, configured.bars)


def _needed(where: str, configured: SizingSettings, key: str, value: T | None) -> T:
    if not value:
        raise ConfigError(f"{where}.{key}: found nothing; allowed: a figure above 0, for kind {configured.kind}")
    return value
