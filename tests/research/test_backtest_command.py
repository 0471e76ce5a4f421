"""`backtest` as users run it: one JSON document, a page, and mistakes in words."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from app.cli import main
from domain.calendar import SessionCalendar
from domain.values import SessionClass
from tests.research.drawing import DAYS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of minutes."""
    rng = np.random.default_rng(5)
    hours = [SessionCalendar().hours(day, SessionClass.EQUITY) for day in DAYS[:3]]
    starts = np.concatenate([np.arange(each[0], each[1], 60 * 10**9) for each in hours if each is not None])
    close = 1_000 + np.cumsum(rng.integers(-6, 7, len(starts))) * 0.05
    opened = np.append(1_000.0, close[:-1])
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(starts).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Kolkata"),
            "open": opened.round(2),
            "high": (np.maximum(opened, close) + 0.1).round(2),
            "low": (np.minimum(opened, close) - 0.1).round(2),
            "close": close.round(2),
            "volume": rng.integers(10, 1_000, len(starts)),
        }
    )
    path = tmp_path_factory.mktemp("data") / "INFY.parquet"
    frame.write_parquet(path)
    return path


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    status = main(["backtest", "--strategy", "domain.strategies.ma_crossover:MaCrossover", "--json", *words])
    out, err = capsys.readouterr()
    assert status == 0, err
    found = json.loads(out, parse_float=Decimal)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_document_has_everything_and_adds_up(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(data), "--quantity", "20", "--set", "fast=3", "--set", "slow=9", "--out", str(tmp_path)]
    found = asked(capsys, *words)

    assert found["parameters"] == {"fast": 3, "slow": 9, "last_entry_minutes": 30}
    assert found["bars"] == 1_125
    assert found["engine"] == "compiled"
    assert set(found["seconds"]) == {"load", "compile", "run"}
    gross = sum(trade["gross"] for trade in found["trades"])
    assert found["opening_cash"] + gross - found["charges"] == found["final_equity"]
    assert sum(day["charges"] for day in found["days"]) == found["charges"] > 0
    assert len(found["trades"]) > 10
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert "Backtest: MaCrossover" in page and 'class="dot gain"' in page
    assert "http" not in page.replace("http-equiv", "")

    again = asked(capsys, *words, "--engine", "event")
    same = ("orders", "fills", "trades", "days", "final_equity", "charges", "data", "metrics")
    assert {key: again[key] for key in same} == {key: found[key] for key in same}


def test_what_is_before_the_first_day_only_warms_up(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = DAYS[1].isoformat()
    found = asked(capsys, "--data", str(data), "--engine", "event", "--no-page", "--from", first, "--to", first)

    assert [day["day"] for day in found["days"]] == [first]
    assert found["orders"]
    assert all(order["time"].startswith(first) for order in found["orders"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fill", "hopeful"), "--fill: found 'hopeful'; allowed: next-open, touch, pessimistic"),
        (("--set", "fast"), "--set: found 'fast'; want field=value"),
        (("--set", "fast=1000"), "fast: Expected `int` <= 100"),
        (("--set", "pace=3"), "its parameters: fast, slow, last_entry_minutes"),
        (("--charges", "cheap"), "--charges: found 'cheap'; allowed: india, none, flat:RUPEES"),
        (("--from", "2026-13-01"), "--from: found '2026-13-01'; allowed: a day YYYY-MM-DD"),
        (("--quantity", "0"), "--quantity: found 0; want 1 or more"),
        (("--session", "night"), "--session: found 'night'; allowed: equity"),
        (("--engine", "compiled", "--fill", "touch,reject=1"), "--engine compiled: fills with participation"),
    ],
)
def test_mistakes_are_told_in_one_line(
    data: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "domain.strategies.ma_crossover:MaCrossover"
    status = main(["backtest", "--strategy", path, "--data", str(data), "--no-page", *words])

    assert status == 2
    assert said in capsys.readouterr().err


def test_days_before_the_tariff_tables_ask_for_a_tariff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "INFY.csv"
    rows = "".join(f"2023-03-01 09:{15 + at}:00,100,101,99,100,5\n" for at in range(30))
    path.write_text("timestamp,open,high,low,close,volume\n" + rows, encoding="utf-8")
    words = ["backtest", "--strategy", "domain.strategies.ma_crossover:MaCrossover", "--data", str(path), "--no-page"]

    refused = main([*words, "--engine", "event"])
    said = capsys.readouterr().err
    allowed = main([*words, "--engine", "event", "--tariff", "2026-11-02"])

    assert (refused, allowed) == (2, 0)
    assert "--tariff YYYY-MM-DD" in said
