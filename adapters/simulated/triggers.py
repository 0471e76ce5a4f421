"""GTTs at the broker: a list of definitions, as its API shows them; which leg a price reaches, and what it placed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from domain.messages.gtt import BrokerGtt, Gtt, GttResult, GttStatus
from domain.values import E4, SECOND, Nanos


class Triggers:
    """now  the exchange's time; stamps are in whole seconds"""

    def __init__(self, now: Callable[[], Nanos]) -> None:
        self._now = now
        self._rows: dict[str, BrokerGtt] = {}

    def place(self, gtt: Gtt) -> str:
        """Take one; its id."""
        trigger_id = str(900_001 + len(self._rows))
        stamp = self._now() // SECOND * SECOND
        nothing = (None,) * len(gtt.legs)
        self._rows[trigger_id] = BrokerGtt(trigger_id, GttStatus.ACTIVE, gtt, nothing, stamp, stamp)
        return trigger_id

    def modify(self, trigger_id: str, gtt: Gtt) -> bool:
        """Another definition; False where there is nothing to change."""
        return self._change(trigger_id, gtt=gtt)

    def delete(self, trigger_id: str) -> bool:
        """Gone; False where there is nothing to delete."""
        return self._change(trigger_id, status=GttStatus.DELETED)

    def reached(self, trigger_id: str, price: E4) -> int | None:
        """The leg that this price fires; None: none yet. Raises KeyError where it does not rest any more."""
        row = self._rows[trigger_id]
        if row.status is not GttStatus.ACTIVE:
            raise KeyError(trigger_id)
        for number, leg in enumerate(row.gtt.legs):
            below = leg.trigger < row.gtt.last_price
            if (price <= leg.trigger) if below else (price >= leg.trigger):
                return number
        return None

    def fired(self, trigger_id: str, leg: int, order_id: str) -> None:
        """That leg has placed this order; the other one is gone."""
        results = tuple(
            GttResult(order_id) if number == leg else None for number in range(len(self._rows[trigger_id].gtt.legs))
        )
        self._change(trigger_id, status=GttStatus.TRIGGERED, results=results)

    def definition(self, trigger_id: str) -> Gtt:
        """As it stands. Raises KeyError."""
        return self._rows[trigger_id].gtt

    def rows(self) -> tuple[BrokerGtt, ...]:
        """The list, in order of arrival."""
        return tuple(self._rows.values())

    def _change(self, trigger_id: str, **fields: object) -> bool:
        row = self._rows.get(trigger_id)
        if row is None or row.status is not GttStatus.ACTIVE:
            return False
        self._rows[trigger_id] = replace(row, updated=self._now() // SECOND * SECOND, **fields)
        return True
