"""Between Kite's rows and our values: statuses, times, money, optional keys."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kite import money, translate
from adapters.kite.broker import lax_decoder
from adapters.kite.rows import FundsData, HoldingRow, OrderRow, PositionRow, TradeRow
from adapters.kite.translate import StatusWords, Untranslatable, instant, stamp
from domain.messages.broker import BrokerStatus
from domain.values import IST, Product, Side, e4, ist, nanos

ORDER: dict[str, Any] = {
    "order_id": "2611200000000000001",
    "exchange_order_id": None,
    "parent_order_id": None,
    "status": "OPEN",
    "status_message": None,
    "order_timestamp": "2026-11-20 09:15:01",
    "exchange_update_timestamp": None,
    "exchange_timestamp": None,
    "variety": "regular",
    "modified": False,
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "instrument_token": 408065,
    "order_type": "LIMIT",
    "transaction_type": "BUY",
    "validity": "DAY",
    "product": "MIS",
    "quantity": 10,
    "disclosed_quantity": 0,
    "price": 1500.1,
    "trigger_price": 0,
    "average_price": 0,
    "filled_quantity": 0,
    "pending_quantity": 10,
    "cancelled_quantity": 0,
    "market_protection": 0,
    "meta": {},
    "tag": "t1",
    "guid": "01XBSWrA6V",
}
AT = nanos(dt.datetime(2026, 11, 20, 9, 15, 1, tzinfo=IST))


def an_order(**changes: Any) -> Any:
    row = lax_decoder(OrderRow).decode(msgspec.json.encode(ORDER | changes))
    return translate.order(row, StatusWords(lambda word: None), 5)


WORDS = [
    ("PUT ORDER REQ RECEIVED", BrokerStatus.IN_FLIGHT, False),
    ("AMO REQ RECEIVED", BrokerStatus.IN_FLIGHT, False),
    ("VALIDATION PENDING", BrokerStatus.IN_FLIGHT, False),
    ("OPEN PENDING", BrokerStatus.IN_FLIGHT, False),
    ("OPEN", BrokerStatus.OPEN, False),
    ("TRIGGER PENDING", BrokerStatus.TRIGGER_PENDING, False),
    ("MODIFY VALIDATION PENDING", BrokerStatus.IN_FLIGHT, False),
    ("MODIFY PENDING", BrokerStatus.IN_FLIGHT, False),
    ("MODIFIED", BrokerStatus.IN_FLIGHT, False),
    ("CANCEL PENDING", BrokerStatus.IN_FLIGHT, False),
    ("COMPLETE", BrokerStatus.COMPLETE, False),
    ("CANCELLED", BrokerStatus.CANCELLED, False),
    ("REJECTED", BrokerStatus.REJECTED, False),
    ("CANCELLED AMO", BrokerStatus.CANCELLED, False),
    ("LAPSED", BrokerStatus.CANCELLED, False),
    ("UPDATE", BrokerStatus.IN_FLIGHT, False),
    ("SOMETHING NEW", BrokerStatus.IN_FLIGHT, True),
    ("complete", BrokerStatus.IN_FLIGHT, True),
]


@pytest.mark.parametrize(("word", "status", "told"), WORDS)
def test_each_status_word_has_its_meaning_and_an_unknown_one_is_in_flight_and_told_once(
    word: str, status: BrokerStatus, told: bool
) -> None:
    heard: list[str] = []
    words = StatusWords(heard.append)

    assert words.status(word) is status
    assert words.status(word) is status
    assert heard == ([word] if told else [])


def test_an_order_row_keeps_what_matters() -> None:
    found = an_order(
        status="COMPLETE", filled_quantity=10, pending_quantity=0, average_price=1500.123456, tags=["t1", "mktp"]
    )

    assert found.tags == ("t1", "mktp")
    assert (found.side, found.product, found.quantity, found.filled) == (Side.BUY, Product.MIS, 10, 10)
    assert found.average_price == 15_001_235, "an average is rounded: it is compared, never booked"
    assert (found.event_time, found.received_time) == (AT, 5)


OPTIONAL = [
    "tags",
    "tag",
    "status_message",
    "variety",
    "parent_order_id",
    "pending_quantity",
    "cancelled_quantity",
    "average_price",
    "order_timestamp",
]


@pytest.mark.parametrize("key", OPTIONAL)
def test_an_order_row_may_lack_what_kite_leaves_out(key: str) -> None:
    row = {name: value for name, value in ORDER.items() if name != key}
    found = translate.order(lax_decoder(OrderRow).decode(msgspec.json.encode(row)), StatusWords(lambda word: None), 5)

    assert found.order_id == ORDER["order_id"]


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"tag": None, "tags": None}, "tags", ()),
        ({"tag": "a", "tags": ["b", "a"]}, "tags", ("a", "b")),
        ({"quantity": 10.0}, "quantity", 10),
        ({"quantity": "10"}, "quantity", 10),
        ({"product": "CO"}, "product", Product.MIS),
        ({"exchange_timestamp": "2026-11-20 09:15:02"}, "event_time", AT + 10**9),
        (
            {"exchange_timestamp": "2026-11-20 09:15:02", "exchange_update_timestamp": "2026-11-20 09:15:03"},
            "event_time",
            AT + 2 * 10**9,
        ),
        ({"status_message": "Insufficient funds."}, "text", "Insufficient funds."),
    ],
)
def test_odd_rows_are_read(changes: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(an_order(**changes), field) == expected


@pytest.mark.parametrize(
    "changes", [{"transaction_type": "HOLD"}, {"product": "XYZ"}, {"order_timestamp": "yesterday"}]
)
def test_a_row_without_a_counterpart_is_refused_in_words(changes: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable, match=str(next(iter(changes.values())))):
        an_order(**changes)


TIMES = [
    ("2026-11-20 09:15:01", AT),
    ("2026-11-20T09:15:01+0530", AT),
    ("2026-11-20T09:15:01+05:30", AT),
    ("2026-11-20T03:45:01Z", AT),
    ("0001-01-01 00:00:00", 0),
    ("", 0),
    (None, 0),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times_are_indian_unless_they_say_otherwise(text: str | None, expected: int) -> None:
    assert instant(text) == expected


@given(st.integers(min_value=10**9, max_value=4 * 10**9))
def test_stamps_come_back(seconds: int) -> None:
    assert instant(stamp(seconds * 10**9)) == seconds * 10**9
    assert stamp(seconds * 10**9) == ist(seconds * 10**9).strftime("%Y-%m-%d %H:%M:%S")


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_of_four_decimals_is_exact_through_json(amount: int) -> None:
    text = str(Decimal(amount) / 10_000)
    decoded = msgspec.json.decode(text.encode(), type=float)

    assert money.exact(decoded) == amount == e4(text)
    assert money.nearest(decoded) == amount


@pytest.mark.parametrize("finer", [0.00001, 1500.12345, 1e300, -0.00005])
def test_money_finer_than_four_decimals_is_refused_where_it_would_be_booked(finer: float) -> None:
    with pytest.raises(ValueError, match="finer"):
        money.exact(finer)


@pytest.mark.parametrize(
    ("rupees", "expected"), [(0.00005, 0), (0.00015, 2), (-0.00015, -2), (96504.97499999999, 965_049_750), (-0.0, 0)]
)
def test_averages_and_sums_round_half_to_even(rupees: float, expected: int) -> None:
    assert money.nearest(rupees) == expected


@pytest.mark.parametrize(("hundredths", "text"), [(-1, "-1"), (200, "2"), (250, "2.5"), (205, "2.05"), (10_000, "100")])
def test_protection_is_written_in_percent(hundredths: int, text: str) -> None:
    assert money.percent(hundredths) == text


TRADE: dict[str, Any] = {
    "trade_id": "10000000",
    "order_id": "2611",
    "exchange": "NSE",
    "tradingsymbol": "SBIN",
    "instrument_token": 779521,
    "product": "CNC",
    "average_price": 420.65,
    "quantity": 1,
    "exchange_order_id": "300000000000001",
    "transaction_type": "SELL",
    "fill_timestamp": "2026-11-20 09:15:01",
    "order_timestamp": "09:16:39",
    "exchange_timestamp": "2026-11-20 09:15:01",
}


def test_a_trade_is_exact_or_refused() -> None:
    found = translate.trade(lax_decoder(TradeRow).decode(msgspec.json.encode(TRADE)))
    finer = lax_decoder(TradeRow).decode(msgspec.json.encode(TRADE | {"average_price": 420.65001}))

    assert (found.price, found.event_time, found.side) == (4_206_500, AT, Side.SELL)
    with pytest.raises(Untranslatable, match="10000000"):
        translate.trade(finer)


def test_positions_holdings_and_funds() -> None:
    position = translate.position(
        lax_decoder(PositionRow).decode(
            b'{"exchange":"MCX","tradingsymbol":"LEADMINI","product":"NRML","quantity":1,"overnight_quantity":0,'
            b'"multiplier":1000,"last_price":191,"buy_quantity":1,"buy_value":161050,"sell_quantity":0,"sell_value":0.1}'
        )
    )
    holding = translate.holding(
        lax_decoder(HoldingRow).decode(
            b'{"exchange":"BSE","tradingsymbol":"AARON","quantity":1,"t1_quantity":2,"average_price":161.333333,"mtf":{}}'
        )
    )
    funds = translate.funds(
        lax_decoder(FundsData).decode(
            b'{"enabled":true,"net":99725.05,"available":{"adhoc_margin":0,"cash":245431.6,"opening_balance":245431.6,'
            b'"live_balance":99725.05,"collateral":-0,"intraday_payin":0},"utilised":{"payout":-0}}'
        )
    )

    assert (position.multiplier, position.buy_value, position.sell_value) == (1000, 1_610_500_000, 1000)
    assert (holding.t1_quantity, holding.average_price) == (2, 1_613_333)
    assert (funds.cash, funds.live_balance, funds.collateral) == (2_454_316_000, 997_250_500, 0)


@given(
    st.one_of(
        st.integers(-(10**16), 10**16).map(lambda whole: whole / 10_000),
        st.floats(-1e14, 1e14),
        st.floats(-1e3, 1e3),
        st.decimals(-100_000, 100_000, places=5).map(float),
    )
)
def test_the_short_way_to_an_amount_ends_where_the_long_one_does(rupees: float) -> None:
    long_way = int((Decimal(repr(rupees)) * 10_000).to_integral_value(rounding=ROUND_HALF_EVEN))

    assert money.nearest(rupees) == long_way


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2099, 12, 31)))  # noqa: DTZ001 - as the broker writes it
def test_a_time_without_a_zone_is_indias(moment: dt.datetime) -> None:
    assert translate.instant(str(moment)) == nanos(moment.replace(tzinfo=IST))
