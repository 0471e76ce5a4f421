"""The base of every actor: Pykka's loop, with a leased inbox and every death contained and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

import pykka
from pykka.messages import _ActorStop

from actors.runtime.cell import Failure
from actors.runtime.context import Context
from actors.runtime.errors import ActorCrashed
from actors.runtime.messages import Crash, DrillCrash, LeaseEnded, LinkBroken, LinkedActorDied, Ping, Pong

if TYPE_CHECKING:
    from pykka._actor import ActorInbox

_OWN_MESSAGES = frozenset({_ActorStop, LeaseEnded, LinkBroken, Crash, Ping})
_SEALED = frozenset({"on_start", "on_stop", "on_failure", "on_receive", "_handle_receive"})


class Actor(pykka.ThreadingActor):
    """Override `started`, `receive` and `stopping`. The supervisor makes and runs it: never call `start()`.

    Whatever any of the three raises, `SystemExit` and the like included, ends this actor alone and is reported to
    its supervisor. Built by hand with a `DetachedContext`, it can be called on a test's own thread.
    """

    use_daemon_thread: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        super().__init__()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        sealed = _SEALED & cls.__dict__.keys()
        if sealed:
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(sorted(sealed))}: override started, receive or stopping"
            )

    # -- to be overridden --------------------------------------------------------------------------------------------

    def started(self) -> None:
        """Set up local state only. Being disconnected is a state to retry from, not a reason to raise."""

    def receive(self, message: object) -> object:
        """Handle one message; what it returns answers an `ask`."""
        raise NotImplementedError(f"{type(self).__name__} has no handler for {type(message).__name__}")

    def stopping(self) -> None:
        """Clean up. Called on an orderly stop only, never after a crash: state that matters lies in the journal."""

    # -- Pykka's hooks -----------------------------------------------------------------------------------------------

    # Pykka declares it static but calls it on the instance, which knows its lease.
    def _create_actor_inbox(self) -> ActorInbox:  # type: ignore[override]
        return cast("ActorInbox", self.context.lease)

    def _start_actor_loop(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is started by a supervisor, not by start()")

    def on_start(self) -> None:
        """Pykka's hook: set up, and report what came of it."""
        try:
            self.started()
        except BaseException as error:  # noqa: BLE001 - SystemExit here would leave a zombie
            self._die(error)
        else:
            self.context.started()

    def on_stop(self) -> None:
        """Pykka's hook: an orderly end."""
        # The inbox is handed back first: Pykka's teardown would otherwise empty it and throw the messages away.
        self.context.end(None)
        try:
            self.stopping()
        except BaseException as error:  # noqa: BLE001 - a failing clean-up is reported, like any other failure
            self.context.failure = Failure.of(error)

    def _handle_receive(self, message: object) -> object:
        try:
            if message.__class__ in _OWN_MESSAGES:
                return self._handle_own(message)
            return self.receive(message)
        except BaseException as error:  # noqa: BLE001 - SystemExit here would stop every actor of the process
            self._die(error)
            return None

    def _handle_own(self, message: object) -> object:
        match message:
            case Ping():
                return Pong(self.context.name, self.context.incarnation)
            case Crash(reason):
                raise DrillCrash(reason)
            case LinkBroken(name, reason):
                raise LinkedActorDied(f"{name}: {reason}")
            case LeaseEnded():
                self.actor_stopped.set()
            case _:
                self._stop()
        return None

    def _die(self, error: BaseException) -> None:
        """End this incarnation: its asker hears of it, the mailbox stays, the supervisor decides."""
        self.actor_stopped.set()
        self.context.failure = Failure.of(error)
        if not isinstance(error, Exception):
            # SystemExit raised again in the asker would end the asker.
            crashed = ActorCrashed(f"{self.context.name} ended: {self.context.failure.reason}")
            crashed.__cause__ = error
            error = crashed
        self.context.end(error)
