"""Candles that are missing, twice there, out of order, late or not there at all while a lost minute is filled from them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from actors.routes import FEED
from domain.messages.market import DropFeed
from domain.values import e4, ist
from tests.sandbox_faults.whole import Fault
from tests.support.waiting import eventually
from tests.system.faulty import SEEN
from tests.system.plant import Exchange, Trader, an_exchange

CANDLES: Final = "GET /instruments/historical/*/*"
TODAY: Final = "2026-11-20"
WATCHED: Final = {408065: "NSE:INFY", 779521: "NSE:SBIN"}
SETS: Final = (
    *(
        f'strategies.watch_{token}={{kind: "tests.system.faulty:Watcher", instruments: ["{key}"], interval: minute, '
        "capital: 1000, quantity: 1}"
        for token, key in WATCHED.items()
    ),
    "strategies.ma_crossover.enabled=false",
    "strategies.rsi_reversion.enabled=false",
    "drills.drop_feed_at=null",
    "drills.crash_strategy_at=null",
    "feed.backoff_min_seconds=0.1",
    "kite.read_timeout_seconds=1",
)

FAULTS: Final[dict[str, tuple[Fault, ...]]] = {
    "none, twice": ({"fault": "history", "do": "empty", "next": 4},),
    "holes": ({"fault": "history", "do": "gaps", "share": 0.6, "next": 4},),
    "twice there": ({"fault": "history", "do": "duplicates", "share": 1.0},),
    "out of order": ({"fault": "history", "do": "disorder", "share": 1.0},),
    "500": ({"fault": "error", "status": 500, "route": CANDLES, "next": 6},),
    "HTML": ({"fault": "html", "route": CANDLES, "next": 2},),
    "too many requests": ({"fault": "rate_limit", "route": CANDLES, "next": 3},),
    "cut in the body": ({"fault": "truncate", "how": "body", "route": CANDLES, "next": 3},),
    "frozen": ({"fault": "freeze", "route": CANDLES, "next": 1},),
    "dropped": ({"fault": "drop", "route": CANDLES, "next": 3},),
}
NORMAL: Final = ("none, twice", "out of order", "500", "frozen")


def play(folder: Path, faults: tuple[Fault, ...]) -> None:
    SEEN.clear()
    with ExitStack() as stack:
        exchange = stack.enter_context(an_exchange(speed=90, hold=True, extra=("--date", TODAY, "--faults", "on")))
        with Trader(folder, *exchange.sets, *SETS, config=None) as trader:
            trader.trading()
            exchange.set_clock(release=True)
            trader.world.refresh_clock()
            until(exchange, "09:17:10")
            exchange.set_faults(faults)
            trader.tell(FEED, DropFeed(why="a test"))
            eventually(lambda: len(trader.events("feed.connected")) == 2, what="connected again")
            eventually(lambda: struck(exchange), what="every fault strikes")
            until(exchange, "09:20:10")
            exchange.set_clock(hold=True)
            trader.world.refresh_clock()

            for token in WATCHED:
                eventually(lambda: not wrong(exchange, token), what=f"bars of {token}")  # noqa: B023 - called at once
            assert not trader.events("child.crashed")
            trader.finish()


def until(exchange: Exchange, time: str) -> None:
    eventually(lambda: exchange.now() >= time, what=f"{time} in the market")


def struck(exchange: Exchange) -> bool:
    return all(row["struck"] for row in json.loads(exchange.call("GET", "/_sandbox/faults"))["faults"])


def wrong(exchange: Exchange, token: int) -> list[str]:
    """What is still amiss: minutes to 09:18 without a whole bar, or a whole bar that differs from the exchange's own."""
    exchange.set_faults(())
    found = exchange.rows(f"/instruments/historical/{token}/minute?from={TODAY}+09:15:00&to={TODAY}+09:18:59")
    assert isinstance(found, dict)
    amiss = []
    for stamp, *prices, volume in found["candles"]:
        told = [
            (bar.open, bar.high, bar.low, bar.close, bar.volume)
            for (which, start), bars in SEEN.items()
            if which == token and ist(start).strftime(f"{TODAY}T%H:%M") == stamp[:16]
            for bar in bars
            if bar.complete or bar.backfilled
        ]
        expected = (*(e4(str(price)) for price in prices), volume)
        if set(told) != {expected} or len(told) != 1:
            amiss.append(f"{stamp}: history {expected}, told {told}")
    return amiss


@pytest.mark.parametrize("name", NORMAL)
def test_a_lost_minute_is_filled_once_and_right(tmp_path: Path, name: str) -> None:
    play(tmp_path, FAULTS[name])


@pytest.mark.long("faults")
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in NORMAL])
def test_a_lost_minute_is_filled_once_and_right_in_the_end(tmp_path: Path, name: str) -> None:
    play(tmp_path, FAULTS[name])
