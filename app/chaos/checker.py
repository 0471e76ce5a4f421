"""The invariants that hold at every moment, checked where things truly happen: at the wire, the exchange and the disk.

The checker shares no rule with what it checks: it adds up exposure from the exchange's own fills and orders, and knows
a stale incarnation by who was started last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from actors.routes import RISK
from actors.runtime import ChildHung, ChildReady, ChildStarted, LifecycleEvent
from app.chaos.hazards import INJECTED
from domain.messages.control import TradingState
from domain.messages.gtt import GttRequested
from domain.messages.journal import (
    IntentAccepted,
    IntentExpired,
    JournalRecord,
    ModifyClaimed,
    OrderAdopted,
    OrderClosed,
    OrderRejected,
    OrderState,
    SendingClaimed,
)
from domain.values import SECOND, Nanos

if TYPE_CHECKING:
    from adapters.simulated.exchange import Exchange, Order
    from adapters.simulated.market import OurClock
    from domain.messages.broker import Change, PlaceOrder
    from domain.messages.orders import OrderIntent

START_SLACK_SECONDS: Final = 1.0
"""Virtual seconds from a worker's last look at the clock until the gate lets its request start."""


class Violation(Struct, frozen=True):
    """An invariant that did not hold. `rule` is its short name."""

    rule: str
    text: str


