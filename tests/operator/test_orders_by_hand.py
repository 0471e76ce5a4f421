"""The order supervisor under a person's commands: which orders are cancelled, and which findings are believed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.messages.broker import Accepted, BrokerOrder, BrokerStatus, BrokerTrade, Unresolved
from domain.messages.journal import IntentExpired, OrderAcknowledged, OrderResolved, OrderState
from domain.messages.operator import Cancel, OperatorAnswered, OperatorCommand, OperatorRequest, Resolve
from domain.messages.orders import CancelOrder, OrderBookRead, ReadOrderBook
from domain.orders.tags import tag_for
from domain.values import Side
from tests.actors.stage import Stage
from tests.actors.test_order_supervisor import ORDER_ID, Desk
from tests.support.orders import a_row

TAG = tag_for("ma:1")
QUARANTINE = 120


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage).reconciled()


def say(desk: Desk, command: OperatorCommand) -> None:
    desk.actor.receive(OperatorRequest(7, 0, "asha", command))


def answer(desk: Desk) -> OperatorAnswered:
    [found] = desk.context.of(OperatorAnswered)
    assert found.request == 7
    return found


def cancelled(desk: Desk) -> set[str]:
    return {each.tag for each in desk.context.of(CancelOrder)}


# -- cancel ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """ma: an entry and an exit resting, one being sent, one unsent; s1: an entry resting."""
    desk.resting("ma:1", "1")
    desk.resting("ma:2", "2", reduce_only=True)
    desk.sending("ma:3")
    desk.unsent("ma:4")
    desk.resting("s1:1", "5", strategy="s1")
    desk.context.afresh()
    return desk


@pytest.mark.parametrize(
    ("command", "wanted", "says"),
    [
        (Cancel("why", tag=TAG), {"ma:1"}, "1 being cancelled"),
        (Cancel("why", tag=tag_for("ma:2")), {"ma:2"}, "1 being cancelled"),
        (Cancel("why", strategy="ma"), {"ma:1", "ma:4"}, "2 being cancelled; 1 exits are left (--exits cancels them too); 1 have no order id yet"),
        (Cancel("why", strategy="ma", include_exits=True), {"ma:1", "ma:2", "ma:4"}, "3 being cancelled; 1 have no order id yet"),
        (Cancel("why"), {"ma:1", "ma:4", "s1:1"}, "3 being cancelled; 1 exits are left (--exits cancels them too); 1 have no order id yet"),
        (Cancel("why", strategy="s2"), set(), "nothing rests that could be cancelled"),
    ],
)  # fmt: skip
def test_what_is_cancelled(busy: Desk, command: Cancel, wanted: set[str], says: str) -> None:
    say(busy, command)

    found = answer(busy)
    assert (found.done, found.text) == (True, says)
    assert set(found.tags) == {tag_for(each) for each in wanted}
    at_the_broker = {tag_for(each) for each in wanted} - {tag_for("ma:4")}
    assert cancelled(busy) == at_the_broker
    unsent = OrderState.EXPIRED if "ma:4" in wanted else OrderState.INTENT
    assert busy.record("ma:4").state is unsent


def test_an_unsent_order_that_was_cancelled_can_never_be_claimed(busy: Desk) -> None:
    say(busy, Cancel("why", tag=tag_for("ma:4")))

    assert busy.journal.claim(tag_for("ma:4"), busy.stage.clock.now) is None


@pytest.mark.parametrize(
    ("intent_id", "says"),
    [
        ("ma:9", "no order has the tag "),
        ("ma:3", "is on its way to the broker: try again in a moment"),
    ],
)
def test_a_tag_that_cannot_be_cancelled_is_one_line(busy: Desk, intent_id: str, says: str) -> None:
    say(busy, Cancel("why", tag=tag_for(intent_id)))

    found = answer(busy)
    assert not found.done and says in found.text
    assert cancelled(busy) == set()


def test_an_unresolved_or_final_order_cannot_be_cancelled(desk: Desk) -> None:
    desk.sending("ma:1")
    desk.posted("ma:1", Unresolved("no reply"))
    say(desk, Cancel("why", tag=TAG))
    assert "resolve --help" in answer(desk).text
    desk.context.afresh()
    desk.posted("ma:1", Accepted(ORDER_ID))
    desk.updated(a_row(desk.record(), BrokerStatus.CANCELLED))
    say(desk, Cancel("why", tag=TAG))

    assert answer(desk).text == f"order {TAG} is cancelled already"


# -- resolve -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def unresolved(desk: Desk) -> Desk:
    """An order of which nothing is proved, for longer than the broker can take."""
    desk.sending("ma:1")
    desk.posted("ma:1", Unresolved("no reply"))
    desk.stage.passes(QUARANTINE)
    desk.context.afresh()
    return desk


def untagged(desk: Desk, **changes: object) -> BrokerOrder:
    """The broker's row of the order, its tag gone."""
    return replace(a_row(desk.record(), BrokerStatus.OPEN), tags=(), **changes)


def find(
    desk: Desk, finding: Resolve, *rows: BrokerOrder, error: str = "", trades: tuple[BrokerTrade, ...] = ()
) -> None:
    """Say it, and answer the reading of the book that it causes."""
    say(desk, finding)
    [read] = desk.context.of(ReadOrderBook)
    desk.actor.receive(OrderBookRead(read.request, rows, trades, desk.stage.clock.now, error))


