"""Round trips out of a run's fills, by the ledger's own rule."""

from __future__ import annotations

from collections.abc import Sequence

from domain.messages.journal import TradeBooked
from domain.portfolio.ledger import Ledger, RoundTrip, traded
from domain.values import Instrument, Product, Side
from research.records import Run
from research.settings import STRATEGY


def round_trips(run: Run, instruments: Sequence[Instrument], product: Product) -> tuple[RoundTrip, ...]:
    """Every round trip that ended, in that order. Gross: before charges."""
    ledgers = [
        Ledger(strategy=STRATEGY, instrument=each.key, token=each.token, product=product, multiplier=each.multiplier)
        for each in instruments
    ]
    found = []
    for number, fill in enumerate(run.fills):
        instrument = instruments[fill.where]
        trade = TradeBooked(
            trade_id=str(number),
            order_id=str(fill.order),
            tag="",
            strategy=STRATEGY,
            token=instrument.token,
            instrument=instrument.key,
            side=Side.BUY if fill.signed > 0 else Side.SELL,
            product=product,
            quantity=abs(fill.signed),
            price=fill.price,
            event_time=fill.time,
            booked_time=fill.time,
        )
        ledgers[fill.where], trip = traded(ledgers[fill.where], trade)
        if trip is not None:
            found.append(trip)
    return tuple(found)
