"""The tape: the same seed gives the same market, bars aggregate exactly the prints, sessions end when they should."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from sandbox.instruments import Universe, monthly_expiries, tick_for
from sandbox.rules import circuit_limits
from sandbox.tape import DayTape, Market
from sandbox.trading_days import (
    NS,
    SessionKind,
    at,
    close_seconds,
    day_of,
    is_trading_day,
    last_trading_day,
    previous_trading_day,
    square_off_seconds,
    text_of,
)

FRIDAY = date(2026, 11, 20)
UNIVERSE = Universe(FRIDAY)
SOME = ["NSE:INFY", "NSE:CASTROLIND", "NSE:GILLETTE", "BSE:INFY", "NSE:NIFTY 50", "NSE:INDIA VIX", "NFO:INFY26NOVFUT"]


def tape_of(key: str, seed: int = 1, day: date = FRIDAY) -> DayTape:
    return Market(seed).tape(UNIVERSE.by_key[key], day)


@pytest.mark.parametrize("key", SOME)
def test_the_seed_alone_decides_the_market(key: str) -> None:
    market = Market(1)
    market.past_bars(UNIVERSE.by_key["NSE:TCS"], date(2026, 11, 19))  # what is asked first must not matter
    one, same, other = market.tape(UNIVERSE.by_key[key], FRIDAY), tape_of(key), tape_of(key, seed=2)

    for name in ("second", "price", "quantity", "bid", "ask"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.price, other.price)


@pytest.mark.parametrize("key", SOME)
def test_at_most_one_print_a_second_on_the_tick_and_inside_the_circuit(key: str) -> None:
    tape = tape_of(key)
    low, high = circuit_limits(tape.instrument, tape.previous_close)

    assert np.all(np.diff(tape.second) >= 1)
    assert np.all(tape.price % tape.instrument.tick == 0)
    assert tape.price.min() >= low
    assert tape.price.max() <= high
    if not tape.instrument.is_index:
        assert np.all((tape.price == tape.bid) | (tape.price == tape.ask))
        spread = (tape.ask - tape.bid) // tape.instrument.tick
        assert spread.min() >= 1
        assert spread.max() <= 3


@pytest.mark.parametrize("key", SOME)
@pytest.mark.parametrize("printed", [None, 1, 100])
def test_bars_aggregate_exactly_the_prints(key: str, printed: int | None) -> None:
    tape = tape_of(key)
    expected: dict[int, list[int]] = {}
    for index in range(tape.count if printed is None else printed):
        price, quantity = int(tape.price[index]), int(tape.quantity[index])
        bar = expected.setdefault(int(tape.second[index]) // 60, [price, price, price, price, 0])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += quantity

    bars = tape.minute_bars(printed)

    assert {row[0]: row[1:6] for row in bars.tolist()} == expected


def test_the_last_price_of_a_day_is_the_next_days_previous_close() -> None:
    market = Market(3)
    for key in SOME:
        one = UNIVERSE.by_key[key]
        thursday = previous_trading_day(FRIDAY)

        assert market.tape(one, FRIDAY).previous_close == market.past_bars(one, thursday)[-1, 4]


def test_a_print_counts_from_the_start_of_its_second() -> None:
    tape = tape_of("NSE:GILLETTE")
    when = tape.time_ns(5)

    assert tape.printed(when - 1) == 5
    assert tape.printed(when) == 6
    assert tape.printed(tape.open_ns - 1) == 0
    assert tape.printed(at(FRIDAY, 20 * 3600)) == tape.count


@pytest.mark.parametrize(
    ("kind", "day", "close"),
    [
        ("cash", FRIDAY, "15:30"),
        ("auction", FRIDAY, "15:15"),
        ("derivative", FRIDAY, "15:40"),
        ("auction", date(2026, 7, 31), "15:30"),
        ("derivative", date(2026, 7, 31), "15:30"),
    ],
)
def test_sessions_end_by_kind_and_date(kind: SessionKind, day: date, close: str) -> None:
    hours, minutes = map(int, close.split(":"))

    assert close_seconds(kind, day) == hours * 3600 + minutes * 60


def test_the_tape_of_a_closing_auction_share_stops_at_quarter_past_three() -> None:
    assert tape_of("NSE:INFY").second[-1] == 6 * 3600 - 1
    assert tape_of("NSE:CASTROLIND").second[-1] == 6 * 3600 + 15 * 60 - 1
    assert tape_of("NFO:INFY26NOVFUT").second[-1] == 6 * 3600 + 25 * 60 - 1
    assert square_off_seconds("auction", FRIDAY) < close_seconds("auction", FRIDAY)


def test_calendar() -> None:
    assert not is_trading_day(date(2026, 11, 24))
    assert is_trading_day(date(2026, 2, 1))
    assert last_trading_day(date(2026, 11, 22)) == FRIDAY
    assert is_trading_day(date(2031, 1, 1))  # no table: Monday to Friday
    assert text_of(at(FRIDAY, 33_300)) == "2026-11-20 09:15:00"
    assert day_of(at(FRIDAY, 0)) == FRIDAY
    assert day_of(at(FRIDAY, 0) - NS) == FRIDAY - timedelta(days=1)


def test_prices_of_a_minute_move_enough_for_intraday_strategies() -> None:
    """On a typical day a 9/21 crossover turns several times and the range is that of a real share."""
    bars = tape_of("NSE:SBIN").minute_bars()
    close = bars[:, 4].astype(float)
    fast, slow = _ema(close, 9), _ema(close, 21)

    assert 5 <= np.count_nonzero(np.diff(np.sign(fast - slow))) <= 60
    assert 0.006 < close.max() / close.min() - 1 < 0.06


def _ema(values: Any, length: int) -> Any:
    out = [values[0]]
    for value in values[1:]:
        out.append(out[-1] + 2 / (length + 1) * (value - out[-1]))
    return np.array(out)


def test_universe_knows_kites_tokens_and_ticks() -> None:
    for key, token in (("NSE:INFY", 408065), ("NSE:SBIN", 779521), ("NSE:RELIANCE", 738561), ("BSE:SENSEX", 265)):
        assert UNIVERSE.by_key[key].token == token
    assert [tick_for(rupees * 10_000) for rupees in (249, 250, 1000, 5000, 10_000, 20_000)] == [
        100,
        500,
        1000,
        5000,
        10_000,
        50_000,
    ]
    # the last Tuesday of November 2026, the 24th, is a holiday
    assert monthly_expiries(FRIDAY, 2) == [date(2026, 11, 23), date(2026, 12, 29)]


def test_about_eight_shares_have_no_derivatives() -> None:
    shares = {one.tradingsymbol for one in UNIVERSE.all if one.segment == "NSE"}
    with_futures = {one.name for one in UNIVERSE.all if one.segment == "NFO-FUT"}
    without = shares - with_futures

    assert 6 <= len(without) <= 10
    assert all(UNIVERSE.by_key[f"NSE:{symbol}"].session == "cash" for symbol in without)
