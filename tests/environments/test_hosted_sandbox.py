r"""`--env kite-sandbox`: a stretch of trading the way Zerodha's hosted sandbox wants it, and at the hosted one by flag.

The real one, in market hours, with a sandbox user's own credentials:

    PATANG_TEST_HOSTED=1 PATANG_KITE_SANDBOX_USER_ID=… PATANG_KITE_SANDBOX_ACCESS_TOKEN=… \\
        python3 -m pytest -m live tests/environments/test_hosted_sandbox.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain.messages.journal import OrderState
from domain.values import OrderKind
from tests.environments.traders import STRATEGIES, StandInTrader
from tests.support.projects import ROOT
from tests.support.waiting import eventually
from tests.system.plant import an_exchange


def test_a_stretch_is_traded_in_the_hosted_sandboxs_ways_and_the_books_are_equal(tmp_path: Path) -> None:
    with (
        an_exchange(speed=60, extra=["--as-hosted"]) as exchange,
        StandInTrader("kite-sandbox", tmp_path, exchange.running) as trader,
    ):
        trader.trading()
        trader.trade_on(8)
        trader.square_off(exchange)
        records = trader.world.journal.records()
        report = trader.finish()

    assert {row.intent.kind for row in records} == {OrderKind.MARKET}
    assert {row.order.kind for row in records} == {OrderKind.LIMIT}
    for row in records:
        reach = abs(row.order.price - row.intent.reference_price) * 100
        assert reach <= row.intent.reference_price, "within one percent"
    assert sum(row.state is OrderState.COMPLETE for row in records) >= 8
    assert not [row for row in records if row.state in (OrderState.REJECTED, OrderState.QUARANTINED)]
    assert (report.balanced, report.books_agree, report.open_positions) == (True, True, ())


def test_a_market_order_is_refused_there_with_the_way_out(tmp_path: Path) -> None:
    with (
        an_exchange(speed=60, extra=["--as-hosted"]) as exchange,
        StandInTrader("kite-sandbox", tmp_path, exchange.running, "orders.market_as_limit_percent=0") as trader,
    ):
        trader.trading()
        refusals = eventually(
            lambda: [r for r in trader.world.journal.records() if r.state is OrderState.REJECTED], what="a refusal"
        )
        books = exchange.books()
        trader.finish()

    assert "Only LIMIT orders" in refusals[0].text
    assert "set orders.market_as_limit_percent" in refusals[0].text
    assert books.trades == 0


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("PATANG_TEST_HOSTED") != "1", reason="PATANG_TEST_HOSTED=1 is not set")
def test_the_hosted_sandbox_itself(tmp_path: Path) -> None:
    config = tmp_path / "strategies.yaml"
    config.write_text(STRATEGIES, encoding="utf-8")
    command = [sys.executable, str(ROOT / "run.py"), "trade", "--env", "kite-sandbox", "--config", str(config)]
    command += ["--set", f"data_dir={tmp_path / 'data'}", "--set", f"reports_dir={tmp_path / 'reports'}"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.terminate()
            assert process.wait(60) == 0
    (report,) = (tmp_path / "reports").glob("*/eod.json")
    assert '"balanced": true' in report.read_text(encoding="utf-8").replace('":true', '": true')
