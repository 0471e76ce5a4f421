"""A strategy in a process of its own is supervised as any other: crashed, killed or hung, it is replaced."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from actors.routes import MARKET, RISK, Routes, Topology
from actors.runtime import Actor, Backoff, ChildCrashed, ChildHung, ChildReady, ChildSpec, Context, Crash
from actors.strategy import StrategyActor, StrategyActorSettings
from adapters.isolation.runner import IsolatedRunner
from adapters.store.journal import SqliteJournal
from app.board import terms_of
from app.options import ROOT
from app.strategies import Cast
from config.loader import load
from domain.calendar import SessionCalendar
from domain.messages.configuration import AdoptConfiguration, StrategyTerms
from domain.messages.control import Report
from domain.messages.orders import OrderIntent
from domain.strategies.pulse import Pulse
from domain.strategy.runner import Strategy, Today
from domain.strategy.running import Runner, in_thread
from tests.isolation.minds import Doomed
from tests.market.making import DAY, INFY
from tests.runtime.harness import Inbox, Running, Scripted, a_root, a_runtime, running
from tests.strategy.playing import SETTINGS, SHARE, a_price, at, filled
from tests.support.prices import prices_of
from tests.support.waiting import PATIENCE, eventually, nothing_left_behind, open_descriptors

NAME = "strategy.it"
E = TypeVar("E")
ROUTES = Routes(Topology(strategies=("it",), by_token={INFY: ("it",)}))


def _placed(strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
    return (IsolatedRunner if terms.isolated else in_thread)(strategy_id, terms, today)


class Noon:
    """A market clock that stands still."""

    def now_ns(self) -> int:
        return at(60)


class Stage:
    """What a case needs. gate: what the risk gate was told"""

    def __init__(self, system: Running, gate: Inbox, journal: SqliteJournal) -> None:
        self.system = system
        self.gate = gate
        self.journal = journal

    def seen(self, kind: type[E], count: int = 1) -> list[E]:
        """Wait until that many such events of the strategy were told."""
        watch = self.system.watch
        return eventually(lambda: found if len(found := watch.seen(kind, NAME)) >= count else [], what=kind.__name__)

    def report(self) -> dict[str, object]:
        found = self.system.system.address(NAME).ask(Report(), PATIENCE)
        assert isinstance(found, dict)
        return found

    def process(self) -> int:
        found = self.report()["process"]
        assert isinstance(found, int)
        return found


@contextmanager
def on_stage(folder: Path, strategy: Callable[[int], Strategy], heartbeat: float = 30.0) -> Iterator[Stage]:
    """The strategy's actor under a supervisor, by incarnation, isolated; nothing of it is left at the end."""
    gate, market = Inbox(), Inbox()
    with nothing_left_behind(), a_runtime() as locks:
        journal = SqliteJournal(folder / "journal.db", locks.lock)

        def actor(context: Context) -> Actor:
            settings = StrategyActorSettings(runner=replace(SETTINGS, intent_valid_seconds=0.0), isolated=True)
            return StrategyActor(
                context, ROUTES, "it", strategy(context.incarnation), [SHARE], journal, SessionCalendar(), Noon(),
                settings, _placed,
            )  # fmt: skip

        spec = ChildSpec(
            NAME, actor, heartbeat_seconds=heartbeat, start_timeout_seconds=60.0, backoff=Backoff(max_seconds=0.0)
        )
        root = a_root(
            ChildSpec(RISK, lambda context: Scripted(context, gate)),
            ChildSpec(MARKET, lambda context: Scripted(context, market)),
            spec,
            intensity=1_000,
        )
        with running(root) as system:
            yield Stage(system, gate, journal)
        journal.close()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_crashed_by_its_strategy_it_is_back_in_another_process_with_what_it_holds(tmp_path: Path) -> None:
    with on_stage(tmp_path, lambda life: Doomed("own") if life == 1 else Pulse()) as stage:
        former = stage.process()
        intent = replace(an_entry(), strategy="it")
        stage.journal.commit(filled(intent))

        stage.system.tell(NAME, prices_of(a_price(60, 100)))
        [crash] = stage.seen(ChildCrashed)
        stage.seen(ChildReady, count=2)

        assert crash.reason == "tests.isolation.minds.Grief: in two lines"
        assert 'raise Grief("in two\\nlines")' in crash.traceback
        assert stage.process() != former
        assert gone(former)
        assert stage.report()["held"] == {INFY: intent.quantity}


