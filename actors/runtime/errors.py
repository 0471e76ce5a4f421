"""What can go wrong between actors.

RuntimeFault
├── AskTimeout        no answer in time; nothing is proved about what the actor did or will do
├── ActorCrashed      the actor died while it handled the question
├── ActorGone         the actor is down for good: nobody will answer
├── UnknownActor      no such name in the tree
├── StartFailed       a child did not come up; what had started was stopped again
└── GateRefused       an outside effect may not begin (see `gate`)
"""

from __future__ import annotations


class RuntimeFault(Exception):
    """Base of everything the actor runtime raises."""


class AskTimeout(RuntimeFault):
    """No answer within the timeout. The message may still be handled later: unresolved, not refused."""


class ActorCrashed(RuntimeFault):
    """The actor died (or hung) while it handled the question."""


class ActorGone(RuntimeFault):
    """The actor is stopped for good; the question was never handled."""


class UnknownActor(RuntimeFault):
    """No actor of that name was declared."""


class StartFailed(RuntimeFault):
    """A child did not come up.

    child   the child that failed
    reason  why, in one line
    """

    def __init__(self, child: str, reason: str) -> None:
        super().__init__(f"{child} did not start: {reason}")
        self.child = child
        self.reason = reason


class GateRefused(RuntimeFault):
    """An outside effect was refused before anything left.

    reason  one of the words of `gate.Refusal`
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
