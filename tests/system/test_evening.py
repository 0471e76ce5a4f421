"""Around trading, for real: the checklist before the first trade, and after the report the chores of the evening."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from adapters.store.backup import restore
from app.cli import main
from domain.parity import CAUSES
from tests.system.plant import Trader, an_exchange, times

LATE: Final = (
    *times("15:18"),
    "orders.intent_valid_seconds=60",
    "schedule.eod_report=15:37",
    "schedule.evening_minutes=1",
    "schedule.backups_keep=1",
    "strategies.rsi_reversion.enabled=false",
    "strategies.ma_crossover.instruments=[NSE:CASTROLIND, NSE:RCF, NSE:VGUARD]",
    "strategies.ma_crossover.parameters={fast: 2, slow: 3, last_entry_minutes: 0}",
)
"""A strategy that decides in nearly every minute, on shares that trade until 15:30."""


def test_a_late_start_asks_first_and_the_day_ends_with_its_evening(tmp_path: Path) -> None:
    """Started on a Friday for the last minutes: the checklist is owed, then come the report, the day in the backtester,
    the week, the backup and the tidying.
    """
    backups = tmp_path / "data" / "sandbox" / "backups"
    backups.mkdir(parents=True)
    (backups / "patang-sandbox-20260101.tar.gz").write_bytes(b"an old one")
    with an_exchange(speed=60, hold=True, extra=("--date", "2026-11-20", "--start", "15:06:00")) as exchange:
        with Trader(tmp_path, *exchange.sets, *LATE, "reports.parity=true", config=None) as trader:
            trader.trading_from_the_start(exchange)
            report = trader.wait(240)
        names = [str(row["event"]) for row in trader.lines.rows()]
        [checklist] = trader.events("preflight.done")
        done = {str(row["job"]): str(row["said"]) for row in trader.events("chore.done")}
        [told] = trader.events("report.parity")

    assert report is not None
    assert names.index("preflight.done") < names.index("day.trading")
    assert checklist["verdict"] == "ok", checklist
    assert set(checklist) >= {"token", "calendar", "clock", "funds", "instruments", "history", "disk", "limits"}
    assert set(done) == {"preflight", "parity", "weekly_report", "backup", "vacuum"}
    assert trader.events("alert.chore.failed") == []
    [backup] = backups.iterdir()
    assert backup.name == "patang-sandbox-20261120.tar.gz"
    assert "journal.db" in restore(backup, "sandbox", tmp_path / "again").files
    [week] = (tmp_path / "reports" / "period").glob("*/period.html")
    assert week.parent.name == "sandbox_2026-11-16_2026-11-20", "from Monday on"

    parity = report.parity
    assert parity is not None
    assert (parity.why_not, parity.left_out) == ("", ()), parity.line
    assert parity.matched > 3, parity.line
    assert tuple(cause for cause, _ in parity.parts) == CAUSES
    assert told["said"] == done["parity"] == parity.line
    assert names.index("report.written") < names.index("report.parity")
    page = (tmp_path / "reports" / "2026-11-20" / "eod.html").read_text()
    assert f"{parity.matched} matched, {parity.missed} missed, {parity.added} added" in page
    document = json.loads((tmp_path / "reports" / "2026-11-20" / "eod.json").read_text())
    assert document["parity"]["line"] == parity.line


def test_the_command_asks_the_same_and_its_status_says_how_it_came_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--json", "--set", f"data_dir={tmp_path}")

    with an_exchange(
        extra=(
            "--date",
            "2026-11-20",
        )
    ) as exchange:
        here = [word for each in exchange.sets for word in ("--set", each)]
        assert main(["preflight", *data, *here]) == 0
        good = json.loads(capsys.readouterr().out)
        poor = ("--set", "strategies.ma_crossover.instruments=[NSE:NOSUCH]", "--set", "risk.daily_loss_max=9000000")
        assert main(["preflight", *data, *here, *poor]) == 1
        bad = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}

    assert [each["verdict"] for each in good["checks"]] == ["ok"] * 8
    assert (good["day"], good["verdict"]) == ("2026-11-20", "ok")
    assert bad["instruments"]["verdict"] == "fail"
    assert "NSE:NOSUCH is not among the day's instruments" in bad["instruments"]["says"]
    assert bad["limits"]["verdict"] == "warn"


def test_without_a_broker_every_line_that_needs_one_fails_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ("kite.rest_url=http://127.0.0.1:9", "kite.ws_url=ws://127.0.0.1:9", "kite.api_key=k", "kite.user_id=u")
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"strategies": {"trend": {
        "kind": "domain.strategies.ma_crossover:MaCrossover", "instruments": ["NSE:INFY"], "interval": "minute",
        "capital": 1000, "quantity": 1}}}))  # fmt: skip
    words = [word for each in (*nowhere, f"data_dir={tmp_path}") for word in ("--set", each)]

    assert main(["preflight", "--env", "paper", "--json", *words, "--config", str(mine)]) == 1
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}

    assert {name for name, each in found.items() if each["verdict"] == "fail"} >= {"token", "clock", "instruments"}
    assert found["disk"]["verdict"] == "ok"
    assert all(each["act"] for each in found.values() if each["verdict"] != "ok")
