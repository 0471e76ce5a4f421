"""A strategy that must have passed checks does not trade live before it has, as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from app.checks_kept import checks_folder, lacking_of, require_checks
from app.cli import main
from app.options import load_settings
from app.strategies import Cast
from config.errors import ConfigError
from domain.strategies.ma_crossover import MaCrossover
from research.gating import record
from research.strategy_check import Finding

KIND = "domain.strategies.ma_crossover:MaCrossover"
REQUIRED = "strategies.ma_crossover.checks=[lookahead, recursive]"


class One:
    """As much of a cast as is looked at."""

    def __init__(self, strategy: MaCrossover) -> None:
        self.strategies = (self,)
        self.id = "ma_crossover"
        self.strategy = strategy


def found(*, recursive: bool = True) -> list[Finding]:
    return [Finding("lookahead", ok=True, text=""), Finding("recursive", ok=recursive, text="")]


def test_live_trading_is_refused_until_everything_is_passed(tmp_path: Path) -> None:
    loaded = load_settings("sandbox", None, (f"data_dir={tmp_path}", REQUIRED))
    now = cast("Cast", One(MaCrossover()))

    with pytest.raises(ConfigError, match=r"ma_crossover.checks: not passed: lookahead \(never asked\), recursive"):
        require_checks(loaded, now)
    record(checks_folder(loaded), MaCrossover(), KIND, "d", found(recursive=False))
    with pytest.raises(ConfigError, match=r"not passed: recursive \(failed\); run"):
        require_checks(loaded, now)
    record(checks_folder(loaded), MaCrossover(), KIND, "d", found())
    require_checks(loaded, now)
    with pytest.raises(ConfigError, match="asked with other parameters"):
        require_checks(loaded, cast("Cast", One(MaCrossover(fast=7))))


def test_the_data_may_be_required_too(tmp_path: Path) -> None:
    loaded = load_settings(
        "sandbox", None, (f"data_dir={tmp_path}", REQUIRED, "strategies.ma_crossover.checks_data=d2")
    )
    record(checks_folder(loaded), MaCrossover(), KIND, "d1", found())
    assert lacking_of(loaded, {"ma_crossover": MaCrossover()}) == {
        "ma_crossover": {"lookahead": "asked on other data", "recursive": "asked on other data"}
    }
    record(checks_folder(loaded), MaCrossover(), KIND, "d2", found())
    assert lacking_of(loaded, {"ma_crossover": MaCrossover()}) == {"ma_crossover": {}}


def test_the_command_says_what_is_lacking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--env", "sandbox", "--set", f"data_dir={tmp_path}", "--json"]

    assert main(["gate", *sets]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["gate", *sets, "--set", REQUIRED]) == 1
    states = {each["check"]: each["state"] for each in json.loads(capsys.readouterr().out)}
    assert states == {"lookahead": "never asked", "recursive": "never asked"}


def test_an_unknown_check_is_no_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--env", "sandbox", "--set", "strategies.ma_crossover.checks=[luck]"]) == 2
    assert "strategies.ma_crossover.checks[0]" in capsys.readouterr().err
