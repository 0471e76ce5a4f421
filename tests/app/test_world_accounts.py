"""The world of a run: one process per account, whose journal it is, and what is given back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from app.sandboxed import LocalSandbox, signals_held
from app.world import ACCOUNT_FLAG, World, folders
from config.errors import ConfigError
from config.loader import load
from domain.errors import AccountLocked, BrokerUnavailable, PatangError
from tests.support.orders import an_accepted
from tests.support.projects import ROOT
from tests.support.waiting import nothing_left_behind

Log = list[tuple[str, str, dict[str, object]]]


class Places:
    """Where worlds are made: a folder of its own, and the addresses of running sandboxes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logged: Log = []

    def world(self, env: str, *sets: str, at: LocalSandbox | None = None) -> World:
        addresses = () if at is None else (f"kite.rest_url={at.address.rest}", f"kite.ws_url={at.address.ws}")
        loaded = load(env, None, (f"data_dir={self.folder}", *addresses, *sets), {}, ROOT)
        return World(env, loaded, folders(loaded), self._log)  # type: ignore[arg-type]  # the log's protocol

    def journal(self, env: str) -> Path:
        return self.folder / env / "journal.db"

    def _log(self, level: str, event: str, /, **keys: object) -> None:
        self.logged.append((level, event, keys))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(load("sandbox", None, (), {}, ROOT).settings.sandbox) as running:
        yield running


@pytest.fixture(scope="module")
def another() -> Iterator[LocalSandbox]:
    with LocalSandbox(load("sandbox", None, (), {}, ROOT).settings.sandbox) as running:
        yield running


def test_the_sandbox_is_started_for_the_run_and_ended_with_it(places: Places) -> None:
    with nothing_left_behind():
        world = places.world("sandbox")
        assert world.sandbox is not None
        process = world.sandbox._process
        world.open_session()
        assert len(world.catalog()) > 0
        assert world.books is not None and world.books()
        assert world.refresh_clock()
        world.close()

        assert process is not None and process.poll() is not None
    assert AccountLock(places.journal("sandbox").with_name("lock")) is not None  # free again


def test_a_second_process_on_one_account_is_refused_before_it_touches_anything(
    places: Places, sandbox: LocalSandbox
) -> None:
    first = places.world("sandbox", at=sandbox)

    with pytest.raises(AccountLocked, match=r"process \d+ trades this account already"):
        places.world("sandbox")  # would start a sandbox of its own

    first.close()
    places.world("sandbox", at=sandbox).close()


def test_the_same_sandbox_keeps_its_journal(places: Places, sandbox: LocalSandbox) -> None:
    for expected in (0, 1):
        world = places.world("sandbox", at=sandbox)
        assert len(world.journal.records()) == expected
        if not expected:
            world.journal.commit([an_accepted()])
        world.close()


def test_a_sandbox_started_anew_has_the_former_journal_set_aside(
    places: Places, sandbox: LocalSandbox, another: LocalSandbox
) -> None:
    world = places.world("sandbox", at=sandbox)
    world.journal.commit([an_accepted()])
    world.close()

    world = places.world("sandbox", at=another)
    assert world.journal.records() == []
    world.close()

    (aside,) = places.journal("sandbox").parent.glob("former/*.db")
    former = SqliteJournal(aside, threading.Lock)
    assert [record.tag for record in former.records()] == [an_accepted().tag]
    former.close()
    assert [keys["path"] for _, event, keys in places.logged if event == "journal.set_aside"] == [str(aside)]
    places.world("sandbox", at=another).close()
    assert len(list(aside.parent.iterdir())) == 1


