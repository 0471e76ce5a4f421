"""The twelve trades of docs/reports.md: the report says what was worked out there by hand."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest

from domain.messages.journal import JournalEvent
from domain.report.period import build_period
from domain.report.period_document import as_json
from tests.report_period.journals import Trades, day_of, opened, results
from tests.support.projects import ROOT

PAGE = (ROOT / "docs" / "reports.md").read_text().partition("## Twelve trades")[2]

Row = dict[str, str]


def tables() -> list[list[Row]]:
    """The tables of the section, in order, each row by its heads."""
    found: list[list[Row]] = []
    for is_table, lines in groupby(PAGE.splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            heads, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
            found.append([dict(zip(heads, cells, strict=True)) for cells in body])
    return found


TRADES, DAYS, FIGURES = tables()


def the_report() -> dict[str, Any]:
    trade, events = Trades(), list[JournalEvent]()
    for day, rows in groupby(TRADES, key=lambda row: row["Day"]):
        capital = next(Decimal(row["Capital"]) for row in DAYS if row["Day"] == day)
        events.append(opened(day, capital))
        for hour, row in enumerate(rows, start=10):
            sign = 1 if row["Side"] == "long" else -1
            for minute, quantity, price in ((0, sign * 100, row["Entry"]), (40, -sign * 100, row["Exit"])):
                events.append(
                    trade(day, f"{hour}:{minute:02d}", quantity, float(price), f"NSE:{row['Share']}", strategy=row["Strategy"])
                )  # fmt: skip
    days = results(events)
    report = build_period(days, day_of("2026-11-16"), day_of("2026-11-19"), "sandbox")
    document: dict[str, Any] = json.loads(as_json(report), parse_float=Decimal)
    return document


REPORT = the_report()


def same(reported: object, worked: str) -> bool:
    """Equal to as many digits as were worked out."""
    assert isinstance(reported, int | Decimal)
    exponent = Decimal(worked).as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(Decimal(reported) - Decimal(worked)) <= Decimal(5).scaleb(exponent - 1)


def test_the_page_has_twelve_trades_and_four_days() -> None:
    assert (len(TRADES), len(DAYS)) == (12, 4)
    assert len(FIGURES) >= 20


@pytest.mark.parametrize("row", TRADES, ids=lambda row: row["#"])
def test_each_trade(row: Row) -> None:
    (trip,) = [
        each
        for each in REPORT["trip_list"]
        if each["opened"].startswith(row["Day"]) and each["instrument"] == f"NSE:{row['Share']}"
    ]

    assert (trip["strategy"], trip["side"]) == (row["Strategy"], "BUY" if row["Side"] == "long" else "SELL")
    assert [trip["gross"], trip["charges"], trip["net"]] == [Decimal(row[key]) for key in ("Gross", "Charges", "Net")]


@pytest.mark.parametrize("row", DAYS, ids=lambda row: row["Day"])
def test_each_day(row: Row) -> None:
    (day,) = [each for each in REPORT["days"] if each["day"] == row["Day"]]

    assert day["capital"] == Decimal(row["Capital"])
    assert [day["gross"], day["charges"], day["net"]] == [Decimal(row[key]) for key in ("Gross", "Charges", "Net")]
    assert same(day["return"], row["Return"])
    assert sum(Decimal(row[key]) for key in ("Brokerage", "STT", "Exchange", "SEBI", "GST", "Stamp")) == day["charges"]


def test_the_components_of_the_notes() -> None:
    for key in ("Brokerage", "STT", "Exchange", "SEBI", "GST", "Stamp"):
        assert REPORT["charge_components"][key.lower()] == sum(Decimal(row[key]) for row in DAYS)


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: row["Figure"])
def test_each_figure(row: Row) -> None:
    value: Any = REPORT
    for key in row["Figure"].split("."):
        value = {head["head"]: head for head in value["tax"]["heads"]} if key == "tax" else value[key]

    assert same(value, row["Value"]), value


def test_the_words_about_the_first_day() -> None:
    """The numbers in the prose are those of the table."""
    first = re.search(r"82\.96857 / 248\.13327 × 248\.03 = (\d+\.\d+)", PAGE)

    assert first is not None
    assert same(Decimal("82.96857") / Decimal("248.13327") * Decimal("248.03"), first[1])
    assert first[1] == TRADES[0]["Charges"]
    assert Decimal(DAYS[0]["Charges"]) == Decimal("248.03")
