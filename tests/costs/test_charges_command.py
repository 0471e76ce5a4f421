"""`charges`: the reply's shape for programs, a note for people, and one line for whatever is wrong."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app import cli
from domain.costs.basket import EXCHANGES, basket_note, read_basket
from domain.values import RUPEE

INFY: dict[str, Any] = {
    "order_id": "111", "exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "SELL", "variety": "regular",
    "product": "MIS", "order_type": "MARKET", "quantity": 100, "average_price": 1000,
}  # fmt: skip
ON = ("--on", "2026-11-20")


def charge(capfd: pytest.CaptureFixture[str], folder: Path, body: object, *argv: str) -> tuple[int, str, str]:
    file = folder / "orders.json"
    if isinstance(body, bytes):
        file.write_bytes(body)
    else:
        file.write_text(body if isinstance(body, str) else json.dumps(body))
    status = cli.main(["charges", str(file), *(argv or ON)])
    out, err = capfd.readouterr()
    return status, out, err.replace(str(file), "FILE")


def test_json_has_the_shape_of_the_brokers_reply_and_floats_that_nothing_rounded(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = charge(capfd, tmp_path, [INFY], "--json", *ON)

    assert (status, err) == (0, "")
    assert json.loads(out) == [
        {
            "transaction_type": "SELL", "tradingsymbol": "INFY", "exchange": "NSE", "variety": "regular",
            "product": "MIS", "order_type": "MARKET", "quantity": 100, "price": 1000.0,
            "charges": {
                "transaction_tax": 25.0, "transaction_tax_type": "stt", "exchange_turnover_charge": 3.07,
                "sebi_turnover_charge": 0.1, "brokerage": 20.0, "stamp_duty": 0.0,
                "gst": {"igst": 4.170582, "cgst": 0.0, "sgst": 0.0, "total": 4.170582}, "total": 52.340582,
            },
        }
    ]  # fmt: skip


def test_the_note_sums_rounds_and_adds_what_only_a_day_has(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    orders = [
        INFY,
        INFY | {"transaction_type": "BUY", "squared_off_by_broker": True},
        INFY | {"product": "CNC", "tradingsymbol": "SBIN", "quantity": 10, "average_price": 812.35},
    ]

    status, out, err = charge(capfd, tmp_path, orders)

    assert (status, err) == (0, "")
    assert "SELL NSE:INFY MIS" in out
    for line in (
        "Brokerage 40.00",
        "Depository charge 15.34",  # sold out of holdings
        "Broker's square-off fee 59.00",
        "STT / CTT 33.00",  # 25 and 8.1235, each to the rupee
    ):
        assert line in re.sub(" +", " ", out)


@pytest.mark.parametrize(("on", "stt"), [("2026-03-31", 1000.0), ("2026-04-01", 1500.0), ("2024-10-01", 1000.0)])
def test_the_day_decides_the_rates(on: str, stt: float, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    option = INFY | {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26NOV25000CE",
        "product": "NRML",
        "average_price": 10_000,
    }

    _, out, _ = charge(capfd, tmp_path, [option], "--json", "--on", on)

    assert json.loads(out)[0]["charges"]["transaction_tax"] == stt


def test_an_average_price_is_taken_as_it_is_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = json.dumps([INFY | {"quantity": 3, "product": "CNC"}]).replace(": 1000}", ": 100.0333333333333333}")

    _, out, _ = charge(capfd, tmp_path, body, "--json", *ON)

    (row,) = json.loads(out)
    assert row["price"] == 100.0333333333333333
    assert row["charges"]["transaction_tax"] == pytest.approx(0.3001, abs=1e-12)


def test_the_note_counts_what_the_trades_added_up_to_not_the_rounded_average() -> None:
    order = INFY | {"quantity": 30_000_000, "product": "CNC", "average_price": Decimal("100.0000333333333")}

    note = basket_note(read_basket([order]), dt.date(2026, 11, 20))

    assert note.stt == 3_000_001 * RUPEE


def test_lots_of_currencies_and_commodities_count_by_their_units(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lot = INFY | {"product": "NRML", "quantity": 1, "average_price": 100}
    orders = [
        lot | {"exchange": "CDS", "tradingsymbol": "USDINR26NOVFUT"},
        lot | {"exchange": "MCX", "tradingsymbol": "GOLDM26DECFUT"},
        lot | {"exchange": "MCX", "tradingsymbol": "PEPPER26DECFUT", "multiplier": 7},
        lot,
    ]

    _, out, _ = charge(capfd, tmp_path, orders, "--json", *ON)

    fees = [round(row["charges"]["sebi_turnover_charge"] * 1e6) for row in json.loads(out)]
    assert fees == [100_000, 1_000, 700, 100]
    assert [row["charges"]["transaction_tax_type"] for row in json.loads(out)] == ["stt", "ctt", "ctt", "stt"]


def test_standard_input_is_a_dash(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps([INFY]).encode())))

    status = cli.main(["charges", "-", "--json", *ON])

    assert status == 0
    assert len(json.loads(capfd.readouterr().out)) == 1


def test_no_orders_cost_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert charge(capfd, tmp_path, [], "--json", *ON)[:2] == (0, "[]\n")
    assert charge(capfd, tmp_path, [])[0] == 0


def without(key: str) -> list[dict[str, Any]]:
    return [INFY, {name: value for name, value in INFY.items() if name != key}]


PRICE = "rupees above 0, up to 100000000, as a number of at most 20 decimals"
WHOLE = "a whole number from 1 to 1000000000"
BAD: list[tuple[object, str]] = [
    ("", "FILE:1:1: is not JSON: Expecting value"),
    ("[{]", "FILE:1:3: is not JSON: Expecting property name enclosed in double quotes"),
    (b"\xff\xfe", "FILE: is not UTF-8 text"),
    ("[" * 200_000, "FILE: is nested too deeply to be a list of orders"),
    ('[{"quantity": NaN}]', "FILE: found NaN, which is no number in JSON"),
    ('[{"quantity": 1, "quantity": 2}]', "FILE: found the key 'quantity' twice in one order"),
    ({"orders": []}, "FILE: found a table of keys; allowed: a list of orders"),
    ("null", "FILE: found null; allowed: a list of orders"),
    ([INFY, 7], "FILE: [1]: found 7; allowed: an order as a table of keys"),
    ([INFY, [INFY]], "FILE: [1]: found a list; allowed: an order as a table of keys"),
    (without("quantity"), f"FILE: [1].quantity: is missing; allowed: {WHOLE}"),
    (without("average_price"), f"FILE: [1].average_price: is missing; allowed: {PRICE}"),
    (without("exchange"), f"FILE: [1].exchange: is missing; allowed: {' or '.join(EXCHANGES)}"),
    ([INFY | {"quantity": "10"}], f"FILE: [0].quantity: found '10'; allowed: {WHOLE}"),
    ([INFY | {"quantity": 0}], f"FILE: [0].quantity: found 0; allowed: {WHOLE}"),
    ([INFY | {"quantity": -5}], f"FILE: [0].quantity: found -5; allowed: {WHOLE}"),
    ([INFY | {"quantity": 1.5}], f"FILE: [0].quantity: found 1.5; allowed: {WHOLE}"),
    ([INFY | {"quantity": True}], f"FILE: [0].quantity: found true; allowed: {WHOLE}"),
    ([INFY | {"quantity": 10**100}], f"FILE: [0].quantity: found a very large number; allowed: {WHOLE}"),
    ([INFY | {"average_price": 0}], f"FILE: [0].average_price: found 0; allowed: {PRICE}"),
    ([INFY | {"average_price": None}], f"FILE: [0].average_price: found null; allowed: {PRICE}"),
    (json.dumps([INFY]).replace(": 1000}", ": 1e999999}"), f"FILE: [0].average_price: found 1E+999999; allowed: {PRICE}"),
    (json.dumps([INFY]).replace(": 1000}", ": 1e-21}"), f"FILE: [0].average_price: found 1E-21; allowed: {PRICE}"),
    ([INFY | {"transaction_type": "buy"}], "FILE: [0].transaction_type: found 'buy'; allowed: BUY or SELL"),
    ([INFY | {"product": "BO"}], "FILE: [0].product: found 'BO'; allowed: MIS or CNC or NRML or MTF"),
    ([INFY | {"exchange": "NYSE"}], f"FILE: [0].exchange: found 'NYSE'; allowed: {' or '.join(EXCHANGES)}"),
    ([INFY | {"tradingsymbol": ""}], "FILE: [0].tradingsymbol: found ''; allowed: printable ASCII text of at most 60 characters"),
    ([INFY | {"tradingsymbol": "\ud800"}], "FILE: [0].tradingsymbol: found '\\ud800'; allowed: printable ASCII text of at most 60 characters"),
    ([INFY | {"exchange": "NFO"}], "FILE: [0].tradingsymbol: found 'INFY'; allowed: a contract of NFO, ending in FUT, CE or PE"),
    ([INFY | {"exchange": "MCX", "tradingsymbol": "PEPPER26DECFUT"}], "FILE: [0].multiplier: is missing, and MCX:PEPPER26DECFUT: how many units a lot has is not known; allowed: a whole number above 0"),
    ([INFY | {"multiplier": 0}], f"FILE: [0].multiplier: found 0; allowed: {WHOLE}"),
    ([INFY | {"squared_off_by_broker": "yes"}], "FILE: [0].squared_off_by_broker: found 'yes'; allowed: true or false"),
    ([INFY | {"variety": 5}], "FILE: [0].variety: found 5; allowed: printable ASCII text of at most 60 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "says"), BAD)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_bad_input_is_one_line_with_index_and_key_and_status_2(
    form: tuple[str, ...], body: object, says: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert charge(capfd, tmp_path, body, *form, *ON) == (2, "", f"patang: {says}\n")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--on", "2024-09-30"), "--on: charges on 2024-09-30 are not known: the tables begin on 2024-10-01"),
        (("--on", "yesterday"), "--on: found 'yesterday'; allowed: a day YYYY-MM-DD"),
        (("--on", "20261120"), "--on: found '20261120'; allowed: a day YYYY-MM-DD"),
    ],
)
def test_a_day_without_tables_or_that_is_none_is_refused(
    argv: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert charge(capfd, tmp_path, [INFY], *argv) == (2, "", f"patang: {says}\n")


def test_a_file_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = cli.main(["charges", str(tmp_path / "none.json")])

    assert (status, capfd.readouterr().err) == (
        2,
        f"patang: {tmp_path / 'none.json'}: cannot be read: No such file or directory\n",
    )
