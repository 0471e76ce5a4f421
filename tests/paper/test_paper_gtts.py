"""GTTs on paper: taken as the broker takes them, fired by real prices, once, through a restart too."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.messages.broker import Accepted, BrokerStatus, PlaceOrder, Rejected
from domain.messages.gtt import Gtt, GttLeg, GttStatus
from domain.values import OrderKind, Product, Side, e4
from tests.paper.market import Desk, packet

STOP = GttLeg(e4("1490"), Side.SELL, 50, e4("1480"))
TARGET = GttLeg(e4("1520"), Side.SELL, 50, e4("1515"))
BOTH = Gtt("NSE", "INFY", Product.CNC, e4("1500"), (STOP, TARGET))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """50 shares bought for delivery today."""
    desk = Desk(tmp_path)
    desk.tick()
    bought = desk.exchange.place(
        PlaceOrder("PA", "NSE", "INFY", Side.BUY, 50, Product.CNC, OrderKind.LIMIT, price=e4("1500.05"))
    )
    assert isinstance(bought, Accepted)
    return desk


def placed(desk: Desk, gtt: Gtt = BOTH) -> str:
    outcome = desk.exchange.place_gtt(gtt)
    assert isinstance(outcome, Accepted), outcome
    return outcome.order_id


@pytest.mark.parametrize(("last", "leg"), [("1489.95", 0), ("1490", 0), ("1520", 1)])
def test_the_first_trigger_that_is_reached_sells_once_and_the_other_is_gone(desk: Desk, last: str, leg: int) -> None:
    trigger_id = placed(desk)
    desk.exchange.on_ticks(packet(last="1495"))
    assert desk.exchange.gtts()[0].status is GttStatus.ACTIVE

    bids = ((last, 200),)
    desk.exchange.on_ticks(packet(last=last, bids=bids))
    desk.restart()
    desk.exchange.on_ticks(packet(last="1490", bids=bids))
    desk.exchange.on_ticks(packet(last="1520", bids=bids))

    (row,) = desk.exchange.gtts()
    assert (row.trigger_id, row.status) == (trigger_id, GttStatus.TRIGGERED)
    result, other = row.results[leg], row.results[1 - leg]
    assert result is not None and other is None
    sells = [order for order in desk.exchange.orders() if order.side is Side.SELL]
    assert [(each.order_id, each.tags, each.status) for each in sells] == [(result.order_id, (), BrokerStatus.COMPLETE)]
    assert [position.quantity for position in desk.exchange.positions()] == [0]


def test_one_that_rests_is_changed_deleted_and_survives_a_restart(desk: Desk) -> None:
    trigger_id = placed(desk)
    nearer = replace(BOTH, legs=(replace(STOP, trigger=e4("1495")), TARGET))
    assert desk.exchange.change_gtt(trigger_id, nearer) == Accepted(trigger_id)
    desk.restart()
    assert [(row.gtt, row.status) for row in desk.exchange.gtts()] == [(nearer, GttStatus.ACTIVE)]
    assert desk.exchange.change_gtt(trigger_id, None) == Accepted(trigger_id)

    desk.exchange.on_ticks(packet(last="1400"))

    assert [row.status for row in desk.exchange.gtts()] == [GttStatus.DELETED]
    assert isinstance(desk.exchange.change_gtt(trigger_id, BOTH), Rejected)
    assert placed(desk) != trigger_id


def test_an_order_that_is_refused_when_it_fires_is_told_with_the_reason(desk: Desk) -> None:
    placed(desk, replace(BOTH, legs=(replace(STOP, quantity=60), replace(TARGET, quantity=60))))

    desk.exchange.on_ticks(packet(last="1480"))

    (row,) = desk.exchange.gtts()
    result = row.results[0]
    assert result is not None
    assert (row.status, result.order_id) == (GttStatus.TRIGGERED, "")
    assert "Insufficient stock holding" in result.text


@pytest.mark.parametrize(
    "wrong",
    [
        replace(BOTH, product=Product.MIS),
        replace(BOTH, legs=()),
        replace(BOTH, symbol="NOBODY"),
        replace(BOTH, legs=(replace(STOP, trigger=e4("1490.01")),)),
        replace(BOTH, legs=(replace(STOP, price=0),)),
        replace(BOTH, legs=(replace(STOP, quantity=0),)),
        replace(BOTH, legs=(replace(STOP, trigger=e4("1500")),)),
        replace(BOTH, legs=(TARGET, STOP)),
    ],
)
def test_what_the_broker_would_not_take_is_refused(desk: Desk, wrong: Gtt) -> None:
    assert isinstance(desk.exchange.place_gtt(wrong), Rejected)
    assert desk.exchange.gtts() == ()
