"""What becomes of a strategy's process: how it ends, what is said of it, and what it is given."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.runtime import Failure
from adapters.isolation.runner import IsolatedRunner
from adapters.isolation.source import Sources, own_files
from app.options import ROOT
from domain.errors import StrategyProcessEnded
from domain.messages.configuration import StrategyTerms
from domain.strategies.pulse import Pulse
from domain.strategy.runner import Strategy
from domain.strategy.running import MakeRunner, in_thread
from tests.isolation.minds import Doomed, Nosy, Odd, Outer
from tests.market.making import OneDay
from tests.strategy.playing import SETTINGS, SHARE, a_price, at
from tests.support.waiting import PATIENCE, eventually, nothing_left_behind


def terms_of(strategy: Strategy) -> StrategyTerms:
    return StrategyTerms(strategy, (SHARE,), SETTINGS)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with nothing_left_behind():
        yield


def failure_of(make: MakeRunner, strategy: Strategy) -> Failure:
    """What the log would say of the first price."""
    with closing(make("it", terms_of(strategy), OneDay().today)) as runner:
        try:
            runner.price(a_price(60, 100), at(60))
        except BaseException as error:  # noqa: BLE001 - SystemExit is one of the cases
            return Failure.of(error)
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("way", ["own", "exit"])
def test_an_exception_reads_as_in_a_thread_with_the_strategys_own_traceback(way: str) -> None:
    here, there = (failure_of(make, Doomed(way)) for make in (in_thread, IsolatedRunner))

    assert there.reason == here.reason
    line = next(line for line in here.traceback.splitlines() if "minds.py" in line)
    assert line in there.traceback
    assert "in on_price" in line
    assert there.traceback.index(line) < there.traceback.index("was the direct cause")


def test_what_cannot_be_said_is_an_exception_and_a_number_of_numpys_is_a_number() -> None:
    with closing(IsolatedRunner("it", terms_of(Odd()), OneDay().today)) as runner:
        reasons = []
        for rupees in (1, 2):
            with pytest.raises(Exception, match=r"complex|no text") as caught:
                runner.price(a_price(60, rupees), at(60))
            reasons.append(Failure.of(caught.value).reason)
        [intent] = runner.price(a_price(90, 3), at(90))

    assert reasons == [
        "TypeError: complex is no part of what a strategy may ask for",
        "ValueError: no text: \\udc80",
    ]
    assert (type(intent.quantity), intent.quantity) == (int, 7)


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("leave", "ended by itself with status 3"),
        ("crash", "was ended by SIGSEGV"),
    ],
)
def test_the_end_of_the_process_is_said_in_one_line(way: str, says: str) -> None:
    reason = failure_of(IsolatedRunner, Doomed(way)).reason

    assert reason.startswith("domain.errors.StrategyProcessEnded: strategy it: its process ")
    assert reason.endswith(says)


def test_it_hears_no_signals_of_the_terminal_and_an_end_while_idle_is_found_by_a_look() -> None:
    with closing(IsolatedRunner("it", terms_of(Pulse()), OneDay().today)) as runner:
        assert runner.price(a_price(60, 100), at(60)) != []
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(runner.process, each)
        assert os.getpgid(runner.process) != os.getpgrp()
        assert runner.timer(at(70)) == []
        runner.check()

        os.kill(runner.process, signal.SIGKILL)

        def looked() -> str:
            try:
                runner.check()
            except StrategyProcessEnded as error:
                return str(error)
            return ""

        says = f"strategy it: its process {runner.process} was ended by SIGKILL"
        assert eventually(looked) == says
        with pytest.raises(StrategyProcessEnded, match=says):
            runner.timer(at(80))


def test_it_is_given_nothing_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KITE_API_SECRET", "KITE_ACCESS_TOKEN", "PATANG_ALERT_PHONE", "PATANG_HEARTBEAT_URL"):
        monkeypatch.setenv(name, "secret")
    with closing(IsolatedRunner("it", terms_of(Nosy()), OneDay().today)) as runner:
        [intent] = runner.price(a_price(60, 100), at(60))
    said = intent.reason.splitlines()

    ours = {each for each in said if each.partition(".")[0] in {"actors", "app", "config", "research", "sandbox"}}
    assert not ours, "it imports the domain and its strategy"
    assert {each for each in said if each.startswith("adapters.")} == {
        "adapters.isolation",
        "adapters.isolation.source",
        "adapters.isolation.wire",
    }
    assert not {"kiteconnect", "apsw", "pykka", "loguru", "numba", "talib"} & set(said)
    assert not [each for each in said if each.startswith(("KITE", "PATANG"))]


class Nowhere(Pulse, frozen=True):
    """Its module is not there."""

    __module__ = "no.such.place"


def test_code_that_was_changed_meanwhile_is_not_run_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the strategy's, and not the program's: a fresh interpreter would read what this one does not know."""
    source = "from domain.strategies.pulse import Pulse\nclass Mine(Pulse, frozen=True):\n    pass\n"
    file = tmp_path / "edited_while_trading.py"
    file.write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    terms = terms_of(importlib.import_module(file.stem).Mine())
    sources = Sources()
    sources.begin()
    with closing(IsolatedRunner("it", terms, OneDay().today, sources)) as runner:
        assert runner.timed

    file.write_text(source + "# half of an edit\n", encoding="utf-8")

    with (
        closing(IsolatedRunner("it", terms, OneDay().today, sources)) as runner,
        pytest.raises(StrategyProcessEnded, match=rf"cannot begin: {file} was changed while this program runs"),
    ):
        _ = runner.series
    assert str(ROOT / "domain" / "strategy" / "runner.py") in own_files()
    assert not [each for each in own_files() if "site-packages" in each]


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        (
            Nowhere(),
            "strategy it: its process cannot begin: strategy 'no.such.place:Nowhere': cannot import no.such.place "
            "(No module named 'no')",
        ),
        (
            Outer.Inside(),
            "strategy it: its process cannot begin: strategy 'tests.isolation.minds:Outer.Inside': "
            "tests.isolation.minds has no class Outer.Inside",
        ),
    ],
    ids=["module", "class"],
)
def test_one_that_cannot_begin_says_so_in_one_line(strategy: Strategy, says: str) -> None:
    with (
        closing(IsolatedRunner("it", terms_of(strategy), OneDay().today)) as runner,
        pytest.raises(StrategyProcessEnded) as caught,
    ):
        _ = runner.series

    assert str(caught.value) == says


