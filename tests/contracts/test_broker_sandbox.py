"""The real adapter, over HTTP, against the sandbox and against the hosted one's ways, is a Broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.clock import MonotonicClock, SandboxMarketClock
from adapters.kite.account import Addresses, KiteAccount
from adapters.kite.instruments import Catalog
from adapters.kite.pacing import PacingLimits
from adapters.kite.session import Credentials
from domain.ports import Broker
from domain.values import E4, MINUTE, ist
from sandbox.launch import RunningSandbox, launch
from tests.contracts.broker import Bench, BrokerContract


class SandboxBench(Bench):
    """An account at a sandbox whose clock runs in real time: prices hardly move while a test runs."""

    takes_gtts = True

    def __init__(self, sandbox: RunningSandbox, folder: Path, prefix: str = "") -> None:
        details = sandbox.details
        self.clock = SandboxMarketClock(details.rest, MonotonicClock())
        self.account = KiteAccount(
            Addresses(details.rest, details.ws, prefix=prefix, ws_user_id=bool(prefix)),
            Credentials(details.api_key, details.api_secret, details.user_id, "sandbox", "000000"),
            folder,
            self.clock,
            MonotonicClock(),
            log=lambda *_, **__: None,
            limits=PacingLimits(0, 0, 0, 0, 0),
        )
        session = self.account.session()
        session.open()
        session.close()
        with closing(self.account.instruments()) as instruments:
            catalog = Catalog(instruments.load(ist(self.clock.now_ns()).date()))
        self.instrument = catalog.by_key["NSE:SBIN"]
        self.broker: Broker = self.account.broker()

    def another(self) -> Broker:
        return self.account.broker()

    def last_price(self) -> E4:
        with closing(self.account.history()) as history:
            now = self.clock.now_ns()
            return history.bars(self.instrument, 60, now - 5 * 24 * 60 * MINUTE, now)[-1].close


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with launch(seed=3, relax=["rate-limits"], extra=["--start", "09:20:00"]) as running:
        yield running


class TestTheSandboxThroughTheRealAdapter(BrokerContract):
    @pytest.fixture
    def bench(self, sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Bench]:
        bench = SandboxBench(sandbox, tmp_path)
        yield bench
        bench.broker.close()
