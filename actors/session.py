"""The broker session: opened before anything trades, watched until the day ends, and said so when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Backoff, Context
from domain.errors import BrokerError, LoginNeeded
from domain.messages.broker import SessionFacts
from domain.messages.control import Alert, AskSession, JobDue, Report, SessionLost, SessionOpened
from domain.ports import Clock, SessionPort
from domain.values import Nanos

LOOK_SECONDS: Final = 1.0
"""How often a new login is looked for while only a person can make one: another process leaves it in a file."""


@runtime_checkable
class WatchedSession(Protocol):
    """A session port that can say when its token was refused somewhere."""

    def watch(self, doubted: Callable[[], None]) -> None:
        """Call this, on any thread, when the token in use was refused. The newest watcher counts."""
        ...


class _Doubted(Struct, frozen=True, tag=True):
    """From whoever met a refusal: is the token still good?"""


class _Open(Struct, frozen=True, tag=True):
    """Own timer: try to open the session."""


class Session(Actor):
    """Ready once the broker accepts the token. Retries for ever, with back-off: having no session is a state.

    On SessionLost it opens again; where only a person can log in it says so in an alert and keeps looking for a new
    token, so that trading resumes without a restart.
    """

    def __init__(self, context: Context, routes: Routes, port: SessionPort, clock: Clock, backoff: Backoff) -> None:
        super().__init__(context)
        self._routes = routes
        self._port = port
        self._clock = clock
        self._backoff = backoff
        self._facts: SessionFacts | None = None
        self._failures = 0
        self._alerted = False
        self._lost_told = False

    def started(self) -> None:
        """Open the session as the first thing."""
        if isinstance(self._port, WatchedSession):
            me = self.context.me
            self._port.watch(lambda: me.tell(_Doubted()))
        self.context.me.tell(_Open())

    def receive(self, message: object) -> object:
        """Open, lost, expired."""
        match message:
            case _Open() if self._facts is None:
                self._open()
            case _Doubted() | AskSession() if self._facts is not None:
                self._check()
            case SessionLost(why=why) if self._facts is not None:
                self.context.log("error", "session.lost", why=why)
                self._facts, self._lost_told = None, True
                self._open()
            case JobDue() if self._facts is not None:
                self.context.log("info", "session.expired")
                self._check()
            case Report():
                return self._facts
        return None

    def _check(self) -> None:
        """Ask about a token that was refused or has reached its end: entries stop at once where no login is good."""
        try:
            self._facts = self._port.open()
        except BrokerError as error:
            self._facts = None
            now = self._clock.now_ns()
            self.context.log("error", "session.lost", why=str(error))
            self._not_open(error, now)
            return
        # Whoever heard of the loss meanwhile must hear of this too.
        self._tell_opened(self._facts)

    def _open(self) -> None:
        now = self._clock.now_ns()
        try:
            facts = self._port.open()
        except BrokerError as error:
            self._not_open(error, now)
            return
        self._facts = facts
        self._tell_opened(facts)
        self.context.ready()

    def _not_open(self, error: BrokerError, now: Nanos) -> None:
        self._failures += 1
        login_needed = isinstance(error, LoginNeeded)
        seconds = LOOK_SECONDS if login_needed else self._backoff.delay(self._failures, self.context.runtime.random)
        # Looking for a login is quiet: it may take a person hours.
        level = "debug" if login_needed and self._alerted else "warning"
        self.context.log(level, "session.not_open", why=str(error), retry_seconds=round(seconds, 2))
        if not self._lost_told:
            # A keeper that was restarted and finds no session tells it too: nobody else may have.
            self._lost_told = True
            self._routes.publish(self.context, SessionLost(why=str(error), time=now))
        if login_needed and not self._alerted:
            self._alerted = True
            alert = Alert(level="critical", name="session.login", text=str(error), time=now)
            self._routes.publish(self.context, alert)
        self.context.after(seconds, _Open())

    def _tell_opened(self, facts: SessionFacts) -> None:
        self._failures, self._alerted, self._lost_told = 0, False, False
        self.context.log("info", "session.opened", user_id=facts.user_id)
        opened = SessionOpened(
            user_id=facts.user_id, expires=facts.expires, time=self._clock.now_ns(), opened=facts.opened
        )
        self._routes.publish(self.context, opened)
