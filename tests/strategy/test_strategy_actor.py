"""The strategy's actor: it rebuilds from the journal, decides, and is back after a crash without counting twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors.routes import MARKET, OPERATOR, RISK, Routes, Topology
from actors.runtime import Actor, ChildReady, ChildSpec, Context, Crash, DetachedContext, Lane, ThreadRuntime
from actors.runtime.seam import Runtime
from actors.strategy import BARS_OF_A_TURN, StrategyActor, StrategyActorSettings
from actors.turns import Turns
from adapters.store.journal import SqliteJournal
from domain.calendar import SessionCalendar
from domain.errors import JournalUnavailable
from domain.messages.configuration import StrategyTerms
from domain.messages.control import Report, SquareOff
from domain.messages.journal import JournalAdvanced
from domain.messages.market import BarsBackfilled, BarsClosed
from domain.messages.operator import OperatorAnswered, OperatorRequest, Switch
from domain.messages.orders import Denied, DenyReason, IntentVoided, OrderIntent
from domain.strategies.pulse import Pulse
from domain.strategy.messages import WarmUpRequested
from domain.strategy.rule import NoState, Targets
from domain.strategy.runner import Strategy, StrategyRunner, Today
from domain.strategy.running import Runner
from domain.values import SECOND, Nanos
from tests.market.making import INFY, OPENS
from tests.runtime.harness import Inbox, Monotonic, Scripted, a_root, running, until
from tests.strategy.playing import SETTINGS, SHARE, a_bar, a_price, at, filled
from tests.strategy.rules import Digits, SlowDigits
from tests.support.prices import prices_of

ROUTES = Routes(Topology(strategies=("it",), by_token={INFY: ("it",)}))
NAME = "strategy.it"


class MarketTime:
    """A market clock that the test sets."""

    def __init__(self, second: int = 0) -> None:
        self.second = second

    def now_ns(self) -> Nanos:
        return (OPENS + self.second) * SECOND


class Desk(NamedTuple):
    """What a case needs."""

    clock: MarketTime
    journal: SqliteJournal
    make: Callable[..., tuple[StrategyActor, DetachedContext]]


def an_actor(context: Context, strategy: Strategy, journal: SqliteJournal, clock: MarketTime) -> StrategyActor:
    settings = StrategyActorSettings(runner=SETTINGS)
    return StrategyActor(context, ROUTES, "it", strategy, [SHARE], journal, SessionCalendar(), clock, settings)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    runtime = ThreadRuntime(Monotonic(), seed=1)
    journal = SqliteJournal(tmp_path / "journal.db", runtime.lock)
    clock = MarketTime()

    def make(strategy: Strategy, incarnation: int = 1) -> tuple[StrategyActor, DetachedContext]:
        context = DetachedContext(runtime, NAME, incarnation)
        actor = an_actor(context, strategy, journal, clock)
        actor.started()
        return actor, context

    yield Desk(clock, journal, make)
    journal.close()
    runtime.close()


def decide(desk: Desk, actor: Actor, *digits: int) -> None:
    """Minute bars whose last digits tell the rule what to want."""
    start = desk.clock.second // 60
    for minute, digit in enumerate(digits, start):
        desk.clock.second = 60 * minute + 60
        actor.receive(BarsClosed((a_bar(minute, 100 + digit),), at(60 * minute + 60)))


def wanted(context: DetachedContext) -> list[OrderIntent]:
    told = context.told_to(RISK)
    return [each for each in told if isinstance(each, OrderIntent)]


def held(actor: Actor) -> object:
    report = actor.receive(Report())
    assert isinstance(report, dict)
    return report["held"][INFY]


def test_it_asks_for_its_warm_up_and_sends_intents_to_the_risk_gate(desk: Desk) -> None:
    actor, context = desk.make(SlowDigits())
    history = tuple(a_bar(minute, 105, backfilled=True) for minute in range(-5, 0))

    actor.receive(BarsBackfilled(INFY, 60, history))
    decide(desk, actor, 5, 1)

    assert context.told_to(MARKET) == [WarmUpRequested("it", INFY, 60)]
    assert [(each.side.value, each.intent_id) for each in wanted(context)] == [("BUY", f"it:{at(60)}:{INFY}.entry")]


def test_it_folds_the_journal_once_whatever_it_is_told(desk: Desk) -> None:
    """Records twice, a record with a gap before it, and the news that the journal has advanced."""
    actor, context = desk.make(Digits())
    decide(desk, actor, 5, 1)
    [intent] = wanted(context)
    records = desk.journal.commit(filled(intent))

    for record in (records[0], records[0], records[3], records[1]):
        actor.receive(record)
    actor.receive(JournalAdvanced(seq=records[-1].seq))

    assert held(actor) == 100
    decide(desk, actor, 2)
    more = desk.journal.commit(filled(wanted(context)[1]))
    actor.receive(JournalAdvanced(seq=more[-1].seq))
    assert held(actor) == 0
    assert [each.side.value for each in wanted(context)] == ["BUY", "SELL", "SELL"]


class Stumbling(Digits, frozen=True):
    """Fails at a bar that closes at 999."""

    @staticmethod
    def decide(*seen: Any) -> tuple[Targets, NoState]:
        if seen[0].close == 999:
            raise ZeroDivisionError
        return Digits.decide(*seen)


def test_of_bars_that_end_together_each_is_decided_on_and_its_order_sent_before_the_next(desk: Desk) -> None:
    actor, context = desk.make(Digits())
    desk.clock.second = 60
    together = (a_bar(0, 105), a_bar(1, 101), a_bar(2, 105), a_bar(3, 102))

    actor.receive(BarsClosed(together, at(240)))

    assert [(each.side.value, each.event_time) for each in wanted(context)] == [("BUY", at(60))]
    assert context.lease.beats == len(together), "it does not hang"


def test_where_it_fails_at_one_bar_its_next_life_has_those_behind_it(desk: Desk) -> None:
    actor, context = desk.make(Stumbling())
    desk.clock.second = 60
    together = (a_bar(0, 105), a_bar(1, 101), a_bar(2, 999), a_bar(3, 102))

    with pytest.raises(ZeroDivisionError):
        actor.receive(BarsClosed(together, at(240)))
    assert len(wanted(context)) == 1, "what it wanted before that is on its way"
    assert context.told_to(NAME) == [BarsClosed((together[3],), at(240))]

    with pytest.raises(ZeroDivisionError):
        actor.receive(BarsClosed((a_bar(4, 999),), at(300)))
    assert len(context.told_to(NAME)) == 1, "behind the last one there is nothing"


class Noting(Turns):
    """How often a turn was taken."""

    count = 0

    @contextmanager
    def taken(self, runtime: Runtime) -> Iterator[None]:
        self.count += 1
        with super().taken(runtime):
            yield


class Awaited(Turns):
    """Ten seconds go by until it is its turn."""

    def __init__(self, clock: MarketTime) -> None:
        super().__init__()
        self._clock = clock

    @contextmanager
    def taken(self, runtime: Runtime) -> Iterator[None]:
        self._clock.second += 10
        yield


def test_what_waited_for_its_turn_is_decided_at_the_time_it_is_then(desk: Desk) -> None:
    _, context = desk.make(Digits())
    settings, calendar = StrategyActorSettings(runner=SETTINGS), SessionCalendar()
    turns = Awaited(desk.clock)
    actor = StrategyActor(
        context, ROUTES, "it", Digits(), [SHARE], desk.journal, calendar, desk.clock, settings, turns=turns
    )
    actor.started()
    desk.clock.second = 60 * BARS_OF_A_TURN
    flat = [a_bar(minute, 100) for minute in range(BARS_OF_A_TURN - 1)]

    actor.receive(BarsClosed((*flat, a_bar(BARS_OF_A_TURN - 1, 101)), at(60 * BARS_OF_A_TURN)))

    [intent] = wanted(context)
    assert intent.decided_time == at(60 * BARS_OF_A_TURN + 10)


class Apart(StrategyRunner):
    """As if it had a process of its own."""

    process = 1  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("message", "turns"),
    [
        (BarsClosed(tuple(a_bar(minute, 100) for minute in range(BARS_OF_A_TURN)), at(0)), 1),
        (BarsClosed(tuple(a_bar(minute, 100) for minute in range(BARS_OF_A_TURN - 1)), at(0)), 0),
        (BarsBackfilled(INFY, 60, tuple(a_bar(minute, 100) for minute in range(BARS_OF_A_TURN))), 0),
        (prices_of(*(a_price(second, 100) for second in range(BARS_OF_A_TURN))), 0),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_much_work_is_done_in_turns_unless_it_is_done_elsewhere(
    desk: Desk, message: object, turns: int, apart: bool
) -> None:
    noting = Noting()
    _, context = desk.make(Digits())

    def made(strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        kind = Apart if apart else StrategyRunner
        return kind(strategy_id, terms.strategy, terms.instruments, terms.runner, today)

    settings = StrategyActorSettings(runner=SETTINGS)
    journal, calendar = desk.journal, SessionCalendar()
    actor = StrategyActor(
        context, ROUTES, "it", Digits(), [SHARE], journal, calendar, desk.clock, settings, made, noting
    )
    actor.started()

    actor.receive(message)

    assert noting.count == (0 if apart else turns)


def test_a_second_life_knows_what_the_first_one_did_and_keeps_still_at_first(desk: Desk) -> None:
    first, context = desk.make(Digits())
    decide(desk, first, 5, 1)
    desk.journal.commit(filled(wanted(context)[0]))

    desk.clock.second = 170
    second, again = desk.make(Digits(), incarnation=2)
    assert held(second) == 100
    second.receive(BarsBackfilled(INFY, 60, (a_bar(1, 105, backfilled=True),)))
    desk.clock.second = 120
    decide(desk, second, 2, 2)  # until 200 something of the first life could still be on its way
    assert [(each.side.value, each.event_time) for each in wanted(again)] == [("SELL", at(180))]


@pytest.mark.parametrize("kind", [Denied, IntentVoided])
def test_a_refusal_frees_the_instrument(desk: Desk, kind: type) -> None:
    actor, context = desk.make(Digits())
    decide(desk, actor, 5, 1)
    intent_id = wanted(context)[0].intent_id

    if kind is Denied:
        actor.receive(Denied(intent_id, "it", DenyReason.HALTED, "trading is halted", at(121)))
    else:
        actor.receive(IntentVoided(intent_id, "it", at(120), "disk full"))
    desk.clock.second = 121

    report = actor.receive(Report())
    assert isinstance(report, dict)
    assert report["pending"] == {INFY: 0}


def test_after_a_square_off_it_decides_no_more(desk: Desk) -> None:
    actor, context = desk.make(Digits())
    decide(desk, actor, 5)

    actor.receive(SquareOff(tokens=(INFY,), why="15:00"))
    decide(desk, actor, 1, 1, 2)

    assert wanted(context) == []


def test_a_strategy_by_the_clock_has_a_timer_and_needs_no_warm_up(desk: Desk) -> None:
    actor, context = desk.make(Pulse(period_seconds=5))
    [timer] = context.timers
    desk.clock.second = 7

    actor.receive(prices_of(a_price(7, 100)))
    actor.receive(timer.message)

    assert context.told_to(MARKET) == []
    assert [(each.event_time, each.quantity) for each in wanted(context)] == [(at(5), 100)]


def test_a_crash_in_the_middle_of_a_queue_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Records, bars and a crash are queued together; the second life rebuilds and takes the rest of the queue."""
    clock, gate, market = MarketTime(), Inbox(), Inbox()

    def child(name: str, inbox: Inbox) -> ChildSpec:
        return ChildSpec(name, lambda context: Scripted(context, inbox))

    lock = ThreadRuntime(Monotonic(), seed=2)
    journal = SqliteJournal(tmp_path / "journal.db", lock.lock)
    root = a_root(
        child(RISK, gate),
        child(MARKET, market),
        ChildSpec(NAME, lambda context: an_actor(context, SlowDigits(), journal, clock)),
    )
    history = BarsBackfilled(INFY, 60, tuple(a_bar(minute, 105, backfilled=True) for minute in range(-5, 0)))
    with running(root) as system:
        address = system.system.address(NAME)
        market.wait(1)
        clock.second = 120
        system.tell(NAME, history, BarsClosed((a_bar(0, 105),), at(60)), BarsClosed((a_bar(1, 101),), at(120)))
        [intent] = gate.wait(1)
        assert isinstance(intent, OrderIntent)
        accepted, _, _, trade, ended = journal.commit(filled(intent))

        # Held up on its own thread while the queue builds up behind it, so that the crash finds it full.
        address.tell(accepted)
        address.tell(trade)
        address.tell(Crash("drill"), lane=Lane.CONTROL)
        for message in (accepted, trade, BarsClosed((a_bar(2, 105),), at(180)), ended, trade):
            address.tell(message)
        system.watch.wait(ChildReady, NAME, count=2)
        requests = market.wait(2)
        clock.second = 120 + 60
        address.tell(history)
        clock.second = 240
        address.tell(BarsClosed((a_bar(3, 102),), at(240)))
        intents = gate.wait(2)

        report = system.ask(NAME, Report())
        assert isinstance(report, dict)
        assert (report["held"], report["confirmed"], report["seq"]) == ({INFY: 100}, {INFY: 100}, ended.seq)
        assert requests == [WarmUpRequested("it", INFY, 60)] * 2
        assert [(each.side.value, each.reduce_only) for each in intents if isinstance(each, OrderIntent)] == [
            ("BUY", False),
            ("SELL", True),
        ]
        until(lambda: len(gate.items) == 2)
    journal.close()
    lock.close()


