"""A strategy that fails at every message is frozen alone; its position is squared off; the others trade on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from actors.routes import Routes, Topology, strategy_name
from app.board import Board
from app.options import ROOT
from app.strategies import Cast, Configured
from app.wiring import STRATEGY_SUPERVISOR, strategy_spec
from config.loader import load
from domain.strategy.runner import RunnerSettings
from domain.strategy.sizing import FixedQuantity
from domain.values import Product
from tests.support.waiting import eventually
from tests.system.faulty import AlwaysRaises
from tests.system.judging import assert_books_equal, assert_effectively_once, journaled
from tests.system.plant import Trader, an_exchange

SPEED = 80
CRAWL = 5
"""After each crash it decides nothing for 10 market seconds, and six crashes count together within 130 of them: 2 and
26 wall seconds at this speed. At the other, one restart on a busy machine would outlast the period."""
if TYPE_CHECKING:
    from app.ports import Ports

BAD = (
    'strategies.bad={kind: "tests.system.faulty:AlwaysRaises", instruments: [NSE:KOTAKBANK], interval: minute, '
    "capital: 1000000, quantity: 2}"
)


def test_it_is_frozen_alone_and_flattened(tmp_path: Path) -> None:
    with an_exchange(speed=SPEED) as exchange:
        sets = (*exchange.sets, BAD, "sandbox.instruments=13", "orders.intent_valid_seconds=10")
        with Trader(tmp_path, *sets) as trader:
            trader.trading()
            trader.market(exchange, rate=CRAWL)
            eventually(lambda: trader.node(f"{STRATEGY_SUPERVISOR}bad").state == "gave_up", what="it is given up")
            assert trader.trades("bad") == 1
            eventually(lambda: trader.events("alert.strategy.frozen"), what="the alert line")
            [alert] = trader.events("alert.strategy.frozen")
            assert "bad" in str(alert["text"])

            others = [each.id for each in trader.cast.strategies if each.id != "bad"]
            for each in others:
                trader.trade_on(1, strategy=each)
            assert {trader.node(strategy_name(each)).restarts for each in others} == {0}

            trader.market(exchange, rate=SPEED)
            trader.square_off(exchange)
            report = trader.finish()
            assert sold(trader) == 2, "what it had bought was sold without it"
            assert (report.balanced, report.books_agree) == (True, True)
            assert_effectively_once(exchange, trader.journal_path)
            assert_books_equal(exchange, trader.journal_path)


def sold(trader: Trader) -> int:
    _, trades, _ = journaled(trader.journal_path)
    return sum(trade.strategy == "bad" for trade in trades)


def test_its_failures_count_together_though_it_is_quiet_after_each() -> None:
    """At real speed it decides nothing for 30 s after a restart: the supervisor's period must outlast that, often."""
    runner = RunnerSettings(60, Product.MIS, FixedQuantity(1), intent_valid_seconds=30)
    configured = Configured(
        id="bad", strategy=AlwaysRaises(), instruments=(), runner=runner, quantity=1, product=Product.MIS,
        decides_on_bars=False, warm_up_bars=0,
    )  # fmt: skip
    nobody = cast("Ports", None)  # needed when the actor is made, which it is not here
    board = Board(load("sandbox", None, (), {}, ROOT).settings, Cast((configured,), {}))
    spec = strategy_spec(nobody, Routes(Topology((), {})), board, "bad")
    assert spec.period_seconds > (spec.intensity + 1) * runner.intent_valid_seconds
