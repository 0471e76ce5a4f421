"""Tick bytes in, order bytes out: ours through the whole trader, and the script that a user would write."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from kiteconnect import KiteConnect, KiteTicker

from benchmarks._frames import Frame
from benchmarks._orders import accepted
from benchmarks._rig import BEGINS, PRICE, BrokerProcess, Rig
from domain.messages.journal import OrderState
from domain.values import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.messages.journal import OrderRecord

MINUTE: Final = 60
FAST: Final = 20
SLOW: Final = 100
NEW_BAR: Final = SECOND // 5
"""Into the new minute, when the frame that ends the old one comes in."""


def minute(number: int) -> int:
    """The exchange's second at which the number-th minute begins."""
    return BEGINS // SECOND + number * MINUTE


class OurPath:
    """A minute's first frame ends a bar of the one traded share, and its strategy orders a unit."""

    def __init__(self, rig: Rig, tokens: Sequence[int]) -> None:
        self._rig = rig
        self._frame = Frame(tokens, PRICE)
        self._volume = 0
        self.number = 0
        for _ in range(2):  # the first bar is not whole: its beginning was not seen
            self.next_minute()
            self.hand_in()
            time.sleep(0.2)
        settle_orders(self._rig)

    def next_minute(self) -> None:
        """The clock stands at the next minute."""
        self.number += 1
        self._rig.clock.put(minute(self.number) * SECOND + NEW_BAR)

    def hand_in(self) -> None:
        """The minute's first frame."""
        self._volume += 1
        price = PRICE + 5 * (self.number % 7)
        self._rig.feeds[0].frame(self._frame.at(minute(self.number), price, self._volume))

    def __call__(self, meanwhile: Callable[[], None] | None = None) -> float:
        """One order: µs from the frame's bytes to the order's. meanwhile: what else happens right behind the frame."""
        self.next_minute()
        orders = self._rig.exchange.orders
        self._volume += 1
        payload = self._frame.at(minute(self.number), PRICE + 5 * (self.number % 7), self._volume)
        began = time.monotonic_ns()
        self._rig.feeds[0].frame(payload)
        if meanwhile is not None:
            meanwhile()
        came = self._rig.exchange.order(orders)
        settle_orders(self._rig)
        return (came - began) / 1000


def settle_orders(rig: Rig) -> None:
    """The broker says that every order is over, and everybody has taken note of it and of all prices."""
    rig.until(lambda: all(each.state is not OrderState.INTENT for each in rig.journal.open_records()), "it is sent")
    rig.until(lambda: all(each.order_id for each in rig.journal.open_records()), "it is acknowledged")
    for record in rig.journal.open_records():
        rig.feeds[0].text(_cancelled(record))
    rig.until(lambda: not rig.journal.open_records(), "the order is over")
    rig.settle()


def _cancelled(record: OrderRecord) -> bytes:
    order = record.order
    row = {
        "order_id": record.order_id, "status": "CANCELLED", "exchange": order.exchange, "tradingsymbol": order.symbol,
        "transaction_type": order.side.value, "product": order.product.value, "quantity": order.quantity,
        "cancelled_quantity": order.quantity, "order_type": "MARKET", "tag": order.tag, "variety": "regular",
    }  # fmt: skip
    return json.dumps({"type": "order", "data": row}).encode()


class NaivePath:
    """The script a user would write: averages of the closes of one share, and an order when a bar has ended.

    The official clients alone, on one thread, over a kept connection; no journal, no limits, no log. It is handed the
    same bytes where its socket would hand them in.
    """

    def __init__(self, broker: BrokerProcess, tokens: Sequence[int], traded: int) -> None:
        self._broker = broker
        self._frame = Frame(tokens, PRICE)
        self._traded = traded
        self._kite = KiteConnect("key", access_token="a-token", root=broker.url)  # noqa: S106 - nobody's
        self._ticker = KiteTicker("key", "a-token")
        self._ticker.on_ticks = self._on_ticks
        self._closes = [PRICE / 100.0] * SLOW
        self._last = 0.0
        self._minute = 0
        self._volume = 0
        for number in range(2):
            self._ticker._on_message(None, self._frame.at(minute(number), PRICE, number), True)  # noqa: SLF001 - the peer

    def __call__(self, number: int) -> float:
        """One order, µs."""
        orders = self._broker.orders
        self._volume += 1
        payload = self._frame.at(minute(number), PRICE + 5 * (number % 7), self._volume)
        began = time.monotonic_ns()
        self._ticker._on_message(None, payload, True)  # noqa: SLF001 - where its socket's thread comes in
        return (self._broker.order(orders) - began) / 1000

    def _on_ticks(self, _ws: object, ticks: list[dict[str, Any]]) -> None:
        for tick in ticks:
            if tick["instrument_token"] != self._traded:
                continue
            now = int(tick["exchange_timestamp"].timestamp()) // MINUTE
            ended = self._minute and now > self._minute
            if ended:
                self._closes = [*self._closes[1:], self._last]
            self._minute, self._last = now, tick["last_price"]
            if ended and sum(self._closes[-FAST:]) / FAST > 0 and sum(self._closes) / SLOW > 0:
                self._kite.place_order(
                    "regular", "NSE", "S0", "BUY", 1, "MIS", "MARKET", validity="DAY", market_protection=-1
                )  # fmt: skip


class Floors:
    """The least that each part takes: a flush of the disk, and a request's bytes to the other process."""

    def __init__(self, broker: BrokerProcess, file: int) -> None:
        self._broker = broker
        self._file = file
        self._body = msgspec.msgpack.encode(accepted())
        host, _, port = broker.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        form = b"exchange=NSE&tradingsymbol=S0&transaction_type=BUY&quantity=1&product=MIS&order_type=MARKET"
        head = b"POST /orders/regular HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (host.encode(), len(form))
        self._request = head + form

    def commit(self) -> float:
        """µs until an event's bytes are on the disk."""
        began = time.monotonic_ns()
        os.pwrite(self._file, self._body, 0)
        os.fdatasync(self._file)
        return (time.monotonic_ns() - began) / 1000

    def post(self) -> float:
        """µs until a request's bytes are with the broker."""
        orders = self._broker.orders
        began = time.monotonic_ns()
        self._socket.sendall(self._request)
        came = self._broker.order(orders)
        self._socket.recv(65_536)
        return (came - began) / 1000

    def close(self) -> None:
        """Give the connection back."""
        self._socket.close()


@contextmanager
def floors(folder: Path) -> Iterator[Floors]:
    """The floors on that folder's disk, and a broker of their own."""
    broker = BrokerProcess()
    path = folder / "floor"
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.write(file, bytes(1 << 20))
        os.fsync(file)
        made = Floors(broker, file)
        try:
            yield made
        finally:
            made.close()
    finally:
        os.close(file)
        broker.close()
