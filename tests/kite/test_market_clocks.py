"""Clocks: how a sandbox's market time is followed."""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections.abc import Iterator

import pytest

from adapters.clock import MonotonicClock, SandboxControl, SandboxMarketClock, SystemMarketClock
from domain.errors import BrokerUnavailable
from domain.values import IST, SECOND, nanos
from tests.kite.scripted import ScriptedServer, reply

NOON = nanos(dt.datetime(2026, 11, 20, 12, tzinfo=IST))


class Stepped:
    def __init__(self) -> None:
        self.now = 5 * SECOND

    def now_ns(self) -> int:
        return self.now


@pytest.fixture
def sandbox() -> Iterator[ScriptedServer]:
    with ScriptedServer(reply(200, {"now_ns": NOON, "rate": 125.0, "held": False, "mode": "rate"})) as server:
        yield server


def say(server: ScriptedServer, **state: object) -> None:
    server.answers[:] = [reply(200, {"now_ns": NOON, "rate": 125.0, "held": False} | state)]


def test_market_time_runs_at_the_sandboxs_rate(sandbox: ScriptedServer) -> None:
    mono = Stepped()
    clock = SandboxMarketClock(sandbox.root, mono)
    mono.now += 2 * SECOND

    assert clock.now_ns() == NOON + 250 * SECOND
    assert (clock.rate, clock.date) == (125.0, dt.date(2026, 11, 20))
    assert clock.wall_seconds_until(NOON + 500 * SECOND) == 2.0
    assert clock.wall_seconds_until(NOON) == 0.0


def test_a_held_clock_stands_and_nothing_comes_due(sandbox: ScriptedServer) -> None:
    say(sandbox, held=True)
    mono = Stepped()
    clock = SandboxMarketClock(sandbox.root, mono)
    mono.now += 100 * SECOND

    assert clock.now_ns() == NOON
    assert clock.rate == 0.0
    assert clock.wall_seconds_until(NOON + 1) == math.inf
    assert clock.wall_seconds_until(NOON) == 0.0

    say(sandbox)
    clock.refresh()
    mono.now += SECOND
    assert clock.now_ns() == NOON + 125 * SECOND


def test_market_time_never_runs_backwards(sandbox: ScriptedServer) -> None:
    mono = Stepped()
    clock = SandboxMarketClock(sandbox.root, mono)
    mono.now += SECOND
    before = clock.now_ns()
    clock.refresh()

    assert clock.now_ns() == before
    mono.now += 2 * SECOND
    assert clock.now_ns() == NOON + 250 * SECOND


def test_control_asks_for_what_it_says(sandbox: ScriptedServer) -> None:
    control = SandboxControl(sandbox.root)
    control.release()
    control.hold()
    control.set_rate(10)

    assert [(request.method, request.path) for request in sandbox.requests] == [("POST", "/_sandbox/clock")] * 3
    assert [json.loads(request.body) for request in sandbox.requests] == [
        {"release": True},
        {"hold": True},
        {"rate": 10},
    ]


def test_a_silent_or_odd_sandbox_is_unavailable_in_one_line(sandbox: ScriptedServer) -> None:
    sandbox.answers[:] = [reply(500, b"")]
    with pytest.raises(BrokerUnavailable, match="HTTP 500"):
        SandboxControl(sandbox.root).books()
    sandbox.answers[:] = [reply(200, [])]
    with pytest.raises(BrokerUnavailable, match="not readable"):
        SandboxMarketClock(sandbox.root, MonotonicClock())
    with pytest.raises(BrokerUnavailable, match="not a table"):
        SandboxControl(sandbox.root).books()
    sandbox.__exit__(None, None, None)
    with pytest.raises(BrokerUnavailable, match="did not answer"):
        SandboxControl(sandbox.root).release()


@pytest.mark.parametrize("address", ["https://api.kite.trade", "127.0.0.1:5000", ""])
def test_control_is_for_a_local_sandbox_alone(address: str) -> None:
    with pytest.raises(ValueError, match="local sandbox"):
        SandboxControl(address)


def test_the_systems_clocks_tell_the_wall_and_what_has_passed() -> None:
    market, mono = SystemMarketClock(), MonotonicClock()
    first = mono.now_ns()

    assert abs(market.now_ns() - time.time_ns()) < SECOND
    assert mono.now_ns() >= first
    assert market.wall_seconds_until(market.now_ns() - SECOND) == 0.0
    assert 59 < market.wall_seconds_until(market.now_ns() + 60 * SECOND) <= 60
