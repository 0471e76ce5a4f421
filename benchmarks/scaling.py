"""Ticks, instruments, strategies and orders ×1, ×3, ×10, one at a time: latency, processor time, where it bends.

The base is 300 instruments that tick once a second, 5 strategies and one order at each bar's end. Orders go to nine and
not to ten: the risk gate allows no more in a market second, since the exchange asks for registration from ten on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks._figures import percentile, plain
from benchmarks._frames import Frame
from benchmarks._load import Load, bear, cast_for, oldest
from benchmarks._paths import minute, settle_orders
from benchmarks._rig import PRICE, rig
from domain.values import SECOND

if TYPE_CHECKING:
    from benchmarks._rig import Rig

BASE: Final = Load(instruments=300, strategies=5, per_second=1, orders=1)
SECONDS: Final = 6.0
FACTORS: Final = (1, 3, 10)
ROUNDS: Final = 8
ORDERS_MAX: Final = 9


def run(quick: bool = False) -> dict[str, object]:
    """Each dimension by itself."""
    base = Load(instruments=12, strategies=2, per_second=1, orders=1) if quick else BASE
    factors, seconds, rounds = ((3,), 0.3, 2) if quick else (FACTORS, SECONDS, ROUNDS)
    found: dict[str, object] = {}
    for name in ("per_second", "instruments", "strategies", "orders"):
        for factor in factors:
            if factor == 1 and found:
                continue  # the base is the same for all
            times = min(factor, ORDERS_MAX) if name == "orders" else factor
            load = base._replace(**{name: round(getattr(base, name) * times)})
            title = "base" if factor == 1 else f"{WORDS[name]} × {times}"
            found.update(_measured(title, load, seconds, rounds))
    return found


WORDS: Final = {
    "per_second": "ticks a second",
    "instruments": "instruments",
    "strategies": "strategies",
    "orders": "orders at once",
}


def _measured(title: str, load: Load, seconds: float, rounds: int) -> dict[str, object]:
    with rig(cast_for(load)) as up:
        waits = _orders(up, load, rounds)
        borne = bear(up, load, seconds)
    what = f"{load.instruments:,} × {load.per_second:g}/s, {load.strategies} strategies, {load.orders} orders"
    return {
        f"{title}: share of one core": plain(borne.cpu * 100, "%", what),
        f"{title}: age of a price, p50": plain(oldest(borne.ages, 50), "ms"),
        f"{title}: age of a price, p99": plain(oldest(borne.ages, 99), "ms"),
        f"{title}: first order out, p50": plain(percentile([first for first, _ in waits], 50), "ms"),
        f"{title}: last order out, p50": plain(percentile([last for _, last in waits], 50), "ms"),
        f"{title}: last order out, worst": plain(max(last for _, last in waits), "ms"),
    }


def _orders(up: Rig, load: Load, rounds: int) -> list[tuple[float, float]]:
    """Ms from the frame that ends a bar of everything to the first order's bytes, and to the last one's."""
    frame = Frame(up.tokens(0), PRICE)
    waits = []
    for number in range(1, rounds + 3):
        up.clock.put(minute(number) * SECOND + SECOND // 5)
        before = up.exchange.orders
        payload = frame.at(minute(number), PRICE + 5 * (number % 7), number)
        began = time.monotonic_ns()
        up.feeds[0].frame(payload)
        if number < 3:  # the first bar is not whole
            time.sleep(0.2)
        else:
            came = [up.exchange.order(before + each) for each in range(load.orders)]
            waits.append(((came[0] - began) / 1e6, (came[-1] - began) / 1e6))
        up.settle()
        settle_orders(up)
    return waits
