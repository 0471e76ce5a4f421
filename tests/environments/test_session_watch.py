"""The session's keeper hears at once when its token is refused somewhere, and asks before anything is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actors.runtime import Backoff
from actors.session import LOOK_SECONDS, Session
from domain.errors import BrokerError, BrokerUnavailable, LoginNeeded
from domain.messages.broker import SessionFacts
from domain.messages.control import Alert, SessionLost, SessionOpened
from tests.actors.stage import Stage, own
from tests.domain.builders import at

FACTS = SessionFacts("SB0001", 1, 2)


class Login:
    """A session port that says when its token is doubted."""

    def __init__(self) -> None:
        self.failing: BrokerError | None = None
        self.doubted: Callable[[], None] = lambda: None

    def open(self) -> SessionFacts:
        if self.failing is not None:
            raise self.failing
        return FACTS

    def watch(self, doubted: Callable[[], None]) -> None:
        self.doubted = doubted


class Desk:
    def __init__(self, stage: Stage) -> None:
        self.login = Login()
        self.context = stage.context("session")
        backoff = Backoff(min_seconds=0.5, max_seconds=4.0, jitter=0.0)
        self.actor = Session(self.context, stage.routes, self.login, stage.clock, backoff)
        self.actor.started()
        self.play()
        self.context.afresh()

    def play(self) -> None:
        """Handle what it has told itself."""
        for message in self.context.told_to("session"):
            if not isinstance(message, SessionLost):
                self.actor.receive(message)

    def doubt(self, failing: BrokerError | None) -> None:
        self.login.failing = failing
        self.login.doubted()
        self.play()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Stage(tmp_path, at("10:00")))


def test_a_doubt_about_a_good_token_changes_nothing(desk: Desk) -> None:
    desk.doubt(None)

    assert desk.context.of(SessionLost) == []
    assert [opened.user_id for opened in desk.context.of(SessionOpened)] == ["SB0001"], "whoever heard of a loss"


@pytest.mark.parametrize(
    ("failing", "waits", "alerts"),
    [(LoginNeeded("log in: URL"), LOOK_SECONDS, 1), (BrokerUnavailable("no reply"), 0.5, 0)],
)
def test_a_dead_token_stops_entries_at_once(desk: Desk, failing: BrokerError, waits: float, alerts: int) -> None:
    desk.doubt(failing)

    assert [lost.why for lost in desk.context.of(SessionLost)] == [str(failing)]
    assert [timer.seconds for timer in desk.context.timers] == [waits]
    assert len(desk.context.of(Alert)) == alerts


def test_a_person_is_called_once_and_looked_for_every_second(desk: Desk) -> None:
    desk.doubt(LoginNeeded("log in: URL"))
    for _ in range(3):
        desk.actor.receive(own(desk.context, "_Open"))

    assert len(desk.context.of(Alert)) == 1
    assert {timer.seconds for timer in desk.context.timers} == {LOOK_SECONDS}
    desk.login.failing = None
    desk.actor.receive(own(desk.context, "_Open"))
    assert len(desk.context.of(SessionOpened)) == 1
