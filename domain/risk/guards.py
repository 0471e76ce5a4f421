"""GTTs as the risk gate counts them: what one may close cannot be closed by anybody else until it is gone."""

from __future__ import annotations

from collections.abc import Iterable

from domain.messages.gtt import (
    GttChanged,
    GttChangeRequested,
    GttClosed,
    GttEvent,
    GttExpired,
    GttIntent,
    GttRefused,
    GttRequested,
    GttTriggered,
)
from domain.orders.gtt import gtt_tag
from domain.risk.exposure import LineKey
from domain.values import Nanos, Product

Row = tuple[str, str, int, Product, int]
"""(tag, strategy, token, product, units), for a snapshot."""


class Guards:
    """Folds the events of GTTs. What one has fired counts as the order that it is, from the same commit on."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._units: dict[str, tuple[LineKey, int]] = {
            tag: ((strategy, token, product), units) for tag, strategy, token, product, units in rows
        }
        # Approved ones that are not journaled yet, by intent: line, units, until when they may be, since when.
        self._held: dict[str, tuple[LineKey, int, Nanos, Nanos]] = {}

    def hold(self, intent: GttIntent, now: Nanos) -> LineKey:
        """Count an approved one from here on, before anyone is told of it: the line whose sum has changed."""
        key = intent.strategy, intent.token, intent.product
        self._held[intent.intent_id] = key, max(leg.quantity for leg in intent.legs), intent.valid_until, now
        return key

    def release(self, intent_id: str, approved: Nanos) -> LineKey | None:
        """One that was approved then will not be journaled: its line; None where none is held, or since later."""
        held = self._held.get(intent_id)
        if held is None or held[3] > approved:
            return None
        del self._held[intent_id]
        return held[0]

    def expire(self, now: Nanos) -> list[LineKey]:
        """Give up what nobody may journal any more: the lines."""
        if not self._held:
            return []
        late = [intent_id for intent_id, (_, _, until, _) in self._held.items() if until <= now]
        return [self._held.pop(intent_id)[0] for intent_id in late]

    def is_known(self, intent_id: str) -> bool:
        """Whether it is held, or may still close something."""
        return intent_id in self._held or gtt_tag(intent_id) in self._units

    def apply(self, event: GttEvent) -> LineKey | None:
        """Fold one event: the line whose sum it may have changed."""
        key, units = self._units.get(event.tag, (None, 0))
        match event:
            case GttRequested(tag=tag, intent=intent):
                key = intent.strategy, intent.token, intent.product
                self._held.pop(intent.intent_id, None)
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
        if not (self._held or self._units):
            return 0
        held = sum(held[1] for held in self._held.values() if held[0] == key)
        return held + sum(units for line, units in self._units.values() if line == key)

    def of(self, tag: str) -> int:
        """Units that one may close."""
        return self._units.get(tag, (None, 0))[1]

    def rows(self) -> tuple[Row, ...]:
        """For a snapshot: equal guards, equal rows."""
        return tuple((tag, *key, units) for tag, (key, units) in sorted(self._units.items()))
