"""The real program, and the ways to have its configuration read again: saving, SIGHUP, a terminal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.operator.terminal import Terminal
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Program, an_exchange

SECONDS = 60.0
pytestmark = pytest.mark.long("reloads")  # whole programs


def settled(folder: Path) -> list[dict[str, Any]]:
    return events(folder, "configuration.settled")


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    file = folder / "data" / "sandbox" / "logs" / "patang.jsonl"
    whole = file.read_text(encoding="utf-8").rpartition("\n")[0]
    return [row for row in map(json.loads, whole.splitlines()) if row["event"] == name]


def readers(folder: Path) -> set[str]:
    return {str(row["who"]) for row in events(folder, "configuration.read")}


def test_by_saving_by_a_signal_and_from_a_terminal(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    text = STRESS.read_text()

    def save(loss: int) -> None:
        beside = tmp_path / "beside"
        beside.write_text(text.replace("daily_loss_max: 100000000", f"daily_loss_max: {loss}"))
        beside.replace(mine)

    def until(what: Callable[[], object], says: str, program: Program) -> None:
        eventually(lambda: what() or not program.running, SECONDS, says)
        assert program.running, program.said()[-2000:]

    mine.write_text(text)
    with an_exchange(speed=4) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, mine)
        with Program(tmp_path, *exchange.sets, config=mine) as program:
            program.says("day.trading", SECONDS)

            # 1. by saving
            save(90_000_000)
            until(lambda: settled(tmp_path), "saved", program)
            assert settled(tmp_path)[-1]["version"] == 2

            # 2. by a signal: the file is the same, which is no version
            program.signal(signal.SIGHUP)
            until(lambda: "SIGHUP" in readers(tmp_path), "the signal is heard", program)
            assert readers(tmp_path) == {"mine.yaml", "SIGHUP"}
            save(80_000_000)
            until(lambda: len(settled(tmp_path)) == 2, "saved again", program)

            # 3. a wrong file: said, and nothing is changed
            mine.write_text("risk:\n  daily_loss_max: -1\n")
            until(lambda: events(tmp_path, "configuration.refused"), "refused", program)
            why = events(tmp_path, "configuration.refused")[-1]["why"]
            assert why.startswith(f"{mine}:2: risk.daily_loss_max: found -1; allowed: rupees, ")
            assert terminal.refused("reload", status=2) == f"patang: {why}"
            assert len(settled(tmp_path)) == 2

            # 4. from a terminal
            save(80_000_000)
            asked = terminal.say("reload", "--dry-run")
            assert (asked["done"], asked["by"]) == (True, "trader")
            asked = terminal.say("reload", "--why", "a test", "--who", "asha")
            assert asked["text"] == "nothing is different"
            program.signal(signal.SIGINT)
            assert program.wait() == 0, program.said()[-2000:]

        # 5. a start takes the file as it is, and counts on
        save(70_000_000)
        with Program(tmp_path, *exchange.sets, config=mine) as program:
            program.says("day.trading", SECONDS)
            started = events(tmp_path, "configuration.started")
            assert [row["version"] for row in started] == [4]
            assert started[0]["changed"] == ["risk.daily_loss_max"]
