"""One rule with many parameters over the same bars: indicators computed once, a kernel per core, no copy of anything.

The kernel runs without Python's lock, so threads share the bars and the indicators as they lie in memory. A run leaves
its sums behind and no rows. Each is what `backtest` says of the same parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from domain.ports import Calendar
from domain.strategy.rule import RuleStrategy
from domain.values import E4
from research.compiled import Desk, prepare
from research.data.candles import Candles
from research.ground import Ground
from research.kernel import layout
from research.settings import RunSettings


class Swept(Struct, frozen=True):
    """What one run came to. Money in 1/10,000 rupee."""

    strategy: RuleStrategy
    orders: int
    fills: int
    charges: E4
    final_equity: E4


def sweep(
    strategies: Sequence[RuleStrategy],
    candles: Candles,
    settings: RunSettings,
    calendar: Calendar,
    *,
    threads: int = 1,
) -> list[Swept]:
    """Run each of them, in their order. Raises CompiledUnfit where the kernel cannot do it.

    strategies  of one class
    """
    if not strategies:
        return []
    ground = Ground(candles, settings, calendar)
    # Compiled before the threads begin, and every indicator that they share is there.
    prepare(strategies[0], [candles], settings, calendar, 0, ground)
    waiting = iter(list(enumerate(strategies)))
    lock = threading.Lock()
    found: list[Swept | None] = [None] * len(strategies)

    def work() -> None:
        desk = Desk(len(candles), len(ground.market.number))
        for at, strategy in _taken(waiting, lock):
            prepared = prepare(strategy, [candles], settings, calendar, 0, ground)
            account, _, _, days = prepared.on(desk)
            equity = int(days[-1, 2]) if len(days) else settings.cash
            found[at] = Swept(
                strategy, int(account[layout.ORDERS]), int(account[layout.FILLS]), int(days[:, 3].sum()), equity
            )

    if threads == 1:
        work()
    else:
        with ThreadPoolExecutor(threads) as pool:
            for each in [pool.submit(work) for _ in range(threads)]:
                each.result()
    return [each for each in found if each is not None]


def _taken(waiting: Iterator[tuple[int, RuleStrategy]], lock: threading.Lock) -> Iterator[tuple[int, RuleStrategy]]:
    """The next one that nobody has taken."""
    while True:
        with lock:
            one = next(waiting, None)
        if one is None:
            return
        yield one
