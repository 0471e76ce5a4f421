"""Decisions cut into slices, and icebergs that the broker cuts: nothing is lost or counted twice, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.broker import BrokerOrder, BrokerStatus
from domain.messages.journal import JournalEvent, OrderRecord, OrderState, SendingClaimed, TradeBooked
from domain.messages.orders import ApprovedIntent
from domain.orders.placing import PlacingSettings, accepted, cut, freeze_of, siblings
from domain.orders.shape import misfit
from domain.orders.transitions import fold
from domain.orders.updates import after_trades, after_update, order_ids
from domain.values import Instrument, InstrumentKind, OrderKind, Product, Validity, Variety, e4
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent, folded

SHARE = Instrument(408065, "NSE", "INFY", InstrumentKind.EQUITY, tick_size=500)
FUTURE = Instrument(9, "NFO", "NIFTY26NOVFUT", InstrumentKind.FUTURE, 500, lot_size=65, freeze_quantity=1800)
SETTINGS = PlacingSettings(-1, 0, {SHARE.key: SHARE, FUTURE.key: FUTURE})


@given(quantity=st.integers(1, 10**7), largest=st.integers(0, 10**5))
def test_slices_add_up_and_none_is_too_large(quantity: int, largest: int) -> None:
    parts = cut(quantity, largest)

    assert sum(parts) == quantity
    assert all(part > 0 and (part <= largest or not largest) for part in parts)
    assert len(parts) == (1 if not largest else -(-quantity // largest))


def test_the_freeze_quantity_is_whole_lots() -> None:
    assert (freeze_of(FUTURE), freeze_of(SHARE), freeze_of(replace(FUTURE, freeze_quantity=0))) == (1755, 100_000, 0)


def test_every_slice_has_a_tag_and_an_intent_of_its_own_and_the_whole_is_held_till_the_last() -> None:
    intent = replace(an_intent("s:1", instrument=FUTURE.key, quantity=3900), product=Product.NRML)
    events = accepted(ApprovedIntent(intent, 1, 1001, NOW), SETTINGS, NOW)
    again = accepted(ApprovedIntent(intent, 1, 1001, NOW), SETTINGS, NOW)

    assert [event.order.quantity for event in events] == [390, 1755, 1755]
    assert len({event.tag for event in events}) == len({event.intent.intent_id for event in events}) == 3
    assert (events[-1].intent.intent_id, [event.tag for event in again]) == ("s:1", [event.tag for event in events])
    assert sum(event.margin_held for event in events) >= 1001
    records = tuple(folded(event) for event in events)
    assert {other.tag for other in siblings(records[0], records)} == {records[1].tag, records[2].tag}
    alone = folded(an_accepted(an_intent("s:2")))
    assert siblings(alone, (*records, alone)) == []


ICE = {"variety": Variety.ICEBERG, "iceberg_legs": 4, "kind": OrderKind.LIMIT, "price": e4("1500"), "quantity": 40}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**ICE, "iceberg_legs": 1}, "2 to 50 are possible"),
        ({**ICE, "iceberg_legs": 51}, "2 to 50 are possible"),
        ({**ICE, "quantity": 10, "iceberg_legs": 6}, "cannot be cut into 6 legs of 2"),
        ({**ICE, "kind": OrderKind.STOP_MARKET}, "MARKET or LIMIT"),
        ({**ICE, "quantity": 400_001, "iceberg_legs": 4}, "the freeze quantity is 100000"),
        ({"iceberg_legs": 3}, "no iceberg with 3 legs"),
        ({"validity": Validity.TTL}, "TTL with 0 minutes"),
        ({"ttl_minutes": 3}, "DAY with 3 minutes"),
        ({"validity": Validity.IOC, "kind": OrderKind.STOP_MARKET}, "immediate or cancelled"),
        ({"disclosed_quantity": 11}, "11 of 10 disclosed"),
        ({"validity": Validity.IOC, "disclosed_quantity": 5}, "never rests"),
        ({"slice_of": "x"}, "cutting is not the strategy's"),
        ({"variety": Variety.AMO, "validity": Validity.TTL, "ttl_minutes": 1}, "after-market"),
        ({"variety": Variety.COVER, "trigger_price": e4("1500")}, "not on the losing side"),
        ({"variety": Variety.COVER, "trigger_price": e4("1490"), "reduce_only": True}, "cannot be an exit"),
        ({"variety": Variety.COVER, "trigger_price": e4("1490"), "product": Product.CNC}, "MARKET or LIMIT, MIS, DAY"),
        ({"variety": Variety.COVER, "trigger_price": e4("1490.01")}, "no multiple of the tick"),
    ],
)
def test_terms_that_do_not_fit_together_are_named(fields: dict[str, object], words: str) -> None:
    found = misfit(replace(an_intent(), **fields), SHARE, freeze_of(SHARE))

    assert found is not None and words in found


@pytest.mark.parametrize(
    "fields",
    [
        ICE,
        {"validity": Validity.TTL, "ttl_minutes": 1},
        {"validity": Validity.IOC},
        {"disclosed_quantity": 5},
        {"variety": Variety.COVER, "trigger_price": e4("1490")},
        {"variety": Variety.AMO},
    ],
)
def test_terms_that_fit(fields: dict[str, object]) -> None:
    assert misfit(replace(an_intent(), **fields), SHARE, freeze_of(SHARE)) is None


def iceberg() -> OrderRecord:
    first = an_accepted(an_intent(quantity=40))
    order = replace(first.order, variety=Variety.ICEBERG, iceberg_legs=4)
    return folded(replace(first, order=order), SendingClaimed(first.tag, NOW))


def part(number: int, filled: int, status: BrokerStatus) -> BrokerOrder:
    return replace(a_row(iceberg(), status, filled, order_id=f"26112{number}"), quantity=10)


@given(
    facts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), max_size=14),
    parts=st.integers(1, 4),
)
def test_parts_of_an_iceberg_may_be_told_lost_doubled_and_out_of_order(
    facts: list[tuple[int, int, int]], parts: int
) -> None:
    """Parts fill in halves; with fewer than four the last one is cancelled half filled."""
    record, booked = iceberg(), set[str]()
    total = 40 if parts == 4 else parts * 10 - 5

    def lives(number: int) -> list[BrokerOrder]:
        end = part(number, 10, BrokerStatus.COMPLETE)
        if number == parts - 1 and parts < 4:
            end = part(number, 5, BrokerStatus.CANCELLED)
        return [
            part(number, 0, BrokerStatus.IN_FLIGHT),
            part(number, 0, BrokerStatus.OPEN),
            part(number, 5, BrokerStatus.OPEN),
            end,
        ]

    trades = [
        replace(a_trade(record, f"T{number}{half}", 5), order_id=f"26112{number}")
        for number in range(parts)
        for half in range(2 if lives(number)[3].filled == 10 else 1)
    ]

    def take(events: list[JournalEvent]) -> None:
        nonlocal record
        for event in events:
            if isinstance(event, TradeBooked):
                booked.add(event.trade_id)
            after = fold(record, event)
            assert after is not None
            record = after

    for number, step, known in facts:
        if number < parts:
            take(after_update(record, lives(number)[step], NOW, "update"))
            take(after_trades(record, trades[: known * 2], booked, NOW))
    # In the end the order book is read, every part of it, and all trades.
    for number in range(parts):
        take(after_update(record, lives(number)[3], NOW, "order book"))
    take(after_trades(record, trades, booked, NOW))

    assert (record.booked, record.filled_seen, len(booked)) == (total, total, len(trades))
    assert record.state is (OrderState.COMPLETE if parts == 4 else OrderState.CANCELLED)
    assert set(order_ids(record)) == {f"26112{number}" for number in range(parts)}
