"""A traded day beside the same day in the backtester: what each fill's difference is due to.

A difference is what live paid more (or got less) than the backtest, in money. It is split without a rest:

    data       live decided on another price than the backtest's bar shows
    latency    the market moved between the decision and the order's approval (middle of the best prices then)
    slippage   from there to the fill
    model      less what the backtest's fill model charged beyond its own decision price

What one of the two ordered alone is a missed or an extra signal: its units, and those that one of the two filled alone,
are worth what they made until the day's last price. With the charges of the day, all of it adds up to the difference of
the two net results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from domain.messages.journal import IntentAccepted, JournalEvent, TradeBooked
from domain.parity import CAUSES, DayParity
from domain.values import E4, PAISA, SECOND, Nanos
from research.records import Outcome

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


class Parity(Struct, frozen=True):
    """One strategy's day. missed: the backtest ordered and live did not; extra: the contrary.

    both        orders that both made, filled or not; those that both filled stand in `matched`
    missed_made what the backtest made with units that live did not have, less the contrary, in 1/10,000 rupee
    """

    matched: tuple[FillDifference, ...]
    missed: tuple[Ordered, ...]
    extra: tuple[Ordered, ...]
    charges_live: E4
    charges_backtest: E4
    both: int = 0
    missed_made: float = 0.0

    def parts(self) -> dict[str, float]:
        """By cause, above 0 where live made less."""
        found = {name: sum(getattr(each, name) for each in self.matched) for name in _SPLIT}
        found["cost"] = self.charges_live - self.charges_backtest
        found["missed"] = self.missed_made
        return found


_SPLIT: Final = ("data", "latency", "slippage", "model")


def in_one(day: str, strategies: Iterable[Parity], left_out: Iterable[tuple[str, str]] = ()) -> DayParity:
    """The day of several strategies in one line's figures, each rounded to a paisa."""
    each = tuple(strategies)
    parts = [one.parts() for one in each]
    return DayParity(
        day=day,
        matched=sum(one.both for one in each),
        missed=sum(len(one.missed) for one in each),
        added=sum(len(one.extra) for one in each),
        parts=tuple((cause, PAISA * round(sum(one[cause] for one in parts) / PAISA)) for cause in CAUSES),
        left_out=tuple(left_out),
    )


def live_orders(events: Iterable[JournalEvent], strategy: str, interval_seconds: int) -> list[Ordered]:
    """The strategy's decisions of a journal's events, in order of time: what was cut into slices, or worked in parts,
    is one. What only rested to protect a position, and was never reached, is none. A trade that nobody here ordered,
    such as the broker's square-off, stands for a decision of its own, at its own price.
    """
    accepted: dict[str, IntentAccepted] = {}
    parts: dict[str, list[str]] = {}
    trades: dict[str, list[TradeBooked]] = {}
    for event in events:
        if isinstance(event, IntentAccepted) and event.intent.strategy == strategy:
            accepted[event.tag] = event
            whole = event.intent.slice_of or event.intent.parent or event.intent.intent_id
            parts.setdefault(whole, []).append(event.tag)
        elif isinstance(event, TradeBooked) and event.strategy == strategy:
            trades.setdefault(event.tag, []).append(event)
    found = [
        Ordered(
            instrument=trade.instrument,
            time=trade.event_time,
            signed=trade.side.sign * trade.quantity,
            reduce_only=True,
            filled=trade.side.sign * trade.quantity,
            price=float(trade.price),
            reference=float(trade.price),
            arrival=float(trade.price),
        )
        for tag, made in trades.items()
        if tag not in accepted
        for trade in made
    ]
    for tags in parts.values():
        each = accepted[tags[0]]
        intent, mine = each.intent, [trade for tag in tags for trade in trades.get(tag, [])]
        units = sum(trade.quantity for trade in mine)
        if intent.protective and not units:
            continue
        value = sum(trade.quantity * trade.price for trade in mine)
        arrival = (each.bid + each.ask) / 2 if each.bid and each.ask else float(intent.reference_price)
        # A decision on a bar bears the bar's start; one on a price bears the price's own second.
        on_bar = intent.event_time % (interval_seconds * SECOND) == 0 and intent.reason.partition(" [")[0] in _ON_BARS
        found.append(
            Ordered(
                instrument=intent.instrument,
                time=intent.event_time + (interval_seconds * SECOND if on_bar else 0),
                signed=intent.side.sign * sum(accepted[tag].intent.quantity for tag in tags),
                reduce_only=intent.reduce_only,
                filled=intent.side.sign * units,
                price=value / units if units else 0.0,
                reference=float(intent.reference_price),
                arrival=arrival,
            )
        )
    return sorted(found, key=lambda one: one.time)


_ON_BARS: Final = frozenset({"entry", "exit"})


def backtest_orders(run: Run, series: Sequence[Candles], first: Nanos) -> list[Ordered]:
    """The orders of a run from that instant on; what was denied is none, as the journal has none of it."""
    fills: dict[int, list[tuple[int, int]]] = {}
    for fill in run.fills:
        fills.setdefault(fill.order, []).append((fill.signed, fill.price))
    found = []
    for number, order in enumerate(run.orders):
        if order.time < first or order.outcome == Outcome.DENIED:
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
    *,
    closes: Mapping[str, float] | None = None,
    multipliers: Mapping[str, int] | None = None,
) -> Parity:
    """Pair orders of the same instrument, side and purpose within a bar of each other, the nearest first in time.

    charges      live's, and the backtest's
    closes       the day's last price by instrument; units of one side alone of any other are worth nothing
    multipliers  rupees of value per unit and rupee of price by instrument; 1 for any other
    """
    reach = interval_seconds * SECOND
    free = list(range(len(past)))
    worth, last = multipliers or {}, closes or {}
    matched, extra = [], []
    both, alone = 0, 0.0

    def made(one: Ordered, signed: int) -> float:
        return signed * (last.get(one.instrument, one.price) - one.price) * worth.get(one.instrument, 1)

    for one in live:
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
            alone -= made(one, one.filled)
            continue
        at = min(fitting, key=lambda index: (abs(past[index].time - one.time), index))
        free.remove(at)
        both += 1
        other = past[at]
        shared = min(abs(one.filled), abs(other.filled)) * (1 if one.signed > 0 else -1)
        alone += made(other, other.filled - shared) - made(one, one.filled - shared)
        if shared:
            matched.append(_difference(one, other, shared, worth.get(one.instrument, 1)))
    missed = tuple(past[at] for at in free)
    alone += sum(made(other, other.filled) for other in missed)
    return Parity(tuple(matched), missed, tuple(extra), *charges, both=both, missed_made=alone)


def _difference(live: Ordered, past: Ordered, signed: int, multiplier: int) -> FillDifference:
    worth = signed * multiplier
    return FillDifference(
        instrument=live.instrument,
        time=live.time,
        quantity=abs(signed),
        total=worth * (live.price - past.price),
        data=worth * (live.reference - past.reference),
        latency=worth * (live.arrival - live.reference),
        slippage=worth * (live.price - live.arrival),
        model=-worth * (past.price - past.reference),
    )
