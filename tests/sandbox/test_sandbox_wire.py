"""Packets against the official parser, field by field."""

import struct
from datetime import date, datetime

import pytest
from kiteconnect import KiteTicker

from sandbox.book import Books
from sandbox.instruments import Universe
from sandbox.tape import Market
from sandbox.wire import CHUNK, Chunks, Mode, error_text, frame

FRIDAY = date(2026, 11, 20)
UNIVERSE = Universe(FRIDAY)
MARKET = Market(1)
SIZES = {"ltp": 8, "quote": 44, "full": 184}
INDEX_SIZES = {"ltp": 8, "quote": 28, "full": 32}
RUPEE = 10_000


@pytest.fixture(scope="module")
def ticker() -> KiteTicker:
    return KiteTicker("key", "token")


def packets_of(key: str, mode: Mode, start: int, stop: int) -> bytes:
    chunks = Chunks(MARKET.paths)
    return frame(stop - start, chunks.packets(MARKET.tape(UNIVERSE.by_key[key], FRIDAY), mode, start, stop))


@pytest.mark.parametrize("mode", ["ltp", "quote", "full"])
@pytest.mark.parametrize("key", ["NSE:INFY", "NFO:INFY26NOVFUT", "BSE:SBIN"])
def test_tradable_packets_say_what_the_tape_says(ticker: KiteTicker, key: str, mode: Mode) -> None:
    tape = MARKET.tape(UNIVERSE.by_key[key], FRIDAY)
    start, stop = CHUNK - 3, CHUNK + 3  # across two chunks
    data = packets_of(key, mode, start, stop)

    assert struct.unpack(">HH", data[:4]) == (6, SIZES[mode])
    for index, tick in zip(range(start, stop), ticker._parse_binary(data), strict=True):
        assert tick["instrument_token"] == tape.instrument.token
        assert tick["mode"] == mode
        assert tick["last_price"] * RUPEE == pytest.approx(int(tape.price[index]))
        if mode == "ltp":
            continue
        assert tick["last_traded_quantity"] == tape.quantity[index]
        assert tick["volume_traded"] == tape.volume[index]
        average = tape.value[index] / tape.volume[index] / RUPEE
        assert average - 0.01 < tick["average_traded_price"] <= average + 1e-9
        prices = (tape.open, int(tape.high[index]), int(tape.low[index]), tape.previous_close)
        assert [tick["ohlc"][name] * RUPEE for name in ("open", "high", "low", "close")] == pytest.approx(prices)
        if mode == "quote":
            continue
        when = datetime.fromtimestamp(tape.time_ns(index) // 1_000_000_000)  # noqa: DTZ006 - the parser's local time
        assert tick["exchange_timestamp"] == tick["last_trade_time"] == when
        assert tick["oi"] == tape.open_interest[index]
        assert tick["oi_day_high"] == max(tape.open_interest[: index + 1])
        assert tick["oi_day_low"] == min(tape.open_interest[: index + 1])


@pytest.mark.parametrize("key", ["CDS:USDINR26DECFUT", "MCX:CRUDEOIL26DECFUT"])
def test_each_segment_has_its_divisor(ticker: KiteTicker, key: str) -> None:
    tape = MARKET.tape(UNIVERSE.by_key[key], FRIDAY)
    tick = ticker._parse_binary(packets_of(key, "full", 700, 701))[0]
    book = Books(Chunks(MARKET.paths)).after(tape, 700)

    assert tick["last_price"] * RUPEE == pytest.approx(int(tape.price[700]))
    assert tick["ohlc"]["close"] * RUPEE == pytest.approx(tape.previous_close)
    assert [level["price"] * RUPEE for level in tick["depth"]["sell"]] == pytest.approx(
        [one.price for one in book.asks]
    )


@pytest.mark.parametrize("mode", ["ltp", "quote", "full"])
def test_index_packets_have_their_own_layout(ticker: KiteTicker, mode: Mode) -> None:
    tape = MARKET.tape(UNIVERSE.by_key["NSE:NIFTY 50"], FRIDAY)
    data = packets_of("NSE:NIFTY 50", mode, 10, 12)

    assert struct.unpack(">HH", data[:4]) == (2, INDEX_SIZES[mode])
    tick = ticker._parse_binary(data)[1]
    assert tick["tradable"] is False
    assert tick["last_price"] * RUPEE == pytest.approx(int(tape.price[11]))
    if mode != "ltp":
        prices = (tape.open, int(tape.high[11]), int(tape.low[11]), tape.previous_close)
        assert [tick["ohlc"][name] * RUPEE for name in ("open", "high", "low", "close")] == pytest.approx(prices)


def test_the_depth_on_the_wire_is_the_book_that_orders_meet(ticker: KiteTicker) -> None:
    tape = MARKET.tape(UNIVERSE.by_key["NSE:INFY"], FRIDAY)
    book = Books(Chunks(MARKET.paths)).after(tape, 500)
    depth = ticker._parse_binary(packets_of("NSE:INFY", "full", 500, 501))[0]["depth"]

    for name, levels in (("buy", book.bids), ("sell", book.asks)):
        shown = [(round(row["price"] * RUPEE), row["quantity"], row["orders"]) for row in depth[name]]
        assert shown == [(level.price, level.quantity, level.orders) for level in levels]
    assert book.bids[0].price == tape.bid[500]
    assert book.asks[0].price == tape.ask[500]
    assert [level.price for level in book.bids] == sorted({level.price for level in book.bids}, reverse=True)


def test_an_errors_data_is_a_string() -> None:
    assert error_text("no") == '{"type":"error","data":"no"}'
