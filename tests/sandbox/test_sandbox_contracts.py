"""What is listed, and that prices of contracts follow their underlyings."""

from datetime import date
from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from sandbox.contracts import monthly_expiries, weekly_expiries
from sandbox.instruments import Instrument, Universe
from sandbox.option_prices import normal_cdf, option_value
from sandbox.paths import Paths
from sandbox.prints import close_price, fair_price, settlement_price
from sandbox.tape import Market
from sandbox.trading_days import close_seconds, open_seconds
from sandbox.wire import Chunks
from tests.sandbox.desk import FRIDAY

PATHS = Paths(1)
UNIVERSE = Universe(FRIDAY, paths=PATHS)
MARKET = Market(1)
EXPIRY = date(2026, 11, 23)


def option_near(name: str, kind: str, expiry: date = EXPIRY) -> Instrument:
    """The option whose strike is nearest to yesterday's close."""
    chain = [one for one in UNIVERSE.all if (one.name, one.option, one.expiry) == (name, kind, expiry)]
    level = PATHS.close(chain[0].path, date(2026, 11, 19))
    return min(chain, key=lambda one: abs(one.strike - level))


def test_thousands_are_listed_in_every_segment() -> None:
    counts: dict[str, int] = {}
    for one in UNIVERSE.all:
        counts[one.segment] = counts.get(one.segment, 0) + 1

    assert sum(count for segment, count in counts.items() if segment != "INDICES") >= 3000
    assert counts["NSE"] >= 200
    assert counts["BSE"] >= 100
    assert {"NFO-FUT", "NFO-OPT", "BFO-FUT", "BFO-OPT", "CDS-FUT", "CDS-OPT", "MCX-FUT", "MCX-OPT"} <= set(counts)


def test_tokens_say_their_segment_and_fit_a_signed_word() -> None:
    ids = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "MCX": 7}
    for one in UNIVERSE.all:
        assert one.token & 0xFF == (9 if one.is_index else ids[one.exchange])
        assert one.token < 2**31


def test_a_contract_keeps_its_token_from_day_to_day() -> None:
    later = Universe(date(2026, 11, 26), paths=PATHS)
    both = UNIVERSE.by_key.keys() & later.by_key.keys()

    assert len(both) > 3000
    assert all(UNIVERSE.by_key[key].token == later.by_key[key].token for key in both)


def test_expiries() -> None:
    # Tuesday 24 November 2026 is a holiday
    assert weekly_expiries(FRIDAY, 3) == [EXPIRY, date(2026, 12, 1), date(2026, 12, 8)]
    assert weekly_expiries(FRIDAY, 2, "BFO") == [date(2026, 11, 26), date(2026, 12, 3)]
    assert monthly_expiries(FRIDAY, 2, "BFO") == [date(2026, 11, 26), date(2026, 12, 31)]
    assert monthly_expiries(date(2025, 7, 1), 1) == [date(2025, 7, 31)]  # Thursdays before September 2025
    weekly = {one.name for one in UNIVERSE.all if one.is_option and one.expiry == date(2026, 12, 1)}
    assert weekly == {"NIFTY"}
    assert {one.name for one in UNIVERSE.all if one.expiry == date(2026, 12, 3)} == {"SENSEX"}


