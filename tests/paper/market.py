"""A market on the bench: packets made by hand, a paper exchange, and a clock set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adapters.paper.exchange import PaperExchange
from adapters.paper.store import PaperStore
from domain.calendar import SessionCalendar
from domain.messages.broker import Accepted, BrokerOrder, PlaceOrder, PostOutcome
from domain.ticks import MODE_FULL, TICK_DTYPE, TickRows
from domain.values import E4, SECOND, Instrument, Nanos, OrderKind, Product, Side, Validity, e4
from tests.domain.builders import INFY, INSTRUMENTS, at

TEN = at("10:00")
CASH = e4(1_000_000)
Side5 = Sequence[tuple[str, int]]
ASKS: Side5 = (("1500.05", 100), ("1500.10", 200), ("1500.15", 300))
BIDS: Side5 = (("1499.95", 100), ("1499.90", 200), ("1499.85", 300))


def packet(
    instrument: Instrument = INFY, last: str = "1500", volume: int = 1000, bids: Side5 = BIDS, asks: Side5 = ASKS
) -> TickRows:
    """One packet in full mode."""
    rows = np.zeros(1, dtype=TICK_DTYPE)
    row = rows[0]
    row["token"], row["mode"], row["tradable"] = instrument.token, MODE_FULL, 1
    row["last_price"], row["volume"] = e4(last), volume
    for name, levels in (("bids", bids), ("asks", asks)):
        for number, (price, quantity) in enumerate(levels):
            row[name][number]["price"], row[name][number]["quantity"] = e4(price), quantity
    return rows


class Desk:
    """A paper account, a market, and a clock; `restart` is another process on the same disk."""

    def __init__(self, folder: Path, now: Nanos = TEN) -> None:
        self.folder = folder
        self.now = now
        self.heard: list[BrokerOrder] = []
        self.logged: list[str] = []
        self._numbers = 0
        self.open()

    def open(self) -> None:
        self.store = PaperStore(self.folder / "paper.db")
        self.exchange = PaperExchange(
            self.store, self, SessionCalendar(), opening_cash=CASH, fresh_seconds=10.0, log=self._log
        )
        self.exchange.know(INSTRUMENTS.values())
        self.exchange.listen(self.heard.append)

    def restart(self) -> None:
        self.store.close()
        self.open()

    def now_ns(self) -> Nanos:
        return self.now

    def tick(
        self,
        instrument: Instrument = INFY,
        last: str = "1500",
        volume: int = 1000,
        bids: Side5 = BIDS,
        asks: Side5 = ASKS,
    ) -> None:
        self.now += SECOND
        self.exchange.on_ticks(packet(instrument, last, volume, bids, asks))

    def order(
        self,
        side: Side,
        quantity: int,
        price: str = "",
        *,
        kind: OrderKind | None = None,
        trigger: str = "0",
        product: Product = Product.MIS,
        validity: Validity = Validity.DAY,
        instrument: Instrument = INFY,
        protection: int = -1,
    ) -> PlaceOrder:
        self._numbers += 1
        return PlaceOrder(
            tag=f"t{self._numbers}",
            exchange=instrument.exchange,
            symbol=instrument.symbol,
            side=side,
            quantity=quantity,
            product=product,
            kind=kind or (OrderKind.LIMIT if price else OrderKind.MARKET),
            price=e4(price or 0),
            trigger_price=e4(trigger),
            validity=validity,
            market_protection=protection,
        )

    def place(self, order: PlaceOrder) -> str:
        outcome: PostOutcome = self.exchange.place(order)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order_id

    def row(self, order_id: str) -> BrokerOrder:
        (found,) = [row for row in self.exchange.orders() if row.order_id == order_id]
        return found

    def fills(self, order_id: str) -> list[tuple[E4, int]]:
        return [(trade.price, trade.quantity) for trade in self.exchange.trades(order_id)]

    def _log(self, level: str, event: str, /, **keys: object) -> None:
        self.logged.append(event)