def test_a_journal_that_a_dashboard_reads_is_set_aside_whole(
    places: Places, sandbox: LocalSandbox, another: LocalSandbox
) -> None:
    """What the former journal had not merged yet stayed behind, and the new one could not be opened over it."""
    places.world("sandbox", at=sandbox).close()
    reads = f"""
import sys, threading
from pathlib import Path
from adapters.store.journal import SqliteJournal
journal = SqliteJournal(Path({str(places.journal("sandbox"))!r}), threading.Lock, read_only=True)
print(journal.last_seq(), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", reads], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "0\n"
        world = places.world("sandbox", at=sandbox)
        world.journal.commit([an_accepted()])
        world.close()

        world = places.world("sandbox", at=another)
        assert world.journal.records() == []
        world.journal.commit([an_accepted()])
        world.close()
        reader.communicate("")

    (aside,) = places.journal("sandbox").parent.glob("former/*.db")
    former = SqliteJournal(aside, threading.Lock)
    assert [record.tag for record in former.records()] == [an_accepted().tag]
    former.close()


def foreign_journal(path: Path, account: str) -> bytes:
    journal = SqliteJournal(path, threading.Lock)
    journal.set_flag(ACCOUNT_FLAG, account)
    journal.commit([an_accepted()])
    journal.close()
    return path.read_bytes()


@pytest.mark.parametrize("env", ["paper", "live", "kite-sandbox"])
def test_elsewhere_another_accounts_journal_is_refused_and_left_as_it_is(places: Places, env: str) -> None:
    before = foreign_journal(places.journal(env), f"{env} ZZ9999")

    with pytest.raises(PatangError) as refusal:
        places.world(env, "kite.user_id=AB1234")

    text = str(refusal.value)
    assert str(places.journal(env)) in text
    assert "ZZ9999" in text and "AB1234" in text and "data_dir" in text
    assert places.journal(env).read_bytes() == before
    assert AccountLock(places.journal(env).with_name("lock")) is not None  # the refused world let go of it


def test_a_paper_account_and_its_journal_belong_together(places: Places) -> None:
    places.world("paper", "kite.user_id=AB1234").close()
    places.world("paper", "kite.user_id=AB1234").close()
    (places.folder / "paper" / "paper.db").unlink()

    with pytest.raises(PatangError, match="this journal is of 'paper AB1234"):
        places.world("paper", "kite.user_id=AB1234")


def test_elsewhere_ones_own_journal_is_kept(places: Places) -> None:
    foreign_journal(places.journal("kite-sandbox"), "kite-sandbox AB1234")

    world = places.world("kite-sandbox", "kite.user_id=AB1234")

    assert len(world.journal.records()) == 1
    assert (world.sandbox, world.control, world.books) == (None, None, None)
    assert not world.refresh_clock()
    world.close()


def test_only_the_sandbox_can_do_without_an_address(places: Places) -> None:
    with nothing_left_behind(), pytest.raises(ConfigError, match=r"kite\.rest_url: must be set in this environment"):
        places.world("paper", "kite.rest_url=null", "kite.ws_url=null")


def test_a_sandbox_that_is_not_there_is_said_and_nothing_is_kept_open(places: Places) -> None:
    with nothing_left_behind(), pytest.raises(BrokerUnavailable, match="did not answer"):
        places.world("sandbox", "kite.rest_url=http://127.0.0.1:9", "kite.ws_url=ws://127.0.0.1:9")


# -- the sandbox's process ---------------------------------------------------------------------------------------------


def test_a_sandbox_that_cannot_start_says_why() -> None:
    settings = load("sandbox", None, ("sandbox.relax=[nonsense]",), {}, ROOT).settings.sandbox

    with nothing_left_behind(), pytest.raises(BrokerUnavailable, match=r"the sandbox ended at its start: .*nonsense"):
        LocalSandbox(settings)


def test_a_sandbox_is_stopped_twice_without_harm_and_killed_if_it_must(another_one: Callable[[], LocalSandbox]) -> None:
    running = another_one()
    assert running._process is not None
    running._process.send_signal(signal.SIGSTOP)  # it hangs: SIGTERM waits for ever

    running.stop()
    running.stop()

    assert running._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_instant_of_its_making_waits_until_it_can_be_ended(
    monkeypatch: pytest.MonkeyPatch, another_one: Callable[[], LocalSandbox], number: signal.Signals
) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **keys: object) -> None:
            super().__init__(*args, **keys)  # type: ignore[call-overload]  # the same arguments
            made.append(self)
            signal.raise_signal(number)  # the process is there, and its maker does not have it yet

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.sandboxed.subprocess.Popen", Interrupted)
    former = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            another_one()
    finally:
        signal.signal(number, former)

    assert [each.returncode is not None for each in made] == [True]


def test_only_the_first_of_several_held_signals_is_handled_and_former_handlers_are_back() -> None:
    handled: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, _frame: handled.append(number))
    try:
        with signals_held():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert handled == []
        assert handled == [signal.SIGTERM]
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, former)

    assert handled == [signal.SIGTERM] * 2


@pytest.fixture
def another_one(monkeypatch: pytest.MonkeyPatch) -> Callable[[], LocalSandbox]:
    monkeypatch.setattr("app.sandboxed.STOP_SECONDS", 0.1)
    return lambda: LocalSandbox(load("sandbox", None, (), {}, ROOT).settings.sandbox)
