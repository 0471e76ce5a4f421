"""Execution: carries decisions out in parts, between the strategy and the risk gate.

The thinking is in domain/execution. Every order of a decision passes the risk gate as one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from actors.folding import JournalReader
from actors.routes import RISK, Routes
from actors.runtime import Actor, Context, Lane
from actors.versions import Versions, taken
from domain.execution.desk import ExecutionDesk, Message
from domain.execution.values import ExecutionRule
from domain.messages.configuration import Known, PrepareConfiguration
from domain.messages.control import Report, TradingState, TradingStateChanged
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import PricesChanged
from domain.messages.orders import Denied, IntentVoided, OrderIntent
from domain.ports import Clock, Journal
from domain.values import SECOND, Instrument

LOOK_SECONDS: Final = 0.1
"""Wall seconds between looks at every decision under way, beside those that something has happened to."""


class ExecutionSettings(Struct, frozen=True):
    """rules by strategy; intent_valid_seconds: market seconds for which an order may be sent."""

    rules: Mapping[str, ExecutionRule]
    intent_valid_seconds: float


class _Look(Struct, frozen=True, tag=True):
    """Own timer: time has passed."""


class Execution(Actor):
    """See the module.

    instruments  by token
    clock        market time
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        instruments: Mapping[int, Instrument],
        settings: ExecutionSettings,
        known: Known | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._clock = clock
        self._rules = Versions(settings.rules, lambda terms: terms.execution, (known or Known()).terms)
        valid = int(settings.intent_valid_seconds * SECOND)
        self._desk = ExecutionDesk(self._rules.of, instruments, valid)
        self._touched: list[str] = []
        self._reader = JournalReader(journal, self._apply)

    def started(self) -> None:
        """Fold the journal: what was under way goes on."""
        if self.context.incarnation == 1:
            self._desk.state = TradingState.STARTING
        self._reader.catch_up()
        self._touched = []
        self.context.log("info", "execution.up", seq=self._reader.last_seq, under_way=self._desk.names())
        self.context.every(LOOK_SECONDS, _Look())

    def receive(self, message: object) -> object:
        """Decisions, prices, the journal, the trading state, time."""
        now, mono = self._clock.now_ns(), self.context.runtime.monotonic.now_ns()
        match message:
            case OrderIntent():
                self._send(self._desk.decided(message, now, mono))
            case PricesChanged(prices=prices):
                self._look(self._desk.prices(prices))
            case JournalRecord():
                self._reader.feed(message)
                self._look_at_touched()
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
                self._look_at_touched()
            case Denied(intent_id=intent_id, reason=reason, text=text):
                self._look(self._desk.denied(intent_id, reason, text, mono))
            case IntentVoided(intent_id=intent_id, why=why):
                self._look(self._desk.denied(intent_id, None, why, mono))
            case TradingStateChanged(state=state):
                self._desk.state = state
                self._look(self._desk.names())
            case PrepareConfiguration(terms=terms):
                self._rules.prepare(terms)
                taken(self._routes, self.context, message)
            case Report():
                return {"seq": self._reader.last_seq, "under_way": self._desk.names()}
            case _Look():
                self._send(self._desk.again(now, mono))
                self._look(self._desk.names())
        return None

    def _apply(self, record: JournalRecord) -> None:
        self._touched += self._desk.apply(record)

    def _look_at_touched(self) -> None:
        touched, self._touched = self._touched, []
        self._look(dict.fromkeys(touched))

    def _look(self, names: Iterable[str]) -> None:
        self._send(self._desk.look(names, self._clock.now_ns(), self.context.runtime.monotonic.now_ns()))

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, OrderIntent) and not message.parent:
                self.context.tell(RISK, message, Lane.DATA)  # not ours to carry out
            else:
                self._routes.publish(self.context, message)
