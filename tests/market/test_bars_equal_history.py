"""A whole day of the sandbox's tape, packet for packet: the bars built from it are the sandbox's own history."""

from __future__ import annotations

import datetime as dt

import pytest

from domain.bars import Bar
from domain.calendar import SessionCalendar
from domain.market.bar_builder import BarBuilder
from domain.market.buckets import Hours
from domain.values import SECOND, SessionClass
from sandbox.instruments import Universe
from sandbox.tape import Market

FRIDAY = dt.date(2026, 11, 20)


@pytest.mark.parametrize(
    ("key", "session"),
    [
        ("NSE:INFY", SessionClass.EQUITY_AUCTION),
        ("NSE:SBIN", SessionClass.EQUITY_AUCTION),
        ("NSE:NIFTY 50", SessionClass.INDEX),
    ],
)
def test_a_day_of_ticks_gives_the_day_of_history(key: str, session: SessionClass) -> None:
    instrument = Universe(FRIDAY).find(key)
    assert instrument is not None
    tape = Market(seed=7).tape(instrument, FRIDAY)
    hours = Hours.of(SessionCalendar().hours(FRIDAY, session))
    opens = tape.open_ns // SECOND
    builder = BarBuilder(instrument.token, 60, hours)
    bars: list[Bar] = []

    # An index has no volume that could tell whether its first packet is its first: it was there before the open.
    builder.tick(tape.previous_close, 0, 0, 0 if instrument.is_index else opens - 60, opens - 60)
    columns = (tape.second.tolist(), tape.price.tolist(), tape.quantity.tolist(), tape.volume.tolist())
    for second, price, quantity, volume in zip(*columns, strict=True):
        now = opens + second
        if instrument.is_index:
            closed = builder.tick(price, 0, 0, 0, now)
        else:
            closed = builder.tick(price, quantity, volume, now, now)
        if closed is not None:
            bars.append(closed)
    last = builder.close_until(hours.closes)
    assert last is not None
    bars.append(last)

    history = [
        Bar(instrument.token, 60, tape.open_ns + minute * 60 * SECOND, o, h, low, c, 0 if instrument.is_index else v)
        for minute, o, h, low, c, v, _ in tape.minute_bars().tolist()
    ]
    assert bars == history
    assert len(bars) > 300