def test_placed_is_believed_where_the_broker_shows_that_order(unresolved: Desk) -> None:
    find(unresolved, Resolve("seen in Kite", TAG, ORDER_ID), untagged(unresolved))

    found = answer(unresolved)
    assert (found.done, found.tags) == (True, (TAG,))
    record = unresolved.record()
    assert (record.state, record.order_id) == (OrderState.ACKNOWLEDGED, ORDER_ID)
    resolved, acknowledged = unresolved.stored()[-3:-1]
    assert isinstance(resolved, OrderResolved) and isinstance(acknowledged, OrderAcknowledged)
    assert (resolved.who, resolved.why, resolved.order_id) == ("asha", "seen in Kite", ORDER_ID)
    assert acknowledged.found_by == "operator"


def test_its_fills_follow(unresolved: Desk) -> None:
    find(
        unresolved,
        Resolve("seen in Kite", TAG, ORDER_ID),
        untagged(unresolved, status=BrokerStatus.COMPLETE, filled=10, pending=0),
    )

    assert unresolved.record().filled_seen == 10


def test_absent_is_believed_where_the_broker_shows_no_such_tag(unresolved: Desk) -> None:
    find(unresolved, Resolve("looked twice", TAG))

    assert answer(unresolved).done
    assert unresolved.record().state is OrderState.EXPIRED
    resolved, expired = unresolved.stored()[-2:]
    assert isinstance(resolved, OrderResolved) and resolved.order_id == ""
    assert isinstance(expired, IntentExpired) and expired.why == "absent at the broker, says asha: looked twice"


def test_a_resolution_frees_strategy_and_instrument_and_is_told(unresolved: Desk) -> None:
    find(unresolved, Resolve("looked twice", TAG))

    assert unresolved.journal.open_records() == []
    assert [type(event).__name__ for event in unresolved.context.events()] == ["OrderResolved", "IntentExpired"]


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (Resolve("why", "PNOTAG"), "no order has the tag PNOTAG"),
        (Resolve("why", tag_for("ma:2")), "is acknowledged as order 2: only an unresolved one can be resolved"),
    ],
)
def test_only_an_unresolved_order_can_be_resolved(unresolved: Desk, finding: Resolve, says: str) -> None:
    unresolved.resting("ma:2", "2")
    unresolved.context.afresh()

    say(unresolved, finding)

    assert not answer(unresolved).done
    assert says in answer(unresolved).text
    assert unresolved.context.of(ReadOrderBook) == []


@pytest.mark.parametrize(
    ("rows", "order_id", "says"),
    [
        ("none", ORDER_ID, f"the broker knows no order {ORDER_ID} today"),
        ("other side", ORDER_ID, "is another one: SELL 10 NSE:INFY MIS; "),
        ("other quantity", ORDER_ID, "is another one: BUY 11 NSE:INFY MIS; "),
        ("other symbol", ORDER_ID, "is another one: BUY 10 NSE:SBIN MIS; "),
        ("ours", "2", "order 2 is ours already, with the tag "),
    ],
)
def test_placed_is_not_believed_of_another_order(unresolved: Desk, rows: str, order_id: str, says: str) -> None:
    unresolved.resting("ma:2", "2")
    unresolved.context.afresh()
    changes: dict[str, dict[str, object]] = {
        "other side": {"side": Side.SELL}, "other quantity": {"quantity": 11}, "other symbol": {"symbol": "SBIN"},
        "ours": {"order_id": "2"},
    }  # fmt: skip
    shown = () if rows == "none" else (untagged(unresolved, **changes[rows]),)

    find(unresolved, Resolve("why", TAG, order_id), *shown)

    assert not answer(unresolved).done
    assert says in answer(unresolved).text
    assert unresolved.record().state is OrderState.QUARANTINED


def test_what_the_broker_shows_by_its_tag_needs_no_person(unresolved: Desk) -> None:
    """The reading itself resolves it; the person hears so."""
    find(unresolved, Resolve("why", TAG), a_row(unresolved.record(), BrokerStatus.OPEN))

    assert unresolved.record().state is OrderState.ACKNOWLEDGED
    assert not answer(unresolved).done
    assert f"is acknowledged as order {ORDER_ID}" in answer(unresolved).text


def test_nothing_is_absent_while_it_may_still_turn_up(desk: Desk) -> None:
    desk.sending("ma:1")
    desk.posted("ma:1", Unresolved("no reply"))
    desk.stage.passes(QUARANTINE - 3)
    desk.context.afresh()

    find(desk, Resolve("in a hurry", TAG))

    assert answer(desk).text == f"order {TAG} may still turn up at the broker: it can be called absent in 3 s"
    assert desk.record().state is OrderState.QUARANTINED


def test_without_the_brokers_book_nothing_is_believed(unresolved: Desk) -> None:
    find(unresolved, Resolve("why", TAG), error="HTTP 503")

    assert (answer(unresolved).done, answer(unresolved).text) == (
        False,
        "the broker's order book cannot be read now: HTTP 503",
    )
    assert unresolved.record().state is OrderState.QUARANTINED


def test_a_book_that_was_asked_for_before_proves_nothing(unresolved: Desk) -> None:
    say(unresolved, Resolve("why", TAG))

    unresolved.book()

    assert unresolved.context.of(OperatorAnswered) == []
    assert unresolved.record().state is OrderState.QUARANTINED


def test_a_resolution_that_cannot_be_made_durable_is_refused(stage: Stage, unresolved: Desk) -> None:
    stage.journal.full = True
    find(unresolved, Resolve("why", TAG))

    assert (answer(unresolved).done, answer(unresolved).text) == (False, "nothing can be made durable now")
    assert unresolved.record().state is OrderState.QUARANTINED
