"""The table of requests: each taken once, answered once, withdrawn only where nobody took it; durable, private."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.store.operator import WITHDRAWN, OperatorDesk
from domain.errors import JournalCorrupt, JournalUnavailable
from domain.messages.operator import (
    Adjust,
    AdjustWhat,
    Cancel,
    Flatten,
    Halt,
    OperatorAnswered,
    OperatorCommand,
    Resolve,
    Resume,
)
from domain.values import Product


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[OperatorDesk]:
    desk = OperatorDesk(tmp_path / "new" / "operator.db")
    yield desk
    desk.close()


EVERY: list[OperatorCommand] = [
    Halt("why", flatten=True),
    Resume("why"),
    Flatten("why", "ma"),
    Cancel("why", "PTAG", "ma", include_exits=True),
    Resolve("why", "PTAG", "2611"),
    Adjust("why", AdjustWhat.CONVERT, "NSE:INFY", "ma", quantity=5, product=Product.MIS, to_product=Product.CNC),
]


def test_requests_wait_in_order_as_they_were_put_across_processes(desk: OperatorDesk, tmp_path: Path) -> None:
    ids = [desk.put(number, "asha", command) for number, command in enumerate(EVERY)]
    desk.close()

    other = OperatorDesk(tmp_path / "new" / "operator.db")
    waiting = other.waiting()
    other.close()

    assert [each.request.id for each in waiting] == ids == sorted(ids)
    assert [each.request.command for each in waiting] == EVERY
    assert [(each.request.time, each.request.who, each.taken) for each in waiting] == [
        (number, "asha", "") for number in range(len(EVERY))
    ]


def test_a_request_is_taken_once_and_then_not_withdrawn(desk: OperatorDesk) -> None:
    request = desk.put(1, "asha", Halt("why"))

    assert [desk.take(request, run) for run in ("run-1", "run-2", "run-1")] == [True, False, False]
    assert not desk.withdraw(request)
    assert [each.taken for each in desk.waiting()] == ["run-1"]
    assert desk.outcome(request) is None


def test_what_is_withdrawn_is_never_taken(desk: OperatorDesk) -> None:
    request = desk.put(1, "asha", Resume("why"))

    assert desk.withdraw(request)
    assert not desk.take(request, "run-1")
    assert desk.waiting() == []
    outcome = desk.outcome(request)
    assert outcome is not None and (outcome.done, outcome.text) == (False, WITHDRAWN)


def test_the_first_outcome_stands(desk: OperatorDesk) -> None:
    request = desk.put(1, "asha", Halt("why"))
    desk.take(request, "run-1")
    first = OperatorAnswered(request, done=True, text="halted", tags=("PTAG",))

    desk.answer(first)
    desk.answer(OperatorAnswered(request, done=False, text="no answer"))

    assert desk.outcome(request) == first
    assert desk.waiting() == []


def test_many_terminals_at_once_lose_nothing_and_nobody_takes_twice(tmp_path: Path) -> None:
    """Each opens the file by itself, new as it is."""
    path, ready = tmp_path / "operator.db", threading.Barrier(4)
    taken: list[int] = []

    def terminal() -> None:
        ready.wait()
        desk = OperatorDesk(path)
        for _ in range(10):
            desk.put(1, "asha", Halt("why"))
        taken.extend(w.request.id for w in desk.waiting() if desk.take(w.request.id, "run"))
        desk.close()

    threads = [threading.Thread(target=terminal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    desk = OperatorDesk(path)
    taken.extend(w.request.id for w in desk.waiting() if desk.take(w.request.id, "run"))
    desk.close()
    assert sorted(taken) == list(range(1, 41))


def test_the_files_are_private(desk: OperatorDesk, tmp_path: Path) -> None:
    desk.put(1, "asha", Halt("why"))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes["operator.db"] == 0o600
    assert not any(mode & 0o077 for mode in modes.values()), modes


def test_what_cannot_be_read_or_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "operator.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalCorrupt, match="not a readable table of requests"):
        OperatorDesk(tmp_path / "operator.db")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JournalUnavailable):
        OperatorDesk(tmp_path / "file" / "operator.db")
