"""Every actor crashes in turn with messages queued, while a dozen strategies trade: nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import cast

import msgspec

from actors.routes import ORDERS, PORTFOLIO, REPORTER, RISK, strategy_name
from domain.messages.control import Report
from domain.messages.journal import IntentAccepted, IntentExpired, JournalAdvanced
from domain.messages.orders import ApprovedIntent
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal, assert_effectively_once
from tests.system.plant import Trader, actors_of, an_exchange

SPEED = 8
APART = (
    'strategies.apart={kind: "domain.strategies.pulse:Pulse", instruments: [NSE:KOTAKBANK], interval: minute, '
    "capital: 1000000, quantity: 2, parameters: {period_seconds: 86400}, isolation: process}"
)
"""Buys once a day, in a process of its own."""


def test_every_actor_crashes_in_turn_and_the_books_stay_equal(tmp_path: Path) -> None:
    sets = (APART, "strategies.pulse_wipro.isolation=process", "sandbox.instruments=13")
    with an_exchange(speed=SPEED) as exchange, Trader(tmp_path, *exchange.sets, *sets) as trader:
        trader.trading()
        trader.trade_on(12)
        assert_a_killed_process_is_replaced(trader)
        last = "pulse_wipro"

        for name in actors_of(trader):
            trader.crash(name, already_told(trader, name))
            # The others carry on: one that was not crashed goes on trading, and the crashed one's work is done again.
            trader.trade_on(1, strategy=last)
        trader.trade_on(12)

        restarts = {name: trader.node(name).restarts for name in actors_of(trader)}
        trader.square_off(exchange)
        for each in trader.cast.strategies:
            view = trader.ask(strategy_name(each.id))
            assert isinstance(view, dict)
            assert {"confirmed": set(view["confirmed"].values()), "pending": set(view["pending"].values())} == {
                "confirmed": {0},
                "pending": {0},
            }, each.id
        assert entries(trader, "apart") == ["BUY"]
        report = trader.finish()

        assert_effectively_once(exchange, trader.journal_path)
        assert_books_equal(exchange, trader.journal_path)
        assert (report.balanced, report.books_agree, report.open_positions) == (True, True, ())
        assert report.restarts >= len(restarts)
        assert all(restarts.values()), restarts


def assert_a_killed_process_is_replaced(trader: Trader) -> None:
    """The one that holds a position comes back with it; the one that trades all the time trades on."""
    apart, trading = strategy_name("apart"), strategy_name("pulse_wipro")
    eventually(lambda: confirmed(trader, apart) == [2], what="it holds all that it bought")
    for name in (apart, trading):
        view = trader.ask(name)
        assert isinstance(view, dict)
        assert view["process"] not in (None, os.getpid())
        os.kill(view["process"], signal.SIGKILL)
        eventually(partial(trader.is_up, name, 2), what=f"{name} up again")

    [crash] = eventually(lambda: [each for each in trader.events("child.crashed") if each["name"] == apart])
    assert str(crash["reason"]).endswith("was ended by SIGKILL")
    eventually(lambda: len(lives(trader, "apart")) == 2, what="its second life is told")
    assert set(lives(trader, "apart")[1].values()) == {2}
    trader.trade_on(2, strategy="pulse_wipro")


def confirmed(trader: Trader, name: str) -> list[int]:
    """What it holds by booked trades."""
    view = trader.ask(name)
    assert isinstance(view, dict)
    return [*view["confirmed"].values()]


def lives(trader: Trader, strategy: str) -> list[dict[str, int]]:
    """What it held at the beginning of each of its lives."""
    started = [each for each in trader.events("strategy.started") if each["actor"] == strategy_name(strategy)]
    return [cast("dict[str, int]", each["held"]) for each in started]


def entries(trader: Trader, strategy: str) -> list[str]:
    """Sides of what the strategy itself has ordered."""
    intents = (r.event.intent for r in trader.world.journal.read(0) if isinstance(r.event, IntentAccepted))
    return [each.side.value for each in intents if each.strategy == strategy and not each.reduce_only]


def already_told(trader: Trader, name: str) -> list[object]:
    """For those who fold the journal: what they have folded before, told once more, and the news of it."""
    if name not in (RISK, PORTFOLIO, REPORTER) and not name.startswith("strategy."):
        return []
    journal = trader.world.journal
    last = journal.last_seq()
    return [*journal.read(max(0, last - 40)), JournalAdvanced(seq=last), *journal.read(max(0, last - 10))]


def test_a_restarted_risk_gate_voids_the_approvals_of_its_former_life(tmp_path: Path) -> None:
    with an_exchange(speed=SPEED) as exchange, Trader(tmp_path, *exchange.sets) as trader:
        trader.trading()
        trader.trade_on(2)
        former = epoch(trader)
        accepted = next(r.event for r in trader.world.journal.read(0) if isinstance(r.event, IntentAccepted))
        intent = msgspec.structs.replace(
            accepted.intent, intent_id="too:late", valid_until=accepted.intent.valid_until + 3_600_000_000_000
        )

        trader.crash(RISK)
        assert epoch(trader) == former + 1
        trader.tell(
            ORDERS,
            ApprovedIntent(intent=intent, risk_epoch=former, margin_held=0, approved_time=accepted.time),
        )

        expired = eventually(lambda: refused(trader, "too:late"), what="the old approval is refused")
        assert expired is not None and expired.tag == ""
        trader.trade_on(2)
        trader.square_off(exchange)
        trader.finish()
        assert "too:late" not in {record.intent.intent_id for record in trader.world.journal.records()}
        assert_effectively_once(exchange, trader.journal_path)
        assert_books_equal(exchange, trader.journal_path)


def test_a_crashed_strategy_forgets_no_position_and_the_others_do_not_notice(tmp_path: Path) -> None:
    with an_exchange(speed=SPEED) as exchange, Trader(tmp_path, *exchange.sets) as trader:
        trader.trading()
        first, *others = (each.id for each in trader.cast.strategies)
        lives = {each: trader.node(strategy_name(each)).incarnation for each in others}
        for _ in range(3):
            trader.trade_on(1, strategy=others[0])
            trader.crash(strategy_name(first))
            view = trader.ask(strategy_name(first))
            assert isinstance(view, dict)
            [confirmed] = view["confirmed"].values()
            assert confirmed in (0, trader.cast.strategies[0].quantity)
        trader.trade_on(1, strategy=first)
        assert {each: trader.node(strategy_name(each)).incarnation for each in others} == lives
        trader.square_off(exchange)
        trader.finish()
        assert_books_equal(exchange, trader.journal_path)


def epoch(trader: Trader) -> int:
    found = trader.ask(RISK, Report())
    assert isinstance(found, dict)
    return int(found["epoch"])


def refused(trader: Trader, intent_id: str) -> IntentExpired | None:
    events = (record.event for record in trader.world.journal.read(0))
    return next((e for e in events if isinstance(e, IntentExpired) and e.intent_id == intent_id), None)
