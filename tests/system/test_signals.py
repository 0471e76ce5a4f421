"""Ctrl-C and SIGTERM at any moment: an orderly end within five seconds, a report once trading had begun, nobody left."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from signal import Signals

import pytest

from tests.support.waiting import child_processes, eventually, seconds_short_of_a_core
from tests.system.judging import assert_effectively_once
from tests.system.plant import Program, alive, an_exchange

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
PROMISED_SECONDS = 5.0


@BOTH
def test_while_trading_it_writes_the_report_of_the_day_so_far(tmp_path: Path, number: Signals) -> None:
    with an_exchange(speed=4) as exchange, Program(tmp_path, *exchange.sets) as program:
        eventually(lambda: exchange.books().trades >= 12 or not program.running, what="it trades")

        assert ends_in_time(program, number) == 0, program.said()[-2000:]

        report = program.report()
        assert (report["balanced"], report["books_agree"]) == (True, True)
        assert "Traceback" not in program.said()
        assert_effectively_once(exchange, program.journal_path)


@BOTH
def test_during_the_finish_a_further_signal_changes_nothing(tmp_path: Path, number: Signals) -> None:
    with an_exchange(speed=4) as exchange, Program(tmp_path, *exchange.sets) as program:
        eventually(lambda: exchange.books().trades >= 1 or not program.running, what="it trades")
        program.signal(signal.SIGINT)
        program.says("stopping: signal")

        assert ends_in_time(program, number) == 0, program.said()[-2000:]
        assert program.report()["balanced"] is True


@pytest.mark.parametrize("words", ["", "session.opened", "portfolio.rebuilt"])
@BOTH
def test_during_the_start_it_leaves_no_process(tmp_path: Path, number: Signals, words: str) -> None:
    """With a sandbox of its own, which must not outlive it. There is nothing to report yet."""
    with Program(tmp_path, config=None) as program:
        if words:
            program.says(words)
        else:
            eventually(lambda: child_processes(program.process.pid), what="its sandbox is starting")
        children = child_processes(program.process.pid)

        status = ends_in_time(program, number)

        assert status in (0, 128 + number), program.said()[-2000:]
        assert "Traceback" not in program.said()
        eventually(lambda: not any(alive(child) for child in children), what="the sandbox has ended")


def ends_in_time(program: Program, number: Signals) -> int:
    """Its exit status; AssertionError where it takes longer than promised: moments without a free core are not its own."""
    began, scarce = time.monotonic(), seconds_short_of_a_core()
    program.signal(number)
    status = program.wait(60)
    took = time.monotonic() - began - (seconds_short_of_a_core() - scarce)
    assert took < PROMISED_SECONDS, f"it took {took:.1f} s: {program.said()[-2000:]}"
    return status
