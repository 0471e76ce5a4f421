"""GTTs of the paper account: kept on disk, held against the real prices for as long as paper trading runs.

At the broker they are watched though our process is dead; here nobody does. What was passed meanwhile fires with
the first price that the next process sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from adapters.paper.refusals import Refused, check
from domain.messages.broker import PlaceOrder
from domain.messages.gtt import BrokerGtt, Gtt, GttLeg, GttResult, GttStatus
from domain.values import E4, SECOND, Instrument, Nanos, OrderKind, Product, rupees

SHOWN_FOR: Nanos = 2 * 24 * 3600 * SECOND
"""One that has ended stays in the list for so long."""


def order_of(gtt: Gtt, leg: GttLeg) -> PlaceOrder:
    """What the leg places when its trigger is reached: a limit order without a tag."""
    return PlaceOrder(
        "", gtt.exchange, gtt.symbol, leg.side, leg.quantity, gtt.product, OrderKind.LIMIT, price=leg.price
    )


def check_gtt(gtt: Gtt, instrument: Instrument | None) -> Instrument:
    """The instrument of a GTT that may be taken. Raises Refused, in the broker's manner."""
    if gtt.product is Product.MIS:
        raise Refused("GTTs are for CNC, NRML and MTF. (InputException)")
    if not 1 <= len(gtt.legs) <= 2:
        raise Refused("A GTT has one trigger or two. (InputException)")
    for leg in gtt.legs:
        instrument = check(order_of(gtt, leg), instrument, None)
        if leg.trigger <= 0 or leg.trigger % instrument.tick_size or leg.trigger == gtt.last_price:
            raise Refused(f"Trigger price {rupees(leg.trigger)} is invalid. (InputException)")
    if len(gtt.legs) == 2 and not gtt.legs[0].trigger < gtt.last_price < gtt.legs[1].trigger:
        raise Refused("Trigger prices must lie on both sides of the last price. (InputException)")
    assert instrument is not None, "every leg was checked"
    return instrument


def reached(row: BrokerGtt, price: E4) -> int | None:
    """The leg that this price fires, by the side from which its trigger was seen; None while none is reached."""
    for number, leg in enumerate(row.gtt.legs):
        below = leg.trigger < row.gtt.last_price
        if (price <= leg.trigger) if below else (price >= leg.trigger):
            return number
    return None


def fired(row: BrokerGtt, leg: int, result: GttResult, now: Nanos) -> BrokerGtt:
    """After that leg has placed its order, or could not; the other one is gone."""
    results = tuple(result if number == leg else None for number in range(len(row.gtt.legs)))
    return replace(row, status=GttStatus.TRIGGERED, results=results, updated=now)


class Triggers:
    """The rows by id. What changes is kept by the exchange, together with what comes of it."""

    def __init__(self, rows: Iterable[BrokerGtt]) -> None:
        self._rows = {row.trigger_id: row for row in rows}

    def new(self, gtt: Gtt, now: Nanos) -> BrokerGtt:
        """A row that rests, not remembered yet."""
        trigger_id = str(max(map(int, self._rows), default=700_000) + 1)
        return BrokerGtt(trigger_id, GttStatus.ACTIVE, gtt, (None,) * len(gtt.legs), now, now)

    def remember(self, row: BrokerGtt) -> None:
        """As it stands on disk."""
        self._rows[row.trigger_id] = row

    def active(self, trigger_id: str) -> BrokerGtt | None:
        """The row, if it rests."""
        row = self._rows.get(trigger_id)
        return row if row is not None and row.status is GttStatus.ACTIVE else None

    def resting(self, instruments: Mapping[str, Instrument], token: int) -> list[BrokerGtt]:
        """Those of one instrument, oldest first."""
        return [
            row
            for row in self._rows.values()
            if row.status is GttStatus.ACTIVE
            and (known := instruments.get(f"{row.gtt.exchange}:{row.gtt.symbol}")) is not None
            and known.token == token
        ]

    def shown(self, now: Nanos) -> tuple[BrokerGtt, ...]:
        """The list."""
        rows = self._rows.values()
        return tuple(row for row in rows if row.status is GttStatus.ACTIVE or now - row.updated < SHOWN_FOR)
