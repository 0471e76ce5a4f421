"""The example configurations are complete, and trade: a short stretch of the sandbox each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from config.loader import Loaded, load
from domain.strategies.pulse import Pulse
from tests.support.waiting import eventually
from tests.system.plant import ROOT, STRESS, Program, Trader, an_exchange

NEWCOMER: Final = ROOT / "config" / "examples" / "newcomer.yaml"
FUTURES: Final = frozenset({"CASTROLIND", "RCF", "VGUARD", "TTKPRESTIG", "PFIZER", "GILLETTE", "SANOFI"})
"""Shares of the sandbox without derivatives: they trade until 15:30, the others until 15:15."""


def loaded(path: Path) -> Loaded:
    return load("sandbox", path, (), {}, ROOT)


def test_the_newcomers_example_trades_and_its_books_balance(tmp_path: Path) -> None:
    with Trader(tmp_path, "sandbox.speed=200", config=NEWCOMER) as trader:
        trader.trading()
        trader.trade_on(2, seconds=30)
        report = trader.finish()
    assert (report.balanced, report.books_agree) == (True, True)
    assert set(report.strategies) == {"my_trend", "my_reversal"}


def test_the_stress_example_is_what_soak_and_kill_tests_need() -> None:
    found = loaded(STRESS)
    strategies = {name: each for name, each in found.settings.strategies.items() if each.enabled}
    shares = [each.instruments for each in strategies.values()]
    symbols = {share.partition(":")[2] for [share] in shares}

    assert len(strategies) >= 10
    assert len(symbols) == len(shares), "each its own share"
    assert symbols & FUTURES and symbols - FUTURES, "both kinds of session"
    for name, each in strategies.items():
        assert each.kind == "domain.strategies.pulse:Pulse"
        assert found.parameters(name, Pulse).period_seconds < 5
    drills = found.settings.drills
    assert (drills.drop_feed_at, drills.crash_strategy_at) == (None, None)
    room = found.settings.sandbox.instruments
    assert room is None or room >= len(strategies)


@pytest.mark.slow
def test_the_stress_example_orders_soon_after_its_start_and_steadily_from_then_on(tmp_path: Path) -> None:
    """2 s is what is promised on a machine of its own; the tests share theirs."""
    with an_exchange(speed=1, relax=()) as exchange:
        began = time.monotonic()
        with Program(tmp_path, *exchange.sets) as program:
            eventually(lambda: exchange.books().orders or not program.running, 20, "the first order")
            took = time.monotonic() - began
            assert program.running, program.said()[-2000:]
            assert took < 15, program.said()[-2000:]
            assert "risk.denied" not in program.said(), "the first decisions are not wasted"
            first = exchange.books().orders
            began = time.monotonic()
            program.lives(6)
            orders, seconds = exchange.books().orders - first, time.monotonic() - began
            assert orders >= 12 * (seconds // 5), f"{orders} orders in {seconds:.1f} market seconds"
