"""The sandbox's encoder and the adapter's decoder, written apart, agree on random ticks of every type; the official
parser agrees with both on a sample.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from kiteconnect import KiteTicker
from numpy.typing import NDArray

from adapters.kite.wire import DecodeCounts, decode
from domain.ticks import TICK_DTYPE
from sandbox.wire import Mode, Ticks, encode, frame, packet_size

NORMAL = 1_000_000
LONG = 12_000_000
SAMPLE = 40
PER_FRAME = 4096
LEVELS = 5

Ints = NDArray[np.int64]

# segment id, digits after the rupee on the wire
SEGMENTS = [(1, 2), (2, 2), (3, 7), (4, 2), (5, 2), (6, 4), (7, 2), (12, 4)]
KINDS: list[tuple[int, int, bool, Mode]] = [
    *((segment, digits, False, mode) for segment, digits in SEGMENTS for mode in ("ltp", "quote", "full")),
    *((9, 2, True, mode) for mode in ("ltp", "quote", "full")),
]
PRICES = ("last_price", "average_price", "open", "high", "low", "close")
NUMBERS = ("last_quantity", "volume", "buy_quantity", "sell_quantity")
FULL = ("last_trade_time", "oi", "oi_high", "oi_low", "exchange_time")


def random_ticks(rng: np.random.Generator, count: int, segment: int, digits: int, *, index: bool) -> Ticks:
    """Any value that the wire can carry and a market could mean."""

    def number(low: int, high: int) -> Ints:
        # even over magnitudes, so that small and huge values are equally common
        spread = rng.uniform(np.log1p(low), np.log1p(high), count)
        return np.clip(np.expm1(spread).astype(np.int64), low, high)

    step = 1000 if digits == 7 else 1  # the wire is finer than 1/10,000 rupee: ours must be exact in it

    def price(low: int = 1) -> Ints:
        return number(low, (2**31 - 1) // step) * step

    when = number(1_000_000_000, 2_000_000_000)
    ticks = Ticks(rng.integers(1, 2**23, count) * 256 + segment, price())
    for name in PRICES[1:]:
        setattr(ticks, name, price(0))
    for name in NUMBERS:
        setattr(ticks, name, number(0, 2**32 - 1))
    ticks.change = rng.integers(-(10**6), 10**6, count)
    ticks.last_trade_time, ticks.exchange_time = when - rng.integers(0, 1000, count), when
    for name in ("oi", "oi_high", "oi_low"):
        setattr(ticks, name, number(0, 2**32 - 1))
    if not index:
        shape = (count, 2 * LEVELS)
        ticks.depth_price = rng.integers(0, (2**31 - 1) // step, shape) * step
        ticks.depth_quantity = rng.integers(0, 2**32, shape)
        ticks.depth_orders = rng.integers(0, 2**16, shape)
    return ticks


def frames(data: bytes, size: int, count: int) -> list[bytes]:
    """The frames that hold all packets."""
    starts = range(0, count, PER_FRAME)
    return [frame(min(PER_FRAME, count - one), [data[one * size : (one + PER_FRAME) * size]]) for one in starts]


def to_units(wire: Ints, digits: int) -> Ints:
    """1/10,000 rupee."""
    return wire * 100 if digits == 2 else wire if digits == 4 else (wire + 500) // 1000


def check_decoder(ticks: Ticks, rows: NDArray[np.void], mode: Mode, digits: int, *, index: bool) -> None:
    assert rows.dtype == TICK_DTYPE
    assert np.array_equal(rows["token"], ticks.token)
    assert bool((rows["tradable"] == (not index)).all())
    prices = ["last_price"] if mode == "ltp" else [name for name in PRICES if not index or name != "average_price"]
    for name in prices:
        assert np.array_equal(rows[name], to_units(getattr(ticks, name), digits)), name
    carried: tuple[str, ...] = ()
    if not index:
        carried = NUMBERS if mode != "ltp" else ()
        carried += FULL if mode == "full" else ()
    elif mode == "full":
        carried = ("exchange_time",)
    for name in carried:
        assert np.array_equal(rows[name], getattr(ticks, name)), name
    if mode == "full" and not index:
        assert ticks.depth_price is not None
        for side, columns in (("bids", slice(0, LEVELS)), ("asks", slice(LEVELS, None))):
            assert np.array_equal(rows[side]["price"], to_units(ticks.depth_price[:, columns], digits))
            for name in ("quantity", "orders"):
                assert np.array_equal(rows[side][name], getattr(ticks, f"depth_{name}")[:, columns]), name


def check_official(parsed: list[dict[str, Any]], ticks: Ticks, mode: Mode, digits: int, *, index: bool) -> None:
    scale = 10.0**digits
    for place, tick in enumerate(parsed):

        def wire(name: str, at: int = place) -> float:
            return float(getattr(ticks, name)[at])

        assert tick["instrument_token"] == ticks.token[place]
        assert (tick["mode"], tick["tradable"]) == (mode, not index)
        assert tick["last_price"] == pytest.approx(wire("last_price") / scale)
        if mode == "ltp":
            continue
        for name in ("open", "high", "low", "close"):
            assert tick["ohlc"][name] == pytest.approx(wire(name) / scale)
        if mode == "full":
            when = datetime.fromtimestamp(wire("exchange_time"))  # noqa: DTZ006 - the parser's local time
            assert tick["exchange_timestamp"] == when
        if index:
            continue
        assert tick["average_traded_price"] == pytest.approx(wire("average_price") / scale)
        theirs = ("last_traded_quantity", "volume_traded", "total_buy_quantity", "total_sell_quantity")
        assert [tick[name] for name in theirs] == [wire(name) for name in NUMBERS]
        if mode != "full":
            continue
        assert tick["last_trade_time"] == datetime.fromtimestamp(wire("last_trade_time"))  # noqa: DTZ006 - as above
        assert [tick[name] for name in ("oi", "oi_day_high", "oi_day_low")] == [
            wire(n) for n in ("oi", "oi_high", "oi_low")
        ]
        assert ticks.depth_price is not None
        assert ticks.depth_quantity is not None
        assert ticks.depth_orders is not None
        shown = tick["depth"]["buy"] + tick["depth"]["sell"]
        assert [level["quantity"] for level in shown] == ticks.depth_quantity[place].tolist()
        assert [level["orders"] for level in shown] == ticks.depth_orders[place].tolist()
        assert [level["price"] for level in shown] == pytest.approx((ticks.depth_price[place] / scale).tolist())


def agree(total: int, seed: int, *, all_official: bool = False) -> int:
    """How many ticks went through both.

    all_official  the official parser reads every one of them too, rather than a sample of each kind
    """
    rng = np.random.default_rng(seed)
    official = KiteTicker("key", "token")
    each = -(-total // len(KINDS))
    batches = -(-each // 50_000)
    done = 0
    for segment, digits, index, mode in KINDS:
        size = packet_size(mode, index=index)
        for batch in range(batches):
            count = min(each - batch * 50_000, 50_000)
            ticks = random_ticks(rng, count, segment, digits, index=index)
            data = encode(ticks, mode, index=index)
            counts = DecodeCounts()
            rows = np.concatenate([decode(one, counts) for one in frames(data, size, count)])
            assert (counts.packets, counts.dropped) == (count, 0)
            check_decoder(ticks, rows, mode, digits, index=index)
            done += count
            if batch == 0 or all_official:
                sample = count if all_official else SAMPLE
                parsed = [
                    tick
                    for start in range(0, sample, PER_FRAME)
                    for tick in official._parse_binary(
                        frame(
                            min(PER_FRAME, sample - start), [data[start * size : min(start + PER_FRAME, sample) * size]]
                        )
                    )
                ]
                assert len(parsed) == sample
                check_official(parsed, ticks, mode, digits, index=index)
                few = decode(frame(5, [data[: 5 * size]]), DecodeCounts())  # one by one: another way through
                assert np.array_equal(few, rows[:5])
    return done


def test_a_million_random_ticks_of_every_type() -> None:
    assert agree(NORMAL, 1) >= NORMAL


@pytest.mark.long("wire")
def test_twelve_million_random_ticks_of_every_type() -> None:
    assert agree(LONG, 2) >= LONG


@pytest.mark.long("wire")
def test_the_official_parser_agrees_on_a_million_of_them_field_by_field() -> None:
    assert agree(NORMAL, 3, all_official=True) >= NORMAL
