"""Seven ways to size a position: worked by hand, and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bars import Bar
from domain.risk.sizing import (
    AverageRange,
    EqualRisk,
    FixedQuantity,
    FixedValue,
    FractionalRisk,
    Kelly,
    PercentOfEquity,
    Situation,
    Sizing,
    VolatilityTarget,
    bars_needed,
    size,
)
from domain.values import MINUTE, RUPEE

LAKH = 100_000 * RUPEE


def now(**changes: int) -> Situation:
    """A share at Rs 500, Rs 1,00,000 of equity, an average range of Rs 5 a bar."""
    plain: dict[str, int] = {"price": 500 * RUPEE, "lot_size": 1, "equity": LAKH, "range": 5 * RUPEE}
    return Situation(**{**plain, **changes})


TABLE: list[tuple[str, Sizing, Situation, int]] = [
    ("as it is", FixedQuantity(7), now(), 7),
    ("10,000 at 500", FixedValue(10_000 * RUPEE), now(), 20),
    ("rounded down", FixedValue(10_499 * RUPEE), now(), 20),
    ("a tenth of 1,00,000 at 500", PercentOfEquity(10), now(), 20),
    ("a tenth of a per cent, exactly: 0.1 is a tenth", PercentOfEquity(0.1), now(price=100 * RUPEE), 1),
    ("losses make it smaller", PercentOfEquity(10), now(equity=LAKH // 2), 10),
    ("nothing left", PercentOfEquity(10), now(equity=-RUPEE), 0),
    ("1 % is 1,000; 5 a bar", VolatilityTarget(1), now(), 200),
    ("twice the range, half the size", VolatilityTarget(1), now(range=10 * RUPEE), 100),
    ("range not known yet", VolatilityTarget(1), now(range=0), 0),
    ("1,000 at risk, 2 % of 500 to the stop", FractionalRisk(1, 2), now(), 100),
    ("half Kelly of 0.6 - 0.4 / 2 = 0.4: 20 %", Kelly(0.6, 2), now(), 40),
    ("capped at 10 %", Kelly(0.6, 2, cap_percent=10), now(), 20),
    ("whole Kelly", Kelly(0.6, 2, fraction=1, cap_percent=100), now(), 80),
    ("no edge, no position", Kelly(0.5, 1), now(), 0),
    ("1 % of 4,00,000 among 4", EqualRisk(1, strategies=4, together=4 * LAKH), now(), 200),
    ("whole lots", PercentOfEquity(10), now(lot_size=15), 15),
    ("not even one lot", PercentOfEquity(10), now(lot_size=25), 0),
    ("a multiplier makes a unit dearer", PercentOfEquity(10), now(multiplier=10), 2),
    ("and its range", VolatilityTarget(1), now(multiplier=10), 20),
    ("never more than the capital buys", FixedQuantity(7), now(capital=2_400 * RUPEE), 4),
    ("no price", FixedQuantity(7), now(price=0), 0),
]


@pytest.mark.parametrize(("case", "sizing", "situation", "units"), TABLE, ids=[row[0] for row in TABLE])
def test_by_hand(case: str, sizing: Sizing, situation: Situation, units: int) -> None:
    sized = size(sizing, situation)

    assert sized.units == units, case
    assert sized.why, "explained"


def test_the_explanation_has_the_figures() -> None:
    sized = size(FractionalRisk(1, 2), now(lot_size=30, capital=40_000 * RUPEE))

    assert sized.why == "1 % of 100000.00 at risk, 2 % to the stop, capital 40000.00 buys 80, in lots of 30: 60"


SIZINGS = st.one_of(
    st.builds(FixedQuantity, st.integers(1, 10**6)),
    st.builds(FixedValue, st.integers(1, 10**12)),
    st.builds(PercentOfEquity, st.floats(0.001, 100)),
    st.builds(VolatilityTarget, st.floats(0.001, 100)),
    st.builds(FractionalRisk, st.floats(0.001, 100), st.floats(0.001, 100)),
    st.builds(Kelly, st.floats(0, 1), st.floats(0.01, 10), st.floats(0.01, 1), st.floats(0.01, 100)),
    st.builds(EqualRisk, st.floats(0.001, 100), st.integers(1, 20), st.integers(0, 10**12)),
)


@given(
    sizing=SIZINGS,
    price=st.integers(1, 10**9),
    lot=st.integers(1, 2000),
    multiplier=st.integers(1, 1000),
    capital=st.integers(1, 10**12),
    equity=st.integers(-(10**12), 10**12),
    bar_range=st.integers(0, 10**7),
)
def test_whole_lots_never_above_the_capital_and_never_negative(
    sizing: Sizing, price: int, lot: int, multiplier: int, capital: int, equity: int, bar_range: int
) -> None:
    units = size(
        sizing,
        Situation(price=price, lot_size=lot, multiplier=multiplier, capital=capital, equity=equity, range=bar_range),
    ).units

    assert units >= 0
    assert units % lot == 0
    assert units * price * multiplier <= capital


@given(sizing=st.builds(FractionalRisk, st.floats(0.01, 5), st.floats(0.5, 20)), price=st.integers(RUPEE, 10**8))
def test_at_the_stop_no_more_is_lost_than_was_put_at_risk(sizing: FractionalRisk, price: int) -> None:
    units = size(sizing, Situation(price=price, lot_size=1, equity=LAKH)).units

    assert units * price * sizing.stop_percent / 100 <= LAKH * sizing.percent / 100 * (1 + 1e-12)


def test_the_range_counts_gaps_and_waits_for_all_its_bars() -> None:
    average = AverageRange(3)
    bars = [(100, 103, 99, 102), (108, 110, 107, 109), (109, 110, 108, 110), (110, 110, 110, 110)]
    seen = []
    for number, prices in enumerate(bars):
        opened, high, low, close = (price * RUPEE for price in prices)
        average.push(Bar(1, 60, number * MINUTE, opened, high, low, close, 1))
        seen.append(average.value)

    # 4; 8 from the former close to the high; 2; then the first is forgotten.
    assert seen == [0, 0, -(-14 * RUPEE // 3), -(-10 * RUPEE // 3)]
    assert bars_needed(VolatilityTarget(1, 9)) == 9
