"""What another terminal sees of a trader: running, hung, ended, killed, given up; and its threads on request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from actors.risk import STATE_FLAG
from actors.routes import ALERTS, RISK, SESSION
from actors.runtime import Crash, Lane, TreeNode
from adapters.store.journal import SqliteJournal
from app import cli
from app.commands.status import span, tree_rows
from app.status import FILE_NAME, Status, is_running, process_identity, read_standing
from domain.errors import PatangError
from domain.messages.control import TradingState
from tests.support.projects import ROOT
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Program, Trader, an_exchange


def status(capfd: pytest.CaptureFixture[str], folder: Path, *more: str) -> str:
    """What `status` prints, for a trader of that folder."""
    capfd.readouterr()
    assert cli.main(("status", "--config", str(STRESS), "--set", f"data_dir={folder / 'data'}", *more)) == 0
    return capfd.readouterr().out


def document(capfd: pytest.CaptureFixture[str], folder: Path) -> dict[str, object]:
    found = json.loads(status(capfd, folder, "--json"))
    assert isinstance(found, dict)
    return found


def test_from_the_first_second_to_the_last(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "sandbox: not running; nothing has traded here yet" in status(capfd, tmp_path)
    with an_exchange(speed=4) as exchange, Program(tmp_path, *exchange.sets) as program:
        eventually(lambda: document(capfd, tmp_path).get("state") == "ACTIVE" or not program.running, what="active")
        eventually(lambda: exchange.books().trades >= 2 or not program.running, what="it trades")
        eventually(lambda: int(str(document(capfd, tmp_path)["orders"])) >= 2, what="orders are counted")
        eventually(lambda: float(document(capfd, tmp_path)["money"]["charges"]) > 0, 60, "a trade is booked")  # type: ignore[index] # an object
        found, words = document(capfd, tmp_path), status(capfd, tmp_path, "--tree")
        program.signal(signal.SIGUSR1)
        (dump,) = eventually(lambda: list((tmp_path / "data" / "sandbox" / "logs").glob("threads-*.txt")), what="dump")
        eventually(lambda: "timetable#1" in dump.read_text(encoding="utf-8"), what="the dump is whole")
        stacks = dump.read_text(encoding="utf-8")
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        after, last_words = document(capfd, tmp_path), status(capfd, tmp_path)

    assert (found["running"], found["pid"], found["env"]) == (True, program.process.pid, "sandbox")
    assert found["age_seconds"] < 5  # type: ignore[operator] # a number
    assert found["feed"]["connected"] is True  # type: ignore[index] # an object
    assert float(found["money"]["charges"]) > 0  # type: ignore[index] # an object
    assert f"process {program.process.pid}" in words
    assert "state     ACTIVE (everything is up)" in words
    for name in ("portfolio", "gateway.entry.0", "market.supervisor"):
        assert name in words
    assert "threads.written" in program.said()
    for name in ("MainThread", "portfolio#1", "feed.0#1", "supervisor", "thread-dumps"):
        assert name in stacks
    assert "_actor_loop" in stacks
    assert (after["running"], after["ended"]) == (False, "signal")
    assert "not running; ended" in last_words and "ago: signal" in last_words


def test_a_killed_trader_left_no_last_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with an_exchange() as exchange, Program(tmp_path, *exchange.sets) as program:
        eventually(lambda: document(capfd, tmp_path)["running"] or not program.running, what="running")
        program.kill()

        assert "without a last word: it was killed, or crashed" in status(capfd, tmp_path)
        assert document(capfd, tmp_path)["running"] is False


def test_giving_up_latches_the_halt_for_the_next_life_alerts_and_says_how_it_ended(tmp_path: Path) -> None:
    with an_exchange() as exchange:
        with Trader(tmp_path, *exchange.sets) as trader:
            trader.trading()
            # More of it than the root bears within its period; each child waits a little longer after each crash.
            for child in trader.day.tree().children:
                if child.kind == "child":
                    for _ in range(5):
                        trader.tell(child.id, Crash("a test"), Lane.CONTROL)
            trader._thread.join(60)
            (ended,) = trader._ended
            trader.close()
            (alert,) = trader.events("alert.supervisor.gave_up")
            data = trader.world.folders.data

        assert getattr(ended, "why", ended) == "gave up"
        assert alert["level"] == "CRITICAL"
        assert "needed restart 31 within 60 s (intensity 30)" in str(alert["text"])
        standing = read_standing(data)
        assert standing.status is not None
        assert (standing.running, standing.status.ended, standing.status.state) == (False, "gave up", "HALTED")
        journal = SqliteJournal(data / "journal.db", threading.Lock, read_only=True)
        kept = json.loads(str(journal.flag(STATE_FLAG)))
        journal.close()
        assert (kept["state"], kept["who"]) == ("HALTED", "supervision")

        with Trader(tmp_path, *exchange.sets) as trader:
            trader.trading()
            state = trader.ask(RISK)["state"]  # type: ignore[index] # what the risk gate reports
            assert state.state is TradingState.HALTED
            assert "supervision gave up" in state.why


def test_an_actor_that_hangs_is_seen_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alerts actor is made to hang: the file goes on being written, and shows the queue behind it."""
    release = threading.Event()
    monkeypatch.setattr("actors.alerts.as_alert", lambda _: release.wait(20) and None)
    with an_exchange() as exchange, Trader(tmp_path, *exchange.sets) as trader:
        trader.trading()
        data = trader.world.folders.data
        try:
            for word in ("hang", "one", "two"):
                trader.tell(ALERTS, word)
            eventually(lambda: _node(data, ALERTS).depth >= 2, what="the queue shows")
            first = _written(data)
            eventually(lambda: _written(data) > first, what="the file goes on")
            assert (_node(data, ALERTS).oldest_age_seconds or 0) > 0
        finally:
            release.set()


