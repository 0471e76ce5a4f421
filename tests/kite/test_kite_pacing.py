"""Starts stay below the limits in every stretch of time, and exits go first."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.clock import MonotonicClock
from adapters.kite.pacing import Endpoint, Pacer, PacingLimits, Priority
from domain.values import SECOND

FAR = 10**15


class SteppedClock:
    """Moves only when a test says so; a pacer asked with a deadline of now never waits."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def now_ns(self) -> int:
        return self.now


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=30, max_size=200))
def test_no_second_and_no_minute_holds_more_than_its_limit(steps: list[tuple[int, bool]]) -> None:
    clock = SteppedClock()
    pacer = Pacer(PacingLimits(orders_per_second=9, orders_per_minute=40), clock)
    starts: list[int] = []
    entries: list[int] = []
    for milliseconds, is_exit in steps:
        clock.now += milliseconds * 1_000_000
        if pacer.acquire(Endpoint.ORDER, Priority.EXIT if is_exit else Priority.ENTRY, clock.now):
            starts.append(clock.now)
            if not is_exit:
                entries.append(clock.now)

    for at in starts:
        assert sum(at <= other < at + SECOND for other in starts) <= 9
        assert sum(at <= other < at + 60 * SECOND for other in starts) <= 40
        assert sum(at <= other < at + 60 * SECOND for other in entries) <= 32, "a fifth is kept for exits"


def test_an_exit_finds_room_when_entries_have_used_theirs() -> None:
    clock = SteppedClock()
    pacer = Pacer(PacingLimits(orders_per_second=9, orders_per_minute=0), clock)

    entries = sum(pacer.acquire(Endpoint.ORDER, Priority.ENTRY, clock.now) for _ in range(20))
    exits = sum(pacer.acquire(Endpoint.ORDER, Priority.EXIT, clock.now) for _ in range(20))

    assert (entries, exits) == (7, 2)


def test_classes_of_endpoints_do_not_share_a_limit() -> None:
    clock = SteppedClock()
    pacer = Pacer(PacingLimits(), clock)

    taken = {
        endpoint: sum(pacer.acquire(endpoint, Priority.EXIT, clock.now) for _ in range(20)) for endpoint in Endpoint
    }

    assert taken == {Endpoint.ORDER: 9, Endpoint.HISTORICAL: 1, Endpoint.QUOTE: 1, Endpoint.OTHER: 9}


def test_what_cannot_start_before_its_deadline_is_told_at_once() -> None:
    clock = MonotonicClock()
    pacer = Pacer(PacingLimits(quote_per_second=0.01), clock)
    assert pacer.acquire(Endpoint.QUOTE, Priority.ENTRY, clock.now_ns() + SECOND)

    started = clock.now_ns()
    allowed = pacer.acquire(Endpoint.QUOTE, Priority.ENTRY, clock.now_ns() + 5 * SECOND)

    assert not allowed
    assert clock.now_ns() - started < SECOND


def test_waiting_exits_overtake_entries_that_waited_longer() -> None:
    clock = MonotonicClock()
    pacer = Pacer(PacingLimits(orders_per_second=4, orders_per_minute=0, exits_reserved_share=0.0), clock)
    assert pacer.acquire(Endpoint.ORDER, Priority.ENTRY, clock.now_ns() + SECOND)
    order: list[str] = []
    queued = threading.Semaphore(0)

    def waiter(name: str, priority: Priority) -> Callable[[], None]:
        def wait() -> None:
            queued.release()
            if pacer.acquire(Endpoint.ORDER, priority, clock.now_ns() + 10 * SECOND):
                order.append(name)

        return wait

    threads = []
    for name, priority in (("entry1", Priority.ENTRY), ("entry2", Priority.ENTRY), ("exit", Priority.EXIT)):
        thread = threading.Thread(target=waiter(name, priority))
        threads.append(thread)
        thread.start()
        assert queued.acquire(timeout=60)
    for thread in threads:
        thread.join(60)

    assert order[0] == "exit"
    assert len(order) == 3


def test_many_threads_stay_below_the_limit_together() -> None:
    clock = MonotonicClock()
    pacer = Pacer(PacingLimits(orders_per_second=50, orders_per_minute=0), clock)
    starts: list[int] = []

    def work() -> None:
        for _ in range(5):
            assert pacer.acquire(Endpoint.ORDER, Priority.EXIT, clock.now_ns() + FAR)
            starts.append(clock.now_ns())

    threads = [threading.Thread(target=work) for _ in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    starts.sort()

    assert len(starts) == 70
    # Stamped by the callers, after their start was granted: a little slack for threads that were slow to look.
    assert starts[50] - starts[0] > 0.8 * SECOND


def test_no_limit_means_no_waiting() -> None:
    clock = SteppedClock()
    pacer = Pacer(PacingLimits(0, 0, 0, 0, 0), clock)

    assert all(pacer.acquire(Endpoint.ORDER, Priority.ENTRY, clock.now) for _ in range(1000))
