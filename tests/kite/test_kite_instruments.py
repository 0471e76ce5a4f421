"""The dump: which rows become instruments, with which hours, and how fast the cache is."""

from __future__ import annotations

import datetime as dt
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kite.instruments import CACHES_KEPT, Catalog, KiteInstruments, parse_dump
from domain.errors import BrokerUnavailable, LoginNeeded
from domain.values import Instrument, InstrumentKind, SessionClass
from tests.kite.scripted import Answer, ScriptedServer, a_reader, error, reply

HEAD = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange"
DAY = dt.date(2026, 11, 20)

ROWS = [
    # row, key, kind, session, tick, lot, multiplier, expiry, strike
    (
        "408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE",
        "NSE:INFY",
        InstrumentKind.EQUITY,
        SessionClass.EQUITY_AUCTION,
        1000,
        1,
        1,
        None,
        0,
    ),
    (
        "128083204,500325,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,BSE,BSE",
        "BSE:INFY",
        InstrumentKind.EQUITY,
        SessionClass.EQUITY_AUCTION,
        500,
        1,
        1,
        None,
        0,
    ),
    (
        "1793,7,AARTIIND,AARTI INDUSTRIES,0.0,,0,0.05,1,EQ,NSE,NSE",
        "NSE:AARTIIND",
        InstrumentKind.EQUITY,
        SessionClass.EQUITY,
        500,
        1,
        1,
        None,
        0,
    ),
    (
        "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE",
        "NSE:NIFTY 50",
        InstrumentKind.INDEX,
        SessionClass.INDEX,
        0,
        1,
        1,
        None,
        0,
    ),
    (
        "265,1,SENSEX,SENSEX,0,,0,0,0,EQ,INDICES,BSE",
        "BSE:SENSEX",
        InstrumentKind.INDEX,
        SessionClass.INDEX,
        0,
        1,
        1,
        None,
        0,
    ),
    (
        "12345602,48225,INFY26NOVFUT,INFY,0.0,2026-11-24,0.0,0.1,400,FUT,NFO-FUT,NFO",
        "NFO:INFY26NOVFUT",
        InstrumentKind.FUTURE,
        SessionClass.EQUITY_DERIVATIVE,
        1000,
        400,
        1,
        dt.date(2026, 11, 24),
        0,
    ),
    (
        "12345858,48226,NIFTY26NOV25000CE,NIFTY,0.0,2026-11-24,25000.0,0.05,65,CE,NFO-OPT,NFO",
        "NFO:NIFTY26NOV25000CE",
        InstrumentKind.CALL,
        SessionClass.EQUITY_DERIVATIVE,
        500,
        65,
        1,
        dt.date(2026, 11, 24),
        250_000_000,
    ),
    (
        "12345861,48226,SENSEX26NOV80000PE,SENSEX,0.0,2026-11-26,80000.0,0.05,20,PE,BFO-OPT,BFO",
        "BFO:SENSEX26NOV80000PE",
        InstrumentKind.PUT,
        SessionClass.EQUITY_DERIVATIVE,
        500,
        20,
        1,
        dt.date(2026, 11, 26),
        800_000_000,
    ),
    (
        "259331,1013,USDINR26NOVFUT,USDINR,0.0,2026-11-26,0.0,0.0025,1,FUT,CDS-FUT,CDS",
        "CDS:USDINR26NOVFUT",
        InstrumentKind.FUTURE,
        SessionClass.CURRENCY,
        25,
        1,
        1000,
        dt.date(2026, 11, 26),
        0,
    ),
    (
        "53000711,207034,CRUDEOIL26NOVFUT,CRUDEOIL,0.0,2026-11-19,0.0,1,100,FUT,MCX-FUT,MCX",
        "MCX:CRUDEOIL26NOVFUT",
        InstrumentKind.FUTURE,
        SessionClass.COMMODITY,
        10_000,
        1,
        100,
        dt.date(2026, 11, 19),
        0,
    ),
    (
        '1025,4,"A, B & CO","A, B & Co",0.0,,0.0,0.05,1,EQ,NSE,NSE',
        "NSE:A, B & CO",
        InstrumentKind.EQUITY,
        SessionClass.EQUITY,
        500,
        1,
        1,
        None,
        0,
    ),
]

UNFIT = [
    "0,0,NOTOKEN,X,0.0,,0.0,0.05,1,EQ,NSE,NSE",
    "99,1,,NOSYMBOL,0.0,,0.0,0.05,1,EQ,NSE,NSE",
    "99,1,NOTICK,X,0.0,,0.0,0.0,1,EQ,NSE,NSE",
    "99,1,FINETICK,X,0.0,,0.0,0.00001,1,EQ,NSE,NSE",
    "99,1,ODDTYPE,X,0.0,,0.0,0.05,1,XX,NFO-FUT,NFO",
    "99,1,ODDPLACE,X,0.0,2026-11-24,0.0,0.05,1,FUT,NCO-FUT,NCO",
    "99,1,NODATE,X,0.0,,0.0,0.05,1,FUT,NFO-FUT,NFO",
    "99,1,SHORT",
    "word,1,NONUMBER,X,0.0,,0.0,0.05,1,EQ,NSE,NSE",
]


