"""Wait for something to become true, and see that nothing is left behind: for tests that start threads or processes."""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Wall seconds that any single step may take on a busy machine: what never comes is told no sooner."""

_STEP_SECONDS_MIN = 0.002
_STEP_SECONDS_MAX = 0.05


def eventually(predicate: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """The first true result of `predicate`, asked again and again until `timeout` wall seconds have passed.

    Raises AssertionError with the last result otherwise. An exception from the predicate counts as "not yet", except
    at the end, where it is raised. Returns at once when the predicate is true at once. What is dear to ask (a whole
    journal read, a request) is asked less often: whoever waits must not take the machine from what is waited for.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        asked = time.monotonic()
        late = asked >= deadline
        try:
            result = predicate()
        except Exception:
            if late:
                raise
        else:
            if result:
                return result
            if late:
                name = what or getattr(predicate, "__name__", "condition")
                raise AssertionError(f"{name} did not become true within {timeout:g} s; last result: {result!r}")
        pause.wait(min(max(3 * (time.monotonic() - asked), _STEP_SECONDS_MIN), _STEP_SECONDS_MAX))


def seconds_short_of_a_core() -> float:
    """Wall seconds since the boot in which somebody on this machine waited for a core (Linux's pressure figures).

    What is promised of a machine of one's own can be asked of a shared one with these left out. Where the kernel keeps
    no such figures every second counts as one: then nothing can be promised.
    """
    try:
        some = Path("/proc/pressure/cpu").read_text(encoding="ascii").partition("total=")[2].split()[0]
    except OSError:
        return time.monotonic()
    return int(some) / 1e6


def open_descriptors() -> dict[int, str]:
    """This process's open file descriptors and what they point to (Linux)."""
    found: dict[int, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:  # the descriptor of this very listing
            continue
    return found


def child_processes(of: int | None = None) -> set[int]:
    """Process ids of a process's (this one's) children, started by any of its threads (Linux)."""
    found: set[int] = set()
    for task in Path(f"/proc/{of or os.getpid()}/task").iterdir():
        # A thread may end between the two looks.
        with suppress(FileNotFoundError, ProcessLookupError):
            found.update(int(pid) for pid in (task / "children").read_text().split())
    return found


@contextmanager
def nothing_left_behind(timeout: float = PATIENCE) -> Iterator[None]:
    """The block must end with the threads, descriptors and children that it began with, within `timeout` seconds."""
    threads = set(threading.enumerate())
    descriptors = set(open_descriptors())
    children = child_processes()
    yield

    def leftovers() -> list[str]:
        gc.collect()
        return [
            *(f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads),
            *(
                f"descriptor {number} {path}"
                for number, path in open_descriptors().items()
                if number not in descriptors
            ),
            *(f"child {pid}" for pid in child_processes() - children),
        ]

    try:
        eventually(lambda: not leftovers(), timeout)
    except AssertionError:
        raise AssertionError(f"left behind: {', '.join(leftovers())}") from None
