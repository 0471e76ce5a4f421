"""A pretend market, risk gate and journal around one guard: enough to try every order of events, crashes included."""

from __future__ import annotations

from enum import Enum

from domain.exits.actions import (
    Action,
    Change,
    Emergency,
    End,
    Facts,
    Keep,
    Leave,
    Part,
    PartKind,
    Protect,
    Withdraw,
)
from domain.exits.guard import Guard
from domain.exits.values import ExitPlan, ExitRule
from domain.values import SECOND

VALID = 30 * SECOND


class At(Enum):
    """Where an order stands: journaled and on its way, at the broker, or over."""

    SENT = "sent"
    RESTS = "rests"
    OVER = "over"


class Order:
    """One exit order."""

    def __init__(self, number: int, kind: PartKind, units: int, trigger: int, target: int) -> None:
        self.number = number
        self.kind = kind
        self.total = units
        self.filled = 0
        self.trigger = trigger
        self.target = target
        self.at = At.SENT
        self.fired = kind is PartKind.LEAVE
        self.cancelling = False
        self.change: tuple[int, int, int] | None = None
        self.changes = 0

    @property
    def tag(self) -> str:
        return f"T{self.number}"

    @property
    def left(self) -> int:
        """What may still fill, a larger quantity that is under way counted in."""
        if self.at is At.OVER:
            return 0
        return max(self.total, self.change[0] if self.change else 0) - self.filled


class World:
    """Positions, orders, and what is on its way between the guard and them.

    gate  whether a risk gate denies what would sell more than is held; without it the guard alone must see to that
    """

    def __init__(self, plan: ExitPlan, rule: ExitRule, *, gate: bool = True) -> None:
        self.plan, self.rule, self.gate = plan, rule, gate
        self.position = 0
        self.foreign = 0
        self.price = 0
        self.now = self.mono = 1_000 * SECOND
        self.orders: dict[int, Order] = {}
        self.queue: list[tuple[Action, int]] = []
        self.refused = 0
        self.blind = False
        self.ended = 0
        self.emergencies = 0
        self.kept: list[ExitPlan] = []
        self.guard = self.new_guard()

    def new_guard(self) -> Guard:
        """Another life: it knows what the journal knows."""
        plan = self.kept[-1] if self.kept else self.plan
        return Guard(plan, self.rule, VALID, kept=bool(self.kept))

    # -- between ------------------------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        parts = tuple(
            Part(
                tag=order.tag,
                kind=PartKind.STOP if order.kind is PartKind.GTT and order.fired else order.kind,
                left=order.left,
                trigger=order.trigger,
                target=order.target,
                rests=order.at is At.RESTS,
                changing=order.cancelling or order.change is not None,
                fired=order.fired and order.kind is not PartKind.LEAVE,
                changes=order.changes,
            )
            for order in self.orders.values()
            if order.at is not At.OVER
        )
        return Facts(
            now=self.now,
            mono=self.mono,
            position=self.position,
            foreign=self.foreign,
            parts=parts,
            refused=self.refused,
            refusal="no" if self.refused else "",
            number=max(self.orders, default=0),
            price=self.price,
            blind=self.blind,
        )

    def look(self, facts: Facts | None = None, parked: int = 0) -> list[Action]:
        found = self.guard.look(facts or self.facts(), parked)
        self.queue += [(action, self.now) for action in found]
        return found

    def passes(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.mono += int(seconds * SECOND)

    # -- the risk gate and the journal -----------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Units that an exit may still have."""
        return abs(self.position) - self.foreign - sum(order.left for order in self.orders.values())

    @property
    def asked(self) -> int:
        """Units that are asked for and have not arrived."""
        return sum(action.units for action, _ in self.queue if isinstance(action, Protect | Leave)) + sum(
            max(action.left - action.part.left, 0) for action, _ in self.queue if isinstance(action, Change)
        )

    def take(self) -> None:
        """The oldest request arrives."""
        action, asked = self.queue.pop(0)
        match action:
            case Protect() | Leave() | Change() if self.now >= asked + VALID:
                pass  # nobody may send it any more
            case Protect(number=number, units=units, gtt=gtt):
                kind = PartKind.GTT if gtt else PartKind.STOP
                self._place(number, kind, units)
            case Leave(number=number, units=units):
                self._place(number, PartKind.LEAVE, units)
            case Change(part=part, left=left):
                self._change(part, left)
            case Withdraw(tag=tag):
                order = self.by_tag(tag)
                if order is not None and order.at is At.RESTS:
                    order.cancelling = True
            case Keep(plan=plan):
                self.kept.append(plan)
                self.guard.journaled(plan)
            case End():
                self.ended += 1
            case Emergency():
                self.emergencies += 1
            case _:
                pass

    def by_tag(self, tag: str) -> Order | None:
        return next((order for order in self.orders.values() if order.tag == tag), None)

    def _place(self, number: int, kind: PartKind, units: int) -> None:
        if number in self.orders:
            return  # a duplicate: what is journaled stands
        if self.gate and units > self.room:
            self.guard.denied(number, self.mono)
            return
        target = self.plan.levels.target if kind is PartKind.GTT else 0
        self.orders[number] = Order(number, kind, units, self.guard.plan.stop, target)
        self.guard.seen(number)

    def _change(self, part: Part, left: int) -> None:
        order = self.by_tag(part.tag)
        if order is None or order.at is not At.RESTS or order.change is not None or order.cancelling:
            self.guard.change_denied(part.tag)
            return
        total = order.filled + left if order.filled + part.left == order.total else order.total + left - part.left
        if (self.gate and total - order.filled - order.left > self.room) or total <= order.filled:
            self.guard.change_denied(part.tag)
            return
        order.changes += 1
        order.change = (total, self.guard.plan.stop, self.plan.levels.target if order.kind is PartKind.GTT else 0)

    # -- the broker -----------------------------------------------------------------------------------------------------

    def accept(self, order: Order) -> None:
        order.at = At.RESTS

    def refuse(self, order: Order) -> None:
        order.at = At.OVER
        self.refused += 1

    def conclude(self, order: Order, *, done: bool) -> None:
        """A change or a cancel is answered."""
        if order.cancelling:
            order.cancelling = False
            if done:
                order.at = At.OVER
        elif order.change is not None:
            total, trigger, target = order.change
            order.change = None
            if done and total > order.filled:
                order.total, order.trigger, order.target = total, trigger, target
            else:
                self.guard.change_denied(order.tag)

    def fill(self, order: Order, units: int) -> None:
        """It fires, if it has not, and fills so far."""
        order.fired = True
        units = min(units, order.total - order.filled)
        order.filled += units
        self.position -= self.plan.sign * units
        if order.filled >= order.total:
            order.at = At.OVER
            order.change = None
            order.cancelling = False
