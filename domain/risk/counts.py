"""How many orders were made: in the last minute and today, of each strategy and in all; and which were made twice."""

from __future__ import annotations

from bisect import insort
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.orders import OrderIntent
from domain.values import MINUTE, Nanos

Shape = tuple[object, ...]
_SHAPES_MAX: Final = 512


def shape_of(intent: OrderIntent) -> Shape:
    """What makes two intents the same order, whatever they are called."""
    return (
        intent.strategy,
        intent.token,
        intent.side,
        intent.quantity,
        intent.product,
        intent.kind,
        intent.price,
        intent.trigger_price,
        # A change of sides is an exit, and at once an entry of the same side and size: two orders.
        intent.reduce_only,
    )


class _Approved(Struct, frozen=True):
    """An order as it was approved; parent: the decision that it is a part of, if any; over: it has ended."""

    time: Nanos
    intent_id: str
    parent: str
    over: bool = False


class OrderCounts:
    """Orders that were journaled, and changes of orders, by market time. `today` begins again with `open_day`.

    recent  (time, strategy) of the last minute, oldest first
    """

    def __init__(self, today: dict[str, int] | None = None, recent: list[tuple[Nanos, str]] | None = None) -> None:
        self.today = today or {}
        self.recent = recent or []
        self._shapes: dict[Shape, _Approved] = {}
        self._parts: dict[str, Shape] = {}  # by intent: parts of decisions that are not over

    def open_day(self) -> None:
        """Nothing was made yet."""
        self.today = {}

    def made(self, strategy: str, time: Nanos) -> None:
        """One order."""
        self.today[strategy] = self.today.get(strategy, 0) + 1
        self.changed(strategy, time)

    def changed(self, strategy: str, time: Nanos) -> None:
        """One request more by its second and its minute: the broker counts changes of orders with orders."""
        recent = self.recent
        insort(recent, (time, strategy))
        oldest = recent[-1][0] - MINUTE
        gone = 0
        while recent[gone][0] <= oldest:
            gone += 1
        if gone:
            del recent[:gone]

    def since(self, start: Nanos, strategy: str | None = None) -> int:
        """Made after `start`, of one strategy or in all; exact for the last minute."""
        count = 0
        for time, whose in reversed(self.recent):
            if time <= start:
                break
            if strategy is None or whose == strategy:
                count += 1
        return count

    def so_far_today(self, strategy: str | None = None) -> int:
        """Made this trading day, of one strategy or in all."""
        return sum(self.today.values()) if strategy is None else self.today.get(strategy, 0)

    def approved(self, intent: OrderIntent, now: Nanos) -> None:
        """Remember what it looks like, for a while."""
        if len(self._shapes) >= _SHAPES_MAX:
            self._shapes = {shape: seen for shape, seen in self._shapes.items() if seen.time > now - MINUTE}
            self._parts = {seen.intent_id: shape for shape, seen in self._shapes.items() if seen.parent}
        shape = shape_of(intent)
        self._shapes[shape] = _Approved(now, intent.intent_id, intent.parent)
        if intent.parent:
            self._parts[intent.intent_id] = shape

    def withdrawn(self, intent_id: str) -> None:
        """It was never sent: another try is no repetition."""
        self._shapes = {shape: seen for shape, seen in self._shapes.items() if seen.intent_id != intent_id}
        self._parts.pop(intent_id, None)

    def part_over(self, intent_id: str) -> None:
        """An order has ended, or will fill no more.

        Where it was a part of a decision, the next part may look like it and follow at once.
        """
        shape = self._parts.pop(intent_id, None)
        seen = None if shape is None else self._shapes.get(shape)
        if shape is not None and seen is not None and seen.intent_id == intent_id:
            self._shapes[shape] = replace(seen, over=True)

    def repeated(self, intent: OrderIntent) -> Nanos | None:
        """When the same order was approved last; None where it was not lately.

        Parts of one decision look alike (the slices of a TWAP that catches up after a restart): one that follows the
        end of the one before is no repetition. What bounds them is the quantity that was decided.
        """
        seen = self._shapes.get(shape_of(intent))
        if seen is None or (seen.over and seen.parent == intent.parent):
            return None
        return seen.time
