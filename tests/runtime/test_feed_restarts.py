"""The feed's actor is crashed again and again on the real ticker: ticks resume each time, and nothing is left behind.

Reactors, sockets, threads and descriptors: as many after hundreds of restarts as after the first few.
"""

from __future__ import annotations

import gc
import sys
import threading
import time

import pytest

from actors.feed import Feed, FeedSettings
from actors.routes import FEED, MARKET, ORDERS, REPORTER, RISK, Routes, Topology
from actors.runtime import Actor, Backoff, ChildRestarted, ChildSpec, Crash, Lane, MailboxSpec, Overflow, Ready
from adapters.clock import SandboxMarketClock
from adapters.kite.ticker import KiteFeed
from adapters.kite.tokens import TokenHolder
from domain.messages.market import TickBatch
from tests.runtime.harness import DEADLINE_SECONDS, Inbox, Monotonic, Scripted, a_root, running, silent
from tests.support.waiting import eventually, open_descriptors
from tests.system.plant import Exchange, an_exchange

SETTLED_AFTER = 3
"""Restarts before the first count: what is made once (the reactor, its pipes, caches) is there by then."""


class Market(Actor):
    """Knows the newest epoch from which ticks have come."""

    seen: list[int]
    told: threading.Condition

    def receive(self, message: object) -> object:
        if isinstance(message, TickBatch):
            with self.told:
                self.seen.append(message.epoch)
                self.told.notify_all()
        return None


@pytest.mark.parametrize("restarts", [8, pytest.param(300, marks=pytest.mark.long("feed-restarts"))])
def test_after_every_restart_ticks_resume_and_nothing_is_left_behind(restarts: int) -> None:
    told, seen = threading.Condition(), list[int]()
    times: list[float] = []
    with an_exchange(speed=20) as exchange:
        clock = SandboxMarketClock(exchange.running.rest, Monotonic())
        holder = TokenHolder(())
        holder.put(exchange.running.details.access_token)
        port = KiteFeed(exchange.running.ws, exchange.running.details.api_key, holder, clock, log=silent)
        settings = FeedSettings("full", 10.0, 10.0, Backoff(min_seconds=0.01, max_seconds=0.05))
        routes = Routes(Topology(strategies=(), by_token={}))
        tokens = _tokens(exchange)
        market = type("SeeingMarket", (Market,), {"seen": seen, "told": told})
        sinks = [ChildSpec(name, lambda context: Scripted(context, Inbox())) for name in (ORDERS, RISK, REPORTER)]
        feed = ChildSpec(
            FEED,
            lambda context: Feed(context, routes, port, clock, settings, tokens),
            ready=Ready.EXPLICIT,
            mailbox=MailboxSpec(overflow=Overflow.GROW),
            backoff=Backoff(),
        )

        def ticks_of_this_life(life: int) -> bool:
            # Epochs only grow, each life's beginning above all of the life before.
            return bool(seen) and seen[-1] // 1_000_000 >= life

        try:
            with running(a_root(*sinks, ChildSpec(MARKET, market), feed, intensity=restarts + 1)) as it:
                counts = []
                for life in range(1, restarts + 1):
                    with told:
                        assert told.wait_for(lambda: ticks_of_this_life(life), DEADLINE_SECONDS)  # noqa: B023 - this life's
                    if life in (SETTLED_AFTER, restarts):
                        counts.append(_counts())
                    begun = time.monotonic()
                    it.system.address(FEED).tell(Crash("a test"), Lane.CONTROL)
                    it.watch.wait(ChildRestarted, FEED, life)
                    times.append(time.monotonic() - begun)
                with told:
                    assert told.wait_for(lambda: ticks_of_this_life(restarts + 1), DEADLINE_SECONDS)
                eventually(lambda: _counts() == counts[0], what=f"as many as at first: {counts[0]}, now {_counts()}")
        finally:
            port.close()
    times.sort()
    median, slowest = (round(seconds * 1000) for seconds in (times[len(times) // 2], times[-1]))
    sys.stdout.write(f"{restarts} restarts: median {median} ms, slowest {slowest} ms\n")


def _counts() -> tuple[int, int]:
    """Threads and open descriptors, once closed sockets are gone."""
    gc.collect()
    return threading.active_count(), len(open_descriptors())


def _tokens(exchange: Exchange) -> tuple[int, ...]:
    lines = exchange.call("GET", "/instruments/NSE").decode().splitlines()[1:]
    wanted = {"INFY", "SBIN"}
    found = tuple(int(line.split(",")[0]) for line in lines if line.split(",")[2] in wanted)
    assert len(found) == len(wanted)
    return found
