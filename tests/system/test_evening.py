"""Around trading, for real: the checklist before the first trade, and after the report the chores of the evening."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.store.backup import restore
from app.cli import main
from tests.system.plant import Trader, an_exchange


def test_a_late_start_asks_first_and_the_day_ends_with_its_evening(tmp_path: Path) -> None:
    """Started on a Friday after the last close: the checklist is owed, then report, week, backup and tidying come."""
    ours = ("schedule.eod_report=15:37", "schedule.evening_minutes=1", "schedule.backups_keep=1")
    backups = tmp_path / "data" / "sandbox" / "backups"
    backups.mkdir(parents=True)
    (backups / "patang-sandbox-20260101.tar.gz").write_bytes(b"an old one")
    with an_exchange(speed=60, hold=True, extra=("--date", "2026-11-20", "--start", "15:28:00")) as exchange:
        with Trader(tmp_path, *exchange.sets, *ours, config=None) as trader:
            trader.trading(60)
            exchange.set_clock(release=True)
            report = trader.wait(90)
        names = [str(row["event"]) for row in trader.lines.rows()]
        [checklist] = trader.events("preflight.done")
        done = [row["job"] for row in trader.events("chore.done")]

    assert report is not None
    assert names.index("preflight.done") < names.index("day.trading")
    assert checklist["verdict"] == "ok", checklist
    assert set(checklist) >= {"token", "calendar", "clock", "funds", "instruments", "history", "disk", "limits"}
    assert done == ["preflight", "weekly_report", "backup", "vacuum"]
    assert trader.events("alert.chore.failed") == []
    [backup] = backups.iterdir()
    assert backup.name == "patang-sandbox-20261120.tar.gz"
    assert "journal.db" in restore(backup, "sandbox", tmp_path / "again").files
    assert (tmp_path / "reports" / "2026-11-20" / "eod.html").exists()
    [week] = (tmp_path / "reports" / "period").glob("*/period.html")
    assert week.parent.name == "sandbox_2026-11-16_2026-11-20", "from Monday on"


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
