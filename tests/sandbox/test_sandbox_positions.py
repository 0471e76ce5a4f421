"""The formulas of a position row (kite-facts 2.3)."""

import pytest

from sandbox.instruments import Universe
from sandbox.portfolio import Position, margin_for
from tests.sandbox.desk import FRIDAY, RUPEE

UNIVERSE = Universe(FRIDAY)
INFY = UNIVERSE.by_key["NSE:INFY"]


def a_position(*, overnight: int = 0, cost: int = 0, close: int = 0, buys: int = 0, sells: int = 0) -> Position:
    """Buys at 100 rupees, sales at 110."""
    return Position(
        INFY,
        "MIS",
        overnight,
        overnight * cost * RUPEE,
        close * RUPEE,
        buys,
        buys * 100 * RUPEE,
        sells,
        sells * 110 * RUPEE,
    )


@pytest.mark.parametrize(
    ("position", "quantity", "average", "value", "pnl", "m2m"),
    [
        (a_position(buys=10), 10, 100, -1000, 50, 50),
        (a_position(sells=10), -10, 110, 1100, 50, 50),
        (a_position(buys=10, sells=10), 0, 0, 100, 100, 100),
        (a_position(buys=10, sells=4), 6, 100, -560, 70, 70),
        (a_position(overnight=10, cost=90, close=95), 10, 90, -900, 150, 100),
        (a_position(overnight=-10, cost=120, close=115), -10, 120, 1200, 150, 100),
        (a_position(overnight=10, cost=90, close=95, sells=10), 0, 0, 200, 200, 150),
        (a_position(overnight=10, cost=90, close=95, buys=10), 20, 95, -1900, 200, 150),
    ],
)
def test_rows(position: Position, quantity: int, average: float, value: float, pnl: float, m2m: float) -> None:
    """At a last price of 105."""
    row = position.row(105 * RUPEE)

    assert [row[name] for name in ("quantity", "average_price", "value", "pnl", "m2m")] == [
        quantity,
        average,
        value,
        pnl,
        m2m,
    ]
    assert (row["unrealised"], row["realised"]) == (pnl, 0)


def test_the_days_row_leaves_out_what_was_carried() -> None:
    row = a_position(overnight=10, cost=90, close=95, buys=5).row(105 * RUPEE, day_only=True)

    assert (row["quantity"], row["overnight_quantity"], row["buy_value"]) == (5, 0, 500)


def test_quantities_are_integers_on_the_wire() -> None:
    row = a_position(buys=10, sells=4).row(105 * RUPEE)

    assert all(type(row[name]) is int for name in row if name.endswith("quantity"))


@pytest.mark.parametrize(
    ("key", "product", "percent"),
    [
        ("NSE:INFY", "MIS", 20),
        ("NSE:INFY", "CNC", 100),
        ("NFO:INFY26DECFUT", "NRML", 18),
        ("NFO:NIFTY26DECFUT", "MIS", 12),
    ],
)
def test_margin_rates(key: str, product: str, percent: int) -> None:
    assert margin_for(UNIVERSE.by_key[key], product, 1_000_000).total == 10_000 * percent
