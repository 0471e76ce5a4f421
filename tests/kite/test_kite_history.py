"""Candles: exact, finished, in order, in chunks below the broker's limits."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.kite.history import INTERVALS, KiteHistory
from domain.errors import BrokerRefusal, BrokerUnavailable
from domain.values import IST, MINUTE, SECOND, Instrument, InstrumentKind, nanos
from tests.kite.scripted import Answer, FixedClock, ScriptedServer, a_reader, success

INFY = Instrument(408065, "NSE", "INFY", InstrumentKind.EQUITY, 1000)
DAY = 86_400 * SECOND


def at(text: str) -> int:
    return nanos(dt.datetime.fromisoformat(text).replace(tzinfo=IST))


OPEN = at("2026-11-20 09:15:00")


def candles(*rows: list[Any]) -> bytes:
    return success({"candles": list(rows)})


def candle(text: str, close: float = 1500.1) -> list[Any]:
    return [f"{text}+0530", 1500.05, 1501.5, 1499, close, 1234]


class Broker:
    def __init__(self, *answers: Answer, now: int) -> None:
        self.server = ScriptedServer(*answers)
        self.server.__enter__()
        self.history = KiteHistory(a_reader(self.server.root), FixedClock(now))

    def close(self) -> None:
        self.history.close()
        self.server.__exit__(None, None, None)

    def asked(self) -> list[tuple[str, str]]:
        return [(request.query["from"][0], request.query["to"][0]) for request in self.server.requests]


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    answers, now = request.param
    found = Broker(*answers, now=now)
    yield found
    found.close()


THREE = (
    [candles(candle("2026-11-20T09:15:00"), candle("2026-11-20T09:16:00"), candle("2026-11-20T09:17:00"))],
    at("2026-11-20 09:17:30"),
)


@pytest.mark.parametrize("broker", [THREE], indirect=True)
def test_bars_are_exact_finished_and_marked_as_backfilled(broker: Broker) -> None:
    bars = broker.history.bars(INFY, 60, OPEN, OPEN + 60 * MINUTE)

    assert [bar.start for bar in bars] == [OPEN, OPEN + MINUTE], "09:17 is not over at 09:17:30"
    first = bars[0]
    assert (first.open, first.high, first.low, first.close) == (15_000_500, 15_015_000, 14_990_000, 15_001_000)
    assert (first.volume, first.backfilled, first.complete, first.token) == (1234, True, True, 408065)
    assert broker.server.requests[0].path == "/instruments/historical/408065/minute"
    assert broker.asked() == [("2026-11-20 09:15:00", "2026-11-20 10:14:59")], "`to` is inclusive at Kite"


@pytest.mark.parametrize("broker", [THREE], indirect=True)
def test_only_bars_that_start_inside_are_told(broker: Broker) -> None:
    bars = broker.history.bars(INFY, 60, OPEN + 1, OPEN + MINUTE + 1)

    assert [bar.start for bar in bars] == [OPEN + MINUTE]


@pytest.mark.parametrize(
    "broker", [([candles(candle("2026-11-20T09:15:00"), candle("2026-11-20T09:15:00"))], OPEN + DAY)], indirect=True
)
def test_what_two_chunks_both_hold_is_told_once(broker: Broker) -> None:
    bars = broker.history.bars(INFY, 60, OPEN - 100 * DAY, OPEN + DAY)

    assert len(broker.server.requests) == 2
    assert [bar.start for bar in bars] == [OPEN]


@pytest.mark.parametrize("broker", [([candles()], OPEN)], indirect=True)
@pytest.mark.parametrize(("seconds", "days"), [(60, 60), (300, 100), (900, 200), (3600, 400), (86_400, 2000)])
def test_no_call_asks_for_more_days_than_allowed(broker: Broker, seconds: int, days: int) -> None:
    start = OPEN - (2 * days * DAY + 5)
    broker.history.bars(INFY, seconds, start, OPEN)

    asked = broker.asked()
    assert len(asked) == 3
    for begin, end in asked:
        assert at(end) - at(begin) <= days * DAY
    for (_, before), (after, _) in itertools.pairwise(asked):
        assert at(after) - at(before) <= SECOND, "no second is left out between two calls"
    assert INTERVALS[seconds][1] == days


@pytest.mark.parametrize("broker", [([candles(candle("2026-11-20T09:15:00", 1500.123456))], OPEN + DAY)], indirect=True)
def test_an_adjusted_price_is_rounded_and_counted(broker: Broker) -> None:
    (bar,) = broker.history.bars(INFY, 60, OPEN, OPEN + MINUTE)

    assert bar.close == 15_001_235
    assert broker.history.rounded == 1


@pytest.mark.parametrize("broker", [([candles()], OPEN)], indirect=True)
def test_an_interval_that_kite_lacks_is_refused_without_asking(broker: Broker) -> None:
    with pytest.raises(BrokerRefusal, match="45 seconds"):
        broker.history.bars(INFY, 45, OPEN, OPEN + MINUTE)
    assert broker.server.requests == []


@pytest.mark.parametrize("broker", [([candles()], OPEN)], indirect=True)
def test_an_empty_stretch_asks_nothing(broker: Broker) -> None:
    assert broker.history.bars(INFY, 60, OPEN, OPEN) == []
    assert broker.server.requests == []


@pytest.mark.parametrize(
    "broker", [([success({"candles": [["yesterday", 1, 1, 1, 1, 1]]})], OPEN), ([success([])], OPEN)], indirect=True
)
def test_candles_that_cannot_be_read_are_an_unavailable_broker(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.kite.reading.WAIT_FIRST_SECONDS", 0.001)

    with pytest.raises(BrokerUnavailable, match="not as documented"):
        broker.history.bars(INFY, 60, OPEN, OPEN + MINUTE)


DAYS = ([candles(candle("2026-11-19T00:00:00"), candle("2026-11-20T00:00:00"))], at("2026-11-20 16:00:00"))


@pytest.mark.parametrize("broker", [DAYS], indirect=True)
def test_todays_day_bar_is_not_finished_before_midnight(broker: Broker) -> None:
    bars = broker.history.bars(INFY, 86_400, at("2026-11-01 00:00:00"), at("2026-11-21 00:00:00"))

    assert [bar.start for bar in bars] == [at("2026-11-19 00:00:00")]
