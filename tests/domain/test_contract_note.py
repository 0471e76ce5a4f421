import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.costs import ChargeableTrade, ChargeKind, NoteBuilder, allocate, contract_note
from domain.errors import RatesUnknown
from domain.values import PAISA, RUPEE, Product, Side, e4
from tests.domain.builders import DAY, a_chargeable

DELIVERY: dict[str, Any] = {"kind": ChargeKind.EQUITY_DELIVERY, "product": Product.CNC}
SELL: dict[str, Any] = {"side": Side.SELL}


def of(trades: list[ChargeableTrade], component: str) -> int:
    return dict(contract_note(trades, DAY).components)[component]


def test_a_round_trip_costs_what_the_worked_example_says() -> None:
    trades = [
        a_chargeable(order_id="b", quantity=20, price=1000 * RUPEE),
        a_chargeable(order_id="s", quantity=100, price=1000 * RUPEE, **SELL),
    ]

    note = contract_note(trades, DAY)

    # 6 + 20; 25; 0.614 + 3.07; 0.02 + 0.1; 18 % of 29.804 less IPFT; 0.6 to the rupee.
    assert [amount for _, amount in note.components] == [
        e4("26"),
        e4("25"),
        e4("3.68"),
        e4("0.12"),
        e4("5.36"),
        e4("1"),
        0,
        0,
    ]
    assert note.total == e4("61.16")


def test_brokerage_is_capped_per_order_not_per_trade() -> None:
    slices = [a_chargeable(order_id="one", quantity=50) for _ in range(4)]
    apart = [a_chargeable(order_id=f"order-{n}", quantity=50) for n in range(4)]

    assert of(slices, "brokerage") == e4("20")
    assert of(apart, "brokerage") == e4("60")


def test_components_are_summed_before_they_are_rounded() -> None:
    # SEBI fee of one trade: Rs 0.004, a rounded nothing; of five: Rs 0.02.
    trades = [a_chargeable(order_id=f"order-{n}", quantity=4) for n in range(5)]

    assert of(trades[:1], "sebi") == 0
    assert of(trades, "sebi") == 2 * PAISA


def test_halves_round_up_to_the_paisa() -> None:
    # Rs 5,000 at Rs 10 per crore is exactly half a paisa.
    assert of([a_chargeable(quantity=5)], "sebi") == PAISA


def test_tax_rounds_to_the_rupee_for_each_instrument_kind_and_side() -> None:
    # 0.025 % of Rs 2,000 is exactly half a rupee.
    infy, sbin = a_chargeable(quantity=2, **SELL), a_chargeable(quantity=2, instrument="NSE:SBIN", **SELL)

    assert of([infy], "stt") == RUPEE
    assert of([infy, infy], "stt") == RUPEE
    assert of([infy, sbin], "stt") == 2 * RUPEE
    assert of([infy, a_chargeable(quantity=2, **SELL, **DELIVERY)], "stt") == 3 * RUPEE
    assert of([a_chargeable(quantity=2)], "stt") == 0, "buyers of intraday shares pay none"


def test_stamp_duty_is_summed_over_the_note_and_rounded_to_the_rupee() -> None:
    # 0.003 % of Rs 10,000 is Rs 0.30.
    buys = [a_chargeable(order_id=f"order-{n}", instrument=f"NSE:S{n}") for n in range(2)]

    assert of(buys[:1], "stamp") == 0
    assert of(buys, "stamp") == RUPEE


def test_exchanges_are_rounded_apart() -> None:
    cash = a_chargeable(quantity=5)
    future = a_chargeable(quantity=5, exchange="NFO", instrument="NFO:XFUT", kind=ChargeKind.EQUITY_FUTURE)

    assert of([cash, future], "sebi") == 2 * PAISA


def test_the_depository_charges_once_per_instrument_sold_out_of_holdings() -> None:
    sale = a_chargeable(quantity=5, **SELL, **DELIVERY)
    buy = a_chargeable(quantity=5, **DELIVERY)

    assert of([sale], "dp") == e4("15.34")
    assert of([sale, sale], "dp") == e4("15.34")
    assert of([sale, a_chargeable(**{**SELL, **DELIVERY}, instrument="NSE:SBIN")], "dp") == e4("30.68")
    assert of([buy, sale], "dp") == 0, "bought the same day"
    assert of([buy, sale, sale], "dp") == e4("15.34"), "the second five came out of holdings"
    assert of([a_chargeable(quantity=5, **SELL)], "dp") == 0, "intraday"


