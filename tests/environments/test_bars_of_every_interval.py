"""A whole fast day over the real socket: bars of every interval are the exchange's own history, across lost connections.

The instruments keep different hours and divisors, and one trades so seldom that whole minutes have no print.
"""

from __future__ import annotations

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
KEYS: Final = ("NSE:INFY", "NSE:CASTROLIND", "BSE:SBIN", "NFO:NIFTY26NOVFUT")
WATCHERS: Final = tuple(
    f'strategies.watch_{word}={{kind: "tests.environments.watching:Watcher", instruments: [{", ".join(KEYS)}], '
    f"interval: {word}, capital: 1000, quantity: 1}}"
    for word in INTERVAL_SECONDS
) + tuple(f"strategies.{name}.enabled=false" for name in ("ma_crossover", "rsi_reversion"))


@pytest.mark.slow
def test_a_days_bars_of_every_interval_equal_history(tmp_path: Path) -> None:
    SEEN.clear()
    with an_exchange(speed=SPEED, hold=True, extra=("--date", TODAY)) as exchange:
        sets = (
            *exchange.sets,
            *WATCHERS,
            "feed.backoff_min_seconds=0.1",
            "market.bar_intervals=[minute]",
            "drills.drop_feed_at=null",
            "drills.crash_strategy_at=null",
            "schedule.eod_report=23:00",
        )
        with Trader(tmp_path, *sets, config=None) as trader:
            trader.trading()
            tokens = {each.key: each.token for each in trader.cast.instruments.values()}
            exchange.set_clock(release=True)
            trader.world.refresh_clock()
            for number, minute in enumerate(("10:20", "12:35"), start=2):
                eventually(lambda: exchange.now() >= minute, 30, minute)  # noqa: B023 - called at once
                trader.tell(FEED, DropFeed(why="a test"))
                eventually(lambda: len(trader.events("feed.connected")) == number, 10, "connected")  # noqa: B023 - called at once
            eventually(lambda: exchange.now() >= "15:42", 40, "the end of the day")
            exchange.set_clock(hold=True)

            wrong: list[str] = []
            for key, token in tokens.items():
                for word, seconds in INTERVAL_SECONDS.items():
                    eventually(lambda: not differences(exchange, token, word, seconds), 10, f"{word} bars of {key}")  # noqa: B023 - called at once
                    wrong += differences(exchange, token, word, seconds)
            trader.finish()
    live = [bar for told in SEEN.values() for bar in told if bar.complete and not bar.backfilled]
    assert wrong == []
    assert {bar.interval_seconds for bar in live} >= {60, 180, 300, 600, 900, 1800, 3600}
    assert {bar.token for bar in live} == set(tokens.values())


def differences(exchange: Exchange, token: int, word: str, seconds: int) -> list[str]:
    """Candles of today without a whole bar, or with one that differs."""
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
