"""Managed exits: guards every position of the strategies that are configured so, whatever becomes of them.

The thinking is in domain/exits. One actor for all strategies: a strategy that is frozen or down stays protected. What
it needs is in the journal, so it dies and comes back without anything being sold twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.folding import JournalReader
from actors.routes import EXECUTION, RISK, Routes
from actors.runtime import Actor, Context, Lane
from actors.versions import taken
from domain.exits.book import Key
from domain.exits.desk import ExitDesk, Forward, Noted
from domain.exits.values import ExitRule
from domain.messages.configuration import AdoptConfiguration, Known, PrepareConfiguration
from domain.messages.control import Report, SessionOpened, TradingStateChanged
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import FeedConnected, FeedDisconnected, PricesChanged
from domain.messages.orders import Denied, IntentVoided, OrderIntent
from domain.messages.plans import MoveExit, StandAside
from domain.ports import Clock, Journal
from domain.values import SECOND, Instrument

LOOK_SECONDS: Final = 0.25
"""Wall seconds between looks at every guarded position, beside those that something has happened to."""


class ExitsSettings(Struct, frozen=True):
    """rules by strategy; intent_valid_seconds: market seconds for which an exit may be sent."""

    rules: Mapping[str, ExitRule]
    intent_valid_seconds: float


class _Look(Struct, frozen=True, tag=True):
    """Own timer: time has passed."""


class Exits(Actor):
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
        settings: ExitsSettings,
        known: Known | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._clock = clock
        self._journal = journal
        self._instruments = instruments
        self._settings = settings
        self._version = (known or Known()).adopted
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self._desk = ExitDesk(settings.rules, self._instruments, int(settings.intent_valid_seconds * SECOND))
        self._touched: set[Key] = set()
        self._reader = JournalReader(self._journal, self._apply)

    def started(self) -> None:
        """Fold the journal; then guard what it says is held."""
        self._reader.catch_up()
        guarded = [f"{strategy}:{token}" for strategy, token in self._desk.keys()]  # noqa: SIM118 - no mapping
        self.context.log("info", "exits.started", seq=self._reader.last_seq, guarded=guarded)
        self.context.every(LOOK_SECONDS, _Look())

    def receive(self, message: object) -> object:  # noqa: C901, PLR0912 - one line per message: the table of what it handles
        """Prices, the journal, what strategies and the risk gate say, time."""
        mono = self.context.runtime.monotonic.now_ns()
        match message:
            case PricesChanged(prices=prices):
                self._look(self._desk.prices(prices))
            case JournalRecord():
                self._reader.feed(message)
                self._look_at_touched()
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
                self._look_at_touched()
            case OrderIntent():
                self._look([self._desk.park(message)])
            case MoveExit():
                self._look_at(self._desk.move(message))
            case StandAside(strategy=strategy, token=token):
                self._look(self._desk.stand_aside(strategy, token, mono))
            case Denied(intent_id=intent_id, reason=reason):
                self._look_at(self._desk.denied(intent_id, reason, mono))
            case IntentVoided(intent_id=intent_id):
                self._look_at(self._desk.denied(intent_id, None, mono))
            case FeedConnected() | FeedDisconnected():
                self._desk.blind = isinstance(message, FeedDisconnected)
            case SessionOpened():
                self._desk.again()
                self._look(self._desk.keys())
            case TradingStateChanged():
                pass  # protection stays in every state
            case PrepareConfiguration(terms=terms):
                self._prepare(
                    replace(self._settings, rules=terms.exits, intent_valid_seconds=terms.intent_valid_seconds)
                )
                taken(self._routes, self.context, message)
            case AdoptConfiguration(terms=terms):
                self._version = max(self._version, terms.version)
                taken(self._routes, self.context, message)
            case Report():
                return {"seq": self._reader.last_seq, "plans": dict(self._desk.book.plans)}
            case _Look():
                self._look(self._desk.keys())
        return None

    def _prepare(self, settings: ExitsSettings) -> None:
        """New rules: as after a restart, all is folded anew. A rule stays while what it guards may still be held."""
        settings = replace(settings, rules={**self._settings.rules, **settings.rules})
        if settings == self._settings:
            return
        self._settings = settings
        blind = self._desk.blind
        self._begin()
        self._desk.blind = blind
        self._reader.catch_up()
        self._look(self._desk.keys())

    def _apply(self, record: JournalRecord) -> None:
        self._touched |= self._desk.apply(record)

    def _look_at_touched(self) -> None:
        touched, self._touched = sorted(self._touched), set()
        self._look(touched)

    def _look_at(self, key: Key | None) -> None:
        if key is not None:
            self._look([key])

    def _look(self, keys: Iterable[Key]) -> None:
        now, mono = self._clock.now_ns(), self.context.runtime.monotonic.now_ns()
        for message in self._desk.look(keys, now, mono):
            match message:
                case Forward(intent=intent):
                    to = EXECUTION if intent.strategy in self._routes.topology.executed else RISK
                    self.context.tell(to, intent, Lane.DATA)
                case Noted(plan=plan, units=units, lasted=lasted):
                    milliseconds = lasted // 1_000_000
                    self.context.log("info", "exits.protected", plan=plan, units=units, milliseconds=milliseconds)
                case OrderIntent():
                    self._routes.publish(self.context, replace(message, config_version=self._version))
                case _:
                    self._routes.publish(self.context, message)
