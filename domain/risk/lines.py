"""Open orders and positions by line, and what each line could come to: every open order counted as if it filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from domain.risk.exposure import NO_EXPOSURE, Exposure, LineKey, OpenOrder, Standing
from domain.risk.guards import Guards
from domain.values import Nanos, Product, Side

_HELD: Final = Standing.HELD
_UNRESOLVED: Final = Standing.UNRESOLVED
_BUY: Final = Side.BUY


class Lines:
    """What is open and held, whoever tells of it. An exposure is added up again when it is asked for after a change."""

    def __init__(self) -> None:
        self._orders: dict[str, OpenOrder] = {}
        self._ids: dict[str, str] = {}
        self._positions: dict[LineKey, int] = {}
        self._lines: dict[LineKey, Exposure] = {}
        self._dirty: set[LineKey] = set()
        self._guards = Guards()

    # What it answers

    def order(self, tag: str) -> OpenOrder | None:
        """The open order with that tag."""
        return self._by_tag(tag)

    def open_orders(self, strategy: str | None = None, token: int | None = None) -> tuple[OpenOrder, ...]:
        """Orders that may still trade, holds included, oldest first."""
        if not self._orders:
            return ()
        return tuple(
            [
                order
                for order in self._orders.values()
                if (strategy is None or order.strategy == strategy) and (token is None or order.token == token)
            ]
        )

    def open_entries(self, strategy: str | None = None, token: int | None = None) -> int:
        """How many of those are no exits."""
        count = 0
        for order in self._orders.values():
            if (
                not order.reduce_only
                and (strategy is None or order.strategy == strategy)
                and (token is None or order.token == token)
            ):
                count += 1
        return count

    def unresolved(self, strategy: str, token: int) -> tuple[OpenOrder, ...]:
        """The strategy's unresolved orders in the instrument."""
        found = self.open_orders(strategy, token)
        return tuple([order for order in found if order.standing is _UNRESOLVED]) if found else ()

    def exposures(self) -> Mapping[LineKey, Exposure]:
        """Every line that has a position or an open order."""
        if self._dirty:
            for key in self._dirty:
                line = self._added_up(key)
                if line == NO_EXPOSURE:
                    self._lines.pop(key, None)
                else:
                    self._lines[key] = line
            self._dirty.clear()
        return self._lines

    def lines(self) -> list[tuple[LineKey, Exposure]]:
        """The same, ordered by strategy, token and product, so that equal books are walked alike."""
        return sorted(self.exposures().items(), key=lambda item: sortable(item[0]))

    def exposure(self, strategy: str, token: int, product: Product) -> Exposure:
        """One line; all zero where there is nothing."""
        return self.exposures().get((strategy, token, product), NO_EXPOSURE)

    def position(self, strategy: str, token: int, product: Product) -> int:
        """Provisional signed position of a line."""
        return self.exposure(strategy, token, product).position

    def worst_case(self, token: int, extra: tuple[LineKey, int] | None = None) -> int:
        """The largest position in units that the instrument may reach, strategies and products added up unsigned.

        `extra` is one more order, as its line and signed units.
        """
        key, more = extra if extra is not None else (None, 0)
        worst = 0
        lines = self.exposures()
        for other, line in lines.items():
            if other[1] == token and other != key:
                worst += line.worst()
        return worst if key is None else worst + lines.get(key, NO_EXPOSURE).worst(more)

    # What changes it

    def _move(self, key: LineKey, units: int) -> None:
        after = self._positions.get(key, 0) + units
        if after:
            self._positions[key] = after
        else:
            self._positions.pop(key, None)
        self._dirty.add(key)

    def _by_tag(self, tag: str) -> OpenOrder | None:
        return self._orders.get(self._ids.get(tag, ""))

    def _put(self, order: OpenOrder) -> None:
        self._orders[order.intent_id] = order
        if order.tag:
            self._ids[order.tag] = order.intent_id
        self._dirty.add(order.key)

    def _change(
        self,
        tag: str,
        *,
        standing: Standing | None = None,
        seen: int | None = None,
        booked: int | None = None,
    ) -> None:
        order = self._by_tag(tag)
        if order is not None:
            self._dirty.add(order.key)
            self._orders[order.intent_id] = replace(
                order,
                standing=order.standing if standing is None else standing,
                seen=order.seen if seen is None else seen,
                booked=order.booked if booked is None else booked,
            )

    def _forget(self, intent_id: str) -> None:
        order = self._orders.pop(intent_id, None)
        if order is not None:
            self._ids.pop(order.tag, None)
            self._dirty.add(order.key)

    def _held_since(self, start: Nanos, strategy: str | None) -> int:
        """Holds made after that, of one strategy or in all."""
        count = 0
        if not self._orders:
            return count
        for order in self._orders.values():
            if order.standing is _HELD and order.time > start and (strategy is None or order.strategy == strategy):
                count += 1
        return count

    def _ids_journaled(self) -> Iterator[str]:
        return (order.intent_id for order in self._orders.values() if order.standing is not _HELD)

    def _added_up(self, key: LineKey) -> Exposure:
        strategy, token, product = key
        position = self._positions.get(key, 0)
        buys = sells = opening_buys = opening_sells = 0
        for order in self._orders.values():
            if order.token != token or order.product is not product or order.strategy != strategy:
                continue
            left, opens = order.remaining, not order.reduce_only
            if order.side is _BUY:
                position += order.filled - order.booked
                buys += left
                opening_buys += left if opens else 0
            else:
                position -= order.filled - order.booked
                sells += left
                opening_sells += left if opens else 0
        return Exposure(position, buys, sells, opening_buys, opening_sells, self._guards.units(key))


def sortable(key: LineKey) -> tuple[str, int, str]:
    """Orders lines by strategy, token and product."""
    return key[0], key[1], key[2].value
