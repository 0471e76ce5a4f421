"""Which contract: near, next, monthly, and when to roll."""

from __future__ import annotations

import datetime as dt

import pytest

from domain.market.contracts import FUTURES, OPTIONS, Roll, contracts, expiries, future_of, pick
from domain.values import Instrument, InstrumentKind

D = dt.date
WEEKLY = (D(2026, 11, 24), D(2026, 12, 1), D(2026, 12, 8), D(2026, 12, 29), D(2027, 1, 26))


@pytest.mark.parametrize(
    ("roll", "day", "days_before", "expected"),
    [
        (Roll.NEAREST, D(2026, 11, 23), 0, D(2026, 11, 24)),
        (Roll.NEAREST, D(2026, 11, 24), 0, D(2026, 11, 24)),
        (Roll.NEAREST, D(2026, 11, 25), 0, D(2026, 12, 1)),
        (Roll.NEAREST, D(2026, 11, 23), 2, D(2026, 12, 1)),
        (Roll.NEXT, D(2026, 11, 23), 0, D(2026, 12, 1)),
        (Roll.NEXT, D(2026, 12, 30), 0, None),
        (Roll.MONTHLY, D(2026, 11, 23), 0, D(2026, 11, 24)),
        (Roll.MONTHLY, D(2026, 11, 25), 0, D(2026, 12, 29)),
        (Roll.MONTHLY, D(2026, 12, 29), 1, D(2027, 1, 26)),
        (Roll.NEAREST, D(2027, 1, 27), 0, None),
    ],
)
def test_the_expiry_of_a_day(roll: Roll, day: dt.date, days_before: int, expected: dt.date | None) -> None:
    assert pick(tuple(reversed(WEEKLY)), roll, day, days_before) == expected


def a_contract(token: int, kind: InstrumentKind, expiry: dt.date, strike: int = 0, name: str = "NIFTY") -> Instrument:
    return Instrument(token, "NFO", f"{name}{token}", kind, 500, lot_size=75, name=name, expiry=expiry, strike=strike)


def test_futures_and_options_of_a_name() -> None:
    listed = [
        a_contract(1, InstrumentKind.FUTURE, WEEKLY[3]),
        a_contract(2, InstrumentKind.FUTURE, WEEKLY[0]),
        a_contract(3, InstrumentKind.CALL, WEEKLY[0], 2),
        a_contract(4, InstrumentKind.PUT, WEEKLY[0], 1),
        a_contract(5, InstrumentKind.FUTURE, WEEKLY[0], name="BANKNIFTY"),
    ]
    assert [each.token for each in contracts(listed, "NFO", "NIFTY", OPTIONS)] == [4, 3]
    assert expiries(contracts(listed, "NFO", "NIFTY", FUTURES)) == (WEEKLY[0], WEEKLY[3])
    near, far = (future_of(listed, "NFO", "NIFTY", D(2026, 11, 20), roll) for roll in (Roll.NEAREST, Roll.NEXT))
    assert (near and near.token, far and far.token) == (2, 1)
    assert future_of(listed, "BFO", "NIFTY", D(2026, 11, 20)) is None
