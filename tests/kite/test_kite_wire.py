"""The bulk decoder: field by field as the official client reads, both ways alike, and nothing makes it raise."""

from __future__ import annotations

import calendar
import datetime as dt
import random
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kite import wire
from adapters.kite.wire import DecodeCounts, decode
from domain.ticks import MODE_FULL, MODE_LTP, MODE_QUOTE, TICK_DTYPE, TickRows
from tests.kite import frames

NOW = calendar.timegm(dt.datetime(2026, 11, 20, 5, 0, tzinfo=dt.UTC).timetuple())
MODES = {"ltp": MODE_LTP, "quote": MODE_QUOTE, "full": MODE_FULL}


@pytest.fixture(scope="module")
def official() -> Any:
    from kiteconnect.ticker import KiteTicker

    return KiteTicker("key", "token")


def tenths(rupees: float) -> int:
    """1/10,000 rupee, nearest."""
    return round(rupees * 10_000)


def seconds(moment: dt.datetime | None) -> int:
    """The official client's naive local time, as the wire's number."""
    return 0 if moment is None else int(moment.timestamp())


def same(row: np.void, tick: dict[str, Any]) -> None:
    """One row against one tick of the official client."""
    ohlc = tick.get("ohlc", {})
    expected = {
        "token": tick["instrument_token"],
        "mode": MODES[tick["mode"]],
        "tradable": int(tick["tradable"]),
        "last_price": tenths(tick["last_price"]),
        "last_quantity": tick.get("last_traded_quantity", 0),
        "average_price": tenths(tick.get("average_traded_price", 0)),
        "volume": tick.get("volume_traded", 0),
        "buy_quantity": tick.get("total_buy_quantity", 0),
        "sell_quantity": tick.get("total_sell_quantity", 0),
        **{name: tenths(ohlc.get(name, 0)) for name in ("open", "high", "low", "close")},
        "last_trade_time": seconds(tick.get("last_trade_time")),
        "oi": tick.get("oi", 0),
        "oi_high": tick.get("oi_day_high", 0),
        "oi_low": tick.get("oi_day_low", 0),
        "exchange_time": seconds(tick.get("exchange_timestamp")),
    }
    assert {name: int(row[name]) for name in expected} == expected
    depth = tick.get("depth", {"buy": [], "sell": []})
    for ours, theirs in (("bids", depth["buy"]), ("asks", depth["sell"])):
        levels = [(entry["quantity"], tenths(entry["price"]), entry["orders"]) for entry in theirs] or [(0, 0, 0)] * 5
        assert [tuple(map(int, level)) for level in row[ours]] == levels


def compare(payload: bytes, official: Any) -> TickRows:
    counts = DecodeCounts()
    rows = decode(payload, counts, NOW)
    ticks = official._parse_binary(payload)
    assert len(rows) == len(ticks)
    for row, tick in zip(rows, ticks, strict=True):
        same(row, tick)
    assert counts.dropped == 0
    return rows


@pytest.mark.parametrize("length", [8, 28, 32, 44, 184])
@pytest.mark.parametrize("count", [1, 2, wire.FEW, wire.FEW + 1, 60])
def test_equal_packets_read_as_the_official_client_reads_them(length: int, count: int, official: Any) -> None:
    random_ = random.Random(length * 1000 + count)
    compare(frames.frame([frames.a_packet(random_, NOW, length) for _ in range(count)]), official)


@pytest.mark.parametrize("seed", range(30))
def test_mixed_packets_keep_their_order_and_read_as_the_official_client_reads_them(seed: int, official: Any) -> None:
    random_ = random.Random(seed)
    compare(frames.frame([frames.a_packet(random_, NOW) for _ in range(random_.randrange(80))]), official)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), length=st.sampled_from([None, 8, 28, 32, 44, 184]))
def test_any_possible_frame_reads_alike(seed: int, count: int, length: int | None, official: Any) -> None:
    random_ = random.Random(seed)
    compare(frames.frame([frames.a_packet(random_, NOW, length) for _ in range(count)]), official)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=8, max_size=8) | st.binary(min_size=184, max_size=184), max_size=30))
