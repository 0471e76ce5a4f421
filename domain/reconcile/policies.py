"""How each difference is met, and how loudly it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.reconcile.names import Difference, Policy

DEFAULT_POLICIES: Final[Mapping[Difference, Policy]] = {
    Difference.MISSED_FILL: Policy.ADOPT,
    Difference.UNKNOWN_ORDER: Policy.FREEZE_INSTRUMENT,
    Difference.EXTERNAL_ORDER: Policy.ADOPT,
    Difference.MISSING_ORDER: Policy.FREEZE_STRATEGY,
    Difference.BROKER_SQUARE_OFF: Policy.ADOPT,
    Difference.EXTERNAL_POSITION: Policy.ADOPT,
    Difference.EXTERNAL_SHORT: Policy.FREEZE_INSTRUMENT,
    Difference.QUANTITY_DRIFT: Policy.FREEZE_INSTRUMENT,
    Difference.PRICE_DRIFT: Policy.IGNORE,
    Difference.HOLDING_DRIFT: Policy.FREEZE_INSTRUMENT,
    Difference.FUNDS_DRIFT: Policy.IGNORE,
}

LEVELS: Final[Mapping[Policy, str]] = {
    Policy.ADOPT: "warning",
    Policy.IGNORE: "info",
    Policy.FREEZE_INSTRUMENT: "critical",
    Policy.FREEZE_STRATEGY: "critical",
    Policy.HALT: "critical",
}
"""Of the alert."""

ADOPTABLE: Final = frozenset(
    {
        Difference.MISSED_FILL,
        Difference.UNKNOWN_ORDER,
        Difference.EXTERNAL_ORDER,
        Difference.BROKER_SQUARE_OFF,
        Difference.EXTERNAL_POSITION,
    }
)
"""Where the broker's word can stand in our books. Orders and fills are booked there under any policy."""