def an_entry() -> OrderIntent:
    runner = in_thread("it", StrategyTerms(Pulse(), (SHARE,), SETTINGS), lambda _token, _instant: DAY)
    [intent] = runner.price(a_price(60, 100), at(60))
    return intent


def test_its_process_killed_while_nothing_happens_it_is_back_by_itself(tmp_path: Path) -> None:
    with on_stage(tmp_path, lambda _life: Doomed("")) as stage:
        former = stage.process()
        os.kill(former, signal.SIGKILL)
        [crash] = stage.seen(ChildCrashed)
        stage.seen(ChildReady, count=2)

        says = f"domain.errors.StrategyProcessEnded: strategy it: its process {former} was ended by SIGKILL"
        assert crash.reason == says
        assert stage.process() != former


def test_hung_it_is_replaced_and_its_process_killed_and_no_thread_stays_given_up(tmp_path: Path) -> None:
    with on_stage(tmp_path, lambda life: Doomed("hold") if life == 1 else Pulse(), heartbeat=3.0) as stage:
        former = stage.process()
        stage.system.tell(NAME, prices_of(a_price(60, 100)))
        stage.seen(ChildHung)
        stage.seen(ChildReady, count=2)
        stage.system.tell(NAME, prices_of(a_price(60, 100)))
        [order] = eventually(lambda: stage.gate.items, what="its order")

        assert isinstance(order, OrderIntent)
        assert order.reason == "pulse"
        eventually(lambda: gone(former), what="the hung process is gone")
        eventually(lambda: stage.system.system.tree().find(NAME).abandoned == 0, what="its thread has ended")


def test_one_that_cannot_begin_fails_its_start_with_that_line(tmp_path: Path) -> None:
    gone_away = type("GoneAway", (Pulse,), {"__module__": "no.such.place"}, frozen=True)
    with on_stage(tmp_path, lambda life: gone_away() if life == 2 else Pulse()) as stage:
        stage.system.tell(NAME, Crash("a test"))
        _, crash = stage.seen(ChildCrashed, count=2)
        stage.seen(ChildReady, count=2)

        assert crash.reason == (
            "domain.errors.StrategyProcessEnded: strategy it: its process cannot begin: strategy "
            "'no.such.place:GoneAway': cannot import no.such.place (No module named 'no')"
        )


def test_a_change_of_its_place_while_it_trades_begins_it_anew_there(tmp_path: Path) -> None:
    """From a process into a thread: the former process is gone, and what it holds is known again."""
    with on_stage(tmp_path, lambda _life: Pulse()) as stage:
        former = stage.process()
        intent = an_entry()
        stage.journal.commit(filled(intent))

        stage.system.tell(NAME, adopting(StrategyTerms(Pulse(), (SHARE,), replace(SETTINGS, config_version=9))))

        assert stage.report()["process"] is None
        assert stage.report()["held"] == {INFY: intent.quantity}
        eventually(lambda: gone(former), what="the former process is gone")


def adopting(terms: StrategyTerms) -> AdoptConfiguration:
    whole = terms_of(load("sandbox", None, (), {}, ROOT).settings, Cast((), {}), 9)
    return AdoptConfiguration(replace(whole, strategies={"it": terms}))


@pytest.mark.long("isolation")
def test_fifty_restarts_leave_one_process_and_nothing_else(tmp_path: Path) -> None:
    """By turns: killed, crashed by the strategy, by a drill, hung. `on_stage` looks for what is left at the end."""
    ways = ("kill", "own", "drill", "leave")
    with on_stage(tmp_path, lambda life: Doomed(ways[life % 4])) as stage:
        seen = set()
        pid = stage.process()
        descriptors, threads = len(open_descriptors()), threading.active_count()
        for life in range(1, 51):
            seen.add(pid)
            match ways[life % 4]:
                case "kill":
                    os.kill(pid, signal.SIGKILL)
                case "drill":
                    stage.system.tell(NAME, Crash("a drill"))
                case _:
                    stage.system.tell(NAME, prices_of(a_price(60, 100)))
            eventually(partial(_lives, stage, life + 1), what="the next life")
            pid = stage.process()

        assert len(seen) == 50
        eventually(lambda: all(map(gone, seen)), what="all former processes are gone")
        assert not gone(pid)
        eventually(lambda: len(open_descriptors()) <= descriptors, what="no more pipes than at first")
        eventually(lambda: threading.active_count() <= threads, what="no more threads than at first")


def _lives(stage: Stage, number: int) -> bool:
    return len(stage.system.watch.seen(ChildReady, NAME)) >= number
