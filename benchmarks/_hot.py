"""The hot paths on a fixed workload, each between two calls that a counter of instructions can see: `python -m
benchmarks._hot`, under callgrind. On its own it only shows that they run.

The same work in every run: no clock, no randomness, no threads, and nothing that a first call alone does.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Final

from actors.routes import RISK, Topology
from actors.runtime import Lane, MailboxSpec, Overflow, ThreadRuntime
from actors.runtime.cell import Cell
from actors.shards import ShardRoutes
from adapters.clock import MonotonicClock
from adapters.kite import translate
from adapters.kite.broker import lax_decoder
from adapters.kite.rows import OrderRow
from adapters.kite.wire import DecodeCounts, decode
from benchmarks._frames import Frame
from benchmarks._order_life import deciding, living, to_be_checked
from benchmarks._orders import NOW, UPDATE
from domain.market.buckets import Hours
from domain.market.desk import MarketDesk
from domain.messages.market import PriceChanged, PricesChanged, TickBatch
from domain.values import SECOND

TIMES: Final = 20
WARM: Final = 3
SECONDS: Final = NOW // SECOND
ROW: Final = UPDATE.partition(b'"data":')[2][:-1]


class _Sessions:
    """Open all day."""

    def today(self, token: int, now: int) -> Hours:
        """The whole day."""
        return Hours(SECONDS - 40_000, SECONDS + 40_000)

    def back(self, token: int, now: int) -> Iterator[Hours]:
        """Today alone."""
        return iter((self.today(token, now),))


class _Nobody:
    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: object = None) -> None:
        """Heard by nobody."""


def paths() -> dict[str, Callable[[], object]]:
    """By name; each call does the same work again."""
    tokens = [(10_000 + number) << 8 | 1 for number in range(300)]
    many, one = Frame(tokens, 50_000), Frame(tokens[:1], 50_000)
    counts = DecodeCounts()
    payloads = many.at(SECONDS, 50_000, 1), one.at(SECONDS, 50_000, 1)
    rows = decode(payloads[0], counts, SECONDS)
    desk = MarketDesk({(token, 60): 0 for token in tokens}, (), _Sessions())
    desk.begin(NOW, 0)
    batch = TickBatch(epoch=1, rows=rows, received_time=NOW)
    price = PricesChanged({token: PriceChanged(token, 5_000_000, 1, 1, 1, NOW, NOW) for token in tokens})
    routes = ShardRoutes(Topology(("s", "t"), {token: (("s", "t")[token >> 8 & 1],) for token in tokens}), {}, 0)
    nobody = _Nobody()
    runtime = ThreadRuntime(MonotonicClock())
    cell = Cell(RISK, MailboxSpec(capacity=10_000, overflow=Overflow.GROW), runtime, lambda _cell: None)
    lease = cell.open(1)
    entry, leaving, decides, lives = to_be_checked(), to_be_checked(leaving=True), deciding(), living()
    words, decoder = translate.StatusWords(lambda _word: None), lax_decoder(OrderRow)

    def told_and_taken(lane: Lane, key: Hashable) -> None:
        for _ in range(100):
            cell.tell(price, lane, key)
            lease.get()

    return {
        "decode a frame of 300 full packets": lambda: decode(payloads[0], counts, SECONDS),
        "decode a frame of one": lambda: decode(payloads[1], counts, SECONDS),
        "300 ticks to prices": lambda: desk.ticks(batch, 0),
        "route 300 prices": lambda: routes.publish(nobody, price),
        "tell and take an event, 100 times": lambda: told_and_taken(Lane.EVENT, None),
        "tell and take keyed prices, 100 times": lambda: told_and_taken(Lane.DATA, ("prices", 1)),
        "check an entry": entry,
        "check an exit": leaving,
        "a rule decides on a bar": decides,
        "an order in the books, from hold to close": lives,
        "an order update to our value": lambda: translate.order(decoder.decode(ROW), words, NOW),
    }


def main() -> None:
    """Each path, warm, so many times, between markers."""
    known = paths()
    gc.collect()
    gc.disable()
    for work in known.values():
        for _ in range(WARM):
            work()
    for name, work in known.items():
        os.getppid()  # the marker: callgrind writes what it has counted so far, and begins anew
        for _ in range(TIMES):
            work()
        os.getppid()
        sys.stdout.write(name + "\n")
    sys.stdout.flush()
    assert threading.active_count() <= 2, "nothing runs beside what is counted"


if __name__ == "__main__":
    main()
