"""The paper broker is a Broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.paper.broker import PaperBroker
from domain.ports import Broker
from domain.values import E4, e4
from tests.contracts.broker import Bench, BrokerContract
from tests.domain.builders import INFY
from tests.fakes.broker import FakeBroker
from tests.paper.market import Desk


class PaperBench(Bench):
    instrument = INFY
    takes_gtts = True

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.desk.tick()
        self.broker: Broker = self.another()

    def another(self) -> Broker:
        reckoner = FakeBroker()
        reckoner.reckons(INFY.key, self.last_price())
        return PaperBroker(self.desk.exchange, lambda _urgent, _seconds: True, reckoner)

    def last_price(self) -> E4:
        return e4(1500)

    def market_moves(self) -> None:
        self.desk.tick()


class TestThePaperBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        bench = PaperBench(tmp_path)
        yield bench
        bench.desk.store.close()
