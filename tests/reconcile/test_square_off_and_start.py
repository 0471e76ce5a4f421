"""The broker's own square-off is shared among those who held; what differs at a start is met before anybody trades."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from actors.routes import RISK
from adapters.store.journal import SqliteJournal
from app.chaos.real_judging import books_unequal
from domain.messages.control import TradingState
from domain.messages.journal import DayOpened, DifferenceFound, JournalEvent, TradeBooked
from domain.reconcile.names import Policy
from domain.values import Product, Side, e4
from tests.reconcile.person import QUICK, SECONDS, Plant, a_person
from tests.support.waiting import eventually
from tests.system.plant import Trader, an_exchange

TWO = """
market: {stale_price_seconds: 3600}
risk: {stale_price_seconds: 3600, max_value_per_order: 1000000, max_position_value_per_instrument: 10000000}
strategies:
  ma_crossover: {enabled: false}
  rsi_reversion: {enabled: false}
  three: {kind: "tests.reconcile.person:Idle", instruments: ["NSE:INFY"], interval: minute, capital: 100000, quantity: 3}
  two: {kind: "tests.reconcile.person:Idle", instruments: ["NSE:INFY"], interval: minute, capital: 100000, quantity: 2}
drills: {drop_feed_at: null, crash_strategy_at: null}
"""


def events(trader: Trader) -> list[JournalEvent]:
    return [record.event for record in trader.world.journal.read(0)]


def differences(trader: Trader) -> list[DifferenceFound]:
    return [event for event in events(trader) if isinstance(event, DifferenceFound)]


def test_the_brokers_square_off_is_allocated_pro_rata_and_paid_for(tmp_path: Path) -> None:
    config = tmp_path / "two.yaml"
    config.write_text(TWO, encoding="utf-8")
    late = (
        "schedule.square_off.equity_auction=15:14",
        "schedule.square_off_warning.equity_auction=15:13",
        "risk.mis_cutoff.equity_auction=15:13",
    )
    with (
        an_exchange(speed=1, hold=True, extra=("--start", "15:08:00")) as exchange,
        Trader(tmp_path, *exchange.sets, *QUICK, *late, config=config) as trader,
    ):
        trader.trading(60)
        exchange.set_clock(release=True)
        plant = Plant(exchange, trader, a_person(exchange))
        plant.open("two")
        plant.open("three")
        eventually(lambda: not trader.world.journal.open_records(), SECONDS, "at rest")
        held = {view.strategy: view.quantity for view in trader.snapshot().positions}
        exchange.set_clock(hold=True, advance_seconds=130)  # 15:10 is past: the broker closes what is intraday
        exchange.set_clock(release=True)
        eventually(lambda: exchange.books().flat and not trader.snapshot().positions_value, SECONDS, "squared off")

        shares: Counter[str] = Counter()
        for trade in booked(trader):
            if trade.squared_off_by_broker:
                shares[trade.strategy] += trade.side.sign * trade.quantity
        assert shares == {strategy: -units for strategy, units in held.items()}
        assert min(held.values()) > 0
        assert [each.name for each in differences(trader)] == ["broker square-off"]
        assert trader.snapshot().charges > e4("59"), "the broker's fee is in it"
        assert books_unequal(exchange, trader.journal_path) == []


def booked(trader: Trader) -> list[TradeBooked]:
    return [event for event in events(trader) if isinstance(event, TradeBooked)]


def test_shares_that_are_not_in_the_holdings_halt_before_any_strategy_trades(tmp_path: Path) -> None:
    config = tmp_path / "two.yaml"
    config.write_text(TWO, encoding="utf-8")
    with an_exchange(speed=1) as exchange:
        carried = a_journal_that_carries(tmp_path / "data" / "sandbox" / "journal.db", units=7)
        sets = (*exchange.sets, *QUICK, "reconcile.policies.holding_drift=halt")
        for life in (1, 2):
            with Trader(tmp_path, *sets, config=config) as trader:
                trader.trading(60)
                (found,) = differences(trader)  # once, whatever restarts
                assert (found.name, found.ours, found.theirs, found.policy) == ("holding drift", "7", "0", Policy.HALT)
                eventually(lambda: state(trader) is TradingState.HALTED, SECONDS, f"halted in life {life}")
                assert booked(trader) == [carried], "nobody has traded"


def state(trader: Trader) -> TradingState:
    told = trader.ask(RISK)
    assert isinstance(told, dict)
    found = told["state"]
    return TradingState(getattr(found, "state", found))


def a_journal_that_carries(path: Path, units: int) -> TradeBooked:
    """A strategy bought for delivery on the trading day before."""
    trade = TradeBooked(
        trade_id="T1",
        order_id="1",
        tag="",
        strategy="two",
        token=408065,
        instrument="NSE:INFY",
        side=Side.BUY,
        product=Product.CNC,
        quantity=units,
        price=e4("1500"),
        event_time=1_795_150_000_000_000_000,
        booked_time=1_795_150_000_000_000_000,
    )
    path.parent.mkdir(parents=True)
    journal = SqliteJournal(path, threading.Lock)
    journal.commit([DayOpened("2026-11-20", e4("1000000"), trade.event_time), trade])
    journal.close()
    return trade
