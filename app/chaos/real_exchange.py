"""A running sandbox, asked directly: past the trader. What it answers is what the trader is judged by."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sandbox.launch import RunningSandbox, launch

NO_PACE: Final = ("rate-limits", "order-caps")
"""What the sandbox relaxes where a run is about something else than the broker's rates."""

STEP_SECONDS: Final = 0.01
READS_MAX: Final = 10

T = TypeVar("T")


class OrderRow(Struct, frozen=True):
    """A row of the exchange's order book."""

    order_id: str
    status: str
    tradingsymbol: str
    transaction_type: str
    quantity: int
    filled_quantity: int
    tag: str | None


class TradeRow(Struct, frozen=True):
    """A row of the exchange's trades."""

    trade_id: str
    order_id: str
    tradingsymbol: str
    quantity: int


class HeldRow(Struct, frozen=True):
    """A position in the exchange's own books."""

    tradingsymbol: str
    quantity: int


class Books(Struct, frozen=True):
    """The exchange's own books, in rupees."""

    opening_cash: Decimal
    cash: Decimal
    realised: Decimal
    charges: Mapping[str, Decimal]
    positions: tuple[HeldRow, ...]
    orders: int
    trades: int

    @property
    def flat(self) -> bool:
        """Nothing is held."""
        return not any(row.quantity for row in self.positions)


class _Rows(Struct):
    data: msgspec.Raw


class Exchange:
    """See the module."""

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        address = urlsplit(running.rest)
        assert address.hostname is not None and address.port is not None, "a sandbox says where it is"  # noqa: PT018 - one fact
        self._address = (address.hostname, address.port)

    @property
    def sets(self) -> tuple[str, ...]:
        """What points a trader here."""
        return (f"kite.rest_url={self.running.rest}", f"kite.ws_url={self.running.ws}")

    def orders(self) -> list[OrderRow]:
        """The whole order book."""
        return self._rows("/orders", list[OrderRow])

    def trades(self) -> list[TradeRow]:
        """All trades."""
        return self._rows("/trades", list[TradeRow])

    def books(self) -> Books:
        """The exchange's own books."""
        return msgspec.json.decode(self.call("GET", "/_sandbox/books"), type=Books)

    def rows(self, path: str) -> object:
        """The data of any reply."""
        return self._rows(path, object)

    def set_clock(self, **change: float | bool) -> None:
        """Change the clock: rate, hold, release, advance_seconds."""
        self.call("POST", "/_sandbox/clock", json.dumps(change).encode())

    def set_faults(self, faults: Sequence[Mapping[str, object]]) -> None:
        """These faults instead of all others (a sandbox started with `--faults`)."""
        self.call("PUT", "/_sandbox/faults", json.dumps(list(faults)).encode())

    def now(self) -> str:
        """Market time, HH:MM:SS."""
        return str(json.loads(self.call("GET", "/_sandbox/clock"))["now"])[11:19]

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request. Raises AssertionError for anything but 200."""
        details = self.running.details
        headers = {"Authorization": f"token {details.api_key}:{details.access_token}", "X-Kite-Version": "3"}
        connection = HTTPConnection(*self._address, timeout=10)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        assert reply.status == 200, f"{method} {path}: HTTP {reply.status} {content[:200]!r}"
        return content

    def _rows(self, path: str, wanted: type[T]) -> T:
        for _ in range(READS_MAX - 1):
            try:
                return self._read(path, wanted)
            except (AssertionError, msgspec.DecodeError):
                continue  # a fault meant for the trader has met us
        return self._read(path, wanted)

    def _read(self, path: str, wanted: type[T]) -> T:
        content = msgspec.json.decode(self.call("GET", path), type=_Rows).data
        return msgspec.json.decode(content, type=wanted)


@contextmanager
def an_exchange(
    *, speed: float = 1.0, seed: int = 1, hold: bool = False, relax: Sequence[str] = NO_PACE, extra: Sequence[str] = ()
) -> Iterator[Exchange]:
    """A sandbox of our own for the block."""
    with launch(speed=speed, seed=seed, hold=hold, relax=relax, extra=extra) as running:
        yield Exchange(running)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within so many wall seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP_SECONDS)
    return True
