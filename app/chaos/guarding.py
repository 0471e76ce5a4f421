"""Managed exits and execution under faults: what the exchange must show for every position that is guarded.

Only two things are taken from our side: which strategy is guarded how, and the levels that its plan has in the journal.
Whether they are kept is read from the exchange's own orders, triggers and prices.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from app.chaos.verdict import unresolved_lines
from domain.exits.values import Hold
from domain.messages.gtt import GttState, GttStatus
from domain.messages.journal import IntentAccepted, JournalRecord, ModifyState, OrderRecord, OrderState
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned
from domain.values import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.chaos.world import World
    from app.strategies import Configured
    from domain.exits.values import ExitPlan
    from domain.messages.orders import OrderIntent
    from domain.ports import Journal

BARE_SECONDS: Final = 20.0
"""So long (virtual) a position may be without protection when no fault strikes any more: a refused one is tried again
after up to so long, and what is moved or withdrawn takes its way to the exchange and back.
"""
WATCHED_SECONDS: Final = 25.0
"""For so long after the calm positions are watched."""


class Guarding:
    """See the module. One for each recovery; `look` as often as one likes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bare_since: dict[str, int] = {}
        self._until = world.kernel.now + int(WATCHED_SECONDS * SECOND)

    @property
    def watched(self) -> bool:
        """Whether all has been watched for long enough."""
        return not self._world.plan.managed or self._world.kernel.now >= self._until

    def look(self, journal: Journal) -> None:
        """One look at every guarded position: tell the checker of one that has been bare for too long."""
        now = self._world.kernel.now
        for strategy in self._world.cast.strategies:
            why = "" if strategy.exits is None else self._bare(strategy, journal)
            if not why:
                self._bare_since.pop(strategy.id, None)
                continue
            since = self._bare_since.setdefault(strategy.id, now)
            if now - since > BARE_SECONDS * SECOND:
                self._world.checker.broken("protected", f"{strategy.id} for {(now - since) / SECOND:.0f} s: {why}")
                self._bare_since[strategy.id] = now

    def _bare(self, strategy: Configured, journal: Journal) -> str:
        """What a position lacks; empty where nothing is held, or what is held is protected or being left."""
        world = self._world
        (share,) = strategy.instruments
        held = world.checker.positions().get((strategy.id, share.token), 0)
        line = (strategy.id, share.token)
        in_doubt = line in unresolved_lines(journal) or any(
            each.state in (GttState.REQUESTED, GttState.SENDING, GttState.UNRESOLVED) for each in journal.gtts()
        )
        # A worker that died with its claim may have sent it: nothing can take the order's place, or the place of its
        # change, before that is known.
        claimed = any(
            (each.state is OrderState.SENDING or _is_changing(each))
            and (each.intent.strategy, each.intent.token) == line
            for each in journal.open_records()
        )
        if not held or in_doubt or claimed:
            return ""
        leaving = sum(
            order.remaining
            for order in world.exchange.orders
            if order.token == share.token and order.side.sign * held < 0 and world.checker.owner(order)[1]
        )
        resting = sum(
            max(leg.quantity for leg in row.gtt.legs)
            for row in world.exchange.triggers.rows()
            if row.status is GttStatus.ACTIVE and row.gtt.symbol == share.symbol
        )
        assert strategy.exits is not None
        if strategy.exits.hold is Hold.BROKER:
            return "" if leaving + resting >= abs(held) else f"{held} held, {leaving} leaving, {resting} under triggers"
        plan = _plan(journal.read(0), strategy.id)
        if plan is None:
            return f"{held} held without a plan"
        price = world.exchange.tape.price(share.token, world.exchange.clock.now_ns() // SECOND)
        beyond = plan.sign * (price - plan.levels.stop) <= 0
        return f"{held} held at {price}, its stop is {plan.levels.stop}" if beyond and not leaving else ""


def check_execution(world: World, journal: Journal) -> None:
    """No decision has become more than it was, and no order of one follows after its end."""
    begun: dict[str, OrderIntent] = {}
    parents: dict[str, str] = {}
    ended: set[str] = set()
    for record in journal.read(0):
        match record.event:
            case ExecutionStarted(intent=intent):
                begun[intent.intent_id] = intent
            case ExecutionEnded(intent_id=intent_id):
                if intent_id in ended:
                    world.checker.broken("execution", f"the decision {intent_id} ended twice")
                ended.add(intent_id)
            case IntentAccepted(tag=tag, intent=intent) if intent.parent:
                parents[tag] = intent.parent
                if intent.parent in ended:
                    world.checker.broken("execution", f"{intent.intent_id} follows after the end of its decision")
    filled: Counter[str] = Counter()
    for order in world.exchange.orders:
        filled[parents.get(order.tag, "")] += order.filled
    for intent_id, intent in begun.items():
        if filled[intent_id] > intent.quantity:
            text = f"{intent_id} was for {intent.quantity}, its orders have filled {filled[intent_id]}"
            world.checker.broken("execution", text)


def unended(journal: Journal) -> str:
    """A decision that is still being carried out, though no order of its line waits for a person."""
    begun: dict[str, tuple[str, int]] = {}
    for record in journal.read(0):
        match record.event:
            case ExecutionStarted(intent=intent):
                begun[intent.intent_id] = intent.strategy, intent.token
            case ExecutionEnded(intent_id=intent_id):
                begun.pop(intent_id, None)
    waiting = unresolved_lines(journal)
    return next((f"{intent_id} is being carried out" for intent_id, line in begun.items() if line not in waiting), "")


def _is_changing(record: OrderRecord) -> bool:
    """Whether a change of it may have reached the broker, and nothing is proved yet."""
    return record.modifying is not None and record.modifying.state is not ModifyState.REQUESTED


def _plan(records: Iterable[JournalRecord], strategy: str) -> ExitPlan | None:
    """The plan that holds, by the journal."""
    plan = None
    for record in records:
        match record.event:
            case ExitPlanned(plan=new) if new.strategy == strategy:
                plan = new
            case ExitPlanEnded(id=plan_id) if plan is not None and plan.id == plan_id:
                plan = None
    return plan
