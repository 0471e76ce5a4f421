"""The journal on a real file against a model: numbering, atomicity, claims, epochs, duplicates, snapshots, reopening."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.store.journal import SqliteJournal
from domain.errors import DuplicateIntent, IllegalTransition, StaleApproval
from domain.messages.broker import BrokerStatus
from domain.messages.journal import (
    DayOpened,
    DifferenceFound,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.orders.tags import tag_for
from domain.orders.transitions import tag_of
from domain.values import Product, Side
from tests.runtime.machines import DEEP, NORMAL, run_machine
from tests.support.orders import NOW, an_accepted, an_intent

I, S, A, Q = OrderState.INTENT, OrderState.SENDING, OrderState.ACKNOWLEDGED, OrderState.QUARANTINED  # noqa: E741 - the states' own letters
R, X, C, K = OrderState.REJECTED, OrderState.EXPIRED, OrderState.COMPLETE, OrderState.CANCELLED

MOVES = {(I, S), (I, X), (S, A), (S, R), (S, Q), (S, X), (Q, A), (Q, R), (Q, X), (A, C), (A, K), (A, R)}
"""Written out once more on purpose: the page's table, not the program's."""

GOING_ON = (S, A, Q)

NAMES = [f"ma:{n}:entry" for n in range(3)]
INTENTS = st.sampled_from(NAMES)
EVENTS = st.sampled_from([X, A, A, R, Q, C, K, "seen", "trade", "trade", "trade again", "day"])
CHANGES = st.tuples(INTENTS, EVENTS)
BATCHES = CHANGES.map(lambda change: [change]) | st.lists(CHANGES, min_size=2, max_size=4)
DEADLINES = {name: NOW + 10 * (n + 1) for n, name in enumerate(NAMES)}
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory where there is one: durability is another test's


class JournalMachine(RuleBasedStateMachine):
    """Three intents through all their lives, by two who write, across restarts."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "journal.db"
        self.journal = SqliteJournal(self.path, threading.Lock)
        self.events: list[JournalEvent] = []
        self.states: dict[str, OrderState] = {}
        self.standing: dict[str, JournalRecord] = {}
        self.withdrawn: set[str] = set()
        self.trades: dict[str, set[str]] = {}
        self.order_ids: dict[str, str] = {}
        self.epoch = 0
        self.flags: dict[str, str] = {}
        self.snapshots: dict[str, tuple[int, bytes]] = {}
        self.number = 0

    def teardown(self) -> None:
        """After everything: what is on the disk is what was committed."""
        if hasattr(self, "journal"):
            self.reopen()
            self.it_says_what_the_model_says()
            self.journal.close()
            self.folder.cleanup()

    # -- the order supervisor ----------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.states) < len(NAMES) or self.number % 3 == 0)
    @rule(
        name=INTENTS,
        stale=st.sampled_from([0, 0, 0, 1, 2]),
        checked=st.booleans(),
        ahead=st.sampled_from([None, None, -5, 0]),
    )
    def accept(self, name: str, stale: int, checked: bool, ahead: int | None) -> None:
        """ahead: it is claimed in the same commit, so long after its deadline."""
        event = an_accepted(an_intent(name, valid_until=DEADLINES[name]), risk_epoch=self.epoch - stale)
        epoch = event.risk_epoch if checked else None
        wrong: type[Exception] | None = None
        if event.tag in self.states:
            wrong = DuplicateIntent
        elif checked and stale:
            wrong = StaleApproval
        self._commit([event], wrong, epoch, 0 if ahead is None else DEADLINES[name] + ahead)

    @precondition(lambda self: any(state in GOING_ON for state in self.states.values()))
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        """What may well happen next to an order that is under way: so that lives are lived to their end."""
        tags = [tag for tag, state in self.states.items() if state in GOING_ON]
        tag = data.draw(st.sampled_from(sorted(tags)))
        moves = [to for start, to in sorted(MOVES, key=str) if start is self.states[tag]]
        choices: list[OrderState | str] = [*moves, "seen", "trade", "trade", "trade again"]
        event = self._event(tag, data.draw(st.sampled_from(choices)))
        wrong = self._after(event, dict(self.states), {tag: set(self.trades.get(tag, ()))})
        self._commit([event], wrong, None)

    @rule(batch=BATCHES)
    def commit(self, batch: list[tuple[str, OrderState | str]]) -> None:
        """Several events at once: all of them, or, where one may not be, none."""
        events: list[JournalEvent] = []
        states = dict(self.states)
        trades = {tag: set(ids) for tag, ids in self.trades.items()}
        wrongs: set[type[Exception] | None] = set()
        for name, what in batch:
            event = self._event(tag_for(name), what)
            events.append(event)
            wrongs.add(self._after(event, states, trades))
        # Every move is looked at before any trade is compared with those on the disk.
        wrong = (
            IllegalTransition if IllegalTransition in wrongs else DuplicateIntent if DuplicateIntent in wrongs else None
        )
        self._commit(events, wrong, None)

    @rule()
    def raise_epoch(self) -> None:
        self.epoch += 1
        assert self.journal.raise_risk_epoch() == self.epoch

    # -- a worker ----------------------------------------------------------------------------------------------------

    @rule(name=INTENTS, late=st.sampled_from([-15, -5, -1, 0, 5]))
    def claim(self, name: str, late: int) -> None:
        """At most once, from I alone, before the deadline alone."""
        tag, now = tag_for(name), DEADLINES[name] + late
        record = self.journal.claim(tag, now)
        if tag in self.standing:
            sendable = self.states[tag] is S and now < DEADLINES[name]
            assert record == (self.standing.pop(tag) if sendable else None)
        elif self.states.get(tag) is I and now < DEADLINES[name]:
            event = SendingClaimed(tag=tag, time=now)
            assert record == JournalRecord(seq=len(self.events) + 1, event=event)
            self.events.append(event)
            self.states[tag] = S
        else:
            assert record is None

    @rule(name=INTENTS)
    def withdraw(self, name: str) -> None:
        """True where nobody took the claim up, now and ever after."""
        tag = tag_for(name)
        if self.standing.pop(tag, None) is not None:
            self.withdrawn.add(tag)
        assert self.journal.withdraw(tag) is (tag in self.withdrawn)

    # -- the disk ----------------------------------------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        self.standing, self.withdrawn = {}, set()
        self.journal.close()
        self.journal = SqliteJournal(self.path, threading.Lock)

    @rule(name=st.sampled_from(["risk", "portfolio"]), body=st.binary(max_size=4))
    def keep(self, name: str, body: bytes) -> None:
        self.snapshots[name] = (len(self.events), body)
        self.journal.save_snapshot(name, len(self.events), body)
        self.flags[name] = body.hex()
        self.journal.set_flag(name, body.hex())

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        if not hasattr(self, "journal"):
            return
        journal, last = self.journal, len(self.events)
        assert journal.last_seq() == last
        assert {r.tag: r.state for r in journal.records()} == self.states
        assert {r.tag for r in journal.open_records()} == {t for t, s in self.states.items() if s in (I, S, A, Q)}
        # The newest in every step, all of it now and then: reading is what takes long.
        after = 0 if last % 8 == 0 else max(0, last - 3)
        expected = [JournalRecord(seq=n + 1, event=event) for n, event in enumerate(self.events)]
        assert list(journal.read(after)) == expected[after:]
        assert list(journal.read(0, after)) == expected[:after]
        for tag, ids in self.trades.items():
            assert journal.trade_ids(tag) == ids
        for order_id, tag in self.order_ids.items():
            found = journal.record_of(order_id)
            assert found is not None
            assert found.tag == tag
        for name in ("risk", "portfolio"):
            assert journal.load_snapshot(name) == self.snapshots.get(name)
            assert journal.flag(name) == self.flags.get(name)

    # -- the model ---------------------------------------------------------------------------------------------------

    def _commit(
        self, events: list[JournalEvent], wrong: type[Exception] | None, epoch: int | None, claim_at: int = 0
    ) -> None:
        if wrong is not None:
            with pytest.raises(wrong):
                self.journal.commit(events, risk_epoch=epoch, claim_at=claim_at)
            return
        records = self.journal.commit(events, risk_epoch=epoch, claim_at=claim_at)
        (event,) = events if claim_at else (None,)
        if isinstance(event, IntentAccepted) and claim_at < event.intent.valid_until:
            events = [event, SendingClaimed(event.tag, claim_at)]
            self.standing[event.tag] = records[-1]
        first = len(self.events) + 1
        assert [record.seq for record in records] == list(range(first, first + len(events)))
        assert [record.event for record in records] == events
        self.events += events
        for event in events:
            self._after(event, self.states, self.trades)
            if isinstance(event, OrderAcknowledged):
                self.order_ids[event.order_id] = event.tag
            elif isinstance(event, IntentAccepted):
                self.states[event.tag] = I
            elif isinstance(event, SendingClaimed):
                self.states[event.tag] = S

    def _after(
        self, event: JournalEvent, states: dict[str, OrderState], trades: dict[str, set[str]]
    ) -> type[Exception] | None:
        """Fold the event into the model; what must be raised instead, if it may not be."""
        if isinstance(event, DayOpened | DifferenceFound):
            return None
        tag = tag_of(event)
        state = states.get(tag)
        if isinstance(event, FillSeen | TradeBooked):
            if state in (None, I, X):
                return IllegalTransition
            if isinstance(event, TradeBooked):
                booked = trades.setdefault(event.tag, set())
                if event.trade_id in booked:
                    return DuplicateIntent
                booked.add(event.trade_id)
            return None
        to = _target(event)
        if to is None:
            return None
        if state is None or (state, to) not in MOVES:
            return IllegalTransition
        states[tag] = to
        return None

    def _event(self, tag: str, what: OrderState | str) -> JournalEvent:
        self.number += 1
        order_id = f"id-{tag}"
        match what:
            case OrderState.EXPIRED:
                return IntentExpired(tag=tag, intent_id="", strategy="ma", why="late", time=NOW)
            case OrderState.ACKNOWLEDGED:
                return OrderAcknowledged(tag=tag, order_id=order_id, strategy="ma", time=NOW)
            case OrderState.REJECTED:
                return OrderRejected(tag=tag, order_id="", strategy="ma", text="no", time=NOW)
            case OrderState.QUARANTINED:
                return OrderQuarantined(tag=tag, strategy="ma", text="timeout", time=NOW)
            case OrderState.COMPLETE | OrderState.CANCELLED:
                return OrderClosed(tag=tag, order_id=order_id, strategy="ma", state=what, filled=0, text="", time=NOW)
            case "seen":
                return FillSeen(tag, order_id, "ma", filled=1, status=BrokerStatus.OPEN, time=NOW)
            case "day":
                return DayOpened(day=f"day {self.number}", opening_cash=0, time=NOW)
            case _:
                known = sorted(self.trades.get(tag, ()))
                again = what == "trade again" and known
                trade_id = known[0] if again else f"trade {self.number}"
                return TradeBooked(
                    trade_id, order_id, tag, "ma", 1, "NSE:INFY", Side.BUY, Product.MIS, 1, 15_000_000, NOW, NOW
                )


def _target(event: JournalEvent) -> OrderState | None:
    match event:
        case IntentExpired():
            return X
        case OrderAcknowledged():
            return A
        case OrderRejected():
            return R
        case OrderQuarantined():
            return Q
        case OrderClosed(state=state):
            return state
        case _:
            return None


def test_the_journal_does_what_its_model_does() -> None:
    run_machine(JournalMachine, *NORMAL)


@pytest.mark.long("statemachines-deep")
def test_the_journal_does_what_its_model_does_deep() -> None:
    run_machine(JournalMachine, *DEEP)
