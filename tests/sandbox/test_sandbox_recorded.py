"""Recorded ticks and bars in the generator's place."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from sandbox.instruments import Universe
from sandbox.recorded import RecordingError, load
from sandbox.tape import Market
from tests.sandbox.desk import FRIDAY, RUPEE, Desk

UNIVERSE = Universe(FRIDAY, 4)
INFY = UNIVERSE.by_key["NSE:INFY"]
THURSDAY = date(2026, 11, 19)

BARS = """timestamp,open,high,low,close,volume
2026-11-19 15:14:00,1490,1491,1489.5,1490.5,400
2026-11-20 09:15:00,1500,1505,1499,1503,1000
2026-11-20T09:16:00+05:30,1503,1503,1503,1503,7
2026-11-20 09:20:00,1502,1502.5,1498,1498.5,90
"""
TICKS = """timestamp,instrument,price,quantity,bid,ask
2026-11-20 09:15:00.100,NSE:INFY,1500,10,1499.9,1500
2026-11-20 09:15:00.900,NSE:INFY,1501,5,1500.8,1501
2026-11-20 09:15:03,NSE:INFY,1499,20,1499,1499.3
2026-11-20 18:00:00,NSE:INFY,1400,20,1499,1499.3
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("where", ["NSE_INFY.csv", "NSE_INFY.csv.gz", "folder"])
def test_bars_come_back_as_the_same_bars(tmp_path: Path, where: str) -> None:
    path = write(tmp_path, where if where != "folder" else "NSE_INFY.csv", BARS)
    source = load(f"bars:{tmp_path if where == 'folder' else path}", UNIVERSE.by_key)
    market = Market(1, source=source)

    tape = market.tape(INFY, FRIDAY)

    rows = [[row[0], *[price / RUPEE for price in row[1:5]], row[5]] for row in tape.minute_bars().tolist()]
    assert rows == [
        [0, 1500, 1505, 1499, 1503, 1000],
        [1, 1503, 1503, 1503, 1503, 7],
        [5, 1502, 1502.5, 1498, 1498.5, 90],
    ]
    assert tape.previous_close == 1490.5 * RUPEE
    assert market.past_bars(INFY, THURSDAY)[0, 4] == 1490.5 * RUPEE


def test_ticks_are_replayed_one_a_second_inside_the_session(tmp_path: Path) -> None:
    source = load(f"replay:{write(tmp_path, 'day.csv', TICKS)}", UNIVERSE.by_key)
    tape = Market(1, source=source).tape(INFY, FRIDAY)

    assert tape.second.tolist() == [0, 3]
    assert tape.price.tolist() == [1501 * RUPEE, 1499 * RUPEE]
    assert tape.quantity.tolist() == [15, 20]
    assert [tape.bid_ask(index) for index in range(2)] == [
        (1500.8 * RUPEE, 1501 * RUPEE),
        (1499 * RUPEE, 1499.3 * RUPEE),
    ]


def test_other_instruments_are_generated_and_a_day_without_rows_is_silent(tmp_path: Path) -> None:
    source = load(f"bars:{write(tmp_path, 'NSE_INFY.csv', BARS)}", UNIVERSE.by_key)
    market = Market(1, source=source)

    assert market.tape(UNIVERSE.by_key["NSE:SBIN"], FRIDAY).count > 1000
    silent = market.tape(INFY, date(2026, 11, 23))
    assert (silent.count, silent.previous_close, silent.open) == (0, 1498.5 * RUPEE, 1498.5 * RUPEE)
    assert market.past_day_bar(INFY, date(2026, 11, 23)) is None


def test_orders_meet_recorded_prices(tmp_path: Path) -> None:
    source = load(f"bars:{write(tmp_path, 'NSE_INFY.csv', BARS)}", UNIVERSE.by_key)
    desk = Desk(recording=source, start_seconds=9 * 3600 + 15 * 60)

    resting = desk.do(order_type="LIMIT", price="1499")
    desk.forward(60)

    trades = desk.engine.find(resting).trades
    assert [trade.price for trade in trades] == [1499 * RUPEE]


@pytest.mark.parametrize(
    ("spec", "text", "said"),
    [
        ("tape:x", "", "generated, replay:FILE or bars:PATH, found 'tape:x'"),
        ("bars:{}", "timestamp,open\n2026-11-20 09:15:00,1\n", ":2: no high"),
        ("bars:{}", BARS.replace("1505", "1400"), ":3: a bar's open and close lie between"),
        ("bars:{}", BARS.replace("1505", "x"), ":3: high: a price in rupees, found 'x'"),
        ("bars:{}", BARS.replace("2026-11-19 15:14:00", "soon"), ":2: timestamp: YYYY-MM-DD"),
        ("bars:{}", BARS.splitlines()[0], "no row in it"),
        ("replay:{}", TICKS.replace("NSE:INFY", "NSE:NOPE"), ":2: unknown instrument 'NSE:NOPE'"),
        ("replay:{}", TICKS.replace(",10,", ",-1,"), ":2: quantity: a whole number"),
        ("replay:/nowhere.csv", "", "/nowhere.csv: cannot be read"),
    ],
)
def test_a_recording_that_cannot_be_used_says_where(tmp_path: Path, spec: str, text: str, said: str) -> None:
    path = write(tmp_path, "NSE_INFY.csv", text)

    with pytest.raises(RecordingError) as caught:
        load(spec.format(path), UNIVERSE.by_key)

    assert said in str(caught.value)
