"""APScheduler, asked in market time: jobs come at the right market minute however fast the clock runs."""

import threading
from collections.abc import Callable, Iterator

import pytest

from adapters.schedule import MarketScheduler
from domain.values import MINUTE
from tests.support.waiting import eventually, nothing_left_behind
from tests.timetable.market_clocks import FastClock, at


class Fired:
    """Notes when each job ran, by the market clock."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self.times: list[tuple[str, int]] = []

    def job(self, name: str) -> Callable[[], None]:
        return lambda: self.times.append((name, self._clock.now_ns()))

    def names(self) -> list[str]:
        return [name for name, _ in self.times]


def a_scheduler(clock: FastClock, recheck_seconds: float = 0.5) -> Iterator[MarketScheduler]:
    with nothing_left_behind():
        scheduler = MarketScheduler(clock, recheck_seconds)
        yield scheduler
        scheduler.stop()


@pytest.fixture
def clock() -> FastClock:
    return FastClock(at("14:50"), 600)


@pytest.fixture
def scheduler(clock: FastClock) -> Iterator[MarketScheduler]:
    yield from a_scheduler(clock)


def test_jobs_fire_at_their_market_minute_at_600_times_the_speed(clock: FastClock, scheduler: MarketScheduler) -> None:
    fired = Fired(clock)
    scheduler.at(at("14:50"), "warm up", fired.job("warm up"))
    eventually(fired.names)
    start = clock.now_ns() // MINUTE * MINUTE
    due = {f"job {index}": start + index * 2 * MINUTE for index in range(3, 9)}
    for name, instant in reversed(due.items()):
        scheduler.at(instant, name, fired.job(name))

    eventually(lambda: len(fired.times) == 7)

    assert fired.names()[1:] == list(due)
    late = sorted(time - due[name] for name, time in fired.times[1:])
    assert late[0] >= 0
    # One market minute is 0.1 s here: a loaded machine may hold up one job or two, not most of them.
    assert late[len(late) // 2] < MINUTE
    assert late[-1] < 10 * MINUTE


def test_a_passed_instant_fires_at_once(clock: FastClock, scheduler: MarketScheduler) -> None:
    fired = Fired(clock)

    scheduler.at(at("09:15"), "long ago", fired.job("long ago"))

    eventually(fired.names)
    assert fired.names() == ["long ago"]
    assert scheduler.pending() == ()


def test_nothing_fires_while_the_clock_is_held_and_release_is_found(
    clock: FastClock, scheduler: MarketScheduler
) -> None:
    clock.set_rate(0)
    fired = Fired(clock)
    scheduler.at(clock.now_ns() + MINUTE, "job", fired.job("job"))
    with pytest.raises(AssertionError, match="did not become true"):
        eventually(fired.names, timeout=0.15)

    clock.set_rate(600)
    scheduler.rearm()

    eventually(fired.names)


def test_a_change_of_rate_that_nobody_told_of_is_found_by_looking_again() -> None:
    clock = FastClock(at("10:00"), 1)
    for scheduler in a_scheduler(clock, recheck_seconds=0.05):
        fired = Fired(clock)
        scheduler.at(at("10:30"), "job", fired.job("job"))

        clock.set_rate(100_000)

        eventually(fired.names)


def test_a_clock_that_slows_down_never_makes_a_job_early() -> None:
    clock = FastClock(at("10:00"), 600)
    for scheduler in a_scheduler(clock):
        fired = Fired(clock)
        scheduler.at(at("10:02"), "job", fired.job("job"))

        clock.set_rate(200)

        eventually(fired.names)
        assert fired.times[0][1] >= at("10:02")


def test_a_job_of_the_same_name_replaces_the_former(clock: FastClock, scheduler: MarketScheduler) -> None:
    fired = Fired(clock)
    soon = clock.now_ns() + 2 * MINUTE
    scheduler.at(soon, "job", fired.job("first"))
    scheduler.at(soon, "job", fired.job("second"))
    scheduler.at(soon + MINUTE, "last", fired.job("last"))

    eventually(lambda: "last" in fired.names())

    assert fired.names() == ["second", "last"]


def test_a_job_that_raises_is_tried_again(clock: FastClock, scheduler: MarketScheduler) -> None:
    tries = threading.Semaphore(0)
    done = threading.Event()

    def fails_once() -> None:
        tries.release()
        if not done.is_set():
            done.set()
            raise RuntimeError("the mailbox is not there yet")

    scheduler.at(clock.now_ns(), "job", fails_once)

    assert tries.acquire(timeout=60)
    assert tries.acquire(timeout=60)
    eventually(lambda: scheduler.pending() == ())


def test_after_stop_nothing_fires_and_nothing_is_taken(clock: FastClock, scheduler: MarketScheduler) -> None:
    fired = Fired(clock)
    scheduler.at(clock.now_ns() + MINUTE, "job", fired.job("job"))

    scheduler.stop()
    scheduler.at(clock.now_ns(), "another", fired.job("another"))
    scheduler.rearm()

    assert scheduler.pending() == ()
    assert fired.names() == []