def _node(data: Path, name: str) -> TreeNode:
    standing = read_standing(data)
    assert standing.status is not None
    return standing.status.tree.find(name)


def _written(data: Path) -> int:
    standing = read_standing(data)
    assert standing.status is not None
    return standing.status.wall_ns


def test_no_more_than_once_a_second_and_a_refusing_disk_is_told_once(tmp_path: Path) -> None:
    with an_exchange() as exchange, Trader(tmp_path, *exchange.sets) as trader:
        trader.trading()
        data = trader.world.folders.data
        first = _written(data)
        second = eventually(lambda: found if (found := _written(data)) > first else 0, what="written again")
        assert second - first > 0.9e9
        (data / f"{FILE_NAME[:-5]}.part").mkdir()
        eventually(lambda: trader.events("status.not_written"), what="told")
        trader.tell(SESSION, "go on")
        trader.close()

        assert len(trader.events("status.not_written")) == 1


def test_a_file_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"version": 99}')
    with pytest.raises(PatangError, match=r"status\.json: not a status of this version"):
        read_standing(tmp_path)


def test_a_process_is_known_by_more_than_its_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = process_identity(process.pid)
        assert is_running(process.pid, identity)
        assert not is_running(process.pid, identity + "0")
        assert is_running(process.pid, "")
    assert not is_running(process.pid, identity)
    assert not is_running(process.pid, "")


def test_the_tree_in_rows_is_indented_and_in_starting_order() -> None:
    child = TreeNode(
        "a", "child", "up", 3, 2, uptime_seconds=90.0, depth=6, depths=(1, 2, 3), oldest_age_seconds=0.25,
        hung=2, abandoned=1, last_failure="ValueError: x", high_water=9, conflated=8, dropped=7, dead_letters=5,
    )  # fmt: skip
    root = TreeNode("root", "supervisor", "up", 1, 0, uptime_seconds=7200.0, children=(child,))

    assert tree_rows(root) == [
        ("root", "up", 1, 0, "", "", "", "", "", "", "", "2.0 h", None),
        ("  a", "up", 3, 2, "1/2/3", "0.25 s", 9, 8, 7, 5, "2 (1 alive)", "90 s", "ValueError: x"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.123, "0.12 s"), (45, "45 s"), (600, "10 min"), (9000, "2.5 h"), (200_000, "2 days")],
)
def test_spans_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text


DUMPING = """
import os, sys, threading, time, signal
from pathlib import Path
from app.threads import ThreadDumps
def spin():
    while True:
        pass
threading.Thread(target=spin, name="strategy.bad#7", daemon=True).start()
said = []
def log(level, event, /, **keys):
    said.append(event)
    print(event, keys.get("path", keys.get("why")), flush=True)
with ThreadDumps(Path(sys.argv[1]), log):
    {main}
print("threads", sorted(t.name for t in threading.enumerate()), flush=True)
"""


@pytest.mark.parametrize(
    "main",
    [
        "os.kill(os.getpid(), signal.SIGUSR1); [time.sleep(0.01) for _ in range(500) if not said]",
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start(); threading.Lock().acquire(); "
        "stuck = threading.Lock(); stuck.acquire(); stuck.acquire(timeout=3)",
    ],
    ids=["main thread works", "main thread hangs"],
)
def test_the_dump_works_while_an_actor_spins_and_the_main_thread_hangs(tmp_path: Path, main: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DUMPING.format(main=main), str(tmp_path / "logs")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    (dump,) = (tmp_path / "logs").glob("threads-*.txt")
    assert f"threads.written {dump}" in done.stdout
    text = dump.read_text(encoding="utf-8")
    assert "strategy.bad#7" in text and "in spin" in text and "MainThread" in text
    assert dump.stat().st_mode & 0o077 == 0
    assert "thread-dumps" not in done.stdout.partition("threads [")[2]


def test_a_dump_that_cannot_be_written_is_logged(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file, no folder")
    main = "os.kill(os.getpid(), signal.SIGUSR1); [time.sleep(0.01) for _ in range(500) if not said]"
    done = subprocess.run(
        [sys.executable, "-c", DUMPING.format(main=main), str(tmp_path / "logs")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert "threads.not_written" in done.stdout


def test_the_document_reads_back_equal(tmp_path: Path, make_status: Callable[[], Status]) -> None:
    status = make_status()
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(status))

    assert read_standing(tmp_path).status == status


@pytest.fixture
def make_status() -> Callable[[], Status]:
    tree = TreeNode("root", "supervisor", "up", 1, 0, children=(TreeNode("a", "child", "up", 1, 0),))
    return lambda: Status(
        1, 4242, "", "run", "sandbox", 1, 0, "ACTIVE", "why", "2026-01-01T10:00:00+05:30", 0, 0, 0, None, None, tree
    )
