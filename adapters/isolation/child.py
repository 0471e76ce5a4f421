"""The process of one strategy: `python -m adapters.isolation.child FD`. It imports the domain and the strategy.

It lives as long as its pipe's other end does, whatever the strategy is doing: the pipe is watched beside it, and where
the kernel can (Linux) it ends the process when the thread ends that began it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import select
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection

import msgspec

from adapters.isolation.source import own_files
from adapters.isolation.wire import (
    Begin,
    Call,
    CannotBegin,
    Closed,
    Done,
    History,
    Journaled,
    Look,
    NoSession,
    Nothing,
    Priced,
    Question,
    Raised,
    Ready,
    Reconfigured,
    Refused,
    Session,
    SessionAsked,
    SquaredOff,
    Stands,
    Timed,
    ToChild,
    ToParent,
    encode,
    heard_by_child,
)
from domain.errors import CalendarUnknown
from domain.market.buckets import Hours
from domain.messages.orders import OrderIntent
from domain.strategy.load import find_strategy
from domain.strategy.runner import Strategy, StrategyRunner
from domain.values import Nanos, SessionClass, ist

_PR_SET_PDEATHSIG = 1


class _Link:
    """The child's end of the pipe, and the sessions that came over it."""

    def __init__(self, pipe: Connection[bytes, bytes]) -> None:
        self._pipe = pipe
        self._classes: dict[int, SessionClass] = {}
        self._sessions: dict[tuple[SessionClass, int], Session | NoSession] = {}

    def hear(self) -> ToChild:
        return heard_by_child(self._pipe.recv_bytes())

    def say(self, answer: ToParent) -> None:
        """What cannot be said is told as an exception of the strategy's: it asked for it."""
        try:
            message = encode(answer)
        except (TypeError, ValueError, OverflowError) as error:
            message = encode(_raised(error))
        self._pipe.send_bytes(message)

    def know(self, begin: Begin) -> None:
        self._classes = {each.token: each.session for each in begin.instruments}

    def today(self, token: int, instant: Nanos) -> Hours:
        """See domain.strategy.runner.Today. Asked once for each class of instruments and day."""
        key = (self._classes[token], ist(instant).date().toordinal())
        found = self._sessions.get(key)
        if found is None:
            self.say(SessionAsked(token, instant))
            heard = self.hear()
            assert isinstance(heard, Session | NoSession), f"a session was asked for, and {type(heard).__name__} came"
            found = self._sessions[key] = heard
        if isinstance(found, NoSession):
            raise CalendarUnknown(found.text)
        return Hours(found.opens, found.closes)


def strategy_of(begin: Begin) -> Strategy:
    """The strategy that is meant. Raises ValueError with one line."""
    found = find_strategy(begin.kind)
    return msgspec.msgpack.decode(begin.strategy, type=found)


def serve(pipe: Connection[bytes, bytes]) -> None:
    """Answer until the other end is closed."""
    link = _Link(pipe)
    try:
        begin = link.hear()
        assert isinstance(begin, Begin), "the first word says what begins"
        link.know(begin)
        try:
            made = StrategyRunner(begin.strategy_id, strategy_of(begin), begin.instruments, begin.settings, link.today)
        except EOFError:
            raise
        except ValueError as error:
            link.say(CannotBegin(str(error)))
            return
        except BaseException as error:  # noqa: BLE001 - whatever the user's module raises is told to the parent
            link.say(_raised(error))
            return
        link.say(Ready(made.series, made.warming, made.needs.prices, made.timed, own_files()))
        while True:
            call = link.hear()
            assert isinstance(call, Call), f"a call is awaited, and {type(call).__name__} came"
            try:
                answer = _answered(made, call)
            except EOFError:
                raise
            except BaseException as error:  # noqa: BLE001 - as above: SystemExit of a strategy ends its actor
                answer = _raised(error)
            link.say(answer)
    except (EOFError, OSError):
        return  # nobody is there any more


def _answered(runner: StrategyRunner, call: Call) -> ToParent:
    runner.quiet_until, runner.enabled = call.quiet_until, call.enabled
    for event in call.folded:
        runner.fold(event)
    for price in call.prices:
        runner.price(price, 0)
    if isinstance(call.question, Look):
        return Stands(runner.standing())
    intents = _decided(runner, call.question)
    return Done(intents, runner.moves(), runner.take_asked(), runner.warming, runner.decided, runner.lapsed)


def _decided(runner: StrategyRunner, question: Question) -> list[OrderIntent]:
    match question:
        case Priced(price, now):
            return runner.price(price, now)
        case Closed(bar, now):
            return runner.bar(bar, now)
        case History(message, now):
            return runner.backfilled(message, now)
        case Timed(now):
            return runner.timer(now)
        case Journaled(event, now):
            return runner.journaled(event, now)
        case Refused(intent_id):
            runner.refused(intent_id)
        case SquaredOff(tokens, now):
            runner.square_off(tokens, now)
        case Reconfigured(settings):
            runner.reconfigure(settings)
        case Nothing() | Look():
            pass
    return []


def _raised(error: BaseException) -> Raised:
    kind = type(error)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception of somebody's own may not even have a text
        text = "(without words)"
    trace = "".join(traceback.format_exception(error))
    return Raised(kind.__module__, kind.__qualname__, _sayable(text), _sayable(trace))


def _sayable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _end_with_parent(pipe: Connection[bytes, bytes]) -> None:
    """Also where the strategy computes for ever, or holds the interpreter in C for ever (Linux alone)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    hung_up = select.poll()
    hung_up.register(pipe.fileno(), 0)

    def watch() -> None:
        hung_up.poll()
        os._exit(0)

    threading.Thread(target=watch, name="parent's end", daemon=True).start()


def main() -> None:
    """Begin."""
    # The terminal and the service manager speak to the whole group: the parent alone decides when it is over.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    faulthandler.enable()
    number = int(sys.argv[1])
    os.set_inheritable(number, False)  # a process that the strategy starts must not keep the pipe open
    with Connection(number) as pipe:
        _end_with_parent(pipe)
        serve(pipe)


if __name__ == "__main__":
    main()
