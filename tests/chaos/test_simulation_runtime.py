"""The runtime of the simulation: virtual time, switch points, timers, kills, and the same run for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.runtime import Actor, ChildSpec, Crash, Lock, SupervisorSpec, System
from actors.runtime.simulation import Killed, Pace, SimulationRuntime
from actors.runtime.simulation_kernel import Kernel, Livelock

SECOND = 1_000_000_000
BUSY = Pace(switch=0.5, stretch=0.3, longest_seconds=0.01)


Body = Callable[[], None]


def run(runtime: SimulationRuntime, *bodies: Body) -> None:
    """Each on a strand of its own, until nothing is left to happen."""
    for number, body in enumerate(bodies):
        runtime.spawn(f"strand {number}", body)
    runtime.kernel.run()


def after(runtime: SimulationRuntime, seconds: float, notes: list[object], note: object) -> Body:
    """A strand that sleeps and then notes something."""

    def body() -> None:
        runtime.sleep(seconds)
        notes.append(note)

    return body


def test_sleeping_takes_virtual_time_only() -> None:
    runtime, notes = SimulationRuntime(1), list[object]()
    began = runtime.monotonic.now_ns()
    run(runtime, after(runtime, 3_600.0, notes, "awake"))
    assert notes == ["awake"]
    assert runtime.monotonic.now_ns() - began == 3_600 * SECOND


def test_a_lock_excludes() -> None:
    runtime = SimulationRuntime(3, pace=BUSY)
    lock, inside, most = runtime.lock(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                runtime.point()
                inside[0] -= 1

    run(runtime, *[work] * 4)
    assert most == [1]
    assert inside == [0]


def test_a_wait_ends_with_its_notification_or_its_timeout() -> None:
    runtime = SimulationRuntime(5)
    condition = runtime.condition()
    notes: dict[float | None, bool] = {}

    def waits(timeout: float | None) -> Body:
        def body() -> None:
            with condition:
                notes[timeout] = condition.wait(timeout)

        return body

    def notifies() -> None:
        runtime.sleep(1.0)
        with condition:
            condition.notify_all()

    run(runtime, waits(None), waits(0.5), waits(2.0), notifies)
    assert notes == {0.5: False, 2.0: True, None: True}


def test_a_lock_may_be_asked_for_with_patience() -> None:
    runtime = SimulationRuntime(7)
    lock, got = runtime.lock(), list[bool]()

    def hold() -> None:
        with lock:
            runtime.sleep(1.0)

    def ask() -> None:
        runtime.sleep(0.1)
        got.append(lock.acquire(blocking=False))
        got.append(lock.acquire(timeout=0.2))
        got.append(lock.acquire(timeout=5.0))
        lock.release()

    run(runtime, hold, ask)
    assert got == [False, False, True]


def test_a_strand_can_be_joined() -> None:
    runtime, notes = SimulationRuntime(7), list[object]()

    def body() -> None:
        task = runtime.spawn("short", after(runtime, 1.0, notes, "short"))
        task.join(0.5)
        notes.append(task.is_alive())
        task.join()
        notes.append(task.is_alive())

    run(runtime, body)
    assert notes == [True, "short", False]


def test_timers_fire_in_time_order_and_not_once_cancelled() -> None:
    runtime, fired = SimulationRuntime(9), list[tuple[float, int]]()

    def fires(seconds: float) -> Body:
        return lambda: fired.append((seconds, runtime.monotonic.now_ns() - SECOND))

    def begin() -> None:
        for seconds in (3.0, 1.0, 2.0):
            runtime.timer(seconds, fires(seconds))
        runtime.timer(1.5, fires(1.5)).cancel()

    run(runtime, begin)
    assert fired == [(1.0, SECOND), (2.0, 2 * SECOND), (3.0, 3 * SECOND)]


def test_a_failing_timer_stops_no_other() -> None:
    runtime, fired = SimulationRuntime(9), list[int]()

    def fails() -> None:
        raise ValueError("a mistake")

    def begin() -> None:
        runtime.timer(1.0, fails)
        runtime.timer(2.0, lambda: fired.append(2))

    run(runtime, begin)
    assert fired == [2]
    assert [name for name, _ in runtime.errors] == ["timers"]


def test_a_kill_unwinds_everything_and_nothing_that_is_tried_has_an_effect() -> None:
    runtime, effects = SimulationRuntime(11), list[object]()
    event = runtime.event()

    def stubborn() -> None:
        try:
            event.wait()
        except Killed:
            effects.append("unwound")
            try:
                runtime.sleep(1.0)
            except Killed:
                effects.append("no sleep")
            raise

    def dies() -> None:
        runtime.sleep(1.0)
        runtime.die()
        effects.append("lived on")

    runtime.on_death(lambda: effects.append("dead"))
    run(runtime, stubborn, dies, after(runtime, 2.0, effects, "later"))
    assert effects == ["unwound", "no sleep", "dead"]


def test_the_process_may_die_at_any_switch_point() -> None:
    survived = []
    for point in range(1, 40):
        runtime = SimulationRuntime(13)
        lock, done = runtime.lock(), list[int]()

        def work(lock: Lock = lock, done: list[int] = done) -> None:
            for number in range(30):
                with lock:
                    done.append(number)

        runtime.die_at_point = point
        run(runtime, work)
        survived.append(len(done))
    assert survived == [*range(30), *[30] * 9]


def test_two_processes_of_one_world_share_its_time_and_not_their_death() -> None:
    kernel, seen = Kernel(1), list[object]()
    first, second = SimulationRuntime(1, kernel=kernel), SimulationRuntime(2, kernel=kernel)
    first.spawn("one", after(first, 1.0, seen, "one"))
    first.spawn("never", after(first, 5.0, seen, "never"))
    second.spawn("two", after(second, 4.0, seen, "two"))
    kernel.after(3.0, first.kill)
    kernel.run()
    assert seen == ["one", "two"]


def test_busy_without_end_is_found() -> None:
    runtime = SimulationRuntime(1)

    def spin() -> None:
        while True:
            runtime.sleep(0.0)

    runtime.spawn("spins", spin)
    with pytest.raises(Livelock):
        runtime.kernel.run(steps_max=1_000)
    runtime.close()


def test_only_a_strand_may_wait() -> None:
    runtime = SimulationRuntime(1)
    with pytest.raises(RuntimeError, match="hub"):
        runtime.sleep(1.0)


class Echo(Actor):
    """Hands every message on."""

    def receive(self, message: object) -> object:
        if self.context.name == "first":
            self.context.tell("second", message)
        return message


def echoed(seed: int) -> tuple[list[tuple[int, str]], int, float]:
    """A little tree with a crash in it: its lifecycle with times, its steps, and where its draws stand."""
    runtime = SimulationRuntime(seed, pace=BUSY)
    events: list[tuple[int, str]] = []
    spec = SupervisorSpec("root", (ChildSpec("first", Echo, heartbeat_seconds=5.0), ChildSpec("second", Echo)))
    system = System(
        runtime,
        spec,
        lambda *_args, **_keys: None,
        lambda event: events.append((runtime.kernel.now, type(event).__name__)),
    )

    def day() -> None:
        system.start()
        for _ in range(50):
            system.address("first").tell("hello")
        system.address("first").tell(Crash("drill"))
        assert system.address("second").ask("there?", timeout=5.0) == "there?"
        runtime.sleep(2.0)
        assert system.tree().find("first").restarts == 1
        assert system.tree().find("second").handled == 51
        system.stop()

    runtime.spawn("day", day)
    runtime.kernel.run()
    assert not runtime.errors
    return events, runtime.kernel.steps, runtime.kernel.random.random()


def test_the_same_actors_and_supervisors_run_on_it_and_a_seed_is_a_run() -> None:
    runs = [echoed(seed) for seed in range(8)]
    assert runs == [echoed(seed) for seed in range(8)]
    assert len({steps for _, steps, _ in runs}) > 4
