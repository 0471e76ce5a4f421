"""The reconciler: holds our books against the broker's, at the start before any strategy may trade, and ever after.

The comparing is in domain/reconcile. Here are the rounds (orders, trades, positions, holdings, funds, in that order)
and when they are due. It writes nothing itself: what it finds goes to the order supervisor, who commits and tells; and
what it knows it has from the journal, so that a restart neither forgets a difference nor names it twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.accepting import Accepting
from actors.folding import JournalReader
from actors.routes import Routes
from actors.runtime import Actor, Context
from actors.versions import taken
from domain.messages.adjustments import PositionAdjusted
from domain.messages.broker import BrokerOrder
from domain.messages.configuration import AdoptConfiguration, ReconcileTerms
from domain.messages.control import Alert, Report, SessionOpened, SetTradingState, TradingState
from domain.messages.journal import (
    DifferenceCleared,
    DifferenceFound,
    FillSeen,
    JournalAdvanced,
    JournalRecord,
    OrderRecord,
)
from domain.messages.operator import OperatorRequest
from domain.messages.orders import (
    AccountRead,
    CancelOpenOrders,
    OrderBookRead,
    ReadAccount,
    ReadOrderBook,
)
from domain.messages.reconcile import DifferencesTaken, JournalDifferences, ReconcileEvent, UpdateHeard
from domain.orders.updates import needs_trades
from domain.ports import Clock, Journal
from domain.reconcile.accepting import Standing
from domain.reconcile.account import (
    BALANCE,
    FUNDS_NAMES,
    HOLDING_NAMES,
    POSITION_NAMES,
    balance_tellable,
    compare_funds,
    compare_holdings,
    compare_positions,
)
from domain.reconcile.books import Books
from domain.reconcile.expiry import UNKNOWN_CONTRACTS, Contracts, Settlement, has_gone, settled, settlements
from domain.reconcile.findings import Finding, Key, Verdict, weigh
from domain.reconcile.names import Difference, Policy
from domain.reconcile.orders import (
    MISSING_NAMES,
    external_shorts,
    foreign_orders,
    lapse,
    missed_fill,
    missing_orders,
    moving_instruments,
    perhaps_placed,
)
from domain.reconcile.policies import LEVELS
from domain.values import SECOND, Instrument, Nanos, Product, rupees

ANSWER_PATIENCE_SECONDS: Final = 100.0
"""A read without an answer for so long was lost with its worker."""

COMMIT_PATIENCE_SECONDS: Final = 10.0
"""What was told to the order supervisor and is not journaled by then was lost with it."""

GTT_PATIENCE_SECONDS: Final = 300.0
"""So long an order may turn out to be one that a GTT of ours made: booked as external, it could not be booked again."""

START_ROUNDS_MAX: Final = 5
"""A start does not wait for ever on what changes with every look: it is looked at again all day."""

ORDERS_AREA: Final = "orders"
POSITIONS_AREA: Final = "positions"
HOLDINGS_AREA: Final = "holdings"
FUNDS_AREA: Final = "funds"


ReconcilerSettings = ReconcileTerms
"""All of them may change while it trades."""


class _Tick(Struct, frozen=True, tag=True):
    """Own timer: is anything due?"""


class _Untold(Struct, frozen=True):
    """A fill that the order book showed first. due: until then an update may still tell of it (monotonic)."""

    tag: str
    filled: int
    told: int
    due: Nanos


class Reconciler(Actor):
    """See the module. Ready when everything has been compared once."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        settings: ReconcilerSettings,
        user_id: str = "",
        contracts: Contracts = UNKNOWN_CONTRACTS,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._instruments = instruments
        self._settings = settings
        self._user_id = user_id
        self._contracts = contracts
        self._books = Books()
        self._reader = JournalReader(journal, self._fold)
        # Below zero: the order supervisor's own requests have the numbers above.
        self._request = -context.incarnation * 1_000_000
        self._asked: ReadOrderBook | ReadAccount | None = None
        self._asked_until: Nanos = 0
        self._activity: dict[str, int] = {}
        self._rows: tuple[BrokerOrder, ...] = ()
        self._due = {POSITIONS_AREA: 0, FUNDS_AREA: 0}
        self._wants: tuple[bool, bool] = (True, True)
        self._doubtful: dict[str, Mapping[Key, Finding]] = {}
        self._told_number = self._taken_number = context.incarnation * 1_000_000
        self._commit_until: Nanos = 0
        self._untold: dict[str, _Untold] = {}
        self._told: dict[str, int] = {}
        self._moving: set[str] = set()
        self._settling: set[Settlement] = set()
        self._spared: dict[str, Nanos] = {}
        self._accepting = Accepting(context, routes, journal)
        self._rounds = 0
        self._is_ready = False
        self._live = False

    def started(self) -> None:
        """Fold the journal, and begin the first round."""
        self._reader.catch_up()
        self._live = True
        for found in self._books.standing.values():
            # Fails closed: whoever resumed trading knew of it then; a new life does not.
            self._halt(found)
        self.context.every(0.25, _Tick())
        self._look()

    def receive(self, message: object) -> object:
        """Reads, what the journal says, updates, and the own timer."""
        match message:
            case JournalRecord():
                self._reader.feed(message)
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
            case UpdateHeard(tag=tag, filled=filled):
                self._heard(tag, filled)
            case DifferencesTaken(number=number):
                self._taken_number = max(self._taken_number, number)
                self._accepting.journaled(number)
            case OperatorRequest():
                self._accept(message)
            case OrderBookRead():
                self._book_read(message)
            case AccountRead():
                self._account_read(message)
            case SessionOpened(user_id=user_id):
                self._user_id = user_id
            case AdoptConfiguration(terms=terms):
                self._settings = terms.reconcile
                taken(self._routes, self.context, message)
            case _Tick():
                self._look()
            case Report():
                return {
                    "ready": self._is_ready,
                    "rounds": self._rounds,
                    "standing": tuple(self._books.standing.values()),
                    "doubtful": sum(map(len, self._doubtful.values())),
                    "moving": tuple(sorted(self._moving)),
                }
        return None

    def _accept(self, request: OperatorRequest) -> None:
        """A person accepts a difference that stands."""
        self._reader.catch_up()
        if self._waits_for_commit():
            # What stands may be about to change.
            self.context.after(0.25, request)
            return
        open_records = self._journal.open_records()
        moving = self._on_the_move(open_records)
        traders, by_key = self._settings.traders, self._instruments
        at = Standing(self._books, traders, by_key, moving, self._journal.record_of)
        events = self._accepting.judge(request, at, self._clock.now_ns(), self._told_number + 1)
        self._tell(events, request.id)

    # -- rounds ------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        mono = self._mono()
        for tag, untold in tuple(self._untold.items()):
            if untold.due <= mono:
                self._name_missed_fill(tag, untold)
        if self._asked is not None and mono < self._asked_until:
            return
        self._wants = (mono >= self._due[POSITIONS_AREA], mono >= self._due[FUNDS_AREA])
        if any(self._wants):
            # Orders and trades first, so that what they tell is booked before it could look like a difference.
            self._ask(ReadOrderBook(request=self._next_request(), with_trades=True))

    def _ask(self, read: ReadOrderBook | ReadAccount) -> None:
        self._asked = read
        self._asked_until = self._mono_after(ANSWER_PATIENCE_SECONDS)
        self._routes.publish(self.context, read)

    def _book_read(self, read: OrderBookRead) -> None:
        """Any reading of the book is looked at; our own goes on to the account."""
        own = self._asked is not None and read.request == self._asked.request
        if read.error:
            if own:
                self._again(1.0)
            return
        self._reader.catch_up()
        self._rows = read.orders
        if not self._waits_for_commit():
            self._judge_orders(read)
        if own:
            self._activity = dict(self._books.activity)
            positions, funds = self._wants
            self._ask(ReadAccount(request=self._next_request(), positions=positions, funds=funds))

    def _account_read(self, read: AccountRead) -> None:
        if self._asked is None or read.request != self._asked.request:
            return
        self._asked = None
        if read.error:
            self.context.log("warning", "reconcile.account_unread", why=read.error)
            self._again(1.0)
            return
        self._reader.catch_up()
        if not self._books.day or self._waits_for_commit():
            # The order supervisor opens the day with the very funds that were read, or is about to commit our findings.
            self._again(self._settings.confirm_seconds)
            return
        self._judge_account(read)
        self._rounds += 1
        doubtful = any(self._doubtful.values()) or bool(self._settling)
        positions, funds = self._wants
        if positions:
            self._due[POSITIONS_AREA] = self._mono_after(self._settings.positions_seconds)
        if funds:
            self._due[FUNDS_AREA] = self._mono_after(self._settings.funds_seconds)
        if doubtful:
            self._wants = (True, True)
            self._again(self._settings.confirm_seconds)
        if not self._is_ready and (not doubtful or self._rounds >= START_ROUNDS_MAX):
            self._is_ready = True
            self.context.log("info", "reconcile.done", standing=len(self._books.standing), seq=self._books.seq)
            self.context.ready()

    def _again(self, seconds: float) -> None:
        """What this round wanted is due again soon."""
        self._asked = None
        for area, wanted in zip((POSITIONS_AREA, FUNDS_AREA), self._wants, strict=True):
            if wanted:
                self._due[area] = self._mono_after(seconds)

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judge_orders(self, read: OrderBookRead) -> None:
        now, policies = self._clock.now_ns(), self._settings.policies
        open_records = self._journal.open_records()
        foreign = foreign_orders(
            self._books,
            read.orders,
            read.trades,
            self._journal,
            self._user_id,
            self._instruments,
            now,
            (*self._perhaps_fired(read.orders), *perhaps_placed(read.orders, open_records)),
        )
        events: list[ReconcileEvent] = [each.journaled(policies[each.name], now) for each in foreign.findings]
        events += foreign.trades
        events += [
            DifferenceCleared(name=name, subject=subject, why="the order is over", time=now)
            for name, subject in foreign.gone
        ]
        missing, lapsed = missing_orders(self._books, read.orders, open_records, read.begun, now)
        events += self._weigh(ORDERS_AREA, missing, MISSING_NAMES, now).events
        events += [lapse(record, now) for record in lapsed]
        self._tell(events)

    def _on_the_move(self, open_records: Sequence[OrderRecord]) -> set[str]:
        moving = moving_instruments(self._rows, open_records, self._journal, needs_trades, self._journal.gtts())
        mono = self._mono()
        # What a GTT of ours may have fired has moved the position before it is known whose it is.
        fired = (row for row in self._rows if self._spared.get(row.order_id, 0) > mono)
        return moving | {f"{row.exchange}:{row.symbol}" for row in fired}

    def _perhaps_fired(self, rows: tuple[BrokerOrder, ...]) -> list[str]:
        """Orders in an instrument where a GTT of ours rests: the order supervisor looks whether it made them."""
        resting = {(each.gtt.exchange, each.gtt.symbol) for each in self._journal.gtts() if not each.state.final}
        if not resting:
            return []
        mono, until = self._mono(), self._mono_after(GTT_PATIENCE_SECONDS)
        there = [row.order_id for row in rows if not row.tags and (row.exchange, row.symbol) in resting]
        return [order_id for order_id in there if self._spared.setdefault(order_id, until) > mono]

    def _judge_account(self, read: AccountRead) -> None:
        now, tolerances = self._clock.now_ns(), self._settings.tolerances
        open_records = self._journal.open_records()
        moving = self._on_the_move(open_records)
        moving |= {
            instrument
            for instrument, count in self._books.activity.items()
            if count != self._activity.get(instrument, 0)
        }

        self._moving = moving

        def in_motion(standing: DifferenceFound) -> bool:
            return standing.instrument in moving

        events: list[ReconcileEvent] = []
        if read.positions is not None:
            ended = settlements(self._books, read.positions, self._instruments, self._contracts.ends, moving, now)
            events += self._settle(ended, now)
            moving |= {each.instrument.key for each in ended}
            found = [
                replace(each, theirs=f"{each.theirs}, the contract has expired: settle it (adjust settle)")
                if has_gone((each.instrument, Product(each.product)), self._contracts.listed)
                else each
                for each in compare_positions(self._books, read.positions, moving, tolerances)
            ]
            events += self._weigh(POSITIONS_AREA, found, POSITION_NAMES, now, in_motion).events
            shorts = external_shorts(self._books)
            certain = {each.key: each for each in shorts}
            events += weigh(
                self._books, shorts, certain, (Difference.EXTERNAL_SHORT,), self._settings.policies, now
            ).events
        if read.holdings is not None:
            found = compare_holdings(self._books, read.holdings, moving)
            events += self._weigh(HOLDINGS_AREA, found, HOLDING_NAMES, now, in_motion).events
        if read.funds is not None:
            quiet = not open_records and not moving
            found = compare_funds(self._books, read.funds, tolerances, quiet=quiet)
            tellable = quiet and balance_tellable(self._books)
            events += self._weigh(
                FUNDS_AREA, found, FUNDS_NAMES, now, lambda standing: standing.subject == BALANCE and not tellable
            ).events
        self._tell(events)

    def _settle(self, ended: list[Settlement], now: Nanos) -> list[PositionAdjusted]:
        """What two looks in a row show as settled is closed in our books at that price, and a person is told."""
        before, events = self._settling, []
        self._settling = {each for each in ended if each not in before}
        for each in ended:
            if each in before:
                events += settled(self._books, each, dt.date.fromisoformat(self._books.day), now)
                text = f"{each.instrument.key} {each.product.value}: {each.units} units at {rupees(each.price)}"
                self._alert("warning", "reconcile.settled", f"the contract has ended: {text}")
        return events

    def _weigh(
        self,
        area: str,
        found: list[Finding],
        names: tuple[Difference, ...],
        now: Nanos,
        undecided: Callable[[DifferenceFound], bool] = lambda _standing: False,
    ) -> Verdict:
        before = self._doubtful.get(area, {})
        verdict = weigh(self._books, found, before, names, self._settings.policies, now, undecided)
        self._doubtful[area] = verdict.doubtful
        return verdict

    # -- fills that nobody told of -----------------------------------------------------------------------------------

    def _heard(self, tag: str, filled: int) -> None:
        """An update has come: what it tells was not missed."""
        self._told[tag] = max(self._told.get(tag, 0), filled)
        untold = self._untold.get(tag)
        if untold is not None and filled >= untold.filled:
            del self._untold[tag]

    def _name_missed_fill(self, tag: str, untold: _Untold) -> None:
        if self._waits_for_commit():
            return
        del self._untold[tag]
        record = self._journal.record(tag)
        if record is None:
            return
        now = self._clock.now_ns()
        finding = missed_fill(record, untold.filled, untold.told)
        if finding.key in self._books.standing:
            return
        events: list[ReconcileEvent] = [finding.journaled(self._settings.policies[finding.name], now)]
        if record.booked >= untold.filled:
            events.append(DifferenceCleared(finding.key[0], finding.key[1], "it is booked", now))
        self._tell(events)

    # -- journal -----------------------------------------------------------------------------------------------------

    def _fold(self, record: JournalRecord) -> None:
        self._books.apply(record)
        if not self._live:
            return
        match record.event:
            case FillSeen(tag=tag, filled=filled, found_by="order book"):
                told = self._told.get(tag, 0)
                if filled > told:
                    due = self._mono_after(self._settings.update_grace_seconds)
                    self._untold[tag] = _Untold(tag, filled, told, due)
            case DifferenceFound() as found:
                self._found(found)
            case DifferenceCleared(name=name, subject=subject, why=why):
                self._alert("info", "reconcile.cleared", f"{name} in {subject}: {why}")
            case _:
                pass

    def _found(self, found: DifferenceFound) -> None:
        text = f"{found.name} in {found.subject}: ours {found.ours}, the broker's {found.theirs}; {found.policy.value}"
        self._alert(LEVELS[found.policy], "reconcile.difference", text)
        self._halt(found)
        if found.policy is Policy.FREEZE_STRATEGY:
            for strategy in found.strategies:
                self._routes.publish(self.context, CancelOpenOrders(strategy=strategy, why=found.name))
        if found.policy is Policy.FREEZE_INSTRUMENT and found.instrument:
            self._routes.publish(self.context, CancelOpenOrders(instrument=found.instrument, why=found.name))

    def _halt(self, found: DifferenceFound) -> None:
        if found.policy is Policy.HALT:
            why = f"{found.name} in {found.subject}: ours {found.ours}, the broker's {found.theirs}"
            self._routes.publish(self.context, SetTradingState(TradingState.HALTED, why, "reconcile"))

    def _tell(self, events: Sequence[ReconcileEvent], request: int = 0) -> None:
        if not events:
            return
        self._told_number += 1
        self._commit_until = self._mono_after(COMMIT_PATIENCE_SECONDS)
        self._routes.publish(self.context, JournalDifferences(self._told_number, tuple(events), request))

    def _waits_for_commit(self) -> bool:
        """Whether what was told last may not be journaled yet: judging now would find it all again."""
        return self._taken_number < self._told_number and self._mono() < self._commit_until

    # -- small things ------------------------------------------------------------------------------------------------

    def _alert(self, level: str, name: str, text: str) -> None:
        self._routes.publish(self.context, Alert(level=level, name=name, text=text, time=self._clock.now_ns()))

    def _next_request(self) -> int:
        self._request -= 1
        return self._request

    def _mono(self) -> Nanos:
        return self.context.runtime.monotonic.now_ns()

    def _mono_after(self, seconds: float) -> Nanos:
        return self._mono() + int(seconds * SECOND)
