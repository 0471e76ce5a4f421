"""The risk gate: every intent passes it; it holds margin and exposure before anyone is told of an approval.

The checks are in domain/risk. Here are the trading state and its latch, the daily loss guard, and the square-off, which
flattens on behalf of any strategy, a frozen or crashed one included.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.folding import JournalReader
from actors.routes import RISK, Routes
from actors.runtime import Actor, Context, TradingLevel
from domain.errors import CalendarUnknown, JournalUnavailable
from domain.messages.control import (
    Alert,
    FreezeStrategy,
    JobDue,
    PortfolioSnapshot,
    Report,
    SessionLost,
    SessionOpened,
    SetTradingState,
    SquareOff,
    StrategyFrozen,
    TradingState,
    TradingStateChanged,
)
from domain.messages.gtt import ApprovedGtt, ApprovedGttModify, GttIntent, ModifyGttIntent
from domain.messages.journal import DayOpened, JournalAdvanced, JournalRecord
from domain.messages.market import FeedConnected, FeedDisconnected, PriceChanged
from domain.messages.operator import Flatten, Halt, OperatorAnswered, OperatorRequest, Resume
from domain.messages.orders import (
    ApprovedIntent,
    ApprovedModify,
    CancelOpenOrders,
    Denied,
    IntentVoided,
    ModifyIntent,
    OrderIntent,
)
from domain.orders.tags import tag_for
from domain.ports import Calendar, Clock, Journal
from domain.risk import (
    MarketFacts,
    RiskBook,
    RiskLimits,
    breached,
    check,
    day_pnl,
    flatten_intents,
    flatten_strategy_intents,
    funds,
    is_flat,
    why_not_resume,
)
from domain.risk.changes import check_change, check_gtt, check_gtt_change
from domain.risk.wishes import Wish, Wishes
from domain.values import E4, IST, SECOND, Instrument, Nanos, SessionClass, ist, nanos

T = TypeVar("T")

STATE_FLAG: Final = "trading_state"
FROZEN_FLAG: Final = "frozen_strategies"
FLATTENING_FLAG: Final = "flattening"
WISHES_FLAG: Final = "flatten_wishes"
SQUARE_OFF: Final = "square-off of"
SNAPSHOT_EVERY: Final = 500
"""Journal records between snapshots kept: they only shorten a rebuild."""


class RiskSettings(Struct, frozen=True):
    """What the gate is told at its making.

    run                   names this process's life: a restarted gate resumes the state it had in the same life
    mis_cutoff            per session class, the time of day from which no new intraday position is opened
    intent_valid_seconds  market seconds; for the exits that the gate makes itself
    flatten_again_seconds wall seconds between looks at a square-off that is not done
    """

    run: str
    limits: RiskLimits
    mis_cutoff: Mapping[SessionClass, dt.time]
    intent_valid_seconds: float
    flatten_again_seconds: float = 0.5


class _State(Struct, frozen=True):
    """The trading state as it is kept in the journal's flag."""

    state: TradingState
    why: str
    who: str
    run: str


