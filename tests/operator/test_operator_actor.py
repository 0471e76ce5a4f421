"""A person's request is told once, in order, and its outcome kept; a crash in between never does harm twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.operator import Operator, OperatorSettings
from actors.routes import OPERATOR
from adapters.store.operator import OperatorDesk
from domain.errors import JournalUnavailable
from domain.messages.operator import (
    Adjust,
    AdjustWhat,
    Cancel,
    Flatten,
    Halt,
    OperatorAnswered,
    OperatorCommand,
    OperatorRequest,
    Resolve,
    Resume,
    Switch,
    is_harmless_again,
)
from domain.values import SECOND
from tests.actors.stage import Stage, Told, own


class FullableDesk(OperatorDesk):
    """The real table on a disk that can be full."""

    full = False

    def take(self, request: int, run: str) -> bool:
        if self.full:
            raise JournalUnavailable("operator.db: disk full")
        return super().take(request, run)

    def answer(self, answer: OperatorAnswered) -> None:
        if self.full:
            raise JournalUnavailable("operator.db: disk full")
        super().answer(answer)


class Post:
    """The actor built by hand on a real table."""

    def __init__(self, stage: Stage, folder: Path, *, run: str = "run-1", incarnation: int = 1) -> None:
        self.stage, self.folder, self.run = stage, folder, run
        self.desk = FullableDesk(folder / "operator.db")
        self.context: Told = stage.context(OPERATOR, incarnation)
        # The requests' clock is set by hand as well: the stage's market clock will do.
        self.actor = Operator(self.context, stage.routes, self.desk, stage.clock, OperatorSettings(run=run))

    def start(self) -> Post:
        self.actor.started()
        return self

    def put(self, command: OperatorCommand, age: float = 0.0) -> int:
        return self.desk.put(self.stage.clock.now - int(age * SECOND), "asha", command)

    def look(self) -> None:
        self.actor.receive(own(self.context, "_Look"))

    def told(self) -> list[tuple[str, OperatorCommand]]:
        return [(t.to, t.message.command) for t in self.context.told if isinstance(t.message, OperatorRequest)]

    def hear(self) -> None:
        """Its mailbox."""
        told, self.context.told[:] = list(self.context.told), []
        for each in told:
            if each.to == OPERATOR:
                self.actor.receive(each.message)

    def outcome(self, request: int) -> tuple[bool, str] | None:
        found = self.desk.outcome(request)
        return None if found is None else (found.done, found.text)

    def again(self, *, run: str | None = None) -> Post:
        """The next incarnation, or the next process."""
        self.desk.close()
        return Post(self.stage, self.folder, run=run or self.run, incarnation=2 if run is None else 1)


@pytest.fixture
def post(stage: Stage, tmp_path: Path) -> Post:
    return Post(stage, tmp_path)


EVERY: list[tuple[OperatorCommand, str, bool]] = [
    (Halt("why"), "risk", True),
    (Halt("why", flatten=True), "risk", False),
    (Resume("why"), "risk", False),
    (Flatten("why"), "risk", False),
    (Flatten("why", "ma"), "risk", False),
    (Cancel("why", tag="PTAG"), "orders", True),
    (Cancel("why", strategy="ma"), "orders", False),
    (Cancel("why"), "orders", False),
    (Resolve("why", "PTAG"), "orders", True),
    (Resolve("why", "PTAG", "2611"), "orders", True),
    (Switch("why", "nobody", on=False), "operator", True),
    (Adjust("why", AdjustWhat.PEAK), "risk", False),
]
"""Each command, who carries it out, and whether it may be told again."""


def test_requests_are_told_once_in_order_to_whom_they_concern(post: Post) -> None:
    post.start()
    for command, _, _ in EVERY:
        post.put(command)

    post.look()
    post.look()

    assert post.told() == [(to, command) for command, to, _ in EVERY]


def test_ready_only_when_what_waited_has_been_told(post: Post) -> None:
    """A halt that was said before the start reaches the gate before anybody makes trading active."""
    post.put(Halt("why"))
    early: list[str] = []
    post.context.observe = lambda name, _message: early.append(name) if not post.context.was_ready else None

    post.start()

    assert post.told() == [("risk", Halt("why"))]
    assert early == ["risk"]
    assert post.context.was_ready


def test_the_answer_is_kept(post: Post) -> None:
    request = post.start().put(Halt("why"))
    post.look()

    post.actor.receive(OperatorAnswered(request, done=True, text="halted", tags=("PTAG",)))
    post.look()

    found = post.desk.outcome(request)
    assert found == OperatorAnswered(request, done=True, text="halted", tags=("PTAG",))
    assert len(post.told()) == 1


@pytest.mark.parametrize(("command", "to", "harmless"), EVERY)
def test_a_process_that_died_between_taking_and_answering(
    post: Post, command: OperatorCommand, to: str, harmless: bool
) -> None:
    request = post.start().put(command)
    post.look()

    again = post.again(run="run-2").start()
    again.look()
    told = again.told()
    again.hear()

    assert is_harmless_again(command) is harmless
    assert told == ([(to, command)] if harmless else [])
    if harmless:
        assert again.outcome(request) is None
    else:
        outcome = again.outcome(request)
        assert outcome is not None
        assert (outcome[0], "say it again" in outcome[1]) == (False, True)


def test_a_crashed_incarnation_waits_for_the_answer_that_may_be_in_its_mailbox(post: Post) -> None:
    request = post.start().put(Resume("why"))
    post.look()

    again = post.again().start()
    again.actor.receive(OperatorAnswered(request, done=True, text="trading is active"))
    again.look()

    assert again.told() == []
    assert again.outcome(request) == (True, "trading is active")


def test_no_answer_is_said_after_a_while_and_a_late_one_changes_nothing(post: Post) -> None:
    request = post.start().put(Flatten("why"))
    post.look()
    post.stage.passes(21)
    post.look()
    post.hear()
    post.actor.receive(OperatorAnswered(request, done=True, text="closing"))

    outcome = post.outcome(request)
    assert outcome is not None and not outcome[0] and outcome[1].startswith("no answer came")


@pytest.mark.parametrize(("command", "_to", "_harmless"), EVERY)
def test_what_nobody_took_in_time_is_not_carried_out_but_for_a_halt(
    post: Post, command: OperatorCommand, _to: str, _harmless: bool
) -> None:
    request = post.put(command, age=61)

    post.start()
    told = post.told()
    post.hear()

    if isinstance(command, Halt):
        assert len(told) == 1
        assert post.outcome(request) is None
    else:
        assert told == []
        outcome = post.outcome(request)
        assert outcome is not None and outcome[1].startswith("not carried out: it was asked for 61 s ago")


def test_what_was_withdrawn_is_not_told(post: Post) -> None:
    request = post.start().put(Resume("why"))
    post.desk.withdraw(request)
    post.look()

    assert post.told() == []


def test_a_full_disk_takes_nothing_and_keeps_the_answer_for_later(post: Post) -> None:
    request = post.start().put(Resume("why"))
    post.desk.full = True
    post.look()
    assert post.told() == []
    post.desk.full = False
    post.look()
    post.desk.full = True
    post.actor.receive(OperatorAnswered(request, done=True, text="trading is active"))
    post.look()
    post.desk.full = False
    post.look()

    assert len(post.told()) == 1
    assert post.outcome(request) == (True, "trading is active")
    assert post.context.words().count("operator.desk_unavailable") == 2
