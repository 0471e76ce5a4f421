"""The broker session: opened before anything trades, watched until the day ends, and said so when it is lost."""

from __future__ import annotations

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Backoff, Context
from domain.errors import BrokerError, LoginNeeded
from domain.messages.broker import SessionFacts
from domain.messages.control import Alert, JobDue, Report, SessionLost, SessionOpened
from domain.ports import Clock, SessionPort


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

    def started(self) -> None:
        """Open the session as the first thing."""
        self.context.me.tell(_Open())

    def receive(self, message: object) -> object:
        """Open, lost, expired."""
        match message:
            case _Open() if self._facts is None:
                self._open()
            case SessionLost(why=why) if self._facts is not None:
                self.context.log("error", "session.lost", why=why)
                self._facts = None
                self._open()
            case JobDue() if self._facts is not None:
                self.context.log("info", "session.expired")
                self._facts = None
                self._open()
            case Report():
                return self._facts
        return None

    def _open(self) -> None:
        now = self._clock.now_ns()
        try:
            facts = self._port.open()
        except BrokerError as error:
            self._failures += 1
            seconds = self._backoff.delay(self._failures, self.context.runtime.random)
            self.context.log("warning", "session.not_open", why=str(error), retry_seconds=round(seconds, 2))
            if isinstance(error, LoginNeeded) and not self._alerted:
                self._alerted = True
                self._routes.publish(
                    self.context, Alert(level="critical", name="session.login", text=str(error), time=now)
                )
            self.context.after(seconds, _Open())
            return
        self._facts, self._failures, self._alerted = facts, 0, False
        self.context.log("info", "session.opened", user_id=facts.user_id)
        self._routes.publish(self.context, SessionOpened(user_id=facts.user_id, expires=facts.expires, time=now))
        self.context.ready()
