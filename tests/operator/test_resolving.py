"""A finding against the broker's book by itself, as a terminal without a trader holds it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.messages.broker import BrokerStatus
from domain.messages.journal import OrderQuarantined, OrderRecord, OrderState, SendingClaimed
from domain.messages.operator import Resolve
from domain.orders.resolving import CannotResolve, resolution
from domain.orders.transitions import fold
from domain.values import SECOND
from tests.support.orders import NOW, a_row, an_accepted, folded

QUARANTINE = 120 * SECOND
ORDER_ID = "2611200000000000001"


@pytest.fixture
def record() -> OrderRecord:
    accepted = an_accepted()
    return folded(accepted, SendingClaimed(accepted.tag, NOW), OrderQuarantined(accepted.tag, "ma", "no reply", NOW))


def test_absent_is_not_believed_where_the_tag_is_shown(record: OrderRecord) -> None:
    row = a_row(record, BrokerStatus.OPEN)

    with pytest.raises(CannotResolve, match=f"is not absent: the broker shows it as order {ORDER_ID}"):
        resolution(Resolve("why", record.tag), "asha", record, None, [row], QUARANTINE, NOW + QUARANTINE)


def test_placed_is_not_believed_where_the_tag_stands_on_another_order(record: OrderRecord) -> None:
    ours, other = a_row(record, BrokerStatus.OPEN), replace(a_row(record, BrokerStatus.OPEN), order_id="9", tags=())

    with pytest.raises(CannotResolve, match=f"on order {ORDER_ID}, not on 9"):
        resolution(Resolve("why", record.tag, "9"), "asha", record, None, [ours, other], QUARANTINE, NOW)


def test_placed_is_not_believed_of_an_order_whose_trades_are_booked_as_made_by_hand(record: OrderRecord) -> None:
    other = replace(a_row(record, BrokerStatus.COMPLETE, 10), order_id="9", tags=())
    said = Resolve("why", record.tag, "9")

    with pytest.raises(CannotResolve, match="as made by hand"):
        resolution(said, "asha", record, None, [other], QUARANTINE, NOW, {"9"})
    assert resolution(said, "asha", record, None, [other], QUARANTINE, NOW)


@pytest.mark.parametrize(("order_id", "state"), [(ORDER_ID, OrderState.ACKNOWLEDGED), ("", OrderState.EXPIRED)])
def test_what_is_believed_folds(record: OrderRecord, order_id: str, state: OrderState) -> None:
    rows = [a_row(record, BrokerStatus.OPEN)] if order_id else []

    events = resolution(Resolve("why", record.tag, order_id), "asha", record, None, rows, QUARANTINE, NOW + QUARANTINE)

    after: OrderRecord | None = record
    for event in events:
        after = fold(after, event)
    assert after is not None
    assert (after.state, after.order_id) == (state, order_id)


@pytest.mark.parametrize("elapsed", [0, QUARANTINE - 1])
def test_nothing_is_absent_before_its_time(record: OrderRecord, elapsed: int) -> None:
    with pytest.raises(CannotResolve, match="may still turn up"):
        resolution(Resolve("why", record.tag), "asha", record, None, [], QUARANTINE, NOW + elapsed)