def test_the_broker_charges_for_each_order_of_its_square_off() -> None:
    part = a_chargeable(order_id="sq", squared_off_by_broker=True, **SELL)
    other = a_chargeable(order_id="sq2", squared_off_by_broker=True, **SELL)

    assert of([part, part, other], "square_off") == e4("118")


def test_a_note_takes_its_own_days_trades_alone() -> None:
    with pytest.raises(ValueError, match="2026-11-19 does not belong on the note of 2026-11-20"):
        contract_note([a_chargeable(day=dt.date(2026, 11, 19))], DAY)
    with pytest.raises(RatesUnknown):
        NoteBuilder(dt.date(2024, 9, 30))
    with pytest.raises(ValueError, match="positive quantity"):
        contract_note([a_chargeable(quantity=0)], DAY)


def test_who_trades_more_bears_more() -> None:
    trades = [a_chargeable(order_id="1", quantity=10), a_chargeable(order_id="2", quantity=30, strategy="s2")]

    shares = allocate(contract_note(trades, DAY), trades)

    assert sum(shares.values()) == contract_note(trades, DAY).total
    assert abs(shares["s2"] - 3 * shares["s1"]) <= 3


def test_the_depository_charge_is_borne_by_who_sold() -> None:
    trades = [
        a_chargeable(order_id="1", quantity=1, **DELIVERY),
        a_chargeable(order_id="2", quantity=9, strategy="s2", **SELL, **DELIVERY),
    ]

    shares = allocate(contract_note(trades, DAY), trades)

    assert shares["s2"] > e4("15.34") > shares["s1"]


def test_a_note_of_other_trades_is_not_allocated() -> None:
    with pytest.raises(ValueError, match="not made from these trades"):
        allocate(contract_note([a_chargeable()], DAY), [a_chargeable(quantity=1000)])


KINDS = [
    ("NSE:INFY", "NSE", ChargeKind.EQUITY_INTRADAY, Product.MIS),
    ("NSE:SBIN", "NSE", ChargeKind.EQUITY_INTRADAY, Product.MIS),
    ("NSE:INFY", "NSE", ChargeKind.EQUITY_DELIVERY, Product.CNC),
    ("BSE:INFY", "BSE", ChargeKind.EQUITY_DELIVERY, Product.CNC),
    ("NFO:XFUT", "NFO", ChargeKind.EQUITY_FUTURE, Product.NRML),
    ("NFO:X1CE", "NFO", ChargeKind.EQUITY_OPTION, Product.NRML),
]


@st.composite
def chargeables(draw: st.DrawFn) -> ChargeableTrade:
    instrument, exchange, kind, product = draw(st.sampled_from(KINDS))
    side = draw(st.sampled_from(Side))
    return a_chargeable(
        # An order has one instrument, product and side; several strategies share one that the broker made for us all.
        order_id=f"{instrument}-{product.value}-{side.value}-{draw(st.integers(1, 3))}",
        instrument=instrument,
        exchange=exchange,
        kind=kind,
        product=product,
        side=side,
        quantity=draw(st.integers(1, 5000)),
        price=draw(st.integers(1, 50_000_000)),
        strategy=draw(st.sampled_from(["", "s1", "s2", "s3"])),
        squared_off_by_broker=draw(st.booleans()),
    )


@given(st.lists(chargeables(), max_size=30))
def test_the_parts_always_sum_to_the_note(trades: list[ChargeableTrade]) -> None:
    note = contract_note(trades, DAY)

    shares = allocate(note, trades)

    assert sum(shares.values()) == note.total
    assert all(share >= 0 for share in shares.values())


@given(st.lists(chargeables(), max_size=30), st.integers(0, 30))
def test_a_restored_note_goes_on_as_if_never_interrupted(trades: list[ChargeableTrade], cut: int) -> None:
    whole, first = NoteBuilder(DAY), NoteBuilder(DAY)
    for trade in trades:
        whole.add(trade)
    for trade in trades[:cut]:
        first.add(trade)

    second = NoteBuilder.restore(first.state())
    for trade in trades[cut:]:
        second.add(trade)

    assert second.note() == whole.note()
    assert second.allocate() == whole.allocate()
    assert second.state() == whole.state()


def test_a_busy_day_is_added_up_at_once() -> None:
    rng = random.Random(7)
    builder = NoteBuilder(DAY)
    for n in range(5_000):
        builder.add(a_chargeable(order_id=str(n), side=rng.choice(list(Side)), quantity=rng.randint(1, 500)))

    assert builder.note() == builder.note()
    assert len(builder.state().entries) == 5_000
