"""What has been passed counts for the very code, parameters and data that it was passed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.strategies.ma_crossover import MaCrossover
from research.gating import ChecksUnreadable, code_print, lacking, read, record
from research.strategy_check import Finding
from tests.strategy import flawed

PATH = "domain.strategies.ma_crossover:MaCrossover"
GOOD, BAD = Finding("lookahead", ok=True, text=""), Finding("recursive", ok=False, text="")


def test_what_was_passed_is_not_lacking(tmp_path: Path) -> None:
    record(tmp_path, MaCrossover(), PATH, "data1", [GOOD, BAD])
    kept = read(tmp_path, PATH)

    assert lacking(kept, MaCrossover(), ["lookahead"]) == {}
    assert lacking(kept, MaCrossover(), ["lookahead"], data="data1") == {}
    assert lacking(kept, MaCrossover(), ["lookahead", "recursive", "overfit"]) == {
        "recursive": "failed", "overfit": "never asked",
    }  # fmt: skip
    assert lacking(kept, MaCrossover(), ["lookahead"], data="data2") == {"lookahead": "asked on other data"}
    assert lacking(kept, MaCrossover(fast=7), ["lookahead"]) == {"lookahead": "asked with other parameters"}


def test_other_code_is_another_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, MaCrossover(), PATH, "data1", [GOOD])
    monkeypatch.setattr("research.gating.code_print", lambda strategy: "another")

    assert lacking(read(tmp_path, PATH), MaCrossover(), ["lookahead"]) == {"lookahead": "asked of other code"}


def test_the_newest_answer_counts(tmp_path: Path) -> None:
    for finding in (Finding("recursive", ok=True, text=""), BAD):
        record(tmp_path, MaCrossover(), PATH, "d", [finding])
    assert lacking(read(tmp_path, PATH), MaCrossover(), ["recursive"]) == {"recursive": "failed"}

    record(tmp_path, MaCrossover(), PATH, "d", [Finding("recursive", ok=True, text="")])
    assert lacking(read(tmp_path, PATH), MaCrossover(), ["recursive"]) == {}


def test_the_code_of_a_base_that_is_not_the_frameworks_counts_too() -> None:
    assert code_print(flawed.Unbounded()) == code_print(flawed.Misspelt())
    assert code_print(flawed.Unbounded()) != code_print(MaCrossover())


def test_a_torn_file_is_told_in_words(tmp_path: Path) -> None:
    file = record(tmp_path, MaCrossover(), PATH, "d", [GOOD])
    file.write_bytes(file.read_bytes()[:-5])

    with pytest.raises(ChecksUnreadable, match="no file of checks"):
        read(tmp_path, PATH)
