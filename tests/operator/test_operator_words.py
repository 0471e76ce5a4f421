"""What a person types: bad usage is one line and status 2; where no trader runs, what can be done is done."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from actors.risk import STATE_FLAG
from adapters.store.audit import prove, read
from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from adapters.store.operator import OperatorDesk
from app import cli, operating
from app.output import DONE, FAILED, USAGE
from domain.messages.operator import Halt, OperatorAnswered, Resume
from tests.report.sample_day import journal_events


class Typist:
    """Types commands on a data folder of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.data, self._capfd = folder / "data" / "sandbox", capfd
        self._sets = ("--set", f"data_dir={folder / 'data'}", "--set", f"reports_dir={folder / 'reports'}")

    def type(self, *words: str) -> tuple[int, str, str]:
        status = cli.main([*words, *self._sets])
        out, err = self._capfd.readouterr()
        return status, out, err

    def state(self) -> dict[str, str]:
        journal = SqliteJournal(self.data / "journal.db", threading.Lock, read_only=True)
        try:
            kept = json.loads(journal.flag(STATE_FLAG) or "{}")
        finally:
            journal.close()
        assert isinstance(kept, dict)
        return kept


@pytest.fixture
def typist(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Typist:
    return Typist(tmp_path, capfd)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("halt",), "requires an argument"),
        (("halt", "--why", "  "), "--why: found nothing; allowed: a reason"),
        (("cancel", "--why", "x"), "cancel: name one of: a TAG, --strategy ID, --all"),
        (("cancel", "PTAG", "--all", "--why", "x"), "cancel: name one of: a TAG, --strategy ID, --all"),
        (("resolve", "PTAG", "--as", "gone", "--why", "x"), "--as: found 'gone'; allowed: placed:ORDER_ID or absent"),
        (("resolve", "PTAG", "--as", "placed:", "--why", "x"), "--as: found 'placed:'; allowed: "),
        (("resolve", "PTAG", "--as", "placed", "--why", "x"), "--as: found 'placed'; allowed: "),
        (("audit", "export", "--format", "parquet"), "--format parquet: name a file with --out"),
        (("audit", "export", "--from", "yesterday"), "--from: found 'yesterday'; allowed: a day, such as 2026-11-20"),
    ],
)
def test_bad_usage(typist: Typist, words: tuple[str, ...], says: str) -> None:
    status, out, err = typist.type(*words)

    assert (status, out) == (USAGE, "")
    assert says in err and len(err.splitlines()) == 1


def test_halt_and_resume_where_no_trader_runs_are_kept_and_audited(typist: Typist) -> None:
    assert typist.type("halt", "--why", "holiday", "--who", "asha")[0] == DONE
    halted = typist.state()
    assert typist.type("resume", "--why", "back", "--who", "asha")[0] == DONE

    assert (halted["state"], halted["who"], halted["why"]) == ("HALTED", "operator", "holiday (asha)")
    assert typist.state()["state"] == "ACTIVE"
    kinds = [entry.kind for entry in read(typist.data / "audit")]
    assert kinds == ["audit.opened", "operator.request", "operator.answer"] * 2
    assert prove(typist.data / "audit").entries == 6


@pytest.mark.parametrize("words", [("flatten",), ("cancel", "--all"), ("resolve", "PTAG", "--as", "absent")])
def test_what_needs_a_trader_is_refused_and_never_done_later(typist: Typist, words: tuple[str, ...]) -> None:
    status, _, err = typist.type(*words, "--why", "x")

    assert (status, err) == (FAILED, "patang: no trader runs here: nothing was done\n")
    assert OperatorDesk(typist.data / "operator.db").waiting() == []


def test_a_wrong_tag_where_no_trader_runs(typist: Typist) -> None:
    journal = SqliteJournal(typist.data / "journal.db", threading.Lock)
    journal.commit(journal_events())
    tag = journal.records()[0].tag
    journal.close()

    unknown = typist.type("resolve", "PTAG", "--as", "absent", "--why", "x")
    final = typist.type("resolve", tag, "--as", "absent", "--why", "x")

    assert unknown == (FAILED, "", "patang: no order has the tag PTAG; `run.py journal` lists them\n")
    assert final[0] == FAILED and "only an unresolved one can be resolved" in final[2]


