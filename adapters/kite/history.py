"""Finished candles from Kite, in chunks below its limits of days per call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from adapters.kite import translate
from adapters.kite.broker import lax_decoder
from adapters.kite.money import exact, nearest
from adapters.kite.pacing import Endpoint
from adapters.kite.reading import Reader
from adapters.kite.rows import CandlesData
from domain.bars import Bar
from domain.errors import BrokerRefusal
from domain.ports import Clock
from domain.values import E4, SECOND, Instrument, Nanos

INTERVALS: Final[dict[int, tuple[str, int]]] = {
    60: ("minute", 60),
    120: ("2minute", 60),
    180: ("3minute", 100),
    240: ("4minute", 100),
    300: ("5minute", 100),
    600: ("10minute", 100),
    900: ("15minute", 200),
    1800: ("30minute", 200),
    3600: ("60minute", 400),
    86_400: ("day", 2000),
}
"""Seconds per bar: Kite's word, and the most days in one call (kite-facts 2.4)."""

DAY: Final[Nanos] = 86_400 * SECOND

_candles: Final = lax_decoder(CandlesData)


class KiteHistory:
    """`domain.ports.History`. `rounded` counts prices that were finer than 1/10,000 rupee, `duplicates` candles that
    came twice.

    Prices as traded are exact; prices adjusted for a corporate action may not be, and are rounded half to even: bars
    from history feed indicators only.
    """

    def __init__(self, reader: Reader, market_clock: Clock) -> None:
        self._reader = reader
        self._clock = market_clock
        self.rounded = 0
        self.duplicates = 0

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """Bars whose start lies in [start, end), oldest first, each once, those not over yet by the market clock left
        out. Raises BrokerRefusal for an interval that Kite does not have.
        """
        found = INTERVALS.get(interval_seconds)
        if found is None:
            known = ", ".join(str(seconds) for seconds in INTERVALS)
            raise BrokerRefusal(f"history has no bars of {interval_seconds} seconds, only of {known}")
        word, days_max = found
        bars: dict[Nanos, Bar] = {}
        for chunk_start, chunk_end in _chunks(start, end, days_max * DAY):
            for bar in self._chunk(instrument.token, word, interval_seconds, chunk_start, chunk_end):
                self.duplicates += bar.start in bars
                bars[bar.start] = bar
        now = self._clock.now_ns()
        return [bars[at] for at in sorted(bars) if start <= at < end and bars[at].end <= now]

    def close(self) -> None:
        """Give the HTTP session back."""
        self._reader.close()

    def _chunk(self, token: int, word: str, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        # `to` is inclusive at Kite, and whole seconds are all it knows: a `start` within a second asks from its
        # beginning, and `bars` cuts.
        query = (
            ("from", translate.stamp(start)),
            ("to", translate.stamp(end - 1)),
            ("continuous", "0"),
            ("oi", "0"),
        )

        def decoded(data: bytes) -> list[Bar]:
            return [
                Bar(
                    token,
                    interval_seconds,
                    translate.instant(stamp),
                    self._price(opening),
                    self._price(high),
                    self._price(low),
                    self._price(close),
                    volume,
                    backfilled=True,
                )
                for stamp, opening, high, low, close, volume in _candles.decode(data).candles
            ]

        return self._reader.get(
            f"/instruments/historical/{token}/{word}", decoded, endpoint=Endpoint.HISTORICAL, query=query
        )

    def _price(self, rupees: float) -> E4:
        try:
            return exact(rupees)
        except ValueError:
            self.rounded += 1
            return nearest(rupees)


def _chunks(start: Nanos, end: Nanos, longest: Nanos) -> Iterator[tuple[Nanos, Nanos]]:
    """[start, end) in pieces of at most `longest`."""
    while start < end:
        stop = min(end, start + longest)
        yield start, stop
        start = stop
