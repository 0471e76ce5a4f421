"""The trail's actor: it keeps what the routes tell, loses nothing the journal has, and a full disk is a state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from actors.audit import AUDIT_FLAG, Audit
from actors.routes import AUDIT, ROUTES, Routes
from adapters.store.audit import AuditTrail, prove, read
from domain.audit.entries import AUDITED, KINDS, Entry, Told, body_of, draft
from domain.errors import JournalUnavailable
from domain.messages.broker import Accepted
from domain.messages.control import Alert, SessionLost
from domain.messages.journal import IntentAccepted, JournalAdvanced, JournalEvent, JournalRecord, OrderAcknowledged
from domain.messages.orders import OrderPosted
from domain.orders.tags import tag_for
from tests.actors.stage import TOPOLOGY, Stage, own
from tests.actors.test_routes_table import sample
from tests.audit.making import plain, the_file
from tests.support.orders import an_accepted, an_intent
from tests.support.prices import a_price
from tests.timetable.market_clocks import at


class FullableTrail(AuditTrail):
    """The real trail on a disk that can be full."""

    full = False

    def flush(self) -> None:
        if self.full and self.waiting:
            raise JournalUnavailable("2026-11-20.log: No space left on device")
        super().flush()


class Keeper:
    """The actor built by hand, and a hand that tells it things."""

    def __init__(self, stage: Stage, folder: Path, run: str = "run-1") -> None:
        self.stage, self.folder = stage, folder
        self.context = stage.context(AUDIT)
        self.trail = FullableTrail(folder, plain)
        self.actor = Audit(self.context, stage.routes, self.trail, stage.journal, stage.clock, run)

    def start(self) -> Keeper:
        self.actor.started()
        return self

    def beat(self) -> None:
        self.actor.receive(own(self.context, "_Flush"))

    def commit(self, *events: JournalEvent, told: bool = True) -> None:
        for record in self.stage.journal.commit(events):
            if told:
                self.actor.receive(record)

    def entries(self) -> list[Entry]:
        return list(read(self.folder))

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries()]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, at("11:00"))
    yield stage
    stage.close()


@pytest.fixture
def keeper(stage: Stage, tmp_path: Path) -> Keeper:
    return Keeper(stage, tmp_path / "audit")


def accepted(number: int) -> IntentAccepted:
    return an_accepted(an_intent(f"ma:{number}"))


def test_what_is_told_is_durable_after_a_beat(keeper: Keeper) -> None:
    keeper.start().actor.receive(an_intent("ma:1"))
    keeper.commit(accepted(1))
    assert keeper.kinds() == ["audit.opened"]

    keeper.beat()

    assert keeper.kinds() == ["audit.opened", "strategy.decided", "order.intent"]
    assert [entry.tag for entry in keeper.entries()] == ["", tag_for("ma:1"), tag_for("ma:1")]
    assert [entry.journal for entry in keeper.entries()] == [0, 0, 1]
    assert body_of(keeper.entries()[2]) == accepted(1)
    assert prove(keeper.folder).entries == 3


def test_a_start_brings_the_trail_up_to_the_journal(stage: Stage, keeper: Keeper) -> None:
    """A killed process had committed more than its trail had written."""
    keeper.start()
    keeper.commit(accepted(1), accepted(2))
    keeper.beat()
    keeper.commit(accepted(3), accepted(4))  # in the buffer of a process that is killed now

    again = Keeper(stage, keeper.folder, "run-2").start()

    assert again.kinds() == [
        "audit.opened",
        "order.intent",
        "order.intent",
        "audit.opened",
        "order.intent",
        "order.intent",
    ]
    assert [entry.tag for entry in again.entries() if entry.tag] == [tag_for(f"ma:{n}") for n in (1, 2, 3, 4)]


def test_an_orderly_stop_leaves_nothing_out(stage: Stage, keeper: Keeper) -> None:
    keeper.start()
    keeper.commit(accepted(1), told=False)
    keeper.actor.receive(an_intent("ma:2"))

    keeper.actor.stopping()

    assert sorted(keeper.kinds()) == ["audit.opened", "order.intent", "strategy.decided"]


def test_a_gap_and_a_repetition_count_once_each(keeper: Keeper) -> None:
    keeper.start()
    first, second, third = keeper.stage.journal.commit((accepted(1), accepted(2), accepted(3)))
    for message in (third, first, second, third, JournalAdvanced(3)):
        keeper.actor.receive(message)
    keeper.beat()

    assert [entry.tag for entry in keeper.entries()[1:]] == [tag_for(f"ma:{n}") for n in (1, 2, 3)]


def test_the_claim_stands_before_the_reply(keeper: Keeper) -> None:
    """The worker's claim is told by nobody."""
    keeper.start()
    intent = replace(an_intent("ma:1"), valid_until=keeper.stage.clock.now + 1)
    keeper.commit(an_accepted(intent))
    claim = keeper.stage.journal.claim(tag_for("ma:1"), keeper.stage.clock.now)
    assert claim is not None

    keeper.actor.receive(OrderPosted(tag_for("ma:1"), Accepted("2611"), claim.seq, 0, 1, 2))
    keeper.commit(OrderAcknowledged(tag_for("ma:1"), "2611", "ma", 3))
    keeper.beat()

    assert keeper.kinds() == ["audit.opened", "order.intent", "order.sending", "order.posted", "order.acknowledged"]


