"""In a process's first life a strategy decides nothing before trading is ACTIVE: its first decision is not wasted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.routes import RISK, Routes, Topology, strategy_name
from actors.runtime import DetachedContext, ThreadRuntime
from actors.strategy import StrategyActor, StrategyActorSettings
from adapters.clock import MonotonicClock
from adapters.store.journal import SqliteJournal
from domain.calendar import SessionCalendar
from domain.messages.control import TradingState, TradingStateChanged
from domain.strategies.pulse import Pulse
from domain.values import Nanos
from tests.market.making import INFY
from tests.strategy.playing import SETTINGS, SHARE, a_price, at
from tests.support.prices import prices_of

ROUTES = Routes(Topology(strategies=("it",), by_token={INFY: ("it",)}))


class Noon:
    def now_ns(self) -> Nanos:
        return at(60)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[StrategyActor, DetachedContext]]:
    runtime = ThreadRuntime(MonotonicClock(), seed=1)
    journal = SqliteJournal(tmp_path / "journal.db", runtime.lock)
    context = DetachedContext(runtime, strategy_name("it"), 1)
    settings = StrategyActorSettings(runner=SETTINGS, wait_for_active=True)
    yield StrategyActor(context, ROUTES, "it", Pulse(), [SHARE], journal, SessionCalendar(), Noon(), settings), context
    journal.close()
    runtime.close()


def changed(state: TradingState) -> TradingStateChanged:
    return TradingStateChanged(state=state, why="a test", who="startup", time=at(60))


def test_the_first_decision_waits_for_active_and_is_made_then(made: tuple[StrategyActor, DetachedContext]) -> None:
    actor, context = made
    actor.started()

    actor.receive(prices_of(a_price(59, 1500)))
    actor.receive(changed(TradingState.REDUCING))
    actor.receive(prices_of(a_price(60, 1500)))
    assert context.told_to(RISK) == []

    actor.receive(changed(TradingState.ACTIVE))
    actor.receive(prices_of(a_price(60, 1500)))
    assert len(context.told_to(RISK)) == 1


def test_the_new_state_reaches_every_strategy() -> None:
    told: list[str] = []

    class Sender:
        def tell(self, name: str, message: object, lane: object = None, key: object = None) -> None:
            told.append(name)

    ROUTES.publish(Sender(), changed(TradingState.ACTIVE))
    assert strategy_name("it") in told
