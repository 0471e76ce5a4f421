"""Several instruments on one account, compiled: each by itself, where nothing that they share can have mattered.

With fills at the next open and a flat charge per order, instruments meet only in the account's limits and its money.
Each is run by the kernel as if it had the account alone. Then it is proved from the fills and the bars that no limit
that they share was ever within reach: at the worst price of every stretch, of all of them at once. Where that cannot be
proved the run is not for the compiled engine, and the event engine does it. Nothing is taken to be independent.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from domain.messages.orders import DenyReason
from domain.ports import Calendar
from domain.risk.limits import RiskLimits, exactly
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.values import E4, MINUTE, Nanos, Product
from research.compiled import CompiledUnfit, Desk, Prepared, order_rows, prepare, rows_of
from research.data.candles import Candles
from research.data.days import DAY_NS
from research.fills import Inside
from research.kernel import layout
from research.records import DayRow, FillRow, Run, denial_number
from research.settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_OWN_DENIALS: Final = tuple(
    denial_number(reason)
    for reason in (
        DenyReason.INSTRUMENT_BANNED,
        DenyReason.EXCHANGE_NOT_ALLOWED,
        DenyReason.PRODUCT_NOT_ALLOWED,
        DenyReason.SHORT_SALE,
        DenyReason.SESSION_CLOSED,
        DenyReason.LOT_SIZE,
        DenyReason.FREEZE_QUANTITY,
        DenyReason.PRICE_BAND,
        DenyReason.QUANTITY_PER_ORDER,
        DenyReason.VALUE_PER_ORDER,
        DenyReason.POSITION_QUANTITY,
        DenyReason.POSITION_VALUE,
    )
)
"""Denials that rest on the instrument alone: the same whoever else is on the account."""


class Alone(Struct, frozen=True):
    """One instrument's run by itself. Money in 1/10,000 rupee.

    lowest, highest  the account's change at the worst and the best price of any stretch between two fills
    exposed          the largest value of its position, at its highest price
    """

    candles: Candles
    orders: Ints
    fills: Ints
    days: Ints
    decided: int
    lowest: E4
    highest: E4
    exposed: E4


class PreparedMany(Struct, frozen=True):
    """Every instrument compiled and laid out."""

    series: tuple[Candles, ...]
    each: tuple[Prepared, ...]
    settings: RunSettings

    def alone(self, threads: int = 2) -> list[Alone]:
        """Every instrument's run. Raises CompiledUnfit where they might have been in each other's way.

        threads  the kernel runs without Python's lock
        """
        room = max(map(len, self.series)), max(len(one.market.number) for one in self.each)
        own = threading.local()

        def work(prepared: Prepared) -> tuple[Ints, Ints, Ints, int]:
            if not hasattr(own, "desk"):
                own.desk = Desk(*room)
            account, orders, fills, days = prepared.on(own.desk)
            return orders.copy(), fills.copy(), days.copy(), int(account[layout.DECIDED])

        with ThreadPoolExecutor(threads) as pool:
            rows = list(pool.map(work, self.each))
        pairs = list(zip(self.series, self.each, rows, strict=True))
        found = [_alone(candles, prepared, *made, close=False) for candles, prepared, made in pairs]
        try:
            _prove(found, self.settings)
        except CompiledUnfit:
            found = [_alone(candles, prepared, *made, close=True) for candles, prepared, made in pairs]
            _prove(found, self.settings)
        return found

    def run(self) -> Run:
        """The account's run, as the event engine would have made it. Raises CompiledUnfit."""
        return _merged(self.alone(), self.settings.cash)


def prepare_many(
    strategy: RuleStrategy | EventStrategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
    decide_from: Nanos,
) -> PreparedMany:
    """Compile and lay out. Raises CompiledUnfit."""
    if settings.charges.flat is None:
        raise CompiledUnfit("one contract note of several instruments is rounded as a whole")
    if settings.fill.inside is not Inside.CLOSE:
        raise CompiledUnfit("several instruments are compiled with fills at the next open alone")
    if settings.sessions and settings.product is Product.MIS:
        raise CompiledUnfit("several instruments that are squared off are the event engine's")
    return PreparedMany(
        tuple(series),
        tuple(prepare(strategy, [each], settings, calendar, decide_from) for each in series),
        settings,
    )


def _alone(
    candles: Candles, prepared: Prepared, orders: Ints, fills: Ints, days: Ints, decided: int, *, close: bool
) -> Alone:
    """close: look at the prices between each two fills, and not only at the highest and the lowest of all."""
    multiplier, flat = prepared.rules.multiplier, prepared.rules.flat
    if not len(fills):
        return Alone(candles, orders, fills, days, decided, 0, 0, 0)
    signed, price = fills[:, 3], fills[:, 4]
    held = np.cumsum(signed)
    money = np.cumsum(-signed * price * multiplier) - flat * np.arange(1, len(fills) + 1)
    low: Any = candles.low.min()
    high: Any = candles.high.max()
    if close:
        # A stretch goes from the bar of a fill through the bar of the next one.
        first = np.searchsorted(candles.start, fills[:, 1])
        after = np.append(first, len(candles) - 1)[1:]
        low = np.minimum(np.minimum.reduceat(candles.low, first), candles.low[after])
        high = np.maximum(np.maximum.reduceat(candles.high, first), candles.high[after])
    ends = held * low * multiplier, held * high * multiplier
    return Alone(
        candles,
        orders,
        fills,
        days,
        decided,
        lowest=min(int((money + np.minimum(*ends)).min()), 0),
        highest=max(int((money + np.maximum(*ends)).max()), 0),
        exposed=int(np.abs(held).max()) * int(candles.high.max()) * multiplier,
    )