def a_dump(*rows: str) -> str:
    return "\n".join([HEAD, *rows]) + "\n"


def test_each_row_becomes_its_instrument_and_the_unfit_are_counted() -> None:
    instruments, skipped = parse_dump(a_dump(*(row[0] for row in ROWS), *UNFIT), DAY)

    found = {
        one.key: (one.kind, one.session, one.tick_size, one.lot_size, one.multiplier, one.expiry, one.strike)
        for one in instruments
    }
    assert found == {row[1]: row[2:] for row in ROWS}
    assert skipped == len(UNFIT)


def test_the_closing_auction_is_for_days_since_its_beginning() -> None:
    dump = a_dump(*(row[0] for row in ROWS))
    before, _ = parse_dump(dump, dt.date(2026, 8, 2))
    since, _ = parse_dump(dump, dt.date(2026, 8, 3))

    assert Catalog(before).by_key["NSE:INFY"].session is SessionClass.EQUITY
    assert Catalog(since).by_key["NSE:INFY"].session is SessionClass.EQUITY_AUCTION


def test_a_dump_without_a_usable_row_is_no_dump() -> None:
    with pytest.raises(BrokerUnavailable, match="no row"):
        parse_dump(a_dump(*UNFIT), DAY)


class Source:
    def __init__(self, folder: Path, *answers: Answer) -> None:
        self.server = ScriptedServer(*answers)
        self.server.__enter__()
        self.instruments = KiteInstruments(a_reader(self.server.root, deadline_seconds=3), folder)

    def close(self) -> None:
        self.instruments.close()
        self.server.__exit__(None, None, None)


@pytest.fixture
def dump_server(tmp_path: Path) -> Iterator[Source]:
    body = gzip.compress(a_dump(*(row[0] for row in ROWS), *UNFIT).encode())
    source = Source(tmp_path / "cache", reply(200, body, content_type="text/csv", headers={"Content-Encoding": "gzip"}))
    yield source
    source.close()


def test_the_dump_is_read_once_a_day(dump_server: Source, tmp_path: Path) -> None:
    first = dump_server.instruments.load(DAY)
    again = dump_server.instruments.load(DAY)
    dump_server.instruments.load(DAY + dt.timedelta(days=1))

    assert list(again) == list(first)
    assert dump_server.instruments.skipped == len(UNFIT)
    assert [request.path for request in dump_server.server.requests] == ["/instruments", "/instruments"]


def test_a_torn_cache_is_read_again(dump_server: Source, tmp_path: Path) -> None:
    first = dump_server.instruments.load(DAY)
    (cache,) = (tmp_path / "cache").iterdir()
    cache.write_bytes(cache.read_bytes()[:-20])

    assert list(dump_server.instruments.load(DAY)) == list(first)
    assert len(dump_server.server.requests) == 2


def test_old_caches_are_cleared_away(dump_server: Source, tmp_path: Path) -> None:
    for ago in range(20):
        dump_server.instruments.load(DAY - dt.timedelta(days=ago))

    assert len(list((tmp_path / "cache").iterdir())) == CACHES_KEPT


def test_a_folder_that_cannot_be_written_only_costs_time(dump_server: Source, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    assert len(dump_server.instruments.load(DAY)) == len(ROWS)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(403, "Incorrect `api_key` or `access_token`.", "TokenException"), LoginNeeded),
        (reply(502, b"<html>", content_type="text/html"), BrokerUnavailable),
        (reply(200, b"<html>", content_type="text/csv"), BrokerUnavailable),
    ],
)
def test_what_is_no_dump_is_told_and_not_cached(
    tmp_path: Path, answer: Answer, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kite.reading.WAIT_FIRST_SECONDS", 0.001)
    source = Source(tmp_path / "cache", answer)
    with pytest.raises(expected):
        source.instruments.load(DAY)
    source.close()

    assert not (tmp_path / "cache").exists()


def test_a_cache_of_three_thousand_loads_in_milliseconds(tmp_path: Path) -> None:
    rows = [
        f"{(n << 8) | 2},{n},NIFTY26NOV{n}CE,NIFTY,0.0,2026-11-24,{n}.0,0.05,65,CE,NFO-OPT,NFO" for n in range(1, 3001)
    ]
    source = Source(tmp_path / "cache", reply(200, a_dump(*rows).encode(), content_type="text/csv"))
    source.instruments.load(DAY)

    def timed() -> float:
        started = time.thread_time()
        found = source.instruments.load(DAY)
        assert len(found) == 3000
        return time.thread_time() - started

    best = min(timed() for _ in range(5))
    source.close()

    assert best < 0.03


def test_the_catalog_finds_by_token_and_by_key() -> None:
    instruments, _ = parse_dump(a_dump(*(row[0] for row in ROWS)), DAY)
    catalog = Catalog(instruments)

    assert catalog.by_token[408065] is catalog.by_key["NSE:INFY"]
    assert isinstance(catalog.by_key["BSE:INFY"], Instrument)
    assert len(catalog) == len(ROWS) == len(list(catalog))