def test_both_ways_drop_and_keep_the_same_packets(packets: list[bytes]) -> None:
    payload = frames.frame(packets)
    few, many, whole = DecodeCounts(), DecodeCounts(), DecodeCounts()
    spans = wire._split(payload, len(packets), DecodeCounts())
    latest = NOW + 86_400

    one = wire._decode_few(payload, spans, few, latest)
    known = np.array(spans, np.int64)
    other = wire._decode_many(payload, known >> 16, known & 0xFFFF, many, latest) if spans else np.zeros(0, TICK_DTYPE)

    assert one.tobytes() == other.tobytes() == decode(payload, whole, NOW).tobytes()
    assert (few.bad_tokens, few.bad_prices, few.bad_times) == (many.bad_tokens, many.bad_prices, many.bad_times)
    assert len(one) + whole.dropped == len(packets)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=700))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    counts = DecodeCounts()
    rows = decode(payload, counts, NOW)

    assert rows.dtype == TICK_DTYPE
    assert counts.packets == len(rows) + counts.dropped


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 3000), announced=st.integers(0, 2**16 - 1))
def test_a_frame_cut_short_yields_its_whole_packets(seed: int, cut: int, announced: int) -> None:
    random_ = random.Random(seed)
    packets = [frames.a_packet(random_, NOW) for _ in range(25)]
    payload = frames.frame(packets)[:cut]
    counts = DecodeCounts()
    rows = decode(payload, counts, NOW)

    whole, at = 0, 2
    for packet in packets:
        at += 2 + len(packet)
        whole += at <= len(payload)
    assert len(rows) == whole
    assert counts.truncated_frames == int(len(payload) >= 2 and whole < len(packets))
    decode(struct.pack(">H", announced) + payload[2:], counts, NOW)


def good(token: int = 408065, last: int = 150_000, stamp: int = NOW) -> bytes:
    return frames.packet_full(
        token, last, [1, last, 5, 6, 7, last, last, last, last], (stamp, 0, 0, 0, stamp), [(1, last, 1)] * 10
    )


IMPOSSIBLE = [
    ("token 0", good(token=0), "bad_tokens"),
    ("price 0", good(last=0), "bad_prices"),
    ("negative price", good(last=2**32 - 500), "bad_prices"),
    ("price between ticks", frames.packet_ltp(256 + 3, 842_525_001), "bad_prices"),
    ("1970", good(stamp=0), "bad_times"),
    ("1999", good(stamp=wire.YEAR_2000 - 1), "bad_times"),
    ("the day after tomorrow", good(stamp=NOW + 86_401), "bad_times"),
    ("index of 1970", frames.packet_index(256265, 100, [1, 1, 1, 1], 0, 0), "bad_times"),
    ("unknown length", b"x" * 50, "unknown_lengths"),
    ("empty packet", b"", "unknown_lengths"),
]


@pytest.mark.parametrize("around", [0, wire.FEW + 5], ids=["few", "many"])
@pytest.mark.parametrize(("name", "packet", "counter"), IMPOSSIBLE, ids=[row[0] for row in IMPOSSIBLE])
def test_what_cannot_be_is_dropped_and_counted(name: str, packet: bytes, counter: str, around: int) -> None:
    counts = DecodeCounts()
    rows = decode(frames.frame([good(), packet, good(), *[good()] * around]), counts, NOW)

    assert len(rows) == 2 + around
    assert getattr(counts, counter) == 1 == counts.dropped


def test_without_a_clock_the_future_is_not_checked() -> None:
    assert len(decode(frames.frame([good(stamp=2**32 - 1)]), DecodeCounts())) == 1


@pytest.mark.parametrize("payload", [b"", b"\x00"])
def test_a_heartbeat_is_no_frame(payload: bytes) -> None:
    counts = DecodeCounts()

    assert len(decode(payload, counts, NOW)) == 0
    assert (counts.heartbeats, counts.frames, counts.truncated_frames) == (1, 0, 0)


DIVISORS = [
    (1, 15_005, 1_500_500),
    (2, 15_005, 1_500_500),
    (3, 842_525_000, 842_525),
    (4, 5, 500),
    (6, 842_525, 842_525),
    (7, 1, 100),
    (9, 2_500_055, 250_005_500),
    (12, 842_525, 842_525),
]


@pytest.mark.parametrize("count", [1, wire.FEW + 1], ids=["few", "many"])
@pytest.mark.parametrize(("segment", "sent", "expected"), DIVISORS)
def test_each_segment_has_its_divisor(segment: int, sent: int, expected: int, count: int) -> None:
    rows = decode(frames.frame([frames.packet_ltp(512 + segment, sent)] * count), DecodeCounts(), NOW)

    assert set(rows["last_price"].tolist()) == {expected}
    assert set(rows["tradable"].tolist()) == {int(segment != 9)}


def test_an_index_sends_high_low_open_close() -> None:
    rows = decode(frames.frame([frames.packet_index(256265, 5, [4, 1, 2, 3], 9, NOW)]), DecodeCounts(), NOW)

    assert [int(rows[0][name]) for name in ("open", "high", "low", "close")] == [200, 400, 100, 300]


def test_three_thousand_full_packets_decode_in_a_few_milliseconds() -> None:
    random_ = random.Random(7)
    payload = frames.frame([frames.a_packet(random_, NOW, 184) for _ in range(3000)])
    import time

    best = min(_timed(payload, time.perf_counter) for _ in range(5))

    assert best < 0.05, "about 2 ms on an idle machine"


def _timed(payload: bytes, clock: Any) -> float:
    started = clock()
    decode(payload, DecodeCounts(), NOW)
    return float(clock() - started)
