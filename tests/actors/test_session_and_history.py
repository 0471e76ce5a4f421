"""The login session's keeper, and the worker that fetches candles."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actors.history import HistoryWorker
from actors.runtime import Backoff
from actors.session import Session
from domain.bars import Bar
from domain.errors import BrokerError, BrokerRefusal, BrokerUnavailable, LoginNeeded, NotPermitted, SlowDown
from domain.messages.broker import SessionFacts
from domain.messages.control import Alert, AskSession, JobDue, JobKind, Report, SessionLost, SessionOpened
from domain.messages.market import HistoryLoaded, LoadHistory
from domain.values import Instrument, Nanos
from tests.actors.stage import Stage, own
from tests.domain.builders import INFY

FACTS = SessionFacts("SB0001", 1, 2)
EXPIRY = JobDue(JobKind.SESSION_EXPIRY, "", 0, 0)


class Login:
    """The session port in memory: fails as often as it is told to."""

    def __init__(self) -> None:
        self.failing: BrokerError | None = None
        self.opened = 0

    def open(self) -> SessionFacts:
        self.opened += 1
        if self.failing is not None:
            raise self.failing
        return FACTS


class Desk:
    def __init__(self, stage: Stage) -> None:
        self.login = Login()
        self.context = stage.context("session")
        self.actor = Session(
            self.context, stage.routes, self.login, stage.clock, Backoff(min_seconds=0.5, max_seconds=4.0, jitter=0.0)
        )
        self.actor.started()
        (self.first,) = self.context.told_to("session")

    def start(self) -> Desk:
        self.actor.receive(self.first)
        return self

    def retry(self) -> None:
        self.actor.receive(own(self.context, "_Open"))

    def waits(self) -> list[float]:
        return [t.seconds for t in self.context.timers]

    def ready(self) -> bool:
        return self.context.was_ready


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


def test_it_opens_first_thing_and_is_ready_then(desk: Desk) -> None:
    assert not desk.ready()

    desk.start()

    assert desk.ready()
    assert [m.user_id for m in desk.context.of(SessionOpened)] == ["SB0001"]
    assert desk.actor.receive(Report()) == FACTS


def test_it_retries_for_ever_with_back_off(desk: Desk) -> None:
    desk.login.failing = BrokerUnavailable("no reply")
    desk.start()
    for _ in range(4):
        desk.retry()

    assert desk.waits() == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert not desk.ready()
    assert desk.context.of(Alert) == []
    desk.login.failing = None
    desk.retry()
    assert desk.ready()


def test_a_login_that_only_a_person_can_do_is_alerted_once_and_found_when_done(desk: Desk) -> None:
    desk.login.failing = LoginNeeded("log in with: python3 run.py login")
    desk.start()
    desk.retry()
    desk.retry()
    assert [(a.level, a.name, a.text) for a in desk.context.of(Alert)] == [
        ("critical", "session.login", "log in with: python3 run.py login")
    ]

    desk.login.failing = None
    desk.retry()
    assert len(desk.context.of(SessionOpened)) == 1
    desk.login.failing = LoginNeeded("again")
    desk.actor.receive(SessionLost("token refused", 0))
    assert len(desk.context.of(Alert)) == 2


@pytest.mark.parametrize("message", [SessionLost("token refused", 0), EXPIRY])
def test_a_lost_or_expired_session_is_opened_again(desk: Desk, message: object) -> None:
    desk.start().actor.receive(message)

    assert desk.login.opened == 2
    assert len(desk.context.of(SessionOpened)) == 2


@pytest.mark.parametrize("error", [BrokerUnavailable("no reply"), LoginNeeded("log in: URL")])
def test_the_end_of_a_session_that_no_login_follows_stops_entries(desk: Desk, error: BrokerError) -> None:
    desk.start().login.failing = error

    desk.actor.receive(EXPIRY)

    assert [lost.why for lost in desk.context.of(SessionLost)] == [str(error)]
    assert "risk" in {told.to for told in desk.context.told if isinstance(told.message, SessionLost)}


@pytest.mark.parametrize("error", [BrokerUnavailable("no reply"), LoginNeeded("log in: URL")])
def test_a_restarted_keeper_that_finds_no_session_says_so_once(desk: Desk, error: BrokerError) -> None:
    desk.login.failing = error
    desk.start()
    desk.retry()
    desk.retry()

    assert len(desk.context.of(SessionLost)) == 1
    desk.login.failing = None
    desk.retry()
    desk.login.failing = error
    desk.actor.receive(EXPIRY)
    assert len(desk.context.of(SessionLost)) == 2


def test_who_hears_of_an_opened_session_hears_of_which_login(desk: Desk) -> None:
    desk.start()

    assert [(each.opened, each.expires) for each in desk.context.of(SessionOpened)] == [(FACTS.opened, FACTS.expires)]
    assert {told.to for told in desk.context.told if isinstance(told.message, SessionOpened)} == {
        "risk",
        "feed.0",
        "reconciler",
    }


def test_who_asks_is_told_again_of_a_session_that_is_open(desk: Desk) -> None:
    """Seed 11868: the risk gate failed twice at the news of it, which was given up, and no entry went any more."""
    desk.start()
    desk.context.afresh()
    desk.actor.receive(AskSession())
    assert [each.opened for each in desk.context.of(SessionOpened)] == [FACTS.opened]

    desk.login.failing = LoginNeeded("log in")
    desk.actor.receive(SessionLost("refused", 0))
    desk.context.afresh()
    desk.actor.receive(AskSession())
    assert desk.context.of(SessionOpened) == []


@pytest.mark.parametrize("message", [SessionLost("token refused", 0), EXPIRY])
def test_several_who_say_it_start_one_chain_of_retries(desk: Desk, message: object) -> None:
    desk.start().login.failing = BrokerUnavailable("no reply")

    for _ in range(3):
        desk.actor.receive(message)

    assert desk.login.opened == 2
    assert len(desk.waits()) == 1


# -- history -----------------------------------------------------------------------------------------------------------


class Candles:
    """The history port in memory."""

    def __init__(self) -> None:
        self.failing: BrokerError | None = None
        self.asked: list[tuple[str, int, Nanos, Nanos]] = []

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        self.asked.append((instrument.key, interval_seconds, start, end))
        if self.failing is not None:
            raise self.failing
        return [Bar(instrument.token, interval_seconds, start, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("failing", [None, BrokerUnavailable("no reply"), SlowDown("429"), BrokerRefusal("no"), LoginNeeded("log in")])  # fmt: skip
def test_every_request_has_one_answer_with_the_words_of_a_failure(stage: Stage, failing: BrokerError | None) -> None:
    candles, context = Candles(), stage.context("history")
    candles.failing = failing
    actor = HistoryWorker(context, stage.routes, candles, {INFY.token: INFY}, stage.clock)

    actor.receive(LoadHistory(INFY.token, 60, 100, 200))

    (told,) = (each for each in context.told if isinstance(each.message, HistoryLoaded))
    assert isinstance(told.message, HistoryLoaded)
    assert candles.asked == [("NSE:INFY", 60, 100, 200)]
    assert told.to == "market"
    assert (told.message.token, told.message.interval_seconds, told.message.start) == (INFY.token, 60, 100)
    assert (len(told.message.bars), told.message.error) == ((0, str(failing)) if failing else (1, ""))


def test_history_that_the_plan_does_not_include_calls_a_person(stage: Stage) -> None:
    candles, context = Candles(), stage.context("history")
    actor = HistoryWorker(context, stage.routes, candles, {INFY.token: INFY}, stage.clock)
    candles.failing = NotPermitted("Insufficient permission for that call: the Connect plan is needed")

    actor.receive(LoadHistory(INFY.token, 60, 100, 200))

    assert [(a.level, a.name, a.text) for a in context.of(Alert)] == [
        ("critical", "broker.refuses", str(candles.failing))
    ]


def test_history_that_meets_a_dead_token_says_so(stage: Stage) -> None:
    candles, context = Candles(), stage.context("history")
    actor = HistoryWorker(context, stage.routes, candles, {INFY.token: INFY}, stage.clock)
    candles.failing = LoginNeeded("log in")

    actor.receive(LoadHistory(INFY.token, 60, 100, 200))

    assert [told.to for told in context.told if isinstance(told.message, SessionLost)] == ["risk", "session"]
