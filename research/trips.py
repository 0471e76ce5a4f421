"""Round trips out of a run's fills: the rule of `domain.portfolio.ledger.traded`, without a ledger's other figures."""

from __future__ import annotations

from collections.abc import Sequence

from domain.portfolio.ledger import RoundTrip
from domain.portfolio.lots import Lot, match
from domain.values import E4, Instrument, Nanos, Product, Side
from research.records import Run
from research.settings import STRATEGY


def round_trips(run: Run, instruments: Sequence[Instrument], product: Product) -> tuple[RoundTrip, ...]:
    """Every round trip that ended, in that order. Gross: before charges."""
    lines = [_Line(each, product) for each in instruments]
    found = []
    for fill in run.fills:
        trip = lines[fill.where].traded(fill.signed, fill.price, fill.time)
        if trip is not None:
            found.append(trip)
    return tuple(found)


class _Line:
    """What is held of one instrument, and the trip that it is on."""

    def __init__(self, instrument: Instrument, product: Product) -> None:
        self._instrument = instrument
        self._product = product
        self._lots: tuple[Lot, ...] = ()
        self._held = self._largest = 0
        self._opened: Nanos = 0
        self._gross: E4 = 0

    def traded(self, signed: int, price: E4, time: Nanos) -> RoundTrip | None:
        """After one fill: the trip that it ended, if it ended one."""
        before = self._held
        after = self._held = before + signed
        if before == 0:
            self._lots = (Lot(signed, price),)
            self._opened, self._largest, self._gross = time, abs(after), 0
            return None
        matched = match(self._lots, signed, price)
        self._lots = matched.lots
        gross = self._gross + matched.realised * self._instrument.multiplier
        if after and (after > 0) == (before > 0):
            self._largest, self._gross = max(self._largest, abs(after)), gross
            return None
        trip = RoundTrip(
            strategy=STRATEGY,
            instrument=self._instrument.key,
            product=self._product,
            side=Side.BUY if before > 0 else Side.SELL,
            quantity=self._largest,
            opened=self._opened,
            closed=time,
            gross=gross,
        )
        self._opened, self._largest, self._gross = time, abs(after), 0
        return trip