def _prove(found: Sequence[Alone], settings: RunSettings) -> None:
    """Raises CompiledUnfit where a limit that they share may have been within reach."""
    limits = settings.limits
    denials = np.concatenate([each.orders[:, 6] for each in found])
    if denials.any() and not set(np.unique(denials).tolist()) <= {0, *_OWN_DENIALS}:
        raise CompiledUnfit("a limit refuses an order, and several instruments share it")
    # A turn closes and opens at one price: what is exposed may be both sides at once.
    exposed = 2 * sum(each.exposed for each in found)
    lowest, highest = (settings.cash + sum(side) for side in zip(*((e.lowest, e.highest) for e in found), strict=True))
    # A day's result counts what was carried into it from its cost on.
    swing = highest - lowest + exposed
    orders = np.concatenate([each.orders[:, 0] for each in found])
    day_max = min(limits.trades_per_day, limits.losses_in_a_row, _entries_of(limits, "day"))
    minute_max = min(_entries_of(limits, "minute"), _entries_of(limits, "second"))
    free = int(lowest * (100 - exactly(limits.margin_buffer_percent)) / 100)
    shared = {
        "exposure": exposed
        <= min(
            limits.underlying_exposure_max,
            limits.strategy_exposure_max,
            limits.product_exposure_max,
            limits.segment_exposure_max,
            limits.net_exposure_max,
            limits.gross_exposure_max,
        ),
        "concentration": lowest >= 0 and exposed * 100 <= exactly(limits.concentration_max_percent) * lowest,
        "margin": limits.margin(exposed, settings.product) <= free,
        "losses": swing < min(
            limits.daily_loss_max, limits.strategy_daily_loss_max, limits.day_drawdown_max, limits.drawdown_max,
            limits.profit_lock_from,
        ),
        "counts of a day": _most(orders, DAY_NS, day_max) < day_max,
        "counts of a minute": _most(orders, MINUTE, minute_max) < minute_max,
        "open orders": len(found) < min(limits.open_orders, limits.open_orders_per_strategy),
    }  # fmt: skip
    reached = [name for name, fits in shared.items() if not fits]
    if reached:
        raise CompiledUnfit(f"several instruments may have shared a limit ({', '.join(reached)})")


def _entries_of(limits: RiskLimits, period: str) -> int:
    """Orders that entries may bring the counts of a period to."""
    return min(
        limits.entries_allowed(getattr(limits, f"orders_per_{period}")),
        limits.entries_allowed(getattr(limits, f"strategy_orders_per_{period}")),
    )


def _most(times: Ints, span: Nanos, enough: int) -> int:
    """The most of these instants that lie within so long, ends included; all of them where even they are not enough."""
    if len(times) < enough:
        return len(times)
    ordered = np.sort(times)
    return int((np.searchsorted(ordered, ordered + span, side="right") - np.arange(len(ordered))).max(initial=0))


def _merged(found: Sequence[Alone], cash: E4) -> Run:
    """Orders, fills and days in the order of the event engine."""
    orders, phases, numbers = [], [], []
    for where, each in enumerate(found):
        rows = each.orders.copy()
        rows[:, 1] = where
        orders.append(rows)
        phases.append(_phases(each))
        numbers.append(np.arange(len(rows)))
    table = np.concatenate(orders)
    offsets = np.cumsum([0, *(len(each) for each in orders)])
    rank = np.lexsort((np.concatenate(numbers), table[:, 1], np.concatenate(phases), table[:, 0]))
    place = np.empty(len(table), dtype=np.int64)
    place[rank] = np.arange(len(table))
    fills = []
    for where, each in enumerate(found):
        rows = each.fills.copy()
        rows[:, 0] = place[rows[:, 0] + offsets[where]]
        rows[:, 2] = where
        fills.append(rows)
    booked = np.concatenate(fills)
    within = np.concatenate([np.arange(len(each)) for each in fills])
    booked = booked[np.lexsort((within, booked[:, 2], booked[:, 1]))]
    return Run(
        order_rows(table[rank]),
        rows_of(FillRow, booked),
        tuple(_days(found, cash)),
        sum(each.decided for each in found),
    )


def _phases(each: Alone) -> Ints:
    """What comes first at one instant: levels that a close reaches, then decisions, then second steps at the open.

    A second step is the entry of a change of sides, made as its exit is filled.
    """
    filled = np.full(len(each.orders), -1, dtype=np.int64)
    filled[each.fills[:, 0]] = each.fills[:, 1]
    exits, times, reasons = each.orders[:, 3] != 0, each.orders[:, 0], each.orders[:, 4]
    phase = np.where(np.isin(reasons, (layout.STOP, layout.TRAIL, layout.TARGET)), 0, 1)
    phase[1:][(~exits[1:]) & exits[:-1] & (filled[:-1] == times[1:])] = 2
    return phase


def _days(found: Sequence[Alone], cash: E4) -> list[DayRow]:
    """A row for every day that any of them has; one without bars that day stands as it stood."""
    numbers = np.unique(np.concatenate([each.days[:, 0] for each in found]))
    total = np.zeros((len(numbers), 3), dtype=np.int64)
    for each in found:
        if not len(each.days):
            continue
        last = np.searchsorted(each.days[:, 0], numbers, side="right") - 1
        known = last >= 0
        total[known, :2] += each.days[last[known], 1:3] - cash
        today = np.searchsorted(numbers, each.days[:, 0])
        total[today, 2] += each.days[:, 3]
    return [
        DayRow(number, cash + settled, cash + equity, charges)
        for number, (settled, equity, charges) in zip(numbers.tolist(), total.tolist(), strict=True)
    ]
