"""GTTs as the risk gate counts them: what one may close cannot be closed by anybody else until it is gone."""

from __future__ import annotations

from collections.abc import Iterable

from domain.messages.gtt import (
    GttChanged,
    GttChangeRequested,
    GttClosed,
    GttEvent,
    GttExpired,
    GttRefused,
    GttRequested,
    GttTriggered,
)
from domain.risk.exposure import LineKey
from domain.values import Product

Row = tuple[str, str, int, Product, int]
"""(tag, strategy, token, product, units), for a snapshot."""


class Guards:
    """Folds the events of GTTs. What one has fired counts as the order that it is, from the same commit on."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._units: dict[str, tuple[LineKey, int]] = {
            tag: ((strategy, token, product), units) for tag, strategy, token, product, units in rows
        }

    def apply(self, event: GttEvent) -> LineKey | None:
        """Fold one event: the line whose sum it may have changed."""
        key, units = self._units.get(event.tag, (None, 0))
        match event:
            case GttRequested(tag=tag, intent=intent):
                key = intent.strategy, intent.token, intent.product
                self._units[tag] = key, max(leg.quantity for leg in intent.legs)
            case GttChangeRequested(tag=tag, gtt=gtt) if key is not None:
                # From here on either definition may hold.
                self._units[tag] = key, max(units, *(leg.quantity for leg in gtt.legs))
            case GttChanged(tag=tag, gtt=gtt) if key is not None:
                self._units[tag] = key, max(leg.quantity for leg in gtt.legs)
            case GttRefused(tag=tag) | GttExpired(tag=tag) | GttTriggered(tag=tag) | GttClosed(tag=tag):
                self._units.pop(tag, None)
            case _:
                return None
        return key

    def units(self, key: LineKey) -> int:
        """Units of the line that they may close."""
        return sum(units for line, units in self._units.values() if line == key)

    def rows(self) -> tuple[Row, ...]:
        """For a snapshot: equal guards, equal rows."""
        return tuple((tag, *key, units) for tag, (key, units) in sorted(self._units.items()))
