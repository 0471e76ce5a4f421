"""Where a broker takes LIMIT orders alone: a market order's limit crosses the book and stays within the band."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages.broker import PlaceOrder
from domain.orders.marketable import BAND_MAX, as_limit, marketable_price
from domain.values import OrderKind, Product, Side, e4

PRICES = st.integers(1, e4("200000"))
TICKS = st.sampled_from([e4("0.01"), e4("0.05"), e4("0.10"), e4("0.50"), e4(1), e4(5), e4("0.0025")])


@pytest.mark.parametrize(
    ("side", "last", "tick", "reach", "price"),
    [
        (Side.BUY, "1000", "0.05", 100, "1010"),
        (Side.SELL, "1000", "0.05", 100, "990"),
        (Side.BUY, "947.25", "0.05", 100, "956.70"),  # 956.7225, towards the last price
        (Side.SELL, "947.25", "0.05", 100, "937.80"),  # 937.7775, towards the last price
        (Side.BUY, "1.00", "0.05", 100, "1.00"),  # a tick is more than the reach
        (Side.SELL, "1.00", "0.05", 100, "1.00"),
        (Side.BUY, "25000", "0.10", 200, "25500"),
    ],
)
def test_the_limit_reaches_so_far(side: Side, last: str, tick: str, reach: int, price: str) -> None:
    assert marketable_price(side, e4(last), e4(tick), reach) == e4(price)


@given(side=st.sampled_from(Side), ticks=st.integers(1, 1_000_000), tick=TICKS, reach=st.integers(1, BAND_MAX))
def test_no_limit_is_outside_the_band_off_the_tick_or_short_of_the_last_price(
    side: Side, ticks: int, tick: int, reach: int
) -> None:
    last = ticks * tick
    price = marketable_price(side, last, tick, reach)

    assert price > 0 and price % tick == 0
    assert abs(price - last) * 10_000 <= last * BAND_MAX
    assert (price - last) * side.sign >= 0
    assert (abs(price - last) + tick) * 10_000 > last * reach, "as far as the reach lets it"


@pytest.mark.parametrize(
    ("last", "tick", "reach"), [(0, 500, 100), (-1, 500, 100), (100, 0, 100), (100, 1, 0), (100, 1, 201)]
)
def test_where_there_is_no_such_price_it_is_refused(last: int, tick: int, reach: int) -> None:
    with pytest.raises(ValueError, match=r"price|reach"):
        marketable_price(Side.BUY, last, tick, reach)


def test_only_market_orders_are_changed() -> None:
    market = PlaceOrder("t", "NSE", "INFY", Side.BUY, 10, Product.MIS, OrderKind.MARKET)
    limit = PlaceOrder("t", "NSE", "INFY", Side.BUY, 10, Product.MIS, OrderKind.LIMIT, price=e4(1500))

    changed = as_limit(market, e4(1500), e4("0.10"), 100)
    assert (changed.kind, changed.price, changed.tag, changed.quantity) == (OrderKind.LIMIT, e4(1515), "t", 10)
    assert as_limit(limit, e4(1500), e4("0.10"), 100) is limit
