"""An after-market order is taken while the market is closed, waits at the broker, and trades at the next open."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.routes import ORDERS, RISK
from domain.messages.journal import OrderRecord, OrderState
from domain.messages.orders import CancelIntent, OrderIntent
from domain.orders.tags import tag_for
from domain.values import SECOND, OrderKind, Product, Side, Variety
from tests.orders.test_kinds_on_the_sandbox import NIFTY, Hand, equal_books, kinds_config
from tests.support.waiting import eventually
from tests.system.plant import Trader, an_exchange

LATE = (
    "schedule.eod_report=16:30",
    "orders.cancel_open_on_stop=false",  # or the order would not live through the night
    "risk.allowed_products=[MIS, CNC, NRML]",
    "risk.max_quantity_per_order=1000",
    "risk.max_value_per_order=100000000",
    "risk.max_position_value_per_instrument=100000000",
    "orders.intent_valid_seconds=600",
)
TO_THE_OPEN = 17 * 3600 + 40 * 60


def after_hours(hand: Hand, quantity: int, name: str) -> OrderRecord:
    """An intent of the strategy, told to the risk gate: after its square-off a strategy decides no more that day."""
    now = hand.trader.world.clock.now_ns()
    instrument = next(i for i in hand.trader.cast.instruments.values() if i.key == hand.key)
    intent = OrderIntent(
        intent_id=f"fut:{name}",
        strategy="fut",
        token=instrument.token,
        instrument=instrument.key,
        side=Side.BUY,
        quantity=quantity,
        product=Product.NRML,
        kind=OrderKind.MARKET,
        reference_price=0,
        valid_until=now + 600 * SECOND,
        event_time=now,
        decided_time=now,
        variety=Variety.AMO,
    )
    hand.trader.tell(RISK, intent)
    journal, tag = hand.trader.world.journal, tag_for(intent.intent_id)
    eventually(lambda: (found := journal.record(tag)) is not None and found.order_id, what="taken")
    record = journal.record(tag)
    assert record is not None
    return record


@pytest.mark.long("orders")
def test_an_after_market_order_waits_for_the_next_day_and_is_booked_by_the_next_process(tmp_path: Path) -> None:
    config = kinds_config(tmp_path)
    evening = ("--date", "2026-11-19", "--start", "15:34:00", "--opening-cash", "100000000")
    with an_exchange(speed=30.0, extra=evening) as exchange:
        with Trader(tmp_path, *exchange.sets, *LATE, config=config) as trader:
            trader.trading()
            hand = Hand(trader, exchange, NIFTY)
            eventually(lambda: exchange.now() > "15:46:00", 60.0, "the market closes")
            gone = after_hours(hand, 65, "gone")
            trader.tell(ORDERS, CancelIntent("fut", gone.tag, "a test"))
            assert hand.over(gone).state is OrderState.CANCELLED
            order = after_hours(hand, 130, "waits")
            assert [row.status for row in exchange.orders()] == ["CANCELLED", "AMO REQ RECEIVED"]
            assert order.state is OrderState.ACKNOWLEDGED

        exchange.set_clock(hold=True)
        exchange.set_clock(advance_seconds=TO_THE_OPEN)
        exchange.set_clock(release=True)
        with Trader(tmp_path, *exchange.sets, *LATE, config=config) as trader:
            trader.trading()
            hand = Hand(trader, exchange, NIFTY)
            done = hand.over(order)

            assert (done.state, done.booked, done.intent.strategy) == (OrderState.COMPLETE, 130, "fut")
            equal_books((trader, exchange))
