"""A person's commands, from the table in which other terminals leave them to the actor that carries them out.

Exactly once: a request is durably taken before it is told, and its outcome kept when it is answered. Where a life ended
between the two, the request is told again only if that is harmless (`is_harmless_again`); else the person hears that
it is not known what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Context
from domain.errors import JournalUnavailable
from domain.messages.control import Report
from domain.messages.operator import (
    OperatorAnswered,
    OperatorRequest,
    Reload,
    WaitingRequest,
    is_harmless_again,
    outlives_its_asker,
)
from domain.ports import Clock
from domain.values import SECOND, Nanos

POLL_SECONDS: Final = 0.2


class RequestDesk(Protocol):
    """Where requests lie (adapters/store/operator.py). Every call raises JournalUnavailable where the disk refuses."""

    def waiting(self) -> Sequence[WaitingRequest]:
        """Requests without an outcome, oldest first."""
        ...

    def take(self, request: int, run: str) -> bool:
        """Durably take a request that nobody has; False where it is taken or withdrawn."""
        ...

    def answer(self, answer: OperatorAnswered) -> None:
        """Keep the outcome, unless there is one."""
        ...


class OperatorSettings(Struct, frozen=True):
    """run: names this process's life.

    answer_seconds  wall seconds after which a request that was told counts as not answered
    stale_seconds   wall age at which a request that nobody took is no longer carried out (a halt always is)
    """

    run: str
    answer_seconds: float = 20.0
    stale_seconds: float = 60.0


class _Look(Struct, frozen=True, tag=True):
    """Own timer: is there something new?"""


class Operator(Actor):
    """See the module. wall: the clock of the requests' times."""

    def __init__(
        self, context: Context, routes: Routes, desk: RequestDesk, wall: Clock, settings: OperatorSettings
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._desk = desk
        self._wall = wall
        self._settings = settings
        self._deadlines: dict[int, Nanos] = {}
        self._unkept: dict[int, OperatorAnswered] = {}
        self._refused = False

    def started(self) -> None:
        """Tell what waits already: a halt is with the risk gate before anything may make trading active."""
        self._look()
        self.context.every(POLL_SECONDS, _Look())
        self.context.ready()

    def receive(self, message: object) -> object:
        """New requests, and answers."""
        match message:
            case _Look():
                self._look()
            case OperatorAnswered():
                self._keep(message)
            case OperatorRequest(id=request, command=command):
                text = f"{getattr(command, 'strategy', '')!r} is no strategy that trades here"
                if isinstance(command, Reload):
                    text = "this trader cannot change its configuration while it trades"
                self._routes.publish(self.context, OperatorAnswered(request, done=False, text=text))
            case Report():
                return {"told": tuple(self._deadlines)}
        return None

    def _look(self) -> None:
        try:
            for answer in tuple(self._unkept.values()):
                self._desk.answer(answer)
                del self._unkept[answer.request]
            for waiting in self._desk.waiting():
                self._attend_to(waiting)
        except JournalUnavailable as error:
            if not self._refused:
                self.context.log("error", "operator.desk_unavailable", why=str(error))
            self._refused = True
        else:
            self._refused = False

    def _attend_to(self, waiting: WaitingRequest) -> None:
        request, mono = waiting.request, self.context.runtime.monotonic.now_ns()
        deadline = self._deadlines.get(request.id)
        if deadline is not None:
            if mono >= deadline:
                self._refuse(request, "no answer came; see `run.py status` and the log for what became of it")
        elif not waiting.taken:
            age = (self._wall.now_ns() - request.time) / SECOND
            if age > self._settings.stale_seconds and not outlives_its_asker(request.command):
                self._refuse(request, f"not carried out: it was asked for {age:.0f} s ago, when nobody took it")
            elif self._desk.take(request.id, self._settings.run):
                self._tell(request)
        elif is_harmless_again(request.command):
            self._tell(request)
        elif waiting.taken == self._settings.run:
            # A former incarnation told it: its answer may be waiting in this mailbox.
            self._wait_for(request)
        else:
            self._refuse(request, "the process ended while it was carried out: see what is so, and say it again")

    def _tell(self, request: OperatorRequest) -> None:
        self._wait_for(request)
        command = request.command
        self.context.log(
            "warning",
            "operator.request",
            request=request.id,
            command=type(command).__name__.lower(),
            who=request.who,
            why=command.why,
        )
        self._routes.publish(self.context, request)

    def _wait_for(self, request: OperatorRequest) -> None:
        patience = int(self._settings.answer_seconds * SECOND)
        self._deadlines[request.id] = self.context.runtime.monotonic.now_ns() + patience

    def _refuse(self, request: OperatorRequest, text: str) -> None:
        # Told to itself, as every answer is: whoever listens to answers hears of this one as well.
        self._deadlines[request.id] = 1 << 62
        self._routes.publish(self.context, OperatorAnswered(request.id, done=False, text=text))

    def _keep(self, answer: OperatorAnswered) -> None:
        self._deadlines.pop(answer.request, None)
        self.context.log(
            "warning", "operator.answer", request=answer.request, done=answer.done, text=answer.text, tags=answer.tags
        )
        try:
            self._desk.answer(answer)
        except JournalUnavailable as error:
            # It is done all the same; until it is kept, the request must not look unanswered.
            self._deadlines[answer.request] = 1 << 62
            self._unkept[answer.request] = answer
            self.context.log("error", "operator.answer_not_kept", request=answer.request, why=str(error))
