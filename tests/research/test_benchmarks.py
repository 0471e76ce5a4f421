"""The backtest benchmarks compare what they say they compare. How fast anything is, is not asked here."""

from __future__ import annotations

import importlib

import pytest

from benchmarks._bars import CASH, bars
from benchmarks._side_programs import Answer
from benchmarks.backtest import _same_equity, _same_turns
from domain.values import RUPEE
from research.data.candles import Candles
from research.records import FillRow, Run


def _run(candles: Candles) -> Run:
    """Bought at the open of bar 1, turned at that of bar 3."""
    rows = [(0, 1, 10), (1, 3, -10), (2, 3, -10)]
    fills = [FillRow(order, int(candles.start[at]), 0, units, int(candles.open[at])) for order, at, units in rows]
    return Run((), tuple(fills), (), 0)


def _equity(candles: Candles, commissions: int) -> float:
    opens: list[int] = candles.open.tolist()
    cash = CASH - 10 * opens[1] + 20 * opens[3] - 10 * int(candles.close[-1])
    return cash / RUPEE - 20.0 * commissions


def test_turns_are_compared_by_bar_and_price() -> None:
    candles = bars(6)
    prices = [(at, int(candles.open[at]) / RUPEE) for at in (1, 3)]

    assert _same_turns(Answer(fills=prices, bars=6), candles, _run(candles)) == "2 of 2, 0 others"
    assert _same_turns(Answer(fills=[*prices[:1], (3, 1.0)], bars=6), candles, _run(candles)) == "1 of 2, 1 others"
    assert _same_turns(Answer(fills=prices[:1], bars=2), candles, _run(candles)) == "1 of 1, 0 others"


def test_equity_is_compared_to_the_paisa_whoever_charges_a_turn_once() -> None:
    candles = bars(6)
    run = _run(candles)

    twice = _same_equity("backtrader", Answer(equity=_equity(candles, 3), bars=6), candles, run)
    once = _same_equity("vectorbt", Answer(equity=_equity(candles, 2), bars=6), candles, run)
    other = _same_equity("backtrader", Answer(equity=_equity(candles, 3) + 0.01, bars=6), candles, run)

    assert twice.startswith("+0.00 ")
    assert once.startswith("+0.00 ")
    assert once.endswith("counted out 1 times")
    assert other.startswith("+0.01 ")


@pytest.mark.long("engines")
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", ["backtest", "sweep", "portfolio", "ten_years"])
def test_every_benchmark_runs_and_its_engines_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATANG_PEERS", "")
    figures = importlib.import_module(f"benchmarks.{name}").run(quick=True)

    agreed = {said: found for said, found in figures.items() if "agree" in said or "same" in said}
    assert agreed
    assert all(found is True for found in agreed.values()), agreed