def test_closed_while_it_hangs_it_is_killed_and_whoever_waits_is_let_go(tmp_path: Path) -> None:
    """From another thread, as supervision does it. It hangs in C, with the interpreter held."""
    note = tmp_path / "pid"
    with closing(IsolatedRunner("it", terms_of(Doomed("hold", str(note))), OneDay().today)) as runner:
        heard: list[BaseException] = []
        waiting = threading.Thread(target=_noting(heard, lambda: runner.price(a_price(60, 100), at(60))))
        waiting.start()
        eventually(lambda: note.exists() and note.read_text(encoding="ascii"))

        runner.close()
        waiting.join(PATIENCE)

        assert [type(each) for each in heard] == [StrategyProcessEnded]
        with pytest.raises(StrategyProcessEnded, match="was ended"):
            runner.standing()


def _noting(heard: list[BaseException], do: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            do()
        except StrategyProcessEnded as error:
            heard.append(error)

    return run


PARENT = """
import sys, threading
from adapters.isolation.runner import IsolatedRunner
from domain.market.buckets import Hours
from domain.messages.configuration import StrategyTerms
from domain.messages.market import PriceChanged
from domain.risk.sizing import FixedQuantity
from domain.strategy.runner import RunnerSettings
from domain.values import Instrument, InstrumentKind, Product
from tests.isolation.minds import Doomed

share = Instrument(token=1, exchange="NSE", symbol="INFY", kind=InstrumentKind.EQUITY, tick_size=500)
settings = RunnerSettings(60, Product.MIS, FixedQuantity(1), 30)

def begin(way, note):
    terms = StrategyTerms(Doomed(way, note), (share,), settings)
    runner = IsolatedRunner("it", terms, lambda token, instant: Hours(0, 1))
    runner.price(PriceChanged(1, 1, 1, 1, 1, 1, 1), 1)
    input()

for way in ("idle", "hang", "hold"):
    threading.Thread(target=begin, args=(way, sys.argv[1] + "/" + way)).start()
"""


def test_no_process_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Whether it waits, computes for ever, or holds its interpreter for ever."""
    notes = [tmp_path / way for way in ("idle", "hang", "hold")]
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE) as parent:
        try:
            eventually(lambda: all(note.exists() and note.read_text(encoding="ascii") for note in notes))
            children = [int(note.read_text(encoding="ascii")) for note in notes]
            assert all(map(_runs, children))
        finally:
            parent.kill()

    eventually(lambda: not any(map(_runs, children)), what="their end")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
