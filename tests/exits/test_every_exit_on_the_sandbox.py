"""Every managed exit, traded on a real sandbox by the whole system: each leaves as it should, once, and the books agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from domain.messages.gtt import GttClosed, GttRequested, GttTriggered
from domain.messages.journal import IntentAccepted, OrderAdopted, OrderModified, TradeBooked
from domain.messages.plans import ExecutionEnded, ExitPlanEnded, ExitPlanned
from tests.exits.market import a_market
from tests.exits.scenes import OFF, a_config, active_gtts, resting_stops, rows
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal
from tests.system.plant import ROOT, Exchange, Trader, an_exchange

FALLS = [("09:15:00", 1.0), ("09:19:00", 1.0), ("09:20:00", 0.98), ("09:45:00", 0.98)]
RISES = [("09:15:00", 1.0), ("09:19:00", 1.0), ("09:20:00", 1.02), ("09:45:00", 1.02)]
COMES_BACK = [
    ("09:15:00", 1.0),
    ("09:19:00", 1.0),
    ("09:20:00", 1.02),
    ("09:22:00", 1.02),
    ("09:23:00", 1.0),
    ("09:45:00", 1.0),
]
STAYS = [("09:15:00", 1.0), ("09:45:00", 1.0)]

KINDS = {
    "client_stop": ("NSE:INFY", 1500, FALLS, "MIS", "{hold: client, stop_percent: 1, target_percent: 3}"),
    "client_target": ("NSE:SBIN", 800, RISES, "MIS", "{hold: client, stop_percent: 1, target_percent: 1}"),
    "client_trail": ("NSE:TCS", 3000, COMES_BACK, "MIS", "{hold: client, trail_percent: 1}"),
    "client_time": ("NSE:ITC", 400, STAYS, "MIS", "{hold: client, minutes: 4}"),
    "broker_stop": ("NSE:RELIANCE", 1400, FALLS, "MIS", "{hold: broker, stop_percent: 1, target_percent: 3}"),
    "broker_limit": ("NSE:HDFCBANK", 1000, FALLS, "MIS", "{hold: broker, stop_percent: 1, limit_percent: 1}"),
    "broker_target": ("NSE:ICICIBANK", 1300, RISES, "MIS", "{hold: broker, stop_percent: 1, target_percent: 1}"),
    "broker_trail": ("NSE:AXISBANK", 1100, COMES_BACK, "MIS", "{hold: broker, trail_percent: 1}"),
    "gtt_stop": ("NSE:WIPRO", 250, FALLS, "CNC", "{hold: broker, stop_percent: 1, target_percent: 3}"),
    "gtt_target": ("NSE:LT", 3600, RISES, "CNC", "{hold: broker, stop_percent: 1, target_percent: 1}"),
    "gtt_time": ("NSE:HCLTECH", 1500, STAYS, "CNC", "{hold: broker, stop_percent: 1, minutes: 4}"),
}
AT_THE_BROKER = {"broker_stop", "broker_limit", "broker_target", "broker_trail", "short_stop"}
SPEED = 40
WHY = {
    "client_stop": "stop",
    "client_target": "target",
    "client_trail": "trail",
    "client_time": "time",
    "broker_target": "target",
    "gtt_time": "time",
}


def test_every_kind_leaves_once_and_the_books_agree(tmp_path: Path) -> None:
    paths = {
        instrument: [(at, price * share) for at, share in path] for instrument, price, path, _, _ in KINDS.values()
    }
    strategies = {
        name: rows(instrument, product=product, exits=exits, quantity=12_000 if name == "broker_stop" else 20)
        for name, (instrument, _, _, product, exits) in KINDS.items()
    }
    strategies["short_stop"] = rows(
        "NSE:MARUTI", exits="{hold: broker, stop_percent: 1}", parameters="{short: true}", quantity=5
    )
    paths["NSE:MARUTI"] = [(at, 12_000 * share) for at, share in RISES]
    config = a_config(tmp_path, {**strategies, **OFF})
    market = a_market(tmp_path, paths, quantity=150)
    with (
        an_exchange(speed=SPEED, hold=True, extra=("--market", market, "--opening-cash", "100000000")) as exchange,
        Trader(tmp_path, *exchange.sets, config=config) as trader,
    ):
        trader.trading_from_the_start(exchange)
        # The largest is bought for 80 s from 09:16 on; at 09:19 prices leave.
        trader.crawling(exchange, "09:17:30", SPEED, lambda: protected(trader, exchange), "all is protected")
        trader.crawling(exchange, "09:20:20", SPEED, lambda: trailed(trader), "the trail moves its stop")
        wanted = len(strategies)
        eventually(
            lambda: ended(trader) >= wanted and not trader.world.journal.open_records() and exchange.books().flat,
            60,
            "every position is left",
        )
        trader.settled(exchange)
        events = [record.event for record in trader.world.journal.read(0)]
        report = trader.finish()
        assert_books_equal(exchange, trader.journal_path)

    assert (report.balanced, report.books_agree) == (True, True)
    assert_nothing_sold_twice(events)
    exits = [event.intent for event in events if isinstance(event, IntentAccepted) and event.intent.reduce_only]
    left_by_us = {intent.strategy: intent.reason for intent in exits if not intent.protective}
    assert left_by_us == WHY
    by_order = Counter(event.order_id for event in events if isinstance(event, TradeBooked))
    assert max(by_order.values()) > 1, "some were filled in parts"
    stops = Counter(intent.strategy for intent in exits if intent.protective)
    assert set(stops) == AT_THE_BROKER
    assert set(stops.values()) == {1}, "one stop each: it is moved, and not placed again"
    assert {e.strategy for e in events if isinstance(e, GttRequested)} == {"gtt_stop", "gtt_target", "gtt_time"}
    assert {(e.strategy, e.leg) for e in events if isinstance(e, GttTriggered)} == {("gtt_stop", 0), ("gtt_target", 1)}
    assert {e.strategy for e in events if isinstance(e, GttClosed)} == {"gtt_time"}
    assert {e.strategy for e in events if isinstance(e, OrderAdopted)} == {"gtt_stop", "gtt_target"}


def protected(trader: Trader, exchange: Exchange) -> bool:
    resting = {record.intent.strategy for record in resting_stops(trader.world.journal.open_records())}
    return resting == AT_THE_BROKER and len(active_gtts(exchange)) == 3


def trailed(trader: Trader) -> bool:
    events = (record.event for record in trader.world.journal.read(0))
    return any(isinstance(event, OrderModified) and event.strategy == "broker_trail" for event in events)


def ended(trader: Trader) -> int:
    return sum(isinstance(record.event, ExitPlanEnded) for record in trader.world.journal.read(0))


def assert_nothing_sold_twice(events: Sequence[object]) -> None:
    """Per strategy as much is sold as bought: nothing was left twice."""
    net: Counter[str] = Counter()
    for event in events:
        if isinstance(event, TradeBooked):
            net[event.strategy] += event.side.sign * event.quantity
    assert set(net.values()) == {0}, net


def test_the_example_of_managed_exits_trades_rules_and_its_books_balance(tmp_path: Path) -> None:
    with Trader(tmp_path, "sandbox.speed=120", config=ROOT / "config" / "examples" / "managed.yaml") as trader:
        trader.trading()
        eventually(lambda: ended(trader) >= 1, 90, "a position was opened, guarded and left")
        events = [record.event for record in trader.world.journal.read(0)]
        report = trader.finish()
    assert (report.balanced, report.books_agree) == (True, True)
    assert any(isinstance(event, ExecutionEnded) and event.filled for event in events)
    assert any(isinstance(event, IntentAccepted) and event.intent.protective for event in events) or any(
        isinstance(event, ExitPlanned) and event.strategy == "rsi_reversion" for event in events
    )
