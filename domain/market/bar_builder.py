"""Bars from ticks, for one instrument and interval.

A tick packet is a snapshot: last price, the second of the last trade, the day's running volume. It holds a new *print*
when volume or trade second moved; the same packet again (a repeated snapshot after subscribing, a quote change) holds
none. A print belongs to the bar of its own trade second, so bars equal the broker's history, which aggregates the same
prints. What a snapshot skipped between two packets shows in the volume and not in high and low: the broker's own
limit.

A bar closes at the first of: a print of a later bar; an exchange time of this instrument at or past its end; the
shard's watermark past its end (`close_until`); the clock (`close_until` too). It is never opened again: a late print
is counted and left out, and its volume with it. An interval without prints has no bar, as in the history.

Indices have no volume and no trade time: there a print is a packet with a newer exchange time or another price.
"""

from __future__ import annotations

from domain.bars import Bar
from domain.market.buckets import NO_HOURS, Hours, bar_end, bar_start
from domain.values import E4, SECOND


class BarBuilder:
    """Feeds on one instrument's ticks and gives its closed bars. All times are seconds since 1970 UTC.

    After construction and after `gap` it is *interrupted*: prints may have been missed. The first tick that follows
    tells from when on bars are whole again (`whole_from`); bars that start before it are `complete=False`.
    """

    __slots__ = (
        "_bar_end",
        "_bar_start",
        "_close",
        "_close_at",
        "_closed_until",
        "_high",
        "_hours",
        "_low",
        "_open",
        "_price",
        "_second",
        "_volume",
        "_volume_seen",
        "interrupted",
        "interval_seconds",
        "late",
        "outside",
        "prints",
        "repeated",
        "token",
        "whole_from",
    )

    def __init__(self, token: int, interval_seconds: int, hours: Hours = NO_HOURS) -> None:
        self.token = token
        self.interval_seconds = interval_seconds
        self.prints = 0
        self.repeated = 0
        self.late = 0
        self.outside = 0
        self.new_session(hours)

    def new_session(self, hours: Hours) -> None:
        """Start over for a day's hours. An open bar of the former session must have been closed before."""
        self._hours = hours
        self._bar_end = 0  # 0: no bar is open
        self._bar_start = 0
        self._close_at = 0
        self._closed_until = 0
        self._open = self._high = self._low = self._close = self._volume = 0
        self._volume_seen = 0
        self._second = 0
        self._price = 0
        self.interrupted = True
        self.whole_from = 0

    @property
    def hours(self) -> Hours:
        """The session it builds for."""
        return self._hours

    def gap(self) -> None:
        """Ticks may be missing from here until the next one."""
        self.interrupted = True

    def tick(self, price: E4, last_quantity: int, volume: int, trade_second: int, exchange_second: int) -> Bar | None:
        """One packet; the bar that it closed, if it closed one.

        trade_second     0 for an index
        exchange_second  when the exchange made the packet; must not be 0
        """
        hours = self._hours
        second = trade_second or exchange_second
        if self.interrupted:
            self._resume(last_quantity, volume, second)
        if volume == self._volume_seen and second == self._second and (trade_second or price == self._price):
            self.repeated += 1
            return self.close_until(exchange_second)
        if not hours.opens <= second < hours.closes:
            self.outside += 1
            if second >= hours.midnight:
                self._volume_seen = max(volume, self._volume_seen)  # pre-open volume is no bar's
            return self.close_until(exchange_second)
        if second < self._second or volume < self._volume_seen or second < self._closed_until:
            self.late += 1
            self._volume_seen = max(volume, self._volume_seen)
            return self.close_until(exchange_second)
        closed = self.close_until(second)
        self._print(price, volume - self._volume_seen, second)
        self._volume_seen = volume
        self._second = second
        self._price = price
        if closed is None and exchange_second >= self._close_at:
            return self.close_until(exchange_second)
        return closed

    def close_until(self, second: int) -> Bar | None:
        """Close the open bar if it ends (or its session does) at or before the second."""
        if self._bar_end == 0 or second < self._close_at:
            return None
        # By place: thousands end in the same second, and names cost a third more.
        bar = Bar(
            self.token,
            self.interval_seconds,
            self._bar_start * SECOND,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            not self.interrupted and self._bar_start >= self.whole_from,
        )
        self._closed_until = self._bar_end
        self._bar_end = 0
        return bar

    def due(self, second: int) -> bool:
        """Whether the open bar is one that `close_until` would close."""
        return self._bar_end != 0 and second >= self._close_at

    def _print(self, price: E4, quantity: int, second: int) -> None:
        self.prints += 1
        if self._bar_end == 0:
            self._bar_start = bar_start(self._hours, self.interval_seconds, second)
            self._bar_end = self._bar_start + self.interval_seconds
            self._close_at = min(self._bar_end, self._hours.closes)
            self._open = self._high = self._low = self._close = price
            self._volume = quantity
            return
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume += quantity

    def _resume(self, last_quantity: int, volume: int, second: int) -> None:
        """The first packet after a start or a gap. It tells when the last print was: what follows it is not missed."""
        hours = self._hours
        self.interrupted = False
        if second < hours.opens:
            self.whole_from = hours.opens
        elif self._second == 0 and 0 < volume == last_quantity:
            # All that traded today is this one print: nothing was missed.
            self.whole_from = hours.opens
        elif not (self._second and volume == self._volume_seen and second == self._second and volume):
            # Something traded while we were away, up to this second: the bars after its own are whole.
            last = max(hours.opens, min(second, hours.closes - 1))
            self.whole_from = bar_end(hours, self.interval_seconds, last)
        if self._second == 0 and hours.opens <= second < hours.closes:
            self._volume_seen = max(0, volume - last_quantity)  # what traded earlier belongs to no bar of ours
