"""The history worker: fetches candles, so that nobody else waits on the network for them."""

from __future__ import annotations

from collections.abc import Mapping

from actors.routes import Routes
from actors.runtime import Actor, Context
from domain.errors import BrokerError, LoginNeeded, NotPermitted
from domain.messages.control import Alert, SessionLost
from domain.messages.market import HistoryLoaded, LoadHistory
from domain.ports import Clock, History
from domain.values import Instrument


class HistoryWorker(Actor):
    """Answers every LoadHistory with one HistoryLoaded, which carries the error's text where it failed."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        history: History,
        instruments: Mapping[int, Instrument],
        clock: Clock,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._history = history
        self._instruments = instruments
        self._clock = clock

    def receive(self, message: object) -> object:
        """One command, one answer told."""
        match message:
            case LoadHistory():
                self._load(message)
        return None

    def _load(self, command: LoadHistory) -> None:
        try:
            bars = tuple(
                self._history.bars(
                    self._instruments[command.token], command.interval_seconds, command.start, command.end
                )
            )
            error = ""
        except BrokerError as failure:
            bars, error = (), str(failure)
            self._tell_who_can_help(failure)
        loaded = HistoryLoaded(
            token=command.token,
            interval_seconds=command.interval_seconds,
            start=command.start,
            bars=bars,
            error=error,
        )
        self._routes.publish(self.context, loaded)

    def _tell_who_can_help(self, failure: BrokerError) -> None:
        now = self._clock.now_ns()
        if isinstance(failure, LoginNeeded):
            self._routes.publish(self.context, SessionLost(why=str(failure), time=now))
        if isinstance(failure, NotPermitted):
            alert = Alert(level="critical", name="broker.refuses", text=str(failure), time=now)
            self._routes.publish(self.context, alert)