def test_a_journal_that_begins_again_is_followed_from_its_beginning(
    stage: Stage, keeper: Keeper, tmp_path: Path
) -> None:
    """The sandbox was started anew, and its journal set aside: the numbers begin at 1 again."""
    keeper.start()
    keeper.commit(accepted(1), accepted(2))
    keeper.actor.stopping()
    stage.journal.close()
    stage.path.rename(tmp_path / "former.db")
    stage.restart_process()
    stage.journal.commit((accepted(3), accepted(4), accepted(5)))

    again = Keeper(stage, keeper.folder, "run-2").start()

    assert [entry.tag for entry in again.entries() if entry.tag] == [tag_for(f"ma:{n}") for n in (1, 2, 3, 4, 5)]
    assert [entry.journal for entry in again.entries()] == [0, 1, 2, 0, 1, 2, 3]
    assert stage.journal.flag(AUDIT_FLAG) == "run-2"


def test_a_journal_put_back_from_a_copy_is_told_and_followed(stage: Stage, keeper: Keeper, tmp_path: Path) -> None:
    keeper.start()
    keeper.commit(accepted(1))
    stage.journal.close()
    copy = stage.path.read_bytes()
    stage.restart_process()
    keeper = Keeper(stage, keeper.folder).start()
    keeper.commit(accepted(2))
    keeper.actor.stopping()
    stage.journal.close()
    stage.path.write_bytes(copy)
    stage.restart_process()

    again = Keeper(stage, keeper.folder, "run-3").start()
    again.commit(accepted(3))
    again.beat()

    assert again.kinds()[-3:] == ["audit.opened", "audit.journal_behind", "order.intent"]
    assert again.entries()[-1].tag == tag_for("ma:3")
    assert prove(again.folder).torn == 0


def test_a_full_disk_is_told_once_and_nothing_that_the_journal_has_is_missing_afterwards(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.audit.WAITING_MAX", 5)
    keeper.start()
    keeper.trail.full = True
    for number in range(10):
        keeper.commit(accepted(number))
        keeper.actor.receive(an_intent(f"ma:{number}"))
        keeper.beat()
    alerts = keeper.context.of(Alert)
    keeper.trail.full = False
    keeper.beat()

    assert [(alert.level, alert.name) for alert in alerts] == [("critical", "audit.unavailable")]
    kinds = keeper.kinds()
    assert kinds.count("order.intent") == 10
    assert kinds.count("strategy.decided") == 2
    lost = next(entry for entry in keeper.entries() if entry.kind == "audit.lost")
    assert json.loads(bytes(lost.body))["count"] == 8
    assert "audit.durable_again" in keeper.context.words()
    assert prove(keeper.folder).entries == len(kinds)


def test_a_trail_that_cannot_be_opened_is_opened_later(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    keeper = Keeper(stage, tmp_path / "audit").start()
    keeper.actor.receive(an_intent("ma:1"))
    keeper.commit(accepted(1))
    (tmp_path / "audit").unlink()

    keeper.beat()
    keeper.beat()

    assert keeper.kinds() == ["audit.opened", "order.intent", "audit.lost"]


def test_a_broken_trail_is_told_and_written_on(stage: Stage, keeper: Keeper) -> None:
    keeper.start()
    keeper.commit(accepted(1))
    keeper.actor.stopping()
    path = the_file(keeper.folder)
    path.write_bytes(path.read_bytes().replace(b'"quantity":10', b'"quantity":11'))

    again = Keeper(stage, keeper.folder).start()

    [alert] = again.context.of(Alert)
    assert (alert.level, alert.name) == ("critical", "audit.broken")
    assert again.kinds()[-2:] == ["audit.opened", "order.intent"]  # what it could not trust, it has read again


def test_every_message_that_is_kept_reads_back_equal(keeper: Keeper) -> None:
    messages = [sample(kind) for kind in (*get_args(Told), *get_args(JournalEvent))]
    keeper.start()
    for message in messages:
        keeper.actor.receive(message if isinstance(message, get_args(Told)) else an_intent())
        assert type(message) in KINDS
    keeper.beat()

    found = [body_of(entry) for entry in keeper.entries()[1:]]
    assert found[: len(get_args(Told))] == messages[: len(get_args(Told))]
    assert len({*KINDS.values()}) == len(KINDS), "a kind for each"


# -- the routes --------------------------------------------------------------------------------------------------------


def test_the_trail_hears_before_anybody_can_act(stage: Stage) -> None:
    audited, context = Routes(replace(TOPOLOGY, audited=True)), stage.context("strategy.ma")

    audited.publish(context, an_intent())

    assert [told.to for told in context.told] == [AUDIT, "risk"]


def test_only_what_is_audited_and_only_where_there_is_a_trail(stage: Stage) -> None:
    audited, context = Routes(replace(TOPOLOGY, audited=True)), stage.context("market")
    audited.publish(context, a_price(1, 1))
    stage.routes.publish(context, an_intent())

    assert AUDIT not in [told.to for told in context.told]


def test_everything_audited_has_a_route_and_every_decision_about_an_order_is_audited() -> None:
    assert set(ROUTES) >= AUDITED
    for kind in ("OrderIntent", "Denied", "ApprovedIntent", "JournalRecord", "OrderPosted", "OrderUpdateReceived",
                 "TradingStateChanged", "OperatorRequest", "OperatorAnswered", "CancelOrder", "CancelPosted"):  # fmt: skip
        assert kind in {each.__name__ for each in AUDITED}


def test_a_message_concerns_the_order_it_speaks_of() -> None:
    assert draft(an_intent("ma:1")).tag == tag_for("ma:1")
    assert draft(SessionLost("why", 1)).tag == ""
    assert not isinstance(JournalRecord(1, accepted(1)), get_args(Told))
