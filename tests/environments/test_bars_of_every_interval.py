"""A whole fast day over the real socket: bars of every interval are the exchange's own history, across lost connections.

One instrument or more of every segment, with their hours and divisors, from the first opening at 09:00 to the last close at
night; some trade so seldom that whole minutes have no print.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from actors.routes import FEED
from domain.market.buckets import INTERVAL_SECONDS
from domain.messages.market import DropFeed
from domain.values import e4, ist
from tests.environments.watching import SEEN
from tests.support.waiting import eventually
from tests.system.plant import Exchange, Trader, an_exchange

SPEED: Final = 1500
TODAY: Final = "2026-11-20"
NIGHT_SPEED: Final = 2000
"""From 17:00 on, when commodities alone trade."""
LATE_SPEED: Final = 1000
KEYS: Final = (
    "NSE:INFY",
    "NSE:CASTROLIND",
    "BSE:SBIN",
    "NFO:NIFTY26NOVFUT",
    "BFO:SENSEX26NOVFUT",
    "CDS:USDINR26NOVFUT",
    "CDS:JPYINR27JANFUT",
    "MCX:CRUDEOIL26DECFUT",
    "MCX:GOLDPETAL26DECFUT",
)
WATCHERS: Final = tuple(
    f'strategies.watch_{word}={{kind: "tests.environments.watching:Watcher", instruments: [{", ".join(KEYS)}], '
    f"interval: {word}, capital: 1000, quantity: 1}}"
    for word in INTERVAL_SECONDS
) + tuple(f"strategies.{name}.enabled=false" for name in ("ma_crossover", "rsi_reversion"))


@pytest.mark.slow
def test_a_days_bars_of_every_interval_equal_history(tmp_path: Path) -> None:
    SEEN.clear()
    with an_exchange(speed=SPEED, hold=True, extra=("--date", TODAY, "--start", "08:59:00")) as exchange:
        sets = (
            *exchange.sets,
            *WATCHERS,
            "feed.backoff_min_seconds=0.1",
            "drills.drop_feed_at=null",
            "drills.crash_strategy_at=null",
            "schedule.eod_report=23:59",
        )
        with Trader(tmp_path, *sets, config=None) as trader:
            trader.trading()
            tokens = {each.key: each.token for each in trader.cast.instruments.values()}
            exchange.set_clock(release=True)
            trader.world.refresh_clock()
            for number, minute in enumerate(("10:20", "12:35", "16:10", "19:30"), start=2):
                eventually(lambda: exchange.now() >= minute, 60, minute)  # noqa: B023 - called at once
                trader.tell(FEED, DropFeed(why="a test"))
                eventually(lambda: len(trader.events("feed.connected")) == number, what="connected")  # noqa: B023 - called at once
                if minute > "16":
                    eventually(lambda: exchange.now() >= "17:01", 60, "the end of currencies")
                    exchange.set_clock(rate=NIGHT_SPEED)
                    trader.world.refresh_clock()
            eventually(lambda: exchange.now() >= "22:30", 60, "the late evening")
            # A test that looks too late would find the next morning, when the broker's tokens have ended.
            exchange.set_clock(rate=LATE_SPEED)
            trader.world.refresh_clock()
            eventually(lambda: exchange.now() >= "23:57", 60, "the end of the day")
            exchange.set_clock(hold=True)
            # At this rate a clock that is followed every five seconds would be far into the next day.
            trader.world.refresh_clock()

            compared = [(key, word) for key in tokens for word in INTERVAL_SECONDS]
            wrong = at_last_none(compared, lambda key, word: differences(exchange, tokens[key], word))
            trader.finish()
    live = [bar for told in SEEN.values() for bar in told if bar.complete and not bar.backfilled]
    assert wrong == []
    assert {bar.interval_seconds for bar in live} >= {60, 180, 300, 600, 900, 1800, 3600}
    assert {bar.token for bar in live} == set(tokens.values())


def at_last_none(compared: list[tuple[str, str]], find: Callable[[str, str], list[str]]) -> list[str]:
    """What is still found when there has been time for it to end: the last bars are being filled in meanwhile."""

    def all_agree() -> bool:
        compared[:] = [each for each in compared if find(*each)]
        return not compared

    with contextlib.suppress(AssertionError):
        eventually(all_agree)
    return [f"{key} {each}" for key, word in compared for each in find(key, word)]


def differences(exchange: Exchange, token: int, word: str) -> list[str]:
    """Candles of today without a whole bar, or with one that differs."""
    seconds = INTERVAL_SECONDS[word]
    found = exchange.rows(f"/instruments/historical/{token}/{word}?from={TODAY}+09:00:00&to={TODAY}+23:59:59")
    assert isinstance(found, dict)
    told: dict[str, set[tuple[int, ...]]] = {}
    for (which, interval, start), bars in SEEN.items():
        if which == token and interval == seconds and ist(start).strftime("%Y-%m-%d") == TODAY:
            told[ist(start).strftime("%H:%M")] = {
                (b.open, b.high, b.low, b.close, b.volume) for b in bars if b.complete or b.backfilled
            }
    wrong = []
    for stamp, *prices, volume in found["candles"]:
        expected = (*(e4(str(price)) for price in prices), volume)
        if told.get(stamp[11:16]) != {expected}:
            wrong.append(f"{word} {stamp[11:16]}: history {expected}, told {told.get(stamp[11:16])}")
    return wrong
