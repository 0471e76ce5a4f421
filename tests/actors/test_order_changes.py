"""Changes, cancels and GTTs through the real gate, supervisor and workers: asked once, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from msgspec.structs import replace

from domain.errors import JournalUnavailable
from domain.messages.broker import Accepted, BrokerStatus, Change, NotSent, Rejected, Unresolved
from domain.messages.control import SetTradingState, TradingState
from domain.messages.gtt import (
    ApprovedGtt,
    Gtt,
    GttExpired,
    GttIntent,
    GttLeg,
    GttPosted,
    GttRecord,
    GttState,
    ModifyGttIntent,
    SubmitGtt,
)
from domain.messages.journal import (
    CancelRefused,
    JournalEvent,
    JournalRecord,
    ModifyDropped,
    ModifyRefused,
    ModifyState,
    OrderModified,
    OrderRecord,
    OrderState,
    TradeBooked,
)
from domain.messages.market import FeedConnected
from domain.messages.orders import (
    ApprovedModify,
    CancelIntent,
    ModifyIntent,
    ModifyOrder,
    ModifyPosted,
    OrderUpdateReceived,
)
from domain.orders.gtt import gtt_tag
from domain.orders.tags import tag_for
from domain.values import RUPEE, SECOND, Nanos, OrderKind, Product, Side
from tests.actors.stage import Stage
from tests.actors.test_order_life import Floor
from tests.domain.builders import INFY

T = TypeVar("T")

LIMIT = {"kind": OrderKind.LIMIT, "price": 990 * RUPEE}


@pytest.fixture
def floor(stage: Stage) -> Floor:
    return Floor(stage)


def resting(floor: Floor, intent_id: str = "s1:in", **changes: object) -> OrderRecord:
    """A limit order for 10 that rests."""
    assert floor.decide(intent_id, **{**LIMIT, **changes}) is OrderState.ACKNOWLEDGED
    return the(floor, intent_id)


def the(floor: Floor, intent_id: str = "s1:in") -> OrderRecord:
    record = floor.stage.journal.record(tag_for(intent_id))
    assert record is not None
    return record


def change(floor: Floor, number: int = 1, tag: str = "", strategy: str = "s1", **fields: int) -> None:
    now = floor.stage.clock.now
    wanted = replace(Change(), **fields)
    tag = tag or tag_for("s1:in")
    asked = ModifyIntent(
        f"s1:m{number}", strategy, tag, wanted, 1000 * RUPEE, now + 30 * SECOND, now, now, why="closer"
    )
    floor.tell("risk", asked)


def events(floor: Floor, kind: type[T]) -> list[T]:
    return [record.event for record in floor.stage.journal.read(0) if isinstance(record.event, kind)]


def counted(floor: Floor) -> int:
    """Units of the first order as the risk gate counts it."""
    order = floor.risk.actor._book.order(tag_for("s1:in"))
    assert order is not None
    return order.quantity


def calls(floor: Floor, word: str) -> int:
    return sum(call.startswith(word) for call in floor.broker.calls)


def test_a_change_is_put_once_and_its_row_concludes_it(floor: Floor) -> None:
    resting(floor)
    change(floor, price=995 * RUPEE)
    under_way = the(floor).modifying

    floor.poll(3.1)

    assert under_way is not None, "the reply alone concludes nothing"
    assert (the(floor).modifying, the(floor).order.price) == (None, 995 * RUPEE)
    assert calls(floor, "modify") == 1
    open_order = floor.risk.actor._book.order(tag_for("s1:in"))
    assert open_order is not None
    assert (open_order.price, open_order.modifications) == (995 * RUPEE, 1)


def test_a_change_whose_reply_was_lost_is_found_in_the_row_and_never_put_again(floor: Floor) -> None:
    record = resting(floor)
    floor.broker.scripted = [Unresolved("timed out")]
    change(floor, quantity=6)
    change(floor, number=2, price=995 * RUPEE)  # no other is taken meanwhile
    assert counted(floor) == 10
    row = floor.broker.rest(record.order)
    floor.broker._orders[record.order_id] = replace(row, order_id=record.order_id, quantity=6, pending=6)
    del floor.broker._orders[row.order_id]

    floor.poll(3.1)

    assert (the(floor).order.quantity, the(floor).modifying) == (6, None)
    assert calls(floor, "modify") == 1
    assert counted(floor) == 6


def test_a_reply_that_comes_after_its_row_says_nothing_of_the_next_change(floor: Floor) -> None:
    """Seed 11428: the next change was on its way, a row showed the order as it was, and it was believed refused."""
    record = resting(floor)
    floor.deaf = {ModifyPosted}
    change(floor, price=995 * RUPEE)
    floor.tell("orders", OrderUpdateReceived(floor.broker._orders[record.order_id]))
    assert the(floor).modifying is None, "the row concludes it"
    floor.tell("orders", ModifyPosted(record.tag, 1, Accepted(record.order_id), claimed=True))
    floor.stage.passes(4.0)
    before = floor.broker._orders[record.order_id]

    change(floor, number=2, quantity=12)
    floor.broker._orders[record.order_id] = before
    floor.poll(3.1)

    under_way = the(floor).modifying
    assert under_way is not None and under_way.state is ModifyState.CLAIMED
    assert events(floor, ModifyRefused) == []


def test_a_change_that_never_arrived_is_given_up_only_after_the_quarantine(floor: Floor) -> None:
    resting(floor)
    floor.broker.scripted = [Unresolved("timed out")]
    change(floor, quantity=6)

    floor.poll(60)
    early = the(floor).modifying
    floor.poll(61)

    assert early is not None
    assert the(floor).modifying is None
    assert [type(event) for event in events(floor, ModifyRefused)] == [ModifyRefused]
    assert the(floor).order.quantity == 10


@pytest.mark.parametrize("process", ["goes on", "ends"])
def test_a_claimed_change_of_which_nothing_is_heard_is_told_to_a_person_once(floor: Floor, process: str) -> None:
    record = resting(floor)
    floor.deaf.add(ModifyPosted)  # the worker died with its outcome
    change(floor, price=995 * RUPEE)
    row = floor.broker._orders[record.order_id]
    floor.broker._orders[record.order_id] = replace(row, price=990 * RUPEE)
    assert the(floor).modifying is not None
    if process == "ends":
        floor.stage.restart_process()
        again = Floor(floor.stage)
        again.broker._orders = floor.broker._orders
    else:
        again = floor

    again.poll(10)
    again.poll(6)
    again.poll(30)

    under_way = the(again).modifying
    assert under_way is not None and under_way.state is ModifyState.UNRESOLVED
    assert [alert.name for alert in again.alerts] == ["order.modify_unresolved"]
    assert calls(floor, "modify") == 1
    again.poll(100)
    assert the(again).modifying is None, "its row has shown the order as it was for the quarantine"


def test_a_refused_change_leaves_the_order_and_its_strategy_may_ask_again(floor: Floor) -> None:
    resting(floor)
    floor.broker.scripted = [Rejected(400, "outside the circuit")]
    change(floor, price=995 * RUPEE)
    refused = the(floor)
    change(floor, number=2, price=996 * RUPEE)
    floor.poll(3.1)

    assert (refused.modifying, refused.order.price) == (None, 990 * RUPEE)
    assert (the(floor).order.price, the(floor).modifications) == (996 * RUPEE, 2)


@pytest.mark.parametrize("whose", ["s2", "s1"])
def test_only_an_own_order_that_rests_is_changed(floor: Floor, whose: str) -> None:
    resting(floor)
    tag = tag_for("s1:in") if whose == "s2" else tag_for("s1:other")

    change(floor, tag=tag, strategy=whose, quantity=6)

    assert calls(floor, "modify") == 0


def test_no_change_of_an_entry_leaves_after_a_halt_but_one_of_an_exit_does(floor: Floor) -> None:
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000)
    resting(floor, "s1:more", quantity=7)
    resting(floor, "s1:out", side=Side.SELL, reduce_only=True, price=1010 * RUPEE)
    floor.risk.context.gate.halt("stop")
    now = floor.stage.clock.now
    late = ModifyIntent("s1:m1", "s1", tag_for("s1:more"), Change(price=985 * RUPEE), 0, now + SECOND, now, now)
    floor.tell("orders", ApprovedModify(late, 1, 0, reduce_only=False, approved_time=now))  # approved before
    change(floor, number=2, tag=tag_for("s1:out"), price=1005 * RUPEE)

    assert calls(floor, "modify") == 1
    assert the(floor, "s1:out").modifications == 1
    assert len(events(floor, ModifyDropped)) == 1


def test_an_exit_may_not_grow_beyond_the_position(floor: Floor) -> None:
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000)
    resting(floor, "s1:out", side=Side.SELL, reduce_only=True, price=1010 * RUPEE, quantity=6)

    change(floor, tag=tag_for("s1:out"), quantity=11)
    beyond = calls(floor, "modify")
    change(floor, number=2, tag=tag_for("s1:out"), quantity=10)
    floor.poll(3.1)

    assert (beyond, calls(floor, "modify"), the(floor, "s1:out").order.quantity) == (0, 1, 10)


def test_a_cancel_that_lost_against_the_last_fill_ends_in_the_fill(floor: Floor) -> None:
    record = resting(floor)
    floor.broker.fill(record.order_id, 10, 990 * RUPEE)

    floor.tell("orders", CancelIntent("s1", record.tag, "enough"))
    floor.poll(2.1)

    assert (the(floor).state, the(floor).booked) == (OrderState.COMPLETE, 10)
    assert len(events(floor, CancelRefused)) == 1
    assert floor.held() == 10


def test_a_cancel_is_asked_for_until_it_shows_and_survives_a_restart(floor: Floor) -> None:
    record = resting(floor)
    floor.broker.slots = False
    floor.tell("orders", CancelIntent("s1", record.tag, "enough"))
    assert calls(floor, "cancel") == 0
    floor.stage.restart_process()
    again = Floor(floor.stage)
    again.broker._orders = floor.broker._orders

    again.poll(0.3)
    again.poll(1.1)

    assert calls(again, "cancel") == 1
    assert (the(again).state, the(again).cancel_why) == (OrderState.CANCELLED, "enough")


def test_a_change_is_claimed_by_one_worker_at_most_and_not_after_a_cancel(floor: Floor) -> None:
    record = resting(floor)
    floor.broker.before_pace = lambda: None
    change(floor, price=995 * RUPEE)
    now = floor.stage.clock.now

    assert floor.stage.journal.claim_change(record.tag, 1, now) is None, "claimed already"
    assert floor.stage.journal.claim_change(record.tag, 2, now) is None, "never asked for"


# -- GTTs ------------------------------------------------------------------------------------------------------------


def leg(trigger: int, quantity: int = 10) -> GttLeg:
    return GttLeg(trigger * RUPEE, Side.SELL, quantity, (trigger - 5) * RUPEE)


def long_position(floor: Floor) -> None:
    floor.decide("s1:in", product=Product.CNC)
    floor.fill(floor.orders()[0], 10, 1000)


def protect(floor: Floor, *legs: GttLeg, name: str = "s1:gtt", product: Product = Product.CNC) -> GttRecord | None:
    now = floor.stage.clock.now
    floor.tell(
        "risk",
        GttIntent(
            intent_id=name,
            strategy="s1",
            token=INFY.token,
            instrument=INFY.key,
            product=product,
            legs=legs,
            reference_price=1000 * RUPEE,
            valid_until=now + 30 * SECOND,
            event_time=now,
            decided_time=now,
        ),
    )
    return floor.stage.journal.gtt(gtt_tag(name))


def gtt(floor: Floor, name: str = "s1:gtt") -> GttRecord:
    record = floor.stage.journal.gtt(gtt_tag(name))
    assert record is not None
    return record


def test_a_gtt_that_fires_is_adopted_and_its_trades_are_the_strategys(floor: Floor) -> None:
    long_position(floor)
    placed = protect(floor, leg(950), leg(1100))
    assert placed is not None and placed.state is GttState.PLACED
    row = floor.broker.fire(placed.trigger_id, 0)
    floor.tell("orders", OrderUpdateReceived(row))  # nobody knows this order yet

    floor.poll(0.3)
    floor.fill(row.order_id, 10, 948)
    floor.poll(0.3)

    assert gtt(floor).state is GttState.TRIGGERED
    adopted = floor.stage.journal.record_of(row.order_id)
    assert adopted is not None
    assert (adopted.intent.strategy, adopted.state, adopted.parent) == ("s1", OrderState.COMPLETE, placed.tag)
    assert floor.held() == 0
    assert [event.reduce_only for event in events(floor, TradeBooked) if event.order_id == row.order_id] == [True]


def test_a_gtt_whose_reply_was_lost_is_found_in_the_list_and_never_placed_twice(floor: Floor) -> None:
    long_position(floor)
    floor.broker.watch(Gtt(INFY.exchange, INFY.symbol, Product.CNC, 999 * RUPEE, (leg(940),)))  # somebody's own
    floor.broker.scripted = [Unresolved("timed out")]
    unresolved = protect(floor, leg(950))
    assert unresolved is not None and unresolved.state is GttState.UNRESOLVED
    floor.broker.now = floor.stage.clock.now
    there = floor.broker.watch(replace(unresolved.gtt, last_price=1001 * RUPEE))

    floor.poll(2.1)

    assert (gtt(floor).state, gtt(floor).trigger_id) == (GttState.PLACED, there.trigger_id)
    assert calls(floor, "place gtt") == 1


def test_a_lost_gtt_is_not_taken_for_its_twin_that_is_known(floor: Floor) -> None:
    long_position(floor)
    floor.broker.now = floor.stage.clock.now
    protect(floor, leg(950, 5))
    floor.broker.scripted = [Unresolved("timed out")]
    protect(floor, leg(950, 5), name="s1:twin")

    floor.poll(2.1)

    assert (gtt(floor).state, gtt(floor, "s1:twin").state) == (GttState.PLACED, GttState.UNRESOLVED)


def test_a_gtt_that_never_arrived_is_given_up_only_after_the_quarantine(floor: Floor) -> None:
    long_position(floor)
    floor.broker.scripted = [Unresolved("timed out")]
    protect(floor, leg(950))

    floor.poll(60)
    early = gtt(floor).state
    floor.poll(61)
    floor.poll(2.1)

    assert (early, gtt(floor).state) == (GttState.UNRESOLVED, GttState.EXPIRED)
    assert len(events(floor, GttExpired)) == 1


def test_a_gtt_is_changed_and_deleted_and_one_that_fired_first_is_adopted_all_the_same(floor: Floor) -> None:
    long_position(floor)
    protect(floor, leg(950, 5))
    now = floor.stage.clock.now
    asked = ModifyGttIntent("s1:mg", "s1", gtt_tag("s1:gtt"), (leg(960, 5),), 1000 * RUPEE, now + 30 * SECOND, now)
    floor.tell("risk", asked)
    assert gtt(floor).gtt.legs == (leg(960, 5),)
    row = floor.broker.fire(gtt(floor).trigger_id, 0)
    floor.tell("orders", CancelIntent("s1", gtt_tag("s1:gtt"), "enough"))

    floor.poll(2.1)

    assert gtt(floor).state is GttState.TRIGGERED
    assert floor.stage.journal.record_of(row.order_id) is not None
    protect(floor, leg(950, 5), name="s1:second")
    floor.tell("orders", CancelIntent("s1", gtt_tag("s1:second"), "enough"))
    floor.poll(2.1)
    assert gtt(floor, "s1:second").state is GttState.CLOSED


@pytest.mark.parametrize(
    ("legs", "product"),
    [
        ((leg(950, 11),), Product.CNC),
        ((leg(950), leg(940)), Product.CNC),
        ((leg(950, 0),), Product.CNC),
        ((replace(leg(950), side=Side.BUY),), Product.CNC),
        ((replace(leg(950), price=950 * RUPEE + 1),), Product.CNC),
        ((leg(950),), Product.MIS),
        ((), Product.CNC),
    ],
)
def test_a_gtt_may_only_protect_what_is_held(floor: Floor, legs: tuple[GttLeg, ...], product: Product) -> None:
    long_position(floor)

    assert protect(floor, *legs, product=product) is None
    assert calls(floor, "place gtt") == 0


@pytest.mark.parametrize("first", ["is on its way", "is approved and not journaled"])
def test_two_gtts_never_close_the_same_units(floor: Floor, first: str) -> None:
    """Seed 64995: two plans of one position each had its own, both fired, and the position turned."""
    long_position(floor)
    floor.deaf = {SubmitGtt} if first == "is on its way" else {ApprovedGtt}
    protect(floor, leg(950, 6))
    floor.deaf = set()

    assert protect(floor, leg(950, 5), name="s1:second") is None
    assert protect(floor, leg(940, 4), name="s1:rest") is not None
    assert protect(floor, leg(930, 1), name="s1:more") is None


def test_a_gtt_that_was_approved_and_never_journaled_holds_its_units_while_it_was_valid(floor: Floor) -> None:
    long_position(floor)
    floor.deaf = {ApprovedGtt}
    protect(floor, leg(950))
    floor.deaf = set()
    assert protect(floor, leg(950), name="s1:second") is None

    floor.poll(31)

    assert protect(floor, leg(950), name="s1:third") is not None


def test_a_gtt_of_which_the_journal_wants_nothing_gives_its_units_back_and_one_asked_for_twice_is_one(
    floor: Floor,
) -> None:
    long_position(floor)
    floor.stage.journal.full = True
    assert protect(floor, leg(950)) is None
    floor.stage.journal.full = False

    assert protect(floor, leg(950), name="s1:second") is not None
    protect(floor, leg(950), name="s1:second")

    assert calls(floor, "place gtt") == 1
    # What it may close itself is no hindrance to its change.
    now = floor.stage.clock.now
    tag = gtt_tag("s1:second")
    floor.tell("risk", ModifyGttIntent("s1:mg", "s1", tag, (leg(960),), 1000 * RUPEE, now + 30 * SECOND, now))
    assert gtt(floor, "s1:second").gtt.legs == (leg(960),)


def test_a_restart_finds_a_fired_gtt_books_it_and_knows_its_order(floor: Floor) -> None:
    """The process was dead when it fired and filled: the list and the trades tell."""
    long_position(floor)
    protect(floor, leg(950))
    fired = floor.broker.fire(gtt(floor).trigger_id, 0)
    floor.broker.fill(fired.order_id, 10, 948 * RUPEE)
    floor.stage.restart_process()
    again = Floor(floor.stage)
    again.broker._orders, again.broker._trades = floor.broker._orders, floor.broker._trades
    again.broker._gtts = floor.broker._gtts

    again.poll(0.3)
    again.tell("orders", FeedConnected(1, again.stage.clock.now))
    again.poll(31)

    adopted = again.stage.journal.record_of(fired.order_id)
    assert adopted is not None
    assert (adopted.state, adopted.booked, again.held()) == (OrderState.COMPLETE, 10, 0)


def test_a_halt_leaves_gtts_in_place(floor: Floor) -> None:
    long_position(floor)
    protect(floor, leg(950))

    floor.tell("risk", SetTradingState(TradingState.HALTED, "stop", "operator"))
    floor.poll(31)

    assert gtt(floor).state is GttState.PLACED
    assert floor.broker.gtts()[0].status.value == "active"


def test_modified_rows_are_told_to_the_risk_gate(floor: Floor) -> None:
    record = resting(floor)
    change(floor, quantity=6)
    floor.poll(3.1)

    assert [event.quantity for event in events(floor, OrderModified)] == [6]
    row = floor.broker.fill(record.order_id, 6, 990 * RUPEE)
    assert row.status is BrokerStatus.COMPLETE
    floor.tell("orders", OrderUpdateReceived(row))
    floor.poll(0.3)
    assert (the(floor).state, floor.held()) == (OrderState.COMPLETE, 6)
    assert floor.risk.actor._book.open_orders() == ()


def protected(floor: Floor) -> OrderRecord:
    """10 are held, and an exit of 6 rests."""
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000)
    return resting(floor, "s1:stop", side=Side.SELL, reduce_only=True, quantity=6, price=1020 * RUPEE)


def test_a_change_of_an_exit_whose_worker_failed_is_handed_out_again_and_put_once(floor: Floor) -> None:
    """Seed 36467: the stop of a part of the position was to grow, its worker failed, and all waited for a minute."""
    stop = protected(floor)
    floor.deaf = {ModifyOrder}
    change(floor, tag=stop.tag, quantity=10)
    floor.poll(4.0)
    floor.deaf = set()

    floor.poll(1.5)
    floor.poll(5.5)

    assert calls(floor, "modify") == 1
    assert the(floor, "s1:stop").order.quantity == 10


def test_a_change_of_an_entry_whose_worker_failed_is_not(floor: Floor) -> None:
    resting(floor)
    floor.deaf = {ModifyOrder}
    change(floor, price=995 * RUPEE)
    floor.deaf = set()

    floor.poll(5.5)

    assert calls(floor, "modify") == 0
    floor.poll(30.0)
    assert [event.why for event in events(floor, ModifyDropped)] == ["not sent while the decision was valid"]


def test_a_change_that_was_handed_out_twice_is_what_its_first_worker_made_of_it(floor: Floor) -> None:
    """The second one finds it claimed and says so: that is no proof that it never left."""
    stop = protected(floor)
    floor.deaf = {ModifyPosted}
    change(floor, tag=stop.tag, quantity=10)
    floor.deaf = set()

    floor.tell("orders", ModifyPosted(stop.tag, 1, NotSent("it is asked for no more"), claimed=False))

    under_way = the(floor, "s1:stop").modifying
    assert under_way is not None and under_way.state is ModifyState.CLAIMED
    floor.poll(31)
    assert the(floor, "s1:stop").order.quantity == 10, "its row shows it"


def test_a_gtt_whose_worker_failed_is_handed_out_again_and_placed_once(floor: Floor) -> None:
    long_position(floor)
    floor.deaf = {SubmitGtt}
    protect(floor, leg(950))
    floor.deaf = set()

    floor.poll(5.5)
    floor.poll(5.5)

    assert calls(floor, "place gtt") == 1
    assert gtt(floor).state is GttState.PLACED


def test_a_gtt_that_was_handed_out_twice_is_what_its_first_worker_made_of_it(floor: Floor) -> None:
    long_position(floor)
    floor.deaf = {GttPosted}
    protect(floor, leg(950))
    floor.deaf = set()

    floor.tell("orders", GttPosted(gtt_tag("s1:gtt"), NotSent("its GTT was claimed before"), claimed=False))

    assert gtt(floor).state is GttState.SENDING


def test_where_the_disk_refuses_what_a_row_proves_of_a_change_the_row_proves_nothing_else(floor: Floor) -> None:
    """Seed 37299: the order was closed by the same row, and its price stayed the one before the change."""
    record = resting(floor)
    floor.deaf = {ModifyPosted}
    change(floor, price=995 * RUPEE)
    floor.deaf = set()
    row = replace(floor.broker._orders[record.order_id], status=BrokerStatus.CANCELLED, pending=0)
    commit, refusals = floor.stage.journal.commit, iter([True])

    def full_once(
        events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        if next(refusals, False):
            raise JournalUnavailable("disk full")
        return commit(events, risk_epoch=risk_epoch, claim_at=claim_at)

    floor.stage.journal.commit = full_once  # type: ignore[method-assign]  # this one disk, this one time
    floor.tell("orders", OrderUpdateReceived(row))
    assert the(floor).state is OrderState.ACKNOWLEDGED
    floor.tell("orders", OrderUpdateReceived(row))

    assert (the(floor).state, the(floor).order.price) == (OrderState.CANCELLED, 995 * RUPEE)
