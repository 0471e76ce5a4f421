"""The reconciler's answers to a person who accepts a difference: judged by what stands, journaled once, answered then.

The thinking is in domain/reconcile/accepting; the order supervisor alone commits.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.operator import Accept, OperatorAnswered, OperatorRequest
from domain.ports import Journal
from domain.reconcile.accepting import AcceptEvent, CannotAccept, Standing, accepted, was_journaled
from domain.values import Nanos


class Accepting:
    """See the module."""

    def __init__(self, context: Context, routes: Routes, journal: Journal) -> None:
        self._context = context
        self._routes = routes
        self._journal = journal
        self._asked: dict[int, OperatorRequest] = {}

    def judge(self, request: OperatorRequest, at: Standing, now: Nanos, number: int) -> Sequence[AcceptEvent]:
        """The events to be told under that number; none where it was refused, which has been answered then."""
        asked = request.command
        if not isinstance(asked, Accept):
            return ()
        try:
            events = accepted(asked, request.who, request.id, at, now)
        except CannotAccept as refusal:
            self._answer(request.id, str(refusal), done=False)
            return ()
        self._asked[number] = request
        return events

    def journaled(self, number: int) -> None:
        """What was told under that number is in the journal now, or could not be."""
        request = self._asked.pop(number, None)
        if request is None or not isinstance(request.command, Accept):
            return
        done = was_journaled(self._journal.read(0), request.id)
        subject = request.command.subject
        text = f"{subject} is accepted; a halt stays until `resume`" if done else "nothing can be made durable now"
        self._answer(request.id, text, done=done)

    def _answer(self, request: int, text: str, *, done: bool) -> None:
        self._routes.publish(self._context, OperatorAnswered(request, done, text))
