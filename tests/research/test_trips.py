"""Round trips of a run are those of the ledger that trading keeps."""

from __future__ import annotations

import random

from domain.messages.journal import TradeBooked
from domain.portfolio.ledger import Ledger, RoundTrip, traded
from domain.values import Instrument, InstrumentKind, Product, Side
from research.records import FillRow, Run
from research.settings import STRATEGY
from research.trips import round_trips


def test_trips_are_the_ledgers() -> None:
    draw = random.Random(3)
    share = Instrument(token=1, exchange="NSE", symbol="A", kind=InstrumentKind.EQUITY, tick_size=5)
    future = Instrument(token=2, exchange="NFO", symbol="B", kind=InstrumentKind.FUTURE, tick_size=5, multiplier=7)
    instruments = (share, future)
    fills = tuple(
        FillRow(at, at * 10, draw.randrange(2), draw.choice((-3, -2, -1, 1, 2, 3)), draw.randrange(90, 110) * 10_000)
        for at in range(3_000)
    )

    ledgers = [
        Ledger(
            strategy=STRATEGY, instrument=each.key, token=each.token, product=Product.MIS, multiplier=each.multiplier
        )
        for each in instruments
    ]
    wanted: list[RoundTrip] = []
    for fill in fills:
        trade = TradeBooked(
            trade_id=str(fill.order),
            order_id=str(fill.order),
            tag="",
            strategy=STRATEGY,
            token=instruments[fill.where].token,
            instrument=instruments[fill.where].key,
            side=Side.BUY if fill.signed > 0 else Side.SELL,
            product=Product.MIS,
            quantity=abs(fill.signed),
            price=fill.price,
            event_time=fill.time,
            booked_time=fill.time,
        )
        ledgers[fill.where], trip = traded(ledgers[fill.where], trade)
        if trip is not None:
            wanted.append(trip)

    assert len(wanted) > 50
    assert round_trips(Run((), fills, (), 0), instruments, Product.MIS) == tuple(wanted)