def halt_of_a_person(flag: str | None) -> str | None:
    """The kept trading state, if it is a halt that a person has said."""
    if flag is None:
        return None
    try:
        kept = msgspec.json.decode(flag, type=_State)
    except msgspec.MsgspecError:
        return None
    return flag if kept.state is TradingState.HALTED and kept.who == "operator" else None


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
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._instruments = instruments
        self._by_key = {instrument.key: instrument for instrument in instruments.values()}
        self._settings = settings
        self._book = RiskBook(self._by_key)
        self._reader = JournalReader(journal, self._apply)
        self._kept_seq = 0
        self._epoch = 0
        self._state = _State(TradingState.STARTING, "starting", "startup", settings.run)
        self._snapshot: PortfolioSnapshot | None = None
        self._prices: dict[int, tuple[int, Nanos]] = {}
        self._frozen: dict[str, str] = {}
        self._flattening: dict[int, str] = {}
        self._wishes = Wishes()
        self._unkept: dict[str, str] = {}
        self._no_session = ""
        self._cutoffs: dict[tuple[SessionClass, dt.date], tuple[tuple[Nanos, Nanos] | None, Nanos | None]] = {}

    def started(self) -> None:
        """Void former approvals, then rebuild from the snapshot and the journal."""
        # Before anything is rebuilt: approvals of a former incarnation are void, since their holds are gone.
        self._epoch = self._journal.raise_risk_epoch()
        self._rebuild()
        self._state = self._kept_state()
        self._no_session = self._state.why if self._state.who == "session" else ""
        gate = self.context.gate
        if gate.level is TradingLevel.HALTED and self._state.state is not TradingState.HALTED:
            # A former incarnation latched the gate and died before the disk had it: the latch is the truth.
            self._state = _State(TradingState.HALTED, gate.reason, "limit", self._settings.run)
        # A new process starts its strategies anew, and its day's jobs too: these last as long as this one.
        self._frozen = self._kept(FROZEN_FLAG, dict[str, str]) or {}
        self._flattening = self._kept(FLATTENING_FLAG, dict[int, str]) or {}
        self._wishes = Wishes(self._kept(WISHES_FLAG, dict[str, Wish]))
        for strategy, why in self._frozen.items():
            self._book.freeze(strategy, why)
        self._set_gate()
        self.context.log("info", "risk.rebuilt", seq=self._book.seq, epoch=self._epoch, state=self._state.state.value)
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
            case PriceChanged(token=token, last_price=price, received_time=received):
                self._prices[token] = (price, received)
                self._book.mark(token, price)
            case JournalRecord():
                self._reader.feed(message)
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
            case IntentVoided(intent_id=intent_id):
                self._book.release(intent_id)
            case PortfolioSnapshot():
                self._snapshot = message
                self._guard()
            case SetTradingState(state=state, why=why, who=who):
                self._set_state(state, why, who)
            case OperatorRequest():
                self._operate(message)
            case FreezeStrategy(strategy=strategy, why=why) | StrategyFrozen(strategy=strategy, why=why):
                self._freeze(strategy, why)
            case SessionLost(why=why):
                self._no_session = why
                if self._state.state is TradingState.ACTIVE:
                    self._set_state(TradingState.REDUCING, f"no session: {why}", "session")
            case SessionOpened():
                self._no_session = ""
                if self._state.who == "session":
                    self._set_state(TradingState.ACTIVE, "the session is open again", "startup")
            case FeedConnected() | FeedDisconnected():
                pass  # without ticks, prices go stale, and stale prices deny entries
            case JobDue(subject=subject):
                self._square_off(SessionClass(subject))
            case _Look():
                for name, text in tuple(self._unkept.items()):
                    self._keep_flag(name, text)
                self._flatten()
            case Report():
                return {"state": self._state, "epoch": self._epoch, "seq": self._book.seq, "frozen": self._frozen}
        return None

    def stopping(self) -> None:
        """Keep a snapshot for a quick next start."""
        self._keep()

    # -- decisions -------------------------------------------------------------------------------------------------

    def _decide(self, intent: OrderIntent) -> Denied | None:
        """Approve or deny, and tell. The denial, if it is one."""
        now = self._clock.now_ns()
        self._book.expire_holds(now)
        verdict = check(intent, self._book, self._settings.limits, self._facts(intent.token, now))
        if isinstance(verdict, Denied):
            self._refuse(verdict, intent.instrument)
            return verdict
        self._book.hold(intent, verdict.margin, now)
        self._routes.publish(
            self.context,
            ApprovedIntent(intent=intent, risk_epoch=self._epoch, margin_held=verdict.margin, approved_time=now),
        )
        return None

    def _decide_change(self, asked: ModifyIntent) -> None:
        now, record = self._clock.now_ns(), self._journal.record(asked.tag)
        token = 0 if record is None else record.intent.token
        verdict = check_change(asked, record, self._book, self._settings.limits, self._facts(token, now))
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
        if isinstance(asked, GttIntent):
            refusal = check_gtt(asked, self._book, self._facts(asked.token, now))
            approved: ApprovedGtt | ApprovedGttModify = ApprovedGtt(asked, self._epoch, now)
        else:
            record = self._journal.gtt(asked.tag)
            token = 0 if record is None else record.intent.token
            refusal = check_gtt_change(asked, record, self._book, self._facts(token, now))
            approved = ApprovedGttModify(asked, self._epoch, now)
        if refusal is not None:
            self._refuse(refusal, "")
        else:
            self._routes.publish(self.context, approved)

    def _refuse(self, denied: Denied, subject: str) -> None:
        keys = {"strategy": denied.strategy, "subject": subject, "reason": denied.reason.name, "text": denied.text}
        self.context.log("info", "risk.denied", intent=denied.intent_id, **keys)
        self._routes.publish(self.context, denied)

    def _facts(self, token: int, now: Nanos) -> MarketFacts:
        instrument = self._instruments.get(token)
        price, received = self._prices.get(token, (0, 0))
        hours, cutoff = (None, None) if instrument is None else self._hours(instrument.session, now)
        return MarketFacts(
            now=now,
            state=self._state.state,
            instrument=instrument,
            price=price,
            price_received=received,
            hours=hours,
            mis_cutoff=cutoff,
            available_cash=0 if self._snapshot is None else funds(self._snapshot),
            day_pnl=0 if self._snapshot is None else day_pnl(self._book, self._snapshot),
        )

    def _hours(self, session: SessionClass, now: Nanos) -> tuple[tuple[Nanos, Nanos] | None, Nanos | None]:
        day = ist(now).date()
        key = (session, day)
        if key not in self._cutoffs:
            try:
                hours = self._calendar.hours(day, session)
            except CalendarUnknown as error:
                self.context.log("error", "risk.no_calendar", why=str(error))
                hours = None
            cutoff = self._settings.mis_cutoff.get(session)
            at = None if cutoff is None else nanos(dt.datetime.combine(day, cutoff, IST))
            self._cutoffs[key] = (hours, at)
        return self._cutoffs[key]

    # -- state -----------------------------------------------------------------------------------------------------

    def _set_state(self, state: TradingState, why: str, who: str) -> list[str]:
        """Change the state if `who` may: tags of requests that were on the wire when the latch closed."""
        if self._state.state is TradingState.HALTED and who not in ("operator", "limit"):
            self.context.log("warning", "risk.stays_halted", wanted=state.value, who=who, why=self._state.why)
            return []
        now = self._clock.now_ns()
        if state is TradingState.ACTIVE and self._no_session:
            # Lost while something else held entries back: they wait for the login now.
            state, why, who = TradingState.REDUCING, f"no session: {self._no_session}", "session"
        if state is TradingState.ACTIVE and who == "operator":
            # What a loss flattened may be traded again; what its hour squared off may not.
            self._flattening = {t: w for t, w in self._flattening.items() if w.startswith(SQUARE_OFF)}
            self._keep_for_restart(FLATTENING_FLAG, self._flattening)
        self._state = _State(state, why, who, self._settings.run)
        # The gate first: it is what stops entries already on their way. Then the disk, then everybody else.
        on_the_wire = self._set_gate()
        self._keep_flag(STATE_FLAG, msgspec.json.encode(self._state).decode())
        self.context.log(
            "info" if state is TradingState.ACTIVE else "warning", "risk.state", state=state.value, why=why, who=who
        )
        self._routes.publish(self.context, TradingStateChanged(state=state, why=why, who=who, time=now))
        return on_the_wire

    def _set_gate(self) -> list[str]:
        """Set the gate to the state: tags of requests already on the wire that a halt can no longer stop."""
        gate, why = self.context.gate, self._state.why
        match self._state.state:
            case TradingState.ACTIVE:
                gate.clear(why)
            case TradingState.HALTED:
                on_the_wire = gate.halt(why)
                if on_the_wire:
                    self.context.log("warning", "risk.halted_with_orders_on_the_wire", tags=on_the_wire)
                return on_the_wire
            case TradingState.STARTING | TradingState.REDUCING:
                gate.clear(why, TradingLevel.REDUCING)
        return []

    def _kept_state(self) -> _State:
        text = self._journal.flag(STATE_FLAG)
        start = _State(TradingState.STARTING, "starting", "startup", self._settings.run)
        if text is None:
            return start
        try:
            kept = msgspec.json.decode(text, type=_State)
        except msgspec.MsgspecError:
            return _State(TradingState.HALTED, "the kept trading state cannot be read", "limit", self._settings.run)
        # A halt outlives the process; anything else only this process's own life.
        return kept if kept.run == self._settings.run or kept.state is TradingState.HALTED else start

    def _kept(self, name: str, kind: type[T]) -> T | None:
        """What this process kept under the name; None where nothing was, or by another process."""
        text = self._journal.flag(name)
        if text is None:
            return None
        try:
            run, value = msgspec.json.decode(text, type=tuple[str, msgspec.Raw])
            return msgspec.json.decode(value, type=kind) if run == self._settings.run else None
        except msgspec.MsgspecError as error:
            # Dying of it again and again would stop the exits as well.
            self._alert("critical", "risk.state_unreadable", f"{name}: {error}", self._clock.now_ns())
            return None

    def _keep_for_restart(self, name: str, value: object) -> None:
        """For the next incarnation of this process. What is in force now does not wait for the disk."""
        self._keep_flag(name, msgspec.json.encode((self._settings.run, value)).decode())

    def _keep_flag(self, name: str, text: str) -> None:
        """Where the disk refuses it is tried again: a restarted gate would go by what was kept before."""
        try:
            self._journal.set_flag(name, text)
            self._unkept.pop(name, None)
        except JournalUnavailable as error:
            if name not in self._unkept:
                self._alert("critical", "risk.state_not_kept", str(error), self._clock.now_ns())
            self._unkept[name] = text

    def _freeze(self, strategy: str, why: str) -> None:
        if strategy in self._frozen:
            return
        self._frozen[strategy] = why
        self._book.freeze(strategy, why)
        self._keep_for_restart(FROZEN_FLAG, self._frozen)
        self.context.log("error", "risk.strategy_frozen", strategy=strategy, why=why)
        self._routes.publish(
            self.context, CancelOpenOrders(strategy=strategy, why=f"strategy {strategy} is frozen: {why}")
        )

    def _guard(self) -> None:
        if self._snapshot is None or self._state.state is not TradingState.ACTIVE:
            return
        why = breached(self._book, self._snapshot, self._settings.limits)
        if why is not None:
            self._set_state(TradingState.HALTED, why, "limit")
            self._alert("critical", "risk.daily_loss", why, self._clock.now_ns())
            self._want_flat(self._instruments, why)
            self._flatten()

    # -- a person's commands ---------------------------------------------------------------------------------------

    def _operate(self, request: OperatorRequest) -> None:
        """Do as a person says, and answer."""
        command = request.command
        why = f"{command.why} ({request.who})"
        match command:
            case Halt():
                answer = self._halt(request.id, why, flatten=command.flatten)
            case Resume():
                refusal = why_not_resume(self._state.state, self._state.who)
                if refusal is None:
                    self._set_state(TradingState.ACTIVE, why, "operator")
                resumed = "trading is active" if self._state.state is TradingState.ACTIVE else self._state.why
                answer = OperatorAnswered(request.id, refusal is None, refusal or resumed)
            case Flatten(strategy=strategy):
                answer = self._want_strategy_flat(request.id, strategy, why)
            case _:
                return
        self._routes.publish(self.context, answer)

    def _halt(self, request: int, why: str, *, flatten: bool) -> OperatorAnswered:
        tags = tuple(self._set_state(TradingState.HALTED, why, "operator"))
        text = "halted" if not tags else f"halted; on the wire already: {', '.join(tags)}"
        if not flatten:
            return OperatorAnswered(request, done=True, text=text, tags=tags)
        closing = self._want_strategy_flat(request, "", why)
        return replace(closing, text=f"{text}; {closing.text}", tags=tags)

    def _want_strategy_flat(self, request: int, strategy: str, why: str) -> OperatorAnswered:
        """Begin to close what this strategy holds (empty: what all hold)."""
        if is_flat(self._book, strategy):
            return OperatorAnswered(request, done=True, text="nothing is held")
        self._wishes.add(strategy, why)
        self._keep_for_restart(WISHES_FLAG, self._wishes.kept)
        tags, denied = self._close(strategy, why)
        if denied:
            text = f"{len(denied)} exits were denied and are tried again for a while; the first: {denied[0].text}"
            return OperatorAnswered(request, done=False, text=text, tags=tags)
        return OperatorAnswered(request, done=True, text=f"closing with {len(tags)} orders", tags=tags)

    def _close(self, strategy: str, why: str) -> tuple[tuple[str, ...], list[Denied]]:
        """Make the exits that are missing: tags of those approved, and the denials."""
        now = self._clock.now_ns()
        exits = flatten_strategy_intents(
            self._book, strategy, now, self._exit_until(now), self._last_prices(), f"flatten: {why}"
        )
        verdicts = [(tag_for(intent.intent_id), self._decide(intent)) for intent in exits]
        return tuple(tag for tag, denial in verdicts if denial is None), [d for _, d in verdicts if d is not None]

    def _grant_wishes(self) -> None:
        """Go on closing until it is done: what was refused is asked for again."""
        looked = self._wishes.look(self._book)
        for strategy, why in looked.open:
            self._close(strategy, why)
        for strategy, why in looked.granted:
            self.context.log("info", "risk.flat", strategy=strategy or "all", why=why)
        for strategy, why in looked.given_up:
            text = f"{strategy or 'what all strategies hold'} could not be closed: {why}"
            self._alert("critical", "risk.not_flat", text, self._clock.now_ns())
        if looked.granted or looked.given_up:
            self._keep_for_restart(WISHES_FLAG, self._wishes.kept)

    # -- square-off ------------------------------------------------------------------------------------------------

    def _square_off(self, session: SessionClass) -> None:
        tokens = tuple(token for token, each in self._instruments.items() if each.session is session)
        why = f"{SQUARE_OFF} {session.value}"
        self._want_flat(tokens, why)
        self.context.log("info", "risk.square_off", session=session.value, instruments=len(tokens))
        self._routes.publish(self.context, SquareOff(tokens=tokens, why=why))
        self._flatten()

    def _want_flat(self, tokens: Iterable[int], why: str) -> None:
        """From here on these are flattened, by a restarted gate as well."""
        for token in tokens:
            self._flattening.setdefault(token, why)
        self._keep_for_restart(FLATTENING_FLAG, self._flattening)

    def _flatten(self) -> None:
        """Make the exits that are still missing, until the lines are flat."""
        if not self._flattening and not self._wishes.kept:
            return
        now = self._clock.now_ns()
        self._book.expire_holds(now)
        self._cancel_entries()
        exits = flatten_intents(
            self._book, tuple(self._flattening), now, self._exit_until(now), self._last_prices(), "square-off"
        )
        for intent in exits:
            self._decide(intent)
        self._grant_wishes()

    def _exit_until(self, now: Nanos) -> Nanos:
        return now + int(self._settings.intent_valid_seconds * SECOND)

    def _last_prices(self) -> dict[int, E4]:
        return {token: price for token, (price, _) in self._prices.items()}

    def _cancel_entries(self) -> None:
        """Entries that still rest could fill after the square-off: withdraw them."""
        resting = {
            order.strategy
            for order in self._book.open_orders()
            if not order.reduce_only and (order.token in self._flattening or self._wishes.covers(order.strategy))
        }
        for strategy in sorted(resting):
            self._routes.publish(self.context, CancelOpenOrders(strategy=strategy, why="square-off"))

    # -- journal ---------------------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        kept = self._journal.load_snapshot(RISK)
        if kept is not None:
            try:
                self._book = RiskBook.decode(kept[1], self._by_key)
                self._reader.last_seq = self._kept_seq = self._book.seq
            except ValueError as error:
                self.context.log("warning", "risk.snapshot_unread", why=str(error))
        self._reader.catch_up()

    def _apply(self, record: JournalRecord) -> None:
        self._book.apply(record)
        if isinstance(record.event, DayOpened):
            self._flattening.clear()
        if record.seq - self._kept_seq >= SNAPSHOT_EVERY:
            self._keep()

    def _keep(self) -> None:
        try:
            self._journal.save_snapshot(RISK, self._book.seq, self._book.encode())
            self._kept_seq = self._book.seq
        except JournalUnavailable as error:
            self.context.log("warning", "risk.snapshot_not_kept", why=str(error))

    def _alert(self, level: str, name: str, text: str, now: Nanos) -> None:
        self._routes.publish(self.context, Alert(level=level, name=name, text=text, time=now))