def test_expired_contracts_leave_the_list_and_are_remembered() -> None:
    universe = Universe(FRIDAY, 3)
    old = next(one for one in universe.all if one.expiry == EXPIRY)
    size = len(universe.csv() or b"")
    universe.expire_before(EXPIRY)
    assert old.key in universe.by_key
    universe.expire_before(date(2026, 11, 24))

    assert old.key not in universe.by_key
    assert universe.ever[old.key] is old
    assert universe.find(str(old.token)) is None
    assert len(universe.csv() or b"") < size


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("strike", [22_000.0, 25_000.0, 29_000.0])
@pytest.mark.parametrize("years", [0.004, 0.1, 1.0])
def test_option_values_are_blacks(is_call: bool, strike: float, years: float) -> None:
    """Against the textbook formula with the standard library's normal distribution."""
    spot, carry, sigma = 25_500.0, 0.065, 0.14
    forward = spot * exp(carry * years)
    m = min(max(log(strike / forward), -0.25), 0.25)
    smiled = sigma * (1 - 0.8 * m + 4 * m * m)
    d1 = (log(forward / strike) + smiled**2 / 2 * years) / (smiled * sqrt(years))
    n = NormalDist().cdf
    call = exp(-carry * years) * (forward * n(d1) - strike * n(d1 - smiled * sqrt(years)))
    expected = call if is_call else call - exp(-carry * years) * (forward - strike)

    found = option_value(
        is_call=is_call, spot=np.array([spot]), strike=strike, years=np.array([years]), sigma=sigma, carry=carry
    )

    assert found[0] == pytest.approx(max(expected, 0), abs=0.02)
    assert normal_cdf(np.array([0.3]))[0] == pytest.approx(n(0.3), abs=1e-7)


@pytest.mark.parametrize("name", ["NIFTY", "SENSEX", "INFY"])
def test_calls_puts_and_the_future_are_in_parity(name: str) -> None:
    """Call - put = (future - strike) discounted, to a few ticks of spread, all through the day."""
    expiry = date(2026, 12, 31) if name == "SENSEX" else date(2026, 12, 29)
    call, put = option_near(name, "CE", expiry), option_near(name, "PE", expiry)
    future = next(one for one in UNIVERSE.all if (one.name, one.is_future, one.expiry) == (name, True, expiry))
    second = np.arange(0, 23_000, 500)
    left, right, forward = (fair_price(MARKET.paths, one, FRIDAY, second) for one in (call, put, future))
    discount = np.exp(-0.065 * (expiry - FRIDAY).days / 365)

    assert np.abs(left - right - (forward - call.strike) * discount).max() / forward.mean() < 2e-4


def test_options_end_at_their_intrinsic_value() -> None:
    for kind in ("CE", "PE"):
        one = option_near("NIFTY", kind)
        settled = settlement_price(MARKET.paths, one)
        tape = MARKET.tape(one, EXPIRY)
        close = close_price(MARKET.paths, UNIVERSE.by_key["NSE:NIFTY 50"], EXPIRY)
        intrinsic = max((close - one.strike) * (1 if kind == "CE" else -1), 0)

        assert settled == pytest.approx(intrinsic, abs=2 * one.tick)
        assert int(tape.price[-1]) == pytest.approx(max(intrinsic, one.tick), abs=2 * one.tick)
        after = tape.second > close_seconds("cash", EXPIRY) - open_seconds("derivative")
        assert np.ptp(tape.price[after]) <= 3 * one.tick


def daily_returns(key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    one = UNIVERSE.by_key[key]
    closes = np.log([PATHS.close(one.path, day) for day in DAYS])
    return np.asarray(np.diff(closes), dtype=np.float64)


DAYS = [date.fromordinal(date(2026, 1, 1).toordinal() + step) for step in range(300)]


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("NSE:SBIN", "NSE:NIFTY BANK", 0.45, 0.95),
        ("NSE:TCS", "NSE:NIFTY IT", 0.45, 0.95),
        ("NSE:NIFTY 50", "BSE:SENSEX", 0.98, 1.0),
        ("NSE:NIFTY 50", "NSE:INDIA VIX", -1.0, -0.3),
        ("MCX:CRUDEOIL26DECFUT", "NSE:NIFTY 50", -0.2, 0.2),
    ],
)
def test_prices_move_together(one: str, other: str, least: float, most: float) -> None:
    assert least <= np.corrcoef(daily_returns(one), daily_returns(other))[0, 1] <= most


