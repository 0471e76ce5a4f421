"""How well an order was carried out: when each station was reached, and what its fills cost beyond two prices. Pure.

Slippage is told in 1/100 percent (basis points): against the price that the decision was made at, and against the
middle of bid and ask when the order was approved, its arrival in the market. Above zero: paid away.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.journal import (
    FillSeen,
    IntentAccepted,
    JournalEvent,
    OrderAcknowledged,
    SendingClaimed,
    TradeBooked,
)
from domain.values import E4, Nanos, Side

STATIONS: Final = ("decided", "approved", "journaled", "sent", "acknowledged", "exchange", "first_fill", "last_fill")
"""The times, in the order in which they are usually reached."""


class Quality(Struct, frozen=True):
    """Market times in nanoseconds UTC, 0 where a station was not reached or is not known.

    sent       claimed: from here on the request may have left
    exchange   the first time that the exchange, or the broker, put on an update; whole seconds
    first_fill, last_fill  exchange times; whole seconds
    filled, value  units, and what they were traded for
    reference  what the decision was made at; bid, ask: at the approval; 0: unknown
    """

    side: Side
    reference: E4
    bid: E4 = 0
    ask: E4 = 0
    decided: Nanos = 0
    approved: Nanos = 0
    journaled: Nanos = 0
    sent: Nanos = 0
    acknowledged: Nanos = 0
    exchange: Nanos = 0
    first_fill: Nanos = 0
    last_fill: Nanos = 0
    filled: int = 0
    value: E4 = 0

    @property
    def slippage_bps(self) -> Fraction | None:
        """Against the decision's price; None without fills, or without that price."""
        return self._beyond(Fraction(self.reference))

    @property
    def arrival_bps(self) -> Fraction | None:
        """Against the middle of bid and ask; None without fills, or where one of them was not known."""
        return self._beyond(Fraction(self.bid + self.ask, 2)) if self.bid and self.ask else None

    def took(self, start: str, end: str) -> Nanos | None:
        """From one station to another, never below zero (exchange times are whole seconds); None: not reached."""
        began, ended = getattr(self, start), getattr(self, end)
        return max(ended - began, 0) if began and ended else None

    def _beyond(self, price: Fraction) -> Fraction | None:
        if not self.filled or price <= 0:
            return None
        return self.side.sign * (Fraction(self.value, self.filled) - price) * 10_000 / price


def follow(before: Quality | None, event: JournalEvent) -> Quality | None:
    """The order's quality after one more of its events; None before the first."""
    if isinstance(event, IntentAccepted):
        intent = event.intent
        return Quality(
            side=event.order.side,
            reference=intent.reference_price,
            bid=event.bid,
            ask=event.ask,
            decided=intent.decided_time,
            approved=event.approved_time,
            journaled=event.time,
        )
    if before is None:
        return None
    match event:
        case SendingClaimed(time=time):
            return replace(before, sent=before.sent or time)
        case OrderAcknowledged(time=time):
            return replace(before, acknowledged=before.acknowledged or time)
        case FillSeen(event_time=time) if time:
            return replace(before, exchange=min(before.exchange or time, time))
        case TradeBooked(event_time=time, quantity=quantity, price=price):
            return replace(
                before,
                first_fill=min(before.first_fill or time, time),
                last_fill=max(before.last_fill, time),
                filled=before.filled + quantity,
                value=before.value + quantity * price,
            )
        case _:
            return before


class Execution(Struct, frozen=True):
    """Many orders together. bps weighted by what was traded; medians in nanoseconds of market time. None: not known."""

    filled: int
    slippage_bps: Fraction | None
    arrival_bps: Fraction | None
    decided_to_sent: Nanos | None
    sent_to_acknowledged: Nanos | None
    decided_to_filled: Nanos | None


def together(qualities: Iterable[Quality]) -> Execution:
    """The orders of a day, or of a strategy."""
    found = tuple(qualities)
    return Execution(
        filled=sum(each.filled > 0 for each in found),
        slippage_bps=_weighted((each.slippage_bps, each.value) for each in found),
        arrival_bps=_weighted((each.arrival_bps, each.value) for each in found),
        decided_to_sent=_median(each.took("decided", "sent") for each in found),
        sent_to_acknowledged=_median(each.took("sent", "acknowledged") for each in found),
        decided_to_filled=_median(each.took("decided", "last_fill") for each in found),
    )


def _weighted(figures: Iterable[tuple[Fraction | None, E4]]) -> Fraction | None:
    known = [(bps, value) for bps, value in figures if bps is not None]
    whole = sum(value for _, value in known)
    return sum((bps * value for bps, value in known), Fraction(0)) / whole if whole else None


def _median(spans: Iterable[Nanos | None]) -> Nanos | None:
    known = sorted(span for span in spans if span is not None)
    return known[len(known) // 2] if known else None
