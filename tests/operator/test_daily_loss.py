"""The day's loss limit, met by what is not realised yet: the real program closes everything, says why, and stays halted."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Final

import pytest

from tests.operator.terminal import Terminal
from tests.support.waiting import eventually
from tests.system.judging import journaled
from tests.system.plant import Program, an_exchange

pytestmark = pytest.mark.slow  # whole programs

LIMIT: Final = 200
"""Rupees. The charges of the one purchase are less than half of it: what is missing must come of the market."""

HOLDER: Final = """
sandbox: {instruments: 1}
market: {stale_price_seconds: 3600}
risk:
  {max_quantity_per_order: 600, max_position_quantity: 600, max_value_per_order: 10000000, gross_exposure_max: 100000000,
   max_position_value_per_instrument: 10000000, daily_loss_max: 200, orders_per_second: 1000, orders_per_minute: 60000,
   concentration_max_percent: 100000, stale_price_seconds: 3600, stale_feed_seconds: 3600, day_drawdown_max: 100000,
   drawdown_max: 100000, profit_lock_from: 10000000}
strategies:
  ma_crossover: {enabled: false}
  rsi_reversion: {enabled: false}
  holder: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:INFY"], interval: minute, capital: 10000000,
           quantity: 400, parameters: {period_seconds: 86400}}
drills: {drop_feed_at: null, crash_strategy_at: null}
"""
"""One strategy that buys once and holds."""


def test_a_loss_that_is_not_realised_flattens_with_its_reason_in_report_alert_and_audit(tmp_path: Path) -> None:
    config = tmp_path / "holder.yaml"
    config.write_text(HOLDER, encoding="utf-8")
    journal = tmp_path / "data" / "sandbox" / "journal.db"
    with an_exchange(speed=60) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, config)
        with Program(tmp_path, *exchange.sets, config=config) as program:
            eventually(lambda: "risk.daily_loss" in program.said() or not program.running, 90, "the limit is met")
            eventually(lambda: exchange.books().flat or not program.running, what="everything is closed")
            # A status is up to a second old.
            eventually(lambda: terminal.say("status")["state"] == "HALTED", what="the status says so")
            program.signal(signal.SIGINT)
            program.wait()
            report = program.report()
        records = journaled(journal)[0]

        # At the moment of the halt nothing was realised, and the charges alone were not enough.
        why = next(each for each in _texts(report) if "day's loss" in each)
        found = re.search(r"limit of (\S+) \(realised (\S+), unrealised -(\S+), charges (\S+)\)", why)
        assert found is not None, why
        limit, realised, unrealised, charges = map(float, found.groups())
        assert (limit, realised) == (LIMIT, 0)
        assert charges < LIMIT <= unrealised + charges
        assert {record.intent.reduce_only for record in records} == {False, True}
        assert report["open_positions"] == []

        exported = [json.loads(line) for line in terminal.run("audit", "export", "--format", "jsonl")[1].splitlines()]
        assert any("day's loss" in json.dumps(entry) and entry["kind"].startswith("risk.") for entry in exported)

        # The next process is halted from its start, until a person says otherwise.
        with Program(tmp_path, *exchange.sets, config=config) as program:
            program.says("day.trading")
            before = len(exchange.orders())
            program.lives(1.0)
            eventually(lambda: terminal.say("status")["state"] == "HALTED", what="the status says so")
            assert len(exchange.orders()) == before


def _texts(report: dict[str, object]) -> list[str]:
    events = report["events"]
    assert isinstance(events, list)
    return [str(event["text"]) for event in events]
