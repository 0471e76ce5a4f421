"""Shared by the runtime's tests: a watch on lifecycle events, a system in a `with`, and small actors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from actors.runtime import (
    Actor,
    Backoff,
    ChildSpec,
    Context,
    Gate,
    LifecycleEvent,
    SupervisorSpec,
    System,
    ThreadRuntime,
    TradingLevel,
)

DEADLINE_SECONDS = 10.0
AT_ONCE = Backoff()

E = TypeVar("E")


class Monotonic:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


class Watch:
    """A listener that can be waited on."""

    def __init__(self) -> None:
        self.events: list[LifecycleEvent] = []
        self._condition = threading.Condition()

    def __call__(self, event: LifecycleEvent) -> None:
        with self._condition:
            self.events.append(event)
            self._condition.notify_all()

    def seen(self, kind: type[E], name: str | None = None) -> list[E]:
        with self._condition:
            return self._seen(kind, name)

    def wait(self, kind: type[E], name: str | None = None, count: int = 1) -> list[E]:
        """Wait until that many such events were told, and return them."""
        with self._condition:
            enough = self._condition.wait_for(lambda: len(self._seen(kind, name)) >= count, DEADLINE_SECONDS)
            assert enough, f"no {count} {kind.__name__} of {name} in time, but {self.events}"
            return self._seen(kind, name)

    def story(self, *kinds: type) -> list[tuple[str, str]]:
        """(kind, name) of these kinds of events, in order."""
        with self._condition:
            return [(type(e).__name__, e.name) for e in self.events if isinstance(e, kinds)]

    def _seen(self, kind: type[E], name: str | None) -> list[E]:
        return [e for e in self.events if isinstance(e, kind) and (name is None or getattr(e, "name", None) == name)]


class Inbox:
    """What actors of a test handled, across incarnations; can be waited on."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self._condition = threading.Condition()

    def add(self, item: object) -> None:
        with self._condition:
            self.items.append(item)
            self._condition.notify_all()

    def wait(self, count: int) -> list[object]:
        with self._condition:
            enough = self._condition.wait_for(lambda: len(self.items) >= count, DEADLINE_SECONDS)
            assert enough, f"only {len(self.items)} of {count}: {self.items[-10:]}"
            return list(self.items)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody tells: looks again and again, up to the deadline."""
    pause = threading.Event()
    for _ in range(int(DEADLINE_SECONDS * 1000)):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("not in time")


def wait_for(flag: threading.Event) -> None:
    assert flag.wait(DEADLINE_SECONDS), "not in time"


class Scripted(Actor):
    """Handles a message that is a callable by calling it with itself; anything else is noted in the inbox."""

    def __init__(
        self, context: Context, inbox: Inbox | None = None, on_start: Callable[[Actor], None] | None = None
    ) -> None:
        super().__init__(context)
        self.inbox = inbox if inbox is not None else Inbox()
        self._on_start = on_start

    def started(self) -> None:
        if self._on_start is not None:
            self._on_start(self)

    def receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        self.inbox.add(message)
        return message


def silent(level: str, event: str, /, **keys: object) -> None:
    """A log that keeps nothing."""


def raising(error: BaseException) -> Callable[[Actor], None]:
    """A message (or start-up) that raises."""

    def do(_: Actor) -> None:
        raise error

    return do


class Running:
    """A started system with its watch."""

    def __init__(self, system: System, watch: Watch, gave_up: Inbox, runtime: ThreadRuntime) -> None:
        self.system = system
        self.runtime = runtime
        self.watch = watch
        self.gave_up = gave_up

    def tell(self, name: str, *messages: object) -> None:
        for message in messages:
            self.system.address(name).tell(message)

    def ask(self, name: str, message: object) -> object:
        return self.system.address(name).ask(message, DEADLINE_SECONDS)


@contextmanager
def a_runtime() -> Iterator[ThreadRuntime]:
    runtime = ThreadRuntime(Monotonic(), seed=1)
    try:
        yield runtime
    finally:
        runtime.close()


@contextmanager
def running(
    root: SupervisorSpec, *, start: bool = True, abandoned_max: int = 8, log: Callable[..., None] = silent
) -> Iterator[Running]:
    """A system on threads, with an open gate; stopped at the end."""
    watch, gave_up = Watch(), Inbox()
    with a_runtime() as runtime:
        gate = Gate(runtime, TradingLevel.OPEN, "a test")
        system = System(runtime, root, log, watch, gate=gate, on_give_up=gave_up.add, abandoned_max=abandoned_max)
        if start:
            system.start()
        try:
            yield Running(system, watch, gave_up, runtime)
        finally:
            system.stop()


def a_root(*children: ChildSpec | SupervisorSpec, **settings: object) -> SupervisorSpec:
    return SupervisorSpec("root", children, **settings)  # type: ignore[arg-type] # settings are the spec's own


def a_child(id: str, inbox: Inbox | None = None, **settings: object) -> ChildSpec:  # noqa: A002 - the spec's own word
    on_start = settings.pop("on_start", None)
    return ChildSpec(
        id,
        lambda context: Scripted(context, inbox, on_start),  # type: ignore[arg-type] # as handed in
        **settings,  # type: ignore[arg-type] # settings are the spec's own
    )
