"""A traded day beside the same day in the backtester: what each fill's difference is due to.

A difference is what live paid more (or got less) than the backtest, in money. It is split without a rest:

    data       live decided on another price than the backtest's bar shows
    latency    the market moved between the decision and the order's approval (middle of the best prices then)
    slippage   from there to the fill
    model      less what the backtest's fill model charged beyond its own decision price

What one of the two ordered alone is a missed or an extra signal. Charges are compared for the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from domain.messages.journal import IntentAccepted, JournalEvent, TradeBooked
from domain.values import E4, SECOND, Nanos

if TYPE_CHECKING:
    from research.data.candles import Candles
    from research.records import Run


class Ordered(Struct, frozen=True):
    """One order of either side, filled or not.

    time       of the decision: the end of its bar
    signed     units wanted
    filled     units filled, signed; price: their average, reference: what was decided on, arrival: the market then
    """

    instrument: str
    time: Nanos
    signed: int
    reduce_only: bool
    filled: int
    price: float
    reference: float
    arrival: float = 0.0


class FillDifference(Struct, frozen=True):
    """One order that both made. Money in 1/10,000 rupee, above 0 where live did worse; the parts add up to `total`."""

    instrument: str
    time: Nanos
    quantity: int
    total: float
    data: float
    latency: float
    slippage: float
    model: float
    late_seconds: float


class Parity(Struct, frozen=True):
    """The day. missed: the backtest ordered and live did not; extra: the contrary."""

    matched: tuple[FillDifference, ...]
    missed: tuple[Ordered, ...]
    extra: tuple[Ordered, ...]
    charges_live: E4
    charges_backtest: E4

    @property
    def line(self) -> str:
        """In one line."""
        parts = {name: sum(getattr(each, name) for each in self.matched) / 10_000 for name in _PARTS}
        said = ", ".join(f"{name} {value:+.2f}" for name, value in parts.items())
        return (
            f"parity: {len(self.matched)} orders in both, {len(self.missed)} missed, {len(self.extra)} extra; "
            f"live paid {said}, cost {(self.charges_live - self.charges_backtest) / 10_000:+.2f}"
        )


_PARTS = ("total", "data", "latency", "slippage", "model")


def live_orders(events: Iterable[JournalEvent], strategy: str, interval_seconds: int) -> list[Ordered]:
    """The strategy's orders of a journal's events, in order of decision."""
    accepted: dict[str, IntentAccepted] = {}
    trades: dict[str, list[TradeBooked]] = {}
    for event in events:
        if isinstance(event, IntentAccepted) and event.intent.strategy == strategy:
            accepted[event.tag] = event
        elif isinstance(event, TradeBooked) and event.tag in accepted:
            trades.setdefault(event.tag, []).append(event)
    found = []
    for tag, each in accepted.items():
        intent, mine = each.intent, trades.get(tag, [])
        units = sum(trade.quantity for trade in mine)
        value = sum(trade.quantity * trade.price for trade in mine)
        arrival = (each.bid + each.ask) / 2 if each.bid and each.ask else float(intent.reference_price)
        # A decision on a bar bears the bar's start; one on a price bears the price's own second.
        on_bar = intent.event_time % (interval_seconds * SECOND) == 0 and intent.reason in {"entry", "exit"}
        found.append(
            Ordered(
                instrument=intent.instrument,
                time=intent.event_time + (interval_seconds * SECOND if on_bar else 0),
                signed=intent.side.sign * intent.quantity,
                reduce_only=intent.reduce_only,
                filled=intent.side.sign * units,
                price=value / units if units else 0.0,
                reference=float(intent.reference_price),
                arrival=arrival,
            )
        )
    return sorted(found, key=lambda one: one.time)


def backtest_orders(run: Run, series: Sequence[Candles], first: Nanos) -> list[Ordered]:
    """The orders of a run from that instant on."""
    fills: dict[int, list[tuple[int, int]]] = {}
    for fill in run.fills:
        fills.setdefault(fill.order, []).append((fill.signed, fill.price))
    found = []
    for number, order in enumerate(run.orders):
        if order.time < first:
            continue
        candles, mine = series[order.where], fills.get(number, [])
        units = sum(signed for signed, _ in mine)
        at = int(np.searchsorted(candles.start + candles.interval, order.time, side="right")) - 1
        reference = float(candles.close[at]) if at >= 0 else 0.0
        found.append(
            Ordered(
                instrument=candles.instrument.key,
                time=order.time,
                signed=order.signed,
                reduce_only=order.reduce_only,
                filled=units,
                price=sum(signed * price for signed, price in mine) / units if units else 0.0,
                reference=reference,
            )
        )
    return found


def compare(
    live: Sequence[Ordered],
    past: Sequence[Ordered],
    interval_seconds: int,
    charges: tuple[E4, E4] = (0, 0),
    sent: Mapping[int, Nanos] | None = None,
) -> Parity:
    """Pair orders of the same instrument, side and purpose within a bar of each other, the nearest first in time.

    charges  live's, and the backtest's
    sent     index of a live order -> when its first fill was
    """
    reach = interval_seconds * SECOND
    free = list(range(len(past)))
    matched, extra = [], []
    for number, one in enumerate(live):
        fitting = [
            at
            for at in free
            if past[at].instrument == one.instrument
            and (past[at].signed > 0) == (one.signed > 0)
            and past[at].reduce_only == one.reduce_only
            and abs(past[at].time - one.time) <= reach
        ]
        if not fitting:
            extra.append(one)
            continue
        at = min(fitting, key=lambda index: (abs(past[index].time - one.time), index))
        free.remove(at)
        late = 0.0 if sent is None or number not in sent else (sent[number] - one.time) / SECOND
        if one.filled and past[at].filled:
            matched.append(_difference(one, past[at], late))
    return Parity(tuple(matched), tuple(past[at] for at in free), tuple(extra), *charges)


def _difference(live: Ordered, past: Ordered, late_seconds: float) -> FillDifference:
    units = min(abs(live.filled), abs(past.filled))
    signed = units if live.filled > 0 else -units
    return FillDifference(
        instrument=live.instrument,
        time=live.time,
        quantity=units,
        total=signed * (live.price - past.price),
        data=signed * (live.reference - past.reference),
        latency=signed * (live.arrival - live.reference),
        slippage=signed * (live.price - live.arrival),
        model=-signed * (past.price - past.reference),
        late_seconds=late_seconds,
    )
