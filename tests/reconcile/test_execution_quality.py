"""When each station of an order was reached, and what its fills cost in 1/100 percent of two prices."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from domain.messages.broker import BrokerStatus
from domain.messages.journal import FillSeen, JournalEvent, OrderAcknowledged, SendingClaimed, TradeBooked
from domain.quality import Quality, follow, together
from domain.values import SECOND, Product, Side, e4
from tests.support.orders import NOW, an_accepted, an_intent


def a_life(side: Side = Side.BUY, *fills: tuple[int, str], bid: str = "1499.9", ask: str = "1500.1") -> Quality:
    """Decided at 1500; each station a second after the one before."""
    accepted = an_accepted(an_intent(side=side))
    tag = accepted.tag
    events: list[JournalEvent] = [
        replace(accepted, time=NOW + 2 * SECOND, approved_time=NOW + SECOND, bid=e4(bid), ask=e4(ask)),
        SendingClaimed(tag, NOW + 3 * SECOND),
        OrderAcknowledged(tag, "1", "ma", NOW + 4 * SECOND),
        FillSeen(tag, "1", "ma", 0, BrokerStatus.OPEN, NOW + 6 * SECOND, event_time=NOW + 5 * SECOND),
    ]
    for number, (quantity, price) in enumerate(fills):
        at = NOW + (6 + number) * SECOND
        events.append(
            TradeBooked(
                f"T{number}", "1", tag, "ma", 408065, "NSE:INFY", side, Product.MIS, quantity, e4(price), at, at
            )
        )
    quality: Quality | None = None
    for event in events:
        quality = follow(quality, event)
    assert quality is not None
    return quality


def test_every_station_has_its_time() -> None:
    quality = a_life(Side.BUY, (4, "1500"), (6, "1501"))

    assert [quality.took("decided", name) for name in ("approved", "journaled", "sent", "acknowledged")] == [
        SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND,
    ]  # fmt: skip
    assert quality.took("decided", "exchange") == 5 * SECOND
    assert quality.took("decided", "first_fill") == 6 * SECOND
    assert quality.took("first_fill", "last_fill") == SECOND
    assert quality.took("last_fill", "sent") == 0, "exchange times are whole seconds: never below zero"
    assert a_life().took("decided", "first_fill") is None


@pytest.mark.parametrize(
    ("side", "fills", "bid", "ask", "slippage", "arrival"),
    [
        (Side.BUY, [(10, "1501.5")], "1500.9", "1501.1", 10, Fraction(5_000_0, 15010)),
        (Side.SELL, [(10, "1501.5")], "1500.9", "1501.1", -10, -Fraction(5_000_0, 15010)),
        (Side.BUY, [(5, "1500"), (5, "1503")], "1500", "1500", 10, 10),
        (Side.BUY, [(10, "1500")], "0", "1500", 0, None),
        (Side.BUY, [], "1500", "1500", None, None),
    ],
)
def test_slippage_against_the_decision_and_the_arrival(
    side: Side,
    fills: list[tuple[int, str]],
    bid: str,
    ask: str,
    slippage: Fraction | int | None,
    arrival: Fraction | int | None,
) -> None:
    quality = a_life(side, *fills, bid=bid, ask=ask)

    assert quality.slippage_bps == slippage
    assert quality.arrival_bps == arrival


def test_many_orders_weigh_by_what_they_traded() -> None:
    dear = a_life(Side.BUY, (30, "1501.5"))
    fair = a_life(Side.BUY, (10, "1500"))
    both = together([dear, fair, a_life()])

    assert both.filled == 2
    assert both.slippage_bps == Fraction(10 * dear.value, dear.value + fair.value)
    assert both.decided_to_sent == 3 * SECOND
    assert together([]).slippage_bps is None
