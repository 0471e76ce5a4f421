"""The example configurations are complete, and trade: a short stretch of the sandbox each."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from app.cli import main
from config.loader import Loaded, load
from domain.strategies.pulse import Pulse
from tests.support.waiting import eventually
from tests.system.plant import ROOT, STRESS, Program, Trader, an_exchange

EXAMPLES: Final = sorted((ROOT / "config" / "examples").glob("*.yaml"))
SCENARIOS: Final = [path for path in EXAMPLES if path.stem not in {"stress", "managed", "samples"}]
"""Those that no other test runs."""
NO_DRILLS: Final = {"drop_feed_at": None, "crash_strategy_at": None}
FUTURES: Final = frozenset({"CASTROLIND", "RCF", "VGUARD", "TTKPRESTIG", "PFIZER", "GILLETTE", "SANOFI"})
"""Shares of the sandbox without derivatives: they trade until 15:30, the others until 15:15."""


def loaded(path: Path) -> Loaded:
    return load("sandbox", path, (), {}, ROOT)


def checked(path: Path) -> dict[str, Any]:
    """What is in force with this file, as `run.py check` finds and prints it."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = main(["check", "--config", str(path), "--json"])
    assert status == 0, path
    found = json.loads(output.getvalue())["settings"]
    assert isinstance(found, dict)
    return found


def joined(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All their strategies in one configuration, under the widest of their limits."""
    strategies = {name: each for one in settings for name, each in one["strategies"].items() if each["enabled"]}
    risk: dict[str, Any] = {}
    for one in settings:
        for key, value in one["risk"].items():
            if isinstance(value, list):
                risk[key] = sorted({*risk.get(key, []), *value})
            elif isinstance(value, int | float) and not isinstance(value, bool):
                risk[key] = max(value, risk.get(key) or 0)
    # They follow from wider ones here, or would make one example's account the limit of all.
    risk |= {
        "orders_per_second": 9, "exits_reserved_share": 0.2, "concentration_max_percent": 10_000,
        "gross_exposure_max": 100_000_000, "strategy_exposure_max": None, "daily_loss_max": 10_000_000,
        "strategy_daily_loss_max": None, "profit_lock_from": None,
    }  # fmt: skip
    return {"strategies": strategies, "risk": risk, "sandbox": {"opening_cash": 20_000_000}, "drills": NO_DRILLS}


def test_the_examples_trade_side_by_side_and_their_books_balance(tmp_path: Path) -> None:
    """One run for all of them; each by itself, under its own limits, for a whole day: `test --long examples`."""
    config = tmp_path / "joined.json"
    config.write_text(json.dumps(joined([checked(path) for path in SCENARIOS])), encoding="utf-8")
    ready = {"my_trend", "trend", "opening_range", "iron_fly", "banknifty_channel"}

    # At this speed a decision's usual time is an eighth of a second, which a busy machine may not have.
    with Trader(tmp_path, "sandbox.speed=200", "orders.intent_valid_seconds=900", config=config) as trader:
        trader.trading()
        names = {each.id for each in trader.cast.strategies}
        eventually(lambda: all(trader.trades(each) for each in ready), 110, f"trades of each of {sorted(ready)}")
        report = trader.finish()

    assert names >= ready | {"my_reversal", "reversion", "pair", "rotation", "nifty_trend"}
    assert (report.balanced, report.books_agree) == (True, True)
    assert trader.events("strategy.frozen") == []


@pytest.mark.long("examples")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_trades_a_whole_day_under_its_own_limits(path: Path, tmp_path: Path) -> None:
    speed = {"managed": "120", "stress": "60"}.get(path.stem, "250")
    settings = checked(path)
    enabled = {name for name, each in settings["strategies"].items() if each["enabled"]}

    with Trader(tmp_path, f"sandbox.speed={speed}", config=path) as trader:
        trader.trading(60)
        report = trader.wait(800)

    assert report is not None
    assert (report.balanced, report.books_agree) == (True, True)
    assert trader.events("strategy.frozen") == []
    traded = {each.strategy for each in report.per_strategy if each.orders}
    # The slow ones may find nothing on one day.
    assert traded >= enabled - {"momentum", "rotation", "donchian", "nifty_trend", "pair", "pairs"}
    carried = {name for name, each in settings["strategies"].items() if each["product"] != "MIS"}
    left = {each.strategy for each in report.open_positions if each.quantity}
    assert left <= carried, "intraday positions are closed, the others are carried"


def test_there_are_scenarios_for_the_stated_wants() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "newcomer", "intraday-one-share", "equity-portfolio", "nifty-options", "futures-swing", "stress",
    }  # fmt: skip
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert f"--config config/examples/{path.name}" in text or path.stem == "newcomer", "says how it is run"


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
    """By the market's clock: how far that is behind the wall's is the machine's affair, and the tests share theirs."""
    with an_exchange(speed=1, relax=()) as exchange, Program(tmp_path, *exchange.sets) as program:

        def ordered(orders: int) -> None:
            eventually(lambda: exchange.books().orders >= orders or not program.running, what=f"{orders} orders")
            assert program.running, program.said()[-2000:]

        ordered(1)
        assert "risk.denied" not in program.said(), "the first decisions are not wasted"
        ordered(24)
        instruments = {row.tradingsymbol for row in exchange.orders()}
        assert len(instruments) == 12, f"{instruments} were ordered"