def test_a_running_trader_gets_the_request_and_its_answer_is_shown(typist: Typist) -> None:
    lock = AccountLock(typist.data / "lock")
    desk = OperatorDesk(typist.data / "operator.db")
    answered = threading.Event()

    def trader() -> None:
        while not desk.waiting():
            answered.wait(0.01)
        [waiting] = desk.waiting()
        assert waiting.request.command == Halt("stop") and waiting.request.who == "asha"
        desk.take(waiting.request.id, "run")
        desk.answer(OperatorAnswered(waiting.request.id, done=True, text="halted", tags=("PTAG",)))

    thread = threading.Thread(target=trader)
    thread.start()
    status, out, _ = typist.type("halt", "--why", "stop", "--who", "asha", "--json")
    thread.join()
    lock.release()

    assert status == DONE
    assert json.loads(out) == {"done": True, "text": "halted", "tags": ["PTAG"], "request": 1, "by": "trader"}


@pytest.mark.parametrize(("words", "stays"), [(("halt",), True), (("resume",), False), (("flatten",), False)])
def test_a_trader_that_does_not_answer(
    typist: Typist, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], stays: bool
) -> None:
    """A halt waits for it; anything else is withdrawn, and never happens by surprise."""
    monkeypatch.setattr(operating, "WAIT_SECONDS", 0.2)
    lock = AccountLock(typist.data / "lock")
    status, _, err = typist.type(*words, "--why", "x")
    lock.release()

    assert status == FAILED and "the trader does not answer" in err
    waiting = OperatorDesk(typist.data / "operator.db").waiting()
    assert bool(waiting) is stays


def test_a_trader_that_dies_before_it_answers_leaves_the_work_to_the_terminal(typist: Typist) -> None:
    """Taken and not answered: a halt is carried out here, for a resume nobody knows."""
    for command, done in ((Halt("x"), True), (Resume("x"), False)):
        desk = OperatorDesk(typist.data / "operator.db")
        lock = AccountLock(typist.data / "lock")

        def trader(desk: OperatorDesk = desk, lock: AccountLock = lock) -> None:
            while not (waiting := desk.waiting()):
                time.sleep(0.01)
            desk.take(waiting[0].request.id, "run")
            lock.release()

        thread = threading.Thread(target=trader)
        thread.start()
        status, _, err = typist.type(type(command).__name__.lower(), "--why", "x")
        thread.join()

        assert status == (DONE if done else FAILED)
        assert done or "say it again" in err
        assert desk.waiting() == []
        assert typist.state()["state"] == "HALTED"


def test_show_and_verify_where_nothing_was_ever_written(typist: Typist) -> None:
    assert typist.type("audit", "verify")[0] == DONE
    status, _, err = typist.type("audit", "show", "PTAG")

    assert (status, err) == (
        FAILED,
        "patang: the audit trail has no order PTAG; `run.py orders` lists tags and order ids\n",
    )


def test_verify_says_where_it_is_broken(typist: Typist) -> None:
    typist.type("halt", "--why", "x")
    [path] = (typist.data / "audit").iterdir()
    path.write_bytes(path.read_bytes().replace(b"Halt", b"Hult"))

    status, out, err = typist.type("audit", "verify", "--json")

    assert status == FAILED
    assert json.loads(out)["whole"] is False
    assert f"{path.name}: entry 2 does not follow from the one before it: its hash does not fit what it says" in err


def test_export_of_some_days(typist: Typist, tmp_path: Path) -> None:
    typist.type("halt", "--why", 'a, "quoted" why')
    none = typist.type("audit", "export", "--to", "2020-01-01")
    whole = typist.type("audit", "export", "--from", "2020-01-01", "--out", str(tmp_path / "out.csv"))

    assert none == (DONE, "seq,time,kind,tag,order_id,strategy,journal,body,prev,hash\n", "")
    assert whole[2] == f"patang: 3 entries written to {tmp_path / 'out.csv'}\n"
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


def test_export_as_a_table(typist: Typist, tmp_path: Path) -> None:
    typist.type("halt", "--why", "x")
    [path] = (typist.data / "audit").iterdir()

    assert typist.type("audit", "export", "--format", "parquet", "--out", str(tmp_path / "out.parquet"))[0] == DONE

    table = pl.read_parquet(tmp_path / "out.parquet")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert table["hash"].to_list() == [line["hash"] for line in lines]
    assert [json.loads(body) for body in table["body"]] == [line["body"] for line in lines]
    assert table["time"].dt.epoch("ns").to_list() == [line["time"] for line in lines]
