"""The live service, read-only: does what it answers read as the documentation says?

By hand alone, after `python3 run.py login --env live`:

    PATANG_TEST_LIVE=1 python3 -m pytest -m live tests/contracts/test_broker_live.py

Nothing is placed, changed or cancelled: only GET requests leave.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.clock import MonotonicClock, SystemMarketClock
from adapters.kite.broker import KiteBroker
from app.account import addresses_of, kite_account
from config.loader import load
from tests.support.projects import ROOT

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.environ.get("PATANG_TEST_LIVE") != "1", reason="PATANG_TEST_LIVE=1 is not set"),
]


@pytest.fixture
def broker() -> Iterator[KiteBroker]:
    loaded = load("live", None, (), dict(os.environ), ROOT)
    addresses = addresses_of(loaded.settings)
    assert addresses is not None
    folder = Path(loaded.settings.data_dir)
    where = (folder if folder.is_absolute() else ROOT / folder) / "live"
    account = kite_account(
        loaded.settings, addresses, where, SystemMarketClock(), MonotonicClock(), lambda *_, **__: None
    )
    session = account.session()
    session.open()
    session.close()
    found = account.broker()
    yield found
    found.close()


def test_every_book_can_be_read(broker: KiteBroker) -> None:
    orders, trades = broker.orders(), broker.trades()

    assert len({row.order_id for row in orders}) == len(orders)
    assert {trade.order_id for trade in trades} <= {row.order_id for row in orders}
    for row in broker.positions():
        assert row.quantity == row.buy_quantity - row.sell_quantity or row.overnight_quantity
    assert all(row.quantity >= 0 for row in broker.holdings())
    assert broker.funds().live_balance is not None