class Checker:
    """See the module. Implements `adapters.simulated.seam.Watcher`.

    max_position  the limit on an instrument's worst case in units
    violations    what was found, in order; the first is the one to look at
    on_the_way    orders whose bytes have left and that the exchange does not have yet
    """

    def __init__(self, note: Callable[[str], None], rate: int, max_position: int) -> None:
        self.violations: list[Violation] = []
        self.halted = False
        self._resumed = False
        self.kept_state = ""
        self.exchange: Exchange | None = None
        self.clock: OurClock | None = None
        self.jumped_at = -(1 << 62)
        self.intents: dict[str, OrderIntent] = {}
        self.adopted: dict[str, str] = {}
        self._gtt_owners: dict[str, str] = {}
        self.claimed: set[str] = set()
        self.accepted_since_calm = 0
        self.on_record: Callable[[JournalRecord], None] = lambda _record: None
        self._note = note
        self._rate = rate
        self._max_position = max_position
        self._posts: dict[str, str] = {}
        self._puts: Counter[str] = Counter()
        self._change_claims: Counter[str] = Counter()
        self.on_the_way: dict[str, PlaceOrder] = {}
        self._excused: frozenset[str] = frozenset()
        self._arrived: dict[str, str] = {}
        self._epoch = 0
        self._ended: set[str] = set()
        self._claiming: dict[str, Nanos] = {}
        self._latest: dict[str, int] = {}
        self._handed: dict[tuple[str, int], int] = {}
        self._ready: dict[str, int] = {}

    def broken(self, rule: str, text: str) -> None:
        """An invariant did not hold."""
        self.violations.append(Violation(rule, text))
        self._note(f"VIOLATION {rule}: {text}")

    # -- our own process ---------------------------------------------------------------------------------------------

    def process_begins(self) -> None:
        """A new process: it is halted if the last one kept that."""
        self._latest.clear()
        self._ready.clear()
        self._handed.clear()
        self.halted = self.kept_state == TradingState.HALTED.value
        self._resumed = False
        self._excused = frozenset()

    def lifecycle(self, event: LifecycleEvent) -> None:
        """Who lives, and who died of what."""
        match event:
            case ChildStarted(name=name, incarnation=incarnation):
                self._latest[name] = incarnation
            case ChildReady(name=name, incarnation=incarnation):
                self._ready[name] = incarnation
            case ChildHung(name=name, incarnation=incarnation) if self._latest.get(name) == incarnation:
                self._latest[name] = -1

    def crashed(self, name: str, incarnation: int, reason: str) -> None:
        """An actor died of an exception."""
        # A gate that cannot raise its epoch must not start: approvals of the one before would still count.
        without_epoch = name == RISK and "JournalUnavailable" in reason and self._ready.get(name) != incarnation
        if INJECTED not in reason and not without_epoch:
            self.broken("crash", f"{name} died of its own accord: {reason}")

    def handled(self, name: str, incarnation: int, message: object) -> None:
        """An actor is handed a message."""
        if self._latest.get(name) != incarnation:
            self.broken("stale", f"{name}#{incarnation} was handed {type(message).__name__} after it was given up")
        if isinstance(message, JournalRecord):
            key = (f"{name}#{incarnation}", message.seq)
            self._handed[key] = self._handed.get(key, 0) + 1
            if self._handed[key] > 1:
                self.broken("told twice", f"record {message.seq} was told twice to {name}#{incarnation}")

    def operator_says(self, state: TradingState) -> None:
        """A person's command is on its way to the risk gate."""
        self._resumed = state is TradingState.ACTIVE
        if self._resumed:
            self.halted = False

    def halt_returned(self, reason: str, on_the_wire: Sequence[str]) -> None:
        """The kill latch holds from here on; these requests had begun before."""
        if self._resumed and not reason.startswith("supervision"):
            return  # a restarted gate took up what a person has revoked meanwhile, and will hear of it
        self.halted = True
        self._excused = frozenset(on_the_wire)

    # -- the wire ----------------------------------------------------------------------------------------------------

    def post_begins(self, order: PlaceOrder, by: str) -> None:
        """See Watcher."""
        self._note(f"POST {order.tag} {order.side.value} {order.quantity} {order.symbol} by {by}")
        tag = order.tag
        if tag in self._posts:
            self.broken("one post", f"{tag} is posted by {by}, and was by {self._posts[tag]}")
        self._posts[tag] = by
        self._must_be_current(by, f"posts {tag}")
        if tag not in self.intents:
            self.broken("journal first", f"{tag} is posted and its intent is not durable")
        elif tag not in self.claimed:
            self.broken("journal first", f"{tag} is posted and its claim is not durable")
        self._must_be_valid(tag)

    def cancel_begins(self, order_id: str, by: str) -> None:
        """See Watcher."""
        self._note(f"cancel {order_id} by {by}")
        self._must_be_current(by, f"cancels {order_id}")

    def modify_begins(self, order_id: str, change: Change, by: str) -> None:
        """See Watcher."""
        self._note(f"modify {order_id} by {by}")
        self._must_be_current(by, f"modifies {order_id}")
        self._puts[order_id] += 1
        claims = self._change_claims[self._tag_at(order_id)]
        if self._puts[order_id] > claims:
            # The same change may be asked for again, after one that certainly did not leave: then it is another claim.
            self.broken("one put", f"{order_id} is modified by {by} beyond its {claims} claims: {change}")

    def _must_be_current(self, by: str, does: str) -> None:
        name, _, incarnation = by.partition("#")
        if self._latest.get(name) != int(incarnation or 0):
            self.broken("stale", f"{by} {does}, but it was given up")

    def _must_be_valid(self, tag: str) -> None:
        assert self.clock is not None
        intent, now = self.intents.get(tag), self.clock.now_ns()
        if intent is None or now - self.jumped_at < 10 * self._rate * SECOND:
            return
        late = now - intent.valid_until
        if late > START_SLACK_SECONDS * SECOND * self._rate:
            self.broken("validity", f"{tag} is posted {late / SECOND:.1f} market s after its decision had run out")

    def bytes_left(self, order: PlaceOrder, by: str) -> None:
        """See Watcher."""
        self.on_the_way[order.tag] = order
        intent = self.intents.get(order.tag)
        if intent is None or intent.reduce_only:
            return
        if self.halted and order.tag not in self._excused:
            self.broken("halt", f"entry {order.tag} left after halt had returned")
        worst = self._worst_case(intent.token)
        if worst > self._max_position:
            self.broken("limit", f"{order.symbol} may come to {worst} with {order.tag}, allowed {self._max_position}")

    def never_arrives(self, tag: str) -> None:
        """See Watcher."""
        self._note(f"lost {tag}")
        self.on_the_way.pop(tag, None)

    def order_arrived(self, tag: str, order_id: str) -> None:
        """See Watcher."""
        self._note(f"order {order_id} for {tag}")
        self.on_the_way.pop(tag, None)
        if tag in self._arrived:
            self.broken("one order", f"{tag} has orders {self._arrived[tag]} and {order_id}")
        self._arrived[tag] = order_id

    def traded(self, order_id: str, trade_id: str) -> None:
        """See Watcher."""
        assert self.exchange is not None
        trade = self.exchange.trades[-1]
        self._note(f"trade {trade_id} of {order_id}: {trade.quantity} at {trade.price}")
        strategy, reduces = self.owner(trade.order)
        if not reduces:
            return
        held = self._lines(trade.order.token).get(strategy, [0, 0, 0])[0]
        before = held - trade.order.side.sign * trade.quantity
        if abs(held) > abs(before) or before * held < 0:
            self.broken("reduce only", f"exit {trade.order.tag or 'by a GTT'} took {strategy} from {before} to {held}")

    # -- the disk ----------------------------------------------------------------------------------------------------

    def claiming(self, tag: str) -> None:
        """See Watcher."""
        assert self.clock is not None
        self._claiming[tag] = self.clock.now_ns()

    def committed(self, records: Sequence[JournalRecord]) -> None:
        """See Watcher."""
        for record in records:
            event = record.event
            self._note(f"seq {record.seq} {type(event).__name__} {getattr(event, 'tag', '')}")
            if isinstance(event, IntentAccepted):
                self.intents[event.tag] = event.intent
                self.accepted_since_calm += 1
                if event.risk_epoch < self._epoch:
                    self.broken("epoch", f"{event.tag} was approved in epoch {event.risk_epoch}, it is {self._epoch}")
            elif isinstance(event, OrderAdopted):
                self.adopted[event.order_id] = event.tag
                self.intents[event.tag] = event.intent
            elif isinstance(event, ModifyClaimed):
                self._change_claims[event.tag] += 1
            elif isinstance(event, GttRequested):
                self._gtt_owners[event.gtt.symbol] = event.strategy
            elif isinstance(event, SendingClaimed):
                self._claim_is_durable(event.tag, event.time)
            elif isinstance(event, OrderClosed | OrderRejected | IntentExpired) and event.tag:
                if event.tag in self._ended:
                    self.broken("ends once", f"{event.tag} ends again with {type(event).__name__}")
                self._ended.add(event.tag)
            self.on_record(record)

    def flag_kept(self, name: str, value: str) -> None:
        """See Watcher."""
        self._note(f"flag {name}")
        if name == "risk_epoch":
            self._epoch = int(value)
        elif name == "trading_state":
            self.kept_state = msgspec.json.decode(value)["state"]

    def _claim_is_durable(self, tag: str, judged_at: Nanos) -> None:
        if tag in self.claimed:
            self.broken("one claim", f"{tag} was claimed twice")
        self.claimed.add(tag)
        assert self.clock is not None
        if self.clock.now_ns() - self.jumped_at < 10 * self._rate * SECOND:
            return
        if judged_at != self._claiming[tag]:
            stale = (self._claiming[tag] - judged_at) / SECOND
            self.broken("validity", f"{tag} was claimed by a clock read {stale:.3f} market s before")

    # -- sums --------------------------------------------------------------------------------------------------------

    def tag(self, order: Order) -> str:
        """Our name for an order of the exchange's: its tag, or the one it was adopted under; empty: not yet."""
        return order.tag or self.adopted.get(order.order_id, "")

    def _tag_at(self, order_id: str) -> str:
        assert self.exchange is not None
        return next((self.tag(order) for order in self.exchange.orders if order.order_id == order_id), "")

    def owner(self, order: Order) -> tuple[str, bool]:
        """Whose it is, and whether it may only make a position smaller. What a GTT fires is whose that GTT was."""
        intent = self.intents.get(self.tag(order))
        if intent is not None:
            return intent.strategy, intent.reduce_only
        return ("", False) if order.tag else (self._gtt_owners.get(order.symbol, ""), True)

    def _lines(self, token: int) -> dict[str, list[int]]:
        """Per strategy: position, units that may still be bought, units that may still be sold."""
        assert self.exchange is not None
        lines: dict[str, list[int]] = {}
        for order in self.exchange.orders:
            strategy = self.owner(order)[0]
            if order.token != token or not strategy:
                continue
            line = lines.setdefault(strategy, [0, 0, 0])
            line[0] += order.side.sign * order.filled
            line[1 if order.side.sign > 0 else 2] += order.remaining
        for tag, wanted in self.on_the_way.items():
            intent = self.intents.get(tag)
            if intent is not None and intent.token == token:
                line = lines.setdefault(intent.strategy, [0, 0, 0])
                line[1 if wanted.side.sign > 0 else 2] += wanted.quantity
        return lines

    def _worst_case(self, token: int) -> int:
        return sum(max(abs(held + buys), abs(held - sells)) for held, buys, sells in self._lines(token).values())

    def positions(self) -> dict[tuple[str, int], int]:
        """The truth: signed units by (strategy, token), flat lines included."""
        assert self.exchange is not None
        found: dict[tuple[str, int], int] = {}
        for order in self.exchange.orders:
            key = (self.owner(order)[0], order.token)
            found[key] = found.get(key, 0) + order.side.sign * order.filled
        return found


FINAL_OR_WAITING: Final = frozenset(state for state in OrderState if state.final) | {OrderState.QUARANTINED}
