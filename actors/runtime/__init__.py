"""Supervised actors over unchanged Pykka: stable addresses, mailboxes that outlive crashes, OTP's restarts, a gate.

`docs/supervision.md` tells how to use it and how it compares to Erlang/OTP.
"""

from actors.runtime.actor import Actor
from actors.runtime.cell import Address, CellCounts, Failure
from actors.runtime.context import Context
from actors.runtime.detached import DetachedContext, SetTimer, Told
from actors.runtime.errors import (
    ActorCrashed,
    ActorGone,
    AskTimeout,
    GateRefused,
    RuntimeFault,
    StartFailed,
    UnknownActor,
)
from actors.runtime.events import (
    ChildCrashed,
    ChildGaveUp,
    ChildHung,
    ChildReady,
    ChildRestarted,
    ChildStarted,
    ChildStopped,
    DeadLetter,
    LifecycleEvent,
    MailboxHigh,
    SupervisorGaveUp,
)
from actors.runtime.gate import EffectKind, Gate, Refusal, Ticket, TradingLevel
from actors.runtime.mailbox import Lane, MailboxSpec, Overflow
from actors.runtime.messages import Crash, Down, DrillCrash, Exit, LinkedActorDied, Ping, Pong
from actors.runtime.seam import Condition, Event, EventLog, Lock, Runtime, Task, Timer
from actors.runtime.specs import AutoShutdown, Backoff, ChildSpec, InFlight, Ready, Restart, Strategy, SupervisorSpec
from actors.runtime.system import System
from actors.runtime.threads import ThreadRuntime
from actors.runtime.tree import TreeNode

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorGone",
    "Address",
    "AskTimeout",
    "AutoShutdown",
    "Backoff",
    "CellCounts",
    "ChildCrashed",
    "ChildGaveUp",
    "ChildHung",
    "ChildReady",
    "ChildRestarted",
    "ChildSpec",
    "ChildStarted",
    "ChildStopped",
    "Condition",
    "Context",
    "Crash",
    "DeadLetter",
    "DetachedContext",
    "Down",
    "DrillCrash",
    "EffectKind",
    "Event",
    "EventLog",
    "Exit",
    "Failure",
    "Gate",
    "GateRefused",
    "InFlight",
    "Lane",
    "LifecycleEvent",
    "LinkedActorDied",
    "Lock",
    "MailboxHigh",
    "MailboxSpec",
    "Overflow",
    "Ping",
    "Pong",
    "Ready",
    "Refusal",
    "Restart",
    "Runtime",
    "RuntimeFault",
    "SetTimer",
    "StartFailed",
    "Strategy",
    "SupervisorGaveUp",
    "SupervisorSpec",
    "System",
    "Task",
    "ThreadRuntime",
    "Ticket",
    "Timer",
    "Told",
    "TradingLevel",
    "TreeNode",
    "UnknownActor",
]
