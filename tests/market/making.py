"""Prints, packets and bars for the tests of market data: one ordinary Friday on the NSE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from domain.bars import Bar
from domain.market.bar_builder import BarBuilder
from domain.market.buckets import Hours
from domain.messages.market import HistoryLoaded, LoadHistory, TickBatch
from domain.ticks import MODE_FULL, TICK_DTYPE, TickRows
from domain.values import SECOND, Nanos

OPENS = 1_795_146_300
"""2026-11-20 09:15:00 IST."""

CLOSES = OPENS + 6 * 3_600
DAY = Hours(OPENS, CLOSES)
INFY = 408_065
SBIN = 779_521


class Print(NamedTuple):
    """One trade: seconds after the open, price, quantity."""

    second: int
    price: int
    quantity: int


class Packet(NamedTuple):
    """One tick packet as the wire carries it, seconds since 1970."""

    token: int
    price: int
    quantity: int
    volume: int
    traded: int
    exchange: int


def packets(prints: Sequence[Print], token: int = INFY) -> list[Packet]:
    """One packet per print, with the day's running volume."""
    volume = 0
    made = []
    for second, price, quantity in prints:
        volume += quantity
        made.append(Packet(token, price, quantity, volume, OPENS + second, OPENS + second))
    return made


def rows(sent: Sequence[Packet]) -> TickRows:
    """The packets as a decoded frame."""
    made = np.zeros(len(sent), dtype=TICK_DTYPE)
    for row, packet in zip(made, sent, strict=True):
        row["token"] = packet.token
        row["mode"] = MODE_FULL
        row["last_price"] = packet.price
        row["last_quantity"] = packet.quantity
        row["volume"] = packet.volume
        row["last_trade_time"] = packet.traded
        row["exchange_time"] = packet.exchange
        row["bids"][0]["price"] = packet.price - 500
        row["asks"][0]["price"] = packet.price + 500
    return made


def batch(sent: Sequence[Packet], epoch: int = 1) -> TickBatch:
    """A frame received as its last packet was made."""
    received = max(packet.exchange for packet in sent) * SECOND
    return TickBatch(epoch=epoch, rows=rows(sent), received_time=received)


def feed(builder: BarBuilder, sent: Sequence[Packet]) -> list[Bar]:
    """Packets into a builder; what closed."""
    closed = (
        builder.tick(packet.price, packet.quantity, packet.volume, packet.traded, packet.exchange) for packet in sent
    )
    return [bar for bar in closed if bar is not None]


def aggregates(prints: Sequence[Print], token: int = INFY, interval: int = 60) -> list[Bar]:
    """The bars of the prints, made the plain way: what history says."""
    buckets: dict[int, list[Print]] = {}
    for each in prints:
        buckets.setdefault(each.second // interval, []).append(each)
    return [
        Bar(
            token=token,
            interval_seconds=interval,
            start=(OPENS + number * interval) * SECOND,
            open=group[0].price,
            high=max(each.price for each in group),
            low=min(each.price for each in group),
            close=group[-1].price,
            volume=sum(each.quantity for each in group),
        )
        for number, group in sorted(buckets.items())
    ]


class OneDay:
    """Sessions: 09:15 to 15:15 on that Friday, and on every day before it."""

    def today(self, token: int, now: Nanos) -> Hours:
        days = (now // SECOND - (OPENS - 33_300)) // 86_400
        return Hours(OPENS + days * 86_400, CLOSES + days * 86_400)

    def back(self, token: int, now: Nanos) -> Iterator[Hours]:
        for days in range(100):
            yield self.today(token, now - days * 86_400 * SECOND)


def answer(command: LoadHistory, bars: Sequence[Bar], error: str = "") -> HistoryLoaded:
    """What the history worker would say."""
    return HistoryLoaded(
        token=command.token,
        interval_seconds=command.interval_seconds,
        start=command.start,
        bars=tuple(bar for bar in bars if command.start <= bar.start < command.end),
        error=error,
    )
