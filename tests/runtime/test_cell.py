"""Cell and lease, without a system: what a lease may still do once it is revoked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.runtime import ActorGone, AskTimeout, InFlight, MailboxSpec, ThreadRuntime
from actors.runtime.cell import Cell
from actors.runtime.mailbox import Lane
from actors.runtime.messages import LeaseEnded
from tests.runtime.harness import Inbox, a_runtime


@pytest.fixture
def runtime() -> Iterator[ThreadRuntime]:
    with a_runtime() as runtime:
        yield runtime


@pytest.fixture
def alerts() -> Inbox:
    return Inbox()


@pytest.fixture
def cell(runtime: ThreadRuntime, alerts: Inbox) -> Cell:
    return Cell("a", MailboxSpec(), runtime, alerts.add)


def test_a_revoked_lease_reports_empty_and_hands_out_nothing_but_its_end(cell: Cell) -> None:
    lease = cell.open(1)
    cell.tell("kept")
    cell.revoke(lease, None, None)

    assert lease.empty()
    assert isinstance(lease.get().message, LeaseEnded)
    assert cell.open(2).get().message == "kept"


def test_what_a_late_timer_of_an_older_incarnation_puts_is_passed_over(cell: Cell) -> None:
    cell.revoke(cell.open(1), None, None)
    lease = cell.open(2)
    cell.put("late timer of 1", Lane.EVENT, None, None, life=1)
    cell.tell("for anybody")

    assert lease.get().message == "for anybody"


def test_a_message_counts_as_handled_when_the_next_one_is_asked_for(cell: Cell) -> None:
    lease = cell.open(1)
    cell.tell("first")
    cell.tell("second")
    lease.get()
    lease.get()
    cell.revoke(lease, InFlight.REDELIVER_ONCE, ValueError("crash"))

    assert cell.open(2).get().message == "second"


def test_revoking_twice_settles_once(cell: Cell) -> None:
    lease = cell.open(1)
    cell.tell("in flight")
    lease.get()
    cell.revoke(lease, InFlight.DROP, ValueError("crash"))
    cell.revoke(lease, InFlight.DROP, ValueError("again"))

    assert cell.lost == 1


def test_a_closed_cell_answers_questions_at_once_and_counts_the_rest(cell: Cell, alerts: Inbox) -> None:
    cell.tell("waiting")
    cell.close("removed")
    cell.tell("too late")

    with pytest.raises(ActorGone, match="a is down: removed"):
        cell.ask("x", timeout=1)
    assert cell.news() == (2, False)
    assert cell.news() == (0, False)
    assert cell.dead_kind == "str"
    assert alerts.items


def test_a_question_nobody_takes_times_out_and_stays_queued(cell: Cell) -> None:
    with pytest.raises(AskTimeout, match="a did not answer str within"):
        cell.ask("x", timeout=0.001)

    assert cell.counts(None).depth == 1
