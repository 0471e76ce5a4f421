"""The broker in memory, which the actors' tests lean on, is a Broker."""

from __future__ import annotations

import pytest

from domain.messages.broker import BrokerOrder, BrokerStatus, PlaceOrder
from domain.ports import Broker
from domain.values import E4, e4
from tests.contracts.broker import Bench, BrokerContract
from tests.domain.builders import INFY
from tests.fakes.broker import FakeBroker


class Remembering(FakeBroker):
    """Also knows at which limits its orders stand."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str, PlaceOrder] = {}

    def rest(self, order: PlaceOrder) -> BrokerOrder:
        row = super().rest(order)
        self.made[row.order_id] = order
        return row


class FakeBench(Bench):
    instrument = INFY
    takes_gtts = True
    refuses_ticks = False

    def __init__(self) -> None:
        self.fake = Remembering()
        self.fake.reckons(INFY.key, self.last_price())
        self.broker: Broker = self.fake

    def another(self) -> Broker:
        return self.fake

    def last_price(self) -> E4:
        return e4(1500)

    def market_moves(self) -> None:
        for row in self.fake.orders():
            order = self.fake.made[row.order_id]
            if not row.status.terminal and (order.price - self.last_price()) * order.side.sign > 0:
                assert row.status is BrokerStatus.OPEN
                self.fake.fill(row.order_id, row.pending, order.price)


class TestTheFakeBroker(BrokerContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return FakeBench()
