"""A strategy as an actor. The thinking is in domain/strategy: the runner, and the strategy itself.

At its start it folds the journal and asks for its warm-up. After a crash it waits, before it decides anything, until
what its former life may have sent is either in the journal or no longer valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.folding import JournalReader
from actors.routes import Routes
from actors.runtime import Actor, Context, DrillCrash
from actors.turns import Turns
from actors.versions import taken
from domain.errors import JournalUnavailable
from domain.market.buckets import Hours
from domain.messages.configuration import AdoptConfiguration, StrategyTerms
from domain.messages.control import JobDue, Report, SquareOff, TradingState, TradingStateChanged
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import BarsBackfilled, BarsClosed, PricesChanged
from domain.messages.operator import OperatorAnswered, OperatorRequest, Switch
from domain.messages.orders import Denied, IntentVoided, OrderIntent
from domain.ports import Calendar, Clock, Journal
from domain.strategy.messages import WarmUpRequested
from domain.strategy.runner import RunnerSettings, Strategy
from domain.strategy.running import MakeRunner, in_thread
from domain.values import SECOND, Instrument, Nanos, ist


class StrategyActorSettings(Struct, frozen=True):
    """runner  how it trades.

    poll_seconds     wall seconds between looks at the market clock, for strategies that want a timer
    wait_for_active  in the first life of the process: decide nothing before trading is ACTIVE, since it would only be
                     denied, and some decisions (the first of a period, say) are not made twice
    enabled          whether its configuration lets it enter positions; a person may still have switched it off
    isolated         it runs in a process of its own
    """

    runner: RunnerSettings
    poll_seconds: float = 0.05
    wait_for_active: bool = False
    enabled: bool = True
    isolated: bool = False


OFF_FLAG: Final = "strategy.off."
"""Flags of strategies that a person has switched off, by id: empty for those that are on."""

_UNTIL_ACTIVE: Final[Nanos] = 1 << 62


class _TimerDue(Struct, frozen=True, tag=True):
    """Own timer."""


class _LookDue(Struct, frozen=True, tag=True):
    """Own timer: is the process of its own still there? Nobody else would say before the next bar."""


_LOOK_SECONDS: Final = 0.5
"""Wall seconds between looks at the process."""

BARS_OF_A_TURN: Final = 16
"""So many bars in one message are worth waiting for the others: a few are handled sooner than a turn comes."""

PRICES_TO_A_BAR: Final = 16
"""A price is so much less work than a bar."""


class StrategyActor(Actor):
    """Runs one strategy on its instruments.

    clock        market time
    make_runner  makes what it thinks with, here or in a process of its own; what that raises is raised here
    turns        shared with the other strategies; None: it waits for nobody
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        strategy_id: str,
        strategy: Strategy,
        instruments: Sequence[Instrument],
        journal: Journal,
        calendar: Calendar,
        clock: Clock,
        settings: StrategyActorSettings,
        make_runner: MakeRunner = in_thread,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._clock = clock
        self._settings = settings
        self._calendar = calendar
        self._id = strategy_id
        self._journal = journal
        self._make_runner = make_runner
        self._turns = turns
        self._terms = StrategyTerms(
            strategy, tuple(instruments), settings.runner, enabled=settings.enabled, isolated=settings.isolated
        )
        self._switched_off = False
        self._timed = self._looking = False
        self._cast(self._terms)

    def _cast(self, terms: StrategyTerms) -> None:
        """Begin anew with this strategy: nothing is known yet."""
        self._instruments = {each.token: each for each in terms.instruments}
        self._runner = self._make_runner(self._id, terms, self._today)
        if self._runner.process is not None:
            self.context.at_end(self._runner.close)
        self._live = False
        self._reader = JournalReader(self._journal, self._apply)

    def started(self) -> None:
        """Rebuild the ledger from the journal, and ask for the warm-up."""
        if self.context.incarnation == 1 and self._settings.wait_for_active:
            self._runner.quiet_until = _UNTIL_ACTIVE
        if self.context.incarnation > 1:
            self._runner.quiet_until = self._clock.now_ns() + self._in_doubt()
        self._switched_off = bool(self._journal.flag(OFF_FLAG + self._id))
        self._set_out()

    def _in_doubt(self) -> Nanos:
        """For so long an intent of a former life may still be on its way to the journal."""
        return int(self._terms.runner.intent_valid_seconds * SECOND)

    def _set_out(self) -> None:
        self._reader.catch_up()
        self._live = True
        self._switch_runner()
        if not self._runner.enabled:
            self.context.log("warning", "strategy.is_off")
        for token, interval_seconds in self._runner.series:
            self._routes.publish(self.context, WarmUpRequested(self._id, token, interval_seconds))
        if self._runner.timed and not self._timed:
            self._timed = True
            self.context.every(self._settings.poll_seconds, _TimerDue())
        if self._runner.process is not None:
            self.context.log("info", "strategy.process", pid=self._runner.process)
        # As configured, not as it is: a replay, which runs it here, makes the same calls.
        if self._terms.isolated and not self._looking:
            self._looking = True
            self.context.every(_LOOK_SECONDS, _LookDue())
        held = dict(self._runner.standing().held)
        self.context.log("info", "strategy.started", seq=self._reader.last_seq, held=held)

    def receive(self, message: object) -> object:  # noqa: C901, PLR0912 - one line per message: the table of what it handles
        """Bars, prices, own orders, time."""
        now = self._clock.now_ns()
        match message:
            case PricesChanged(prices=prices):
                with self._turn(len(prices) // PRICES_TO_A_BAR):
                    for price in prices.values():
                        self._send(self._runner.price(price, now))
            case BarsClosed():
                self._bars(message)
            case BarsBackfilled():
                self._send(self._runner.backfilled(message, now))
            case _TimerDue():
                if self._runner.timed:
                    self._send(self._runner.timer(now))
            case _LookDue():
                self._runner.check()
            case JournalRecord():
                self._reader.feed(message)
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
            case Denied(intent_id=intent_id, reason=reason, text=text):
                self.context.log("warning", "strategy.denied", intent_id=intent_id, reason=reason.name, why=text)
                self._runner.refused(intent_id)
            case IntentVoided(intent_id=intent_id, why=why):
                self.context.log("warning", "strategy.voided", intent_id=intent_id, why=why)
                self._runner.refused(intent_id)
            case SquareOff(tokens=tokens, why=why):
                self.context.log("info", "strategy.squared_off", tokens=tokens, why=why)
                self._runner.square_off(tokens, now)
            case TradingStateChanged(state=state):
                if state is TradingState.ACTIVE and self._runner.quiet_until == _UNTIL_ACTIVE:
                    self._runner.quiet_until = now
            case OperatorRequest(id=request, who=who, command=Switch() as switch):
                self._switch(request, who, switch)
            case AdoptConfiguration(terms=terms):
                self._adopt(terms.strategies.get(self._id))
                taken(self._routes, self.context, message)
            case JobDue():
                raise DrillCrash("drill: the strategy is crashed on purpose")
            case Report():
                return self._report()
        return None

    def _bars(self, closed: BarsClosed) -> None:
        """Each by itself; where it fails at one, its next life has those behind it."""
        bars, at = closed.bars, 0
        try:
            with self._turn(len(bars)):
                now = self._clock.now_ns()  # it may have waited for its turn, and bars are decided on while fresh
                for at, bar in enumerate(bars):  # noqa: B007 - read below
                    self._send(self._runner.bar(bar, now))
                    self.context.beat()  # thousands of bars may take a while: it does not hang
        except BaseException:
            if bars[at + 1 :]:
                self.context.me.tell(BarsClosed(bars[at + 1 :], closed.received_time))
            raise

    def _turn(self, bars: int) -> AbstractContextManager[None]:
        """For so much work."""
        if self._turns is None or bars < BARS_OF_A_TURN or self._runner.process is not None:
            return nullcontext()
        return self._turns.taken(self.context.runtime)

    def _adopt(self, terms: StrategyTerms | None) -> None:
        """From here on decide by these. Another code, other parameters, instruments or bars: begun anew, as after a
        restart; everything else is only a change of what is decided from now on.
        """
        if terms is None or terms.runner.config_version <= self._terms.runner.config_version:
            return
        former, self._terms = self._terms, terms
        now = self._clock.now_ns()
        if not begins_anew(former, terms):
            self._runner.reconfigure(terms.runner)
            self._switch_runner()
            return
        quiet_until = self._runner.quiet_until
        doubt = now + int(max(former.runner.intent_valid_seconds, terms.runner.intent_valid_seconds) * SECOND)
        self._runner.close()
        self._cast(terms)
        self._runner.quiet_until = max(quiet_until, doubt)
        self._set_out()

    def _switch_runner(self) -> None:
        self._runner.enabled = self._terms.enabled and not self._switched_off

    def _apply(self, record: JournalRecord) -> None:
        if not self._live:
            self._runner.fold(record.event)
            return
        self._send(self._runner.journaled(record.event, self._clock.now_ns()))

    def _send(self, intents: Sequence[OrderIntent]) -> None:
        for move in self._runner.moves():
            self._routes.publish(self.context, move)
        for intent in intents:
            self.context.log(
                "info",
                "strategy.decided",
                intent_id=intent.intent_id,
                side=intent.side.value,
                quantity=intent.quantity,
                instrument=intent.instrument,
                reason=intent.reason,
            )
            self._routes.publish(self.context, intent)
        for asked in self._runner.take_asked():
            what, subject = type(asked).__name__, getattr(asked, "tag", "") or getattr(asked, "intent_id", "")
            self.context.log("info", "strategy.asked", what=what, subject=subject)
            self._routes.publish(self.context, asked)

    def _switch(self, request: int, who: str, switch: Switch) -> None:
        name = self._id
        try:
            self._journal.set_flag(OFF_FLAG + name, "" if switch.on else f"{switch.why} ({who})")
        except JournalUnavailable as error:
            # Off must hold at once; on is not given before it is durable.
            self._switched_off = self._switched_off or not switch.on
            self._switch_runner()
            text = (
                f"{name} is {'on' if self._runner.enabled else 'off'} in this process, and it cannot be kept: {error}"
            )
            self._routes.publish(self.context, OperatorAnswered(request, done=False, text=text))
            return
        self._switched_off = not switch.on
        self._switch_runner()
        self.context.log("warning", "strategy.switched", on=switch.on, who=who, why=switch.why)
        if switch.on and not self._terms.enabled:
            text = f"{name} is not switched off any more, and its configuration says enabled: false: it enters nothing"
            self._routes.publish(self.context, OperatorAnswered(request, done=False, text=text))
            return
        text = (
            f"{name} is on: it may enter again" if switch.on else f"{name} is off: it enters nothing, and still leaves"
        )
        self._routes.publish(self.context, OperatorAnswered(request, done=True, text=text))

    def _report(self) -> dict[str, object]:
        stands = self._runner.standing()
        return {
            "seq": self._reader.last_seq,
            "held": {token: stands.held.get(token, 0) for token in self._instruments},
            "confirmed": {token: stands.confirmed.get(token, 0) for token in self._instruments},
            "pending": {token: stands.pending.get(token, 0) for token in self._instruments},
            "enabled": self._runner.enabled,
            "config_version": self._terms.runner.config_version,
            "warming": self._runner.warming,
            "decided": self._runner.decided,
            "lapsed": self._runner.lapsed,
            "process": self._runner.process,
        }

    def _today(self, token: int, instant: Nanos) -> Hours:
        return Hours.of(self._calendar.hours(ist(instant).date(), self._instruments[token].session))


def begins_anew(former: StrategyTerms, terms: StrategyTerms) -> bool:
    """Whether what was made of bars and instruments so far is of no use any more."""
    same = replace(former, runner=terms.runner, enabled=terms.enabled)
    return same != terms or not former.runner.goes_on_as(terms.runner)
