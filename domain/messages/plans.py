"""Managed exits and execution: what their actors say, and what of it the journal keeps.

Both ask the order supervisor to make their plans durable (KeepPlan) and act once the journal has told them.
"""

from __future__ import annotations

from msgspec import Struct

from domain.execution.values import ExecutionRule
from domain.exits.values import ExitLevels, ExitPlan
from domain.messages.orders import OrderIntent
from domain.values import Nanos


class ExitPlanned(Struct, frozen=True, tag=True):
    """Journal event: this position is protected so from here on; the newest plan of an id holds."""

    plan: ExitPlan
    time: Nanos

    @property
    def strategy(self) -> str:
        """Whose position it is."""
        return self.plan.strategy


class ExitPlanEnded(Struct, frozen=True, tag=True):
    """Journal event: nothing is left to protect, and nothing of the plan rests any more."""

    id: str
    strategy: str
    why: str
    time: Nanos


class ExecutionStarted(Struct, frozen=True, tag=True):
    """Journal event: a decision is carried out in parts; its orders name it as their parent."""

    intent: OrderIntent
    rule: ExecutionRule
    time: Nanos

    @property
    def strategy(self) -> str:
        """Whose decision it is."""
        return self.intent.strategy


class ExecutionEnded(Struct, frozen=True, tag=True):
    """Journal event: no further order of this decision follows. filled  units that its orders have filled."""

    intent_id: str
    strategy: str
    token: int
    filled: int
    why: str
    time: Nanos


PlanEvent = ExitPlanned | ExitPlanEnded | ExecutionStarted | ExecutionEnded


class KeepPlan(Struct, frozen=True, tag=True):
    """Command, to the order supervisor: make this durable, and tell it as any other event."""

    event: PlanEvent


class StandAside(Struct, frozen=True, tag=True):
    """Command, risk gate to managed exits: somebody closes these positions; take away what rests for them first.

    token  0: all of the strategy's instruments. It lasts a few seconds: say it again while it is needed.
    """

    strategy: str
    token: int
    why: str


class MoveExit(Struct, frozen=True, tag=True):
    """Command, strategy to managed exits: the position in this instrument is to be left there from here on."""

    strategy: str
    token: int
    levels: ExitLevels
    time: Nanos