def switch(on: bool) -> OperatorRequest:
    return OperatorRequest(7, 0, "me", Switch("a test", "it", on=on))


def answers(context: DetachedContext) -> list[tuple[bool, str]]:
    return [(each.done, each.text) for each in context.told_to(OPERATOR) if isinstance(each, OperatorAnswered)]


def test_a_strategy_that_is_switched_off_only_leaves_now_and_after_a_restart(desk: Desk) -> None:
    actor, context = desk.make(Digits())
    decide(desk, actor, 5, 1)
    [entry] = [each for each in context.told_to(RISK) if isinstance(each, OrderIntent)]
    desk.journal.commit(filled(entry))
    actor.receive(JournalAdvanced(seq=desk.journal.last_seq()))

    actor.receive(switch(on=False))
    decide(desk, actor, 2)  # a change of sides: the exit alone

    intents = [each for each in context.told_to(RISK) if isinstance(each, OrderIntent)]
    assert [(each.side.value, each.reduce_only) for each in intents[1:]] == [("SELL", True)]
    assert answers(context) == [(True, "it is off: it enters nothing, and still leaves")]
    desk.journal.commit(filled(intents[1]))
    again, later = desk.make(Digits())
    decide(desk, again, 5, 1)
    assert later.told_to(RISK) == []
    again.receive(switch(on=True))
    decide(desk, again, 5, 1)
    assert len(later.told_to(RISK)) == 1


def test_what_cannot_be_kept_is_off_at_once_and_not_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    actor, context = desk.make(Digits())

    def full(name: str, value: str) -> None:
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(desk.journal, "set_flag", full)
    actor.receive(switch(on=False))
    actor.receive(switch(on=True))
    decide(desk, actor, 5, 1)

    assert context.told_to(RISK) == []
    assert [done for done, _ in answers(context)] == [False, False]