def test_banks_hang_together_beyond_the_market() -> None:
    market = daily_returns("NSE:NIFTY 50")

    def rest(key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What the market does not explain."""
        own = daily_returns(key)
        return np.asarray(own - market * (own @ market) / (market @ market), dtype=np.float64)

    def corr(a: str, b: str) -> float:
        return float(np.corrcoef(rest(a), rest(b))[0, 1])

    assert corr("NSE:HDFCBANK", "NSE:ICICIBANK") > 0.12
    assert corr("NSE:HDFCBANK", "NSE:NIFTY BANK") > 0.25
    assert abs(corr("NSE:HDFCBANK", "NSE:TATASTEEL")) < 0.12


@pytest.mark.parametrize(
    ("key", "opens", "closes"),
    [
        ("CDS:USDINR26DECFUT", "09:00", "17:00"),
        ("MCX:CRUDEOIL26DECFUT", "09:00", "23:55"),
        ("NFO:NIFTY26DECFUT", "09:15", "15:40"),
    ],
)
def test_sessions_of_segments(key: str, opens: str, closes: str) -> None:
    tape = MARKET.tape(UNIVERSE.by_key[key], FRIDAY)
    hours, minutes = map(int, opens.split(":"))
    last_hours, last_minutes = map(int, closes.split(":"))

    assert tape.open_seconds == (hours * 60 + minutes) * 60
    assert tape.open_seconds + int(tape.second[-1]) + 1 == (last_hours * 60 + last_minutes) * 60
    assert np.all(tape.price % tape.instrument.tick == 0)


def test_a_busy_market_prints_every_second() -> None:
    one = option_near("NIFTY", "CE")
    tape = Market(1, busy=True).tape(one, FRIDAY)

    assert tape.count == 385 * 60
    assert MARKET.tape(one, FRIDAY).count < tape.count


@pytest.mark.parametrize("key", ["NSE:INFY", "NFO:NIFTY26DECFUT", "NSE:GILLETTE"])
@pytest.mark.parametrize("start", [0, 1, 127, 128, 300])
def test_running_totals_from_a_mark_are_those_from_the_start(key: str, start: int) -> None:
    tape = MARKET.tape(UNIVERSE.by_key[key], FRIDAY)
    stop = min(start + 40, tape.count)
    running = tape.running(start, stop)
    rows = slice(start, stop)

    assert np.array_equal(running.volume, tape.volume[rows])
    assert np.array_equal(running.value, tape.value[rows])
    assert np.array_equal(running.high, tape.high[rows])
    assert np.array_equal(running.low, tape.low[rows])
    assert np.array_equal(running.interest, tape.open_interest[rows])
    if tape.instrument.is_derivative:
        assert np.array_equal(running.interest_high, np.maximum.accumulate(tape.open_interest)[rows])
        assert np.array_equal(running.interest_low, np.minimum.accumulate(tape.open_interest)[rows])


def test_prints_that_were_dropped_come_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.tape._DRAWN_KEPT", 2)
    market = Market(1)
    shares = [UNIVERSE.by_key[f"NSE:{name}"] for name in ("INFY", "SBIN", "ITC", "TCS")]
    tapes = [market.tape(one, FRIDAY) for one in shares]

    assert sum(tape._held is not None for tape in tapes) == 2
    for one, tape in zip(shares, tapes, strict=True):
        fresh = MARKET.tape(one, FRIDAY)
        assert np.array_equal(tape.price, fresh.price)
    assert [tape.printed(tape.time_ns(index)) for index in (0, 127, 128, 999)] == [1, 128, 129, 1000]
    assert sum(tape._held is not None for tape in tapes) == 2


def test_a_cheap_options_book_has_no_price_below_the_first_tick() -> None:
    far = min(
        (one for one in UNIVERSE.all if one.name == "NIFTY" and one.option == "CE" and one.expiry == EXPIRY),
        key=lambda one: -one.strike,
    )
    tape = MARKET.tape(far, EXPIRY)
    depth = Chunks(MARKET.paths).at(tape, tape.count - 1).depth

    assert tape.price.min() >= far.tick
    assert depth.prices.min() >= 0
    assert np.array_equal(depth.prices > 0, depth.sizes > 0)
