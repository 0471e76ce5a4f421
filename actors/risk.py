"""The risk gate: every intent passes it; it holds margin and exposure before anyone is told of an approval.

The thinking is in domain/risk: the checks, the trading state and who may end it, what is frozen, the limits on results.
Here are the steps: decide and tell, latch and tell, freeze and withdraw. Flattening is in `closing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.closing import Closing, Means
from actors.figures import BrokerFigures
from actors.folding import Projection
from actors.freezing import Freezing
from actors.keeping import Flags
from actors.nearing import LimitsWatch
from actors.routes import RISK, Routes
from actors.runtime import Actor, Context, TradingLevel
from actors.versions import taken
from domain.listing import by_key
from domain.messages.configuration import Known, PrepareConfiguration, SettleConfiguration
from domain.messages.control import (
    Alert,
    AskSession,
    FreezeInstrument,
    FreezeStrategy,
    JobDue,
    PortfolioSnapshot,
    Report,
    SessionLost,
    SessionOpened,
    SetTradingState,
    StrategyFrozen,
    ThawInstrument,
    ThawStrategy,
    TradingState,
    TradingStateChanged,
)
from domain.messages.figures import LimitsRead, MarginsRead
from domain.messages.gtt import ApprovedGtt, ApprovedGttModify, GttIntent, ModifyGttIntent
from domain.messages.journal import DayOpened, JournalAdvanced, JournalRecord
from domain.messages.market import FeedConnected, FeedDisconnected, PricesChanged
from domain.messages.operator import Adjust, Flatten, Halt, OperatorAnswered, OperatorRequest, Resume
from domain.messages.orders import (
    AccountRead,
    ApprovedIntent,
    ApprovedModify,
    Denied,
    IntentVoided,
    ModifyIntent,
    OrderIntent,
)
from domain.ports import Calendar, Clock, Journal
from domain.risk import MarketFacts, RiskBook, check
from domain.risk.changes import check_change, check_gtt, check_gtt_change
from domain.risk.exposure import Standing as OrderStanding
from domain.risk.limits import exactly
from domain.risk.loss import breach, strategies_breached
from domain.risk.settings import RiskSettings
from domain.risk.state import (
    Condition,
    Standing,
    as_latched,
    halt_of_a_person,
    read_standing,
    starting,
    why_not_resume,
)
from domain.risk.strictest import RiskTerms, VersionedLimits
from domain.risk.world import World
from domain.values import SECOND, Instrument, Nanos, SessionClass

__all__ = ["STATE_FLAG", "RiskGate", "RiskSettings", "halt_of_a_person"]

_STATES: Final = {
    TradingLevel.OPEN: TradingState.ACTIVE,
    TradingLevel.REDUCING: TradingState.REDUCING,
    TradingLevel.HALTED: TradingState.HALTED,
}

STATE_FLAG: Final = "trading_state"
OWN_LOSS: Final = "own loss"
"""By whom a strategy is frozen that has lost too much."""

ASK_SESSION_AGAIN: Final[Nanos] = 10 * SECOND
"""Monotonic, between questions for a session while there is none."""


class _Look(Struct, frozen=True, tag=True):
    """Own timer: guards and unfinished square-offs."""


class RiskGate(Actor):
    """See the module."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        instruments: Mapping[int, Instrument],
        settings: RiskSettings,
        known: Known | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._instruments = instruments
        self._settings = settings
        self._limits = _versions(settings, known or Known())
        listed = by_key(instruments)
        self._projection = Projection(
            context,
            journal,
            RISK,
            RiskBook(listed),
            decode=lambda body: RiskBook.decode(body, listed),
            encode=RiskBook.encode,
            applied=self._applied,
        )
        self._reader = self._projection.reader
        self._world = World(instruments, calendar, settings.mis_cutoff)
        self._flags = Flags(journal, settings.run, self._alarm)
        self._epoch = 0
        self._session_asked_again: Nanos = 0
        self._standing = starting(settings.run)
        self._freezing = Freezing(context, routes, self._flags, lambda: self._book)
        means = Means(
            lambda: self._book, self._decide_own, self._world.last_prices, clock.now_ns, self._exit_until, self._alarm
        )
        self._closing = Closing(context, routes, self._flags, means)
        self._figures = BrokerFigures(
            context, routes, self._world, instruments, settings, lambda: self._book, lambda: self._limits.current.limits
        )
        self._watch = LimitsWatch(context, routes, self._world, settings)

    @property
    def _book(self) -> RiskBook:
        return self._projection.book

    def started(self) -> None:
        """Void former approvals, then rebuild from the snapshot and the journal."""
        # Before anything is rebuilt: approvals of a former incarnation are void, since their holds are gone.
        self._epoch = self._journal.raise_risk_epoch()
        self._projection.restore()
        self._standing = read_standing(self._flags.text(STATE_FLAG), self._settings.run)
        gate = self.context.gate
        if self.context.incarnation > 1:
            self._standing = as_latched(self._standing, _STATES[gate.level], gate.reason)
        self._freezing.restore()
        self._closing.restore()
        self._figures.open_day()
        self._set_gate()
        state = self._standing.effective.state.value
        self.context.log("info", "risk.rebuilt", seq=self._book.seq, epoch=self._epoch, state=state)
        if self.context.incarnation > 1:
            # A former life may have failed while it told of a change: strategies wait for that word.
            self._tell_state()
        self.context.every(self._settings.flatten_again_seconds, _Look())

    def receive(self, message: object) -> object:  # noqa: C901, PLR0912 - one line per message: the table of what it handles
        """Intents, what the journal says, and what changes the state."""
        match message:
            case OrderIntent():
                self._decide(message)
            case ModifyIntent():
                self._decide_change(message)
            case GttIntent() | ModifyGttIntent():
                self._decide_gtt(message)
            case PricesChanged(prices=prices):
                self._world.prices(prices)
                self._book.mark_all(prices)
            case JournalRecord():
                self._projection.feed(message)
            case JournalAdvanced(seq=seq):
                self._projection.catch_up(seq)
            case IntentVoided(intent_id=intent_id, approved_time=approved):
                self._book.release(intent_id, approved)
            case PortfolioSnapshot():
                self._world.snapshot = message
                self._guard()
            case AccountRead():
                self._world.account(message)
            case LimitsRead() | MarginsRead():
                self._figures.take(message)
            case SetTradingState(state=state, why=why, who=who):
                self._set_state(state, why, who)
            case OperatorRequest():
                self._operate(message)
            case FreezeStrategy() | StrategyFrozen() | ThawStrategy() | FreezeInstrument() | ThawInstrument():
                self._freezing.take(message)
            case SessionLost(why=why):
                self._change(self._standing.under(Condition.SESSION, f"no session: {why}"))
            case SessionOpened():
                self._change(self._standing.without(Condition.SESSION))
            case FeedConnected(feed=feed):
                self._world.feed_lost.pop(feed, None)
                self._look_around()
            case FeedDisconnected(feed=feed):
                self._world.feed_lost.setdefault(feed, self._clock.now_ns())
            case PrepareConfiguration() | SettleConfiguration():
                self._configure(message)
            case JobDue(subject=subject):
                self._closing.square_off(SessionClass(subject), self._instruments)
            case _Look():
                self._look()
            case Report():
                stand = {"state": self._standing.effective, "epoch": self._epoch, "seq": self._book.seq}
                return {
                    **stand,
                    "config_version": self._limits.settled,
                    "funded": self._world.snapshot is not None,
                    "day_limits": self._world.day_limits,
                    **self._freezing.reasons(),
                }
        return None

    def _ask_session(self) -> None:
        """While there is none as far as is known here: that one was opened may have been lost with a crash."""
        mono = self.context.runtime.monotonic.now_ns()
        if self._standing.lasts(Condition.SESSION) and mono >= self._session_asked_again:
            self._session_asked_again = mono + ASK_SESSION_AGAIN
            self._routes.publish(self.context, AskSession())

    def _look(self) -> None:
        self._flags.again()
        self._ask_session()
        self._look_around()
        if not self._standing.lasts(Condition.SESSION):
            # Without one every exit would be turned away, twice a second.
            self._closing.look()
        self._figures.look(connected=bool(self._book.day) and not self._standing.lasts(Condition.SESSION))
        terms = self._limits.current
        self._watch.look(self._book, self._facts(0, self._clock.now_ns(), terms), terms.limits)

    def stopping(self) -> None:
        """Keep a snapshot for a quick next start."""
        self._projection.keep()

    # -- decisions -------------------------------------------------------------------------------------------------

    def _decide_own(self, exit_of_ours: OrderIntent) -> Denied | None:
        """An exit that the gate makes itself is decided under the version that everybody has."""
        return self._decide(replace(exit_of_ours, config_version=self._limits.settled))

    def _decide(self, intent: OrderIntent) -> Denied | None:
        """Approve or deny, and tell. The denial, if it is one."""
        now = self._clock.now_ns()
        self._book.expire_holds(now)
        terms = self._limits.of(intent.config_version)
        facts = self._facts(intent.token, now, terms, intent)
        verdict = check(intent, self._book, terms.limits, facts)
        if isinstance(verdict, Denied):
            self._refuse(verdict, intent.instrument)
            self._figures.denied(verdict.reason, intent.instrument)
            return verdict
        self._book.hold(intent, verdict.margin, now)
        self._figures.approved(intent)
        bid, ask = self._world.best(intent.token)
        approved = ApprovedIntent(intent, self._epoch, verdict.margin, approved_time=now, bid=bid, ask=ask)
        self._routes.publish(self.context, approved)
        return None

    def _decide_change(self, asked: ModifyIntent) -> None:
        now, record = self._clock.now_ns(), self._journal.record(asked.tag)
        intent = None if record is None else record.intent
        terms = self._limits.of(asked.config_version)
        facts = self._facts(0 if intent is None else intent.token, now, terms, intent)
        verdict = check_change(asked, record, self._book, terms.limits, facts)
        if isinstance(verdict, Denied):
            self._refuse(verdict, asked.tag)
            return
        margin = verdict.approval.margin
        self._book.enlarge(asked.tag, asked.change.quantity, margin)
        self._routes.publish(
            self.context, ApprovedModify(asked, self._epoch, margin, verdict.reduce_only, approved_time=now)
        )

    def _decide_gtt(self, asked: GttIntent | ModifyGttIntent) -> None:
        now = self._clock.now_ns()
        self._book.expire_holds(now)
        if isinstance(asked, GttIntent):
            refusal = check_gtt(asked, self._book, self._facts(asked.token, now, self._limits.current))
            approved: ApprovedGtt | ApprovedGttModify = ApprovedGtt(asked, self._epoch, now)
        else:
            record = self._journal.gtt(asked.tag)
            token = 0 if record is None else record.intent.token
            refusal = check_gtt_change(asked, record, self._book, self._facts(token, now, self._limits.current))
            approved = ApprovedGttModify(asked, self._epoch, now)
        if refusal is not None:
            self._refuse(refusal, "")
            return
        if isinstance(asked, GttIntent):
            self._book.hold_gtt(asked, now)
        self._routes.publish(self.context, approved)

    def _refuse(self, denied: Denied, subject: str) -> None:
        keys = {"strategy": denied.strategy, "subject": subject, "reason": denied.reason.name, "text": denied.text}
        self.context.log("info", "risk.denied", intent=denied.intent_id, **keys)
        self._routes.publish(self.context, denied)

    def _facts(self, token: int, now: Nanos, terms: RiskTerms, intent: OrderIntent | None = None) -> MarketFacts:
        self._world.market_protection = terms.market_protection
        gate = self.context.gate
        latched = gate.reason if gate.level is TradingLevel.HALTED else ""
        return self._world.facts(token, now, self._standing.effective, latched, self._book, intent)

    def _exit_until(self, now: Nanos) -> Nanos:
        return now + int(self._limits.current.intent_valid_seconds * SECOND)

    def _configure(self, message: PrepareConfiguration | SettleConfiguration) -> None:
        match message:
            case PrepareConfiguration(terms=terms):
                self._limits.prepare(terms.version, terms.risk)
                taken(self._routes, self.context, message)
            case SettleConfiguration(version=version):
                self._limits.settle(version)

    # -- state -----------------------------------------------------------------------------------------------------

    def _set_state(self, state: TradingState, why: str, who: str) -> list[str]:
        """Change the state if `who` may: tags of requests that were on the wire when the latch closed."""
        said = self._standing.said(state, why, who)
        if said is None:
            self.context.log("warning", "risk.stays_halted", wanted=state.value, who=who, why=self._standing.why)
            return []
        if state is TradingState.ACTIVE and who == "operator":
            self._closing.resumed()
        return self._change(said, always=True)

    def _change(self, standing: Standing, *, always: bool = False) -> list[str]:
        """The new standing: latched, kept and told where it makes a difference to anybody (or `always`)."""
        before, self._standing = self._standing, standing
        now = standing.effective
        if standing == before and not always:
            return []
        changed = always or now != before.effective
        # The gate first: it is what stops entries already on their way. Then the disk, then everybody else.
        on_the_wire = self._set_gate() if changed else []
        self._flags.keep_text(STATE_FLAG, msgspec.json.encode(standing).decode())
        if changed:
            level = "info" if now.state is TradingState.ACTIVE else "warning"
            self.context.log(level, "risk.state", state=now.state.value, why=now.why, who=now.who)
            self._tell_state()
        return on_the_wire

    def _tell_state(self) -> None:
        now = self._standing.effective
        told = TradingStateChanged(state=now.state, why=now.why, who=now.who, time=self._clock.now_ns())
        self._routes.publish(self.context, told)

    def _set_gate(self) -> list[str]:
        """Set the gate to the state: tags of requests already on the wire that a halt can no longer stop."""
        gate, now = self.context.gate, self._standing.effective
        match now.state:
            case TradingState.ACTIVE:
                gate.clear(now.why)
            case TradingState.HALTED:
                on_the_wire = gate.halt(now.why)
                if on_the_wire:
                    self.context.log("warning", "risk.halted_with_orders_on_the_wire", tags=on_the_wire)
                return on_the_wire
            case TradingState.STARTING | TradingState.REDUCING:
                gate.clear(now.why, TradingLevel.REDUCING)
        return []

    def _look_around(self) -> None:
        """Whether the feed has been down for too long, or too much is unresolved."""
        limits, standing = self._limits.current.limits, self._standing
        lost = self._world.feed_down_since()
        if lost and self._clock.now_ns() - lost > exactly(limits.stale_feed_seconds) * SECOND:
            standing = standing.under(Condition.FEED, "the price feed is down")
        elif not lost:
            standing = standing.without(Condition.FEED)
        unresolved = sum(order.standing is OrderStanding.UNRESOLVED for order in self._book.open_orders())
        if unresolved > limits.unresolved_orders_max:
            standing = standing.under(Condition.UNRESOLVED, f"{unresolved} orders are unresolved")
        else:
            standing = standing.without(Condition.UNRESOLVED)
        self._change(standing)

    def _guard(self) -> None:
        """End what has lost too much: the account's trading, or one strategy's."""
        snapshot, limits = self._world.snapshot, self._limits.current.limits
        if snapshot is None or self._standing.state is not TradingState.ACTIVE:
            return
        found = breach(self._book, snapshot, limits)
        if found is not None:
            reason, why = found
            self._set_state(TradingState.HALTED, why, "limit")
            self._alarm(f"risk.{reason.name.lower()}", why)
            self._closing.leave(self._instruments, why)
            return
        for strategy, why in strategies_breached(self._book, snapshot, limits).items():
            if self._freezing.freeze(strategy, why, OWN_LOSS):
                self._alarm("risk.strategy_daily_loss", why)
                self._closing.wish(strategy, why)
                self._closing.look()

    # -- a person's commands and the timetable's -------------------------------------------------------------------

    def _operate(self, request: OperatorRequest) -> None:
        """Do as a person says, and answer."""
        command = request.command
        why = f"{command.why} ({request.who})"
        match command:
            case Halt():
                answer = self._halt(request.id, why, flatten=command.flatten)
            case Resume():
                answer = self._resume(request.id, why, command.thaw)
            case Flatten(strategy=strategy):
                answer = self._closing.want_strategy_flat(request.id, strategy, why)
            case Adjust():
                text = "a trader runs: stop it first, the books are changed by hand while nothing trades"
                answer = OperatorAnswered(request.id, done=False, text=text)
            case _:
                return
        self._routes.publish(self.context, answer)

    def _halt(self, request: int, why: str, *, flatten: bool) -> OperatorAnswered:
        tags = tuple(self._set_state(TradingState.HALTED, why, "operator"))
        text = "halted" if not tags else f"halted; on the wire already: {', '.join(tags)}"
        if not flatten:
            return OperatorAnswered(request, done=True, text=text, tags=tags)
        closing = self._closing.want_strategy_flat(request, "", why)
        return replace(closing, text=f"{text}; {closing.text}", tags=tags)

    def _resume(self, request: int, why: str, thaw: str) -> OperatorAnswered:
        if thaw:
            thawed = self._freezing.thaw_any(thaw, why)
            return OperatorAnswered(request, thawed, f"{thaw} may trade" if thawed else f"{thaw} is not frozen")
        refusal = why_not_resume(self._standing.effective)
        if refusal is not None:
            return OperatorAnswered(request, done=False, text=refusal)
        self._set_state(TradingState.ACTIVE, why, "operator")
        now = self._standing.effective
        return OperatorAnswered(request, True, "trading is active" if now.state is TradingState.ACTIVE else now.why)

    # -- journal ---------------------------------------------------------------------------------------------------

    def _applied(self, record: JournalRecord) -> None:
        if isinstance(record.event, DayOpened):
            self._closing.open_day()
            self._world.open_day()
            self._figures.open_day()

    def _alarm(self, name: str, text: str) -> None:
        alert = Alert(level="critical", name=name, text=text, time=self._clock.now_ns())
        self._routes.publish(self.context, alert)


def _versions(settings: RiskSettings, known: Known) -> VersionedLimits:
    terms = {version: each.risk for version, each in known.terms.items()}
    return VersionedLimits(terms or {known.settled: settings.terms()}, known.settled)
