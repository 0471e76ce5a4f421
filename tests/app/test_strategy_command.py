"""`strategy`: what `new` writes passes its own test, and each command's answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.options import ROOT


def test_what_is_written_is_found_good_and_passes_its_own_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["strategy", "new", "my_first", "--into", str(tmp_path)]) == 0

    assert main(["strategy", "check", "my_first:MyFirst"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly",
         "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(tmp_path / "test_my_first.py")],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_mine.py").write_text("kept")

    assert main(["strategy", "new", "mine", "--into", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "test_mine.py").read_text() == "kept"
    assert not (tmp_path / "mine.py").exists()


@pytest.mark.parametrize("name", ["My", "1st", "a-b", "class", "../up", ""])
def test_a_name_that_cannot_be_a_module(name: str, tmp_path: Path) -> None:
    assert main(["strategy", "new", name, "--into", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_found_flaw_is_exit_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategy", "check", "tests.strategy.flawed:GlobalList", "--json"]) == 1

    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert any(each["name"] == "names" and not each["ok"] for each in document["findings"])


def test_switching_where_no_trader_runs_holds_for_the_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--set", f"data_dir={tmp_path}", "--json"]

    assert main(["strategy", "disable", "ma_crossover", "--why", "looks odd", "--who", "me", *sets]) == 0
    assert "ma_crossover is off in the next" in json.loads(capsys.readouterr().out)["text"]
    assert main(["strategy", "list", *sets]) == 0
    states = {each["id"]: each["state"] for each in json.loads(capsys.readouterr().out)}
    assert states == {"ma_crossover": "off: looks odd (me)", "rsi_reversion": "on"}
    assert main(["strategy", "enable", "ma_crossover", "--why", "it was not", *sets]) == 0
    capsys.readouterr()
    assert main(["strategy", "list", *sets]) == 0
    assert {each["state"] for each in json.loads(capsys.readouterr().out)} == {"on"}


def test_a_strategy_that_is_not_configured_cannot_be_switched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategy", "disable", "nobody", "--why", "x"]) == 2
    assert "found 'nobody'; allowed: ma_crossover, rsi_reversion" in capsys.readouterr().err
