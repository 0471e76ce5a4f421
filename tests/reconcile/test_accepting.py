"""A person accepts what differs: what that does to the books, what it frees, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from domain.messages.adjustments import PositionAdjusted
from domain.messages.broker import BrokerHolding, BrokerOrder, BrokerPosition, BrokerStatus
from domain.messages.journal import (
    DayOpened,
    DifferenceCleared,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.operator import Accept, OperatorAnswered, OperatorRequest
from domain.messages.reconcile import JournalDifferences
from domain.reconcile.accepting import CannotAccept, Standing, accepted
from domain.reconcile.account import compare_holdings
from domain.reconcile.books import Books, Line
from domain.reconcile.findings import weigh
from domain.reconcile.names import Difference, Policy
from domain.reconcile.policies import DEFAULT_POLICIES
from domain.risk import RiskBook
from domain.values import SECOND, Instrument, Product, Side, e4
from tests.actors.stage import Stage
from tests.actors.test_order_supervisor import Desk as OrderDesk
from tests.domain.builders import INFY, INSTRUMENTS
from tests.reconcile.test_reconciler_actor import FUNDS, LONG, Desk
from tests.support.orders import NOW, a_row, an_accepted, an_intent, folded

LINE = f"{INFY.key} MIS"
HALTS = dict.fromkeys(Difference, Policy.HALT)
FREEZES = dict.fromkeys(Difference, Policy.FREEZE_INSTRUMENT)


class Judge(Desk):
    """The reconciler with `ma` trading INFY intraday, every difference freezing its instrument, and a person."""

    traders: ClassVar[Mapping[str, tuple[Line, ...]]] = {
        "ma": ((INFY.key, Product.MIS),),
        "hold": ((INFY.key, Product.CNC),),
    }
    instruments: ClassVar[Mapping[str, Instrument]] = {INFY.key: replace(INFY, token=408065)}

    def __init__(self, stage: Stage, incarnation: int = 1, policies: dict[Difference, Policy] | None = None) -> None:
        super().__init__(stage, incarnation, policies or FREEZES)

    def named(self) -> Judge:
        """Two looks: what differs has its name."""
        self.answer()
        self.passes(2.1)
        return self

    def says(self, subject: str = LINE, request: int = 1, **fields: Any) -> OperatorAnswered:
        """What a person hears who accepts."""
        self.actor.receive(OperatorRequest(request, 0, "asha", replace(Accept("I looked", subject=subject), **fields)))
        self.take_commits()
        return self.context.of(OperatorAnswered)[-1]

    def standing(self) -> list[str]:
        return [name for name, _ in self.actor._books.standing]

    def owners(self) -> dict[str, int]:
        return dict(self.actor._books.owners((INFY.key, Product.MIS)))

    def frozen(self) -> bool:
        book = RiskBook(INSTRUMENTS)
        for record in self.stage.journal.read(0):
            book.apply(record)
        return book.frozen_instrument(INFY.key) is not None


def holds(quantity: int, strategy: str = "ma", product: Product = Product.MIS) -> TradeBooked:
    side = Side.BUY if quantity > 0 else Side.SELL
    price = e4("1500")
    return TradeBooked(
        f"T{quantity}{strategy}", "7", "", strategy, 408065, INFY.key, side, product, abs(quantity), price, NOW, NOW
    )


def shown(quantity: int) -> tuple[BrokerPosition, ...]:
    return (replace(LONG, quantity=quantity, overnight_quantity=0),)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, NOW)
    made.journal.commit([DayOpened("2026-09-21", FUNDS.cash, NOW)])
    yield made
    made.close()


def a_desk(stage: Stage, *held: JournalEvent, broker: int, policies: dict[Difference, Policy] | None = None) -> Judge:
    if held:
        stage.journal.commit(held)
    desk = Judge(stage, policies=policies)
    desk.positions = shown(broker)
    return desk.named()


@pytest.mark.parametrize(
    ("held", "broker", "name", "asked", "owners"),
    [
        (0, 10, "external position", {}, {"": 10}),
        (0, 10, "external position", {"to": ""}, {"": 10}),
        (0, 10, "external position", {"to": "ma", "price": e4("1490")}, {"ma": 10}),
        (4, 10, "quantity drift", {"to": ""}, {"ma": 4, "": 6}),
        (4, 10, "quantity drift", {"to": "ma", "price": e4("1490")}, {"ma": 10}),
        (10, 4, "quantity drift", {"to": "ma", "price": e4("1490")}, {"ma": 4}),
        (10, 0, "quantity drift", {"to": "ma", "price": e4("1490")}, {}),
        (-10, -4, "quantity drift", {"to": "ma", "price": e4("1490")}, {"ma": -4}),
    ],
)
def test_the_books_take_the_brokers_size_and_the_freeze_ends(
    stage: Stage, held: int, broker: int, name: str, asked: dict[str, Any], owners: dict[str, int]
) -> None:
    desk = a_desk(stage, *([holds(held)] if held else []), broker=broker)
    assert (desk.standing(), desk.frozen()) == ([name], True)

    answer = desk.says(**asked)

    assert answer.done, answer.text
    assert (desk.standing(), desk.frozen(), desk.owners()) == ([], False, owners)
    desk.passes(61)
    desk.passes(2.1)
    assert desk.standing() == [], "both sides agree from then on"
    (cleared,) = [each for each in desk.cleared() if each.accepted is not None]
    assert cleared.why == "accepted by asha: I looked"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "must belong to somebody: --to external, or --to STRATEGY"),
        ({"to": "ma"}, "--price: say what a unit is taken to have cost"),
        ({"to": "other", "price": 1}, "other does not trade NSE:INFY MIS"),
        ({"to": "hold", "price": 1}, "hold does not trade NSE:INFY MIS"),
        ({"name": "funds drift", "to": None}, "what stands: quantity drift in NSE:INFY MIS"),
        ({"subject": "NSE:TCS MIS"}, "what stands: quantity drift in NSE:INFY MIS"),
        ({"subject": "NSE:TCS MIS", "to": "ma", "price": 1}, "the external ledger has nothing there"),
        ({"subject": "nonsense", "to": "ma", "price": 1}, "allowed: EXCHANGE:SYMBOL PRODUCT"),
    ],
)
def test_what_is_refused_changes_nothing(stage: Stage, asked: dict[str, Any], words: str) -> None:
    desk = a_desk(stage, holds(4), broker=10)
    before = stage.journal.last_seq()

    answer = desk.says(**asked)

    assert not answer.done and words in answer.text
    assert (stage.journal.last_seq(), desk.frozen()) == (before, True)


def test_a_position_is_not_turned(stage: Stage) -> None:
    desk = a_desk(stage, holds(4), broker=-2)

    assert "would turn its position" in desk.says(to="ma", price=1).text


def test_nothing_is_accepted_while_an_order_is_on_its_way_there(stage: Stage) -> None:
    desk = a_desk(stage, holds(4), broker=10)
    accepted = an_accepted(an_intent())
    desk.journal(accepted, SendingClaimed(accepted.tag, NOW))

    assert "something is on its way in NSE:INFY" in desk.says(to="").text


def test_what_was_made_by_hand_can_be_given_to_a_strategy(stage: Stage) -> None:
    """Bought by hand and booked as external, then said to be the strategy's: at one price, so nobody gains."""
    desk = a_desk(stage, holds(4), holds(6, strategy=""), broker=10)
    assert desk.standing() == []

    answer = desk.says(to="ma", price=e4("1490"))

    assert answer.done, answer.text
    assert desk.owners() == {"ma": 10}
    moved = [r.event for r in stage.journal.read(0) if isinstance(r.event, PositionAdjusted)]
    assert [(each.strategy, each.quantity, each.becomes) for each in moved] == [("", 6, 0), ("ma", 4, 10)]
    assert not desk.says(to="ma", price=e4("1490"), request=2).done, "there is nothing left"


def test_what_was_adopted_can_be_given_to_a_strategy(stage: Stage) -> None:
    desk = a_desk(stage, broker=10, policies={Difference.EXTERNAL_POSITION: Policy.ADOPT})
    desk.passes(61)
    assert (desk.standing(), desk.owners()) == ([], {"": 10})

    assert desk.says(to="ma", price=e4("1490")).done

    assert desk.owners() == {"ma": 10}
    desk.passes(61)
    desk.passes(2.1)
    assert desk.standing() == []


def test_shares_sold_by_hand_are_given_to_the_strategy_that_held_them(stage: Stage) -> None:
    desk = a_desk(stage, holds(10), holds(-4, strategy=""), broker=6)
    assert desk.standing() == ["external short"]

    assert desk.says(to="ma", price=e4("1490")).done

    assert (desk.standing(), desk.owners(), desk.frozen()) == ([], {"ma": 6}, False)


def test_a_short_of_a_persons_own_is_accepted_as_long_as_it_stays_the_same(stage: Stage) -> None:
    desk = a_desk(stage, holds(10), holds(-4, strategy=""), broker=6)

    assert desk.says().done
    desk.passes(61)
    assert (desk.standing(), desk.frozen()) == ([], False)
    stage.restart_process()
    again = Judge(stage)
    again.positions = shown(6)
    again.named()
    assert again.standing() == [], "a restart does not forget it"

    again.journal(replace(holds(-1, strategy=""), trade_id="T9"))
    again.positions = shown(5)
    again.passes(61)
    again.passes(2.1)

    assert (again.standing(), again.frozen()) == (["external short"], True), "one more is another difference"


def test_an_acceptance_ends_with_what_was_accepted(stage: Stage) -> None:
    desk = a_desk(stage, holds(10), holds(-4, strategy=""), broker=6)
    desk.says()
    desk.journal(replace(holds(4, strategy=""), trade_id="T8"))
    desk.positions = shown(10)
    desk.passes(61)
    desk.journal(replace(holds(-4, strategy=""), trade_id="T9"))
    desk.positions = shown(6)

    desk.passes(61)
    desk.passes(2.1)

    assert desk.standing() == ["external short"], "the same again, later, is another"


def test_a_missing_order_that_is_accepted_is_over(stage: Stage) -> None:
    accepted = an_accepted(an_intent())
    stage.journal.commit([accepted, SendingClaimed(accepted.tag, NOW), OrderAcknowledged(accepted.tag, "7", "ma", NOW)])
    stage.clock.now += 200 * SECOND
    desk = Judge(stage, policies={Difference.MISSING_ORDER: Policy.FREEZE_STRATEGY})
    desk.named()
    assert desk.standing() == ["missing order"]

    assert desk.says("order 7").done

    record = stage.journal.record(accepted.tag)
    assert record is not None
    assert (record.state, record.text) == (OrderState.CANCELLED, "gone at the broker, as asha accepts: I looked")
    desk.passes(61)
    assert desk.standing() == []


def test_an_unknown_order_that_is_accepted_is_not_named_again(stage: Stage) -> None:
    row = replace(a_row(folded(an_accepted(an_intent())), BrokerStatus.OPEN, order_id="9"), tags=("P" + "A" * 19,))
    desk = Judge(stage)
    desk.orders = (row,)
    desk.named()
    assert (desk.standing(), desk.frozen()) == (["unknown order"], True)

    assert desk.says("order 9").done
    desk.passes(61)

    assert (desk.standing(), desk.frozen()) == ([], False)
    assert "no units to give" in desk_with(desk, row).says("order 11", to="ma", price=1, request=2).text


def desk_with(desk: Judge, row: BrokerOrder) -> Judge:
    """The same desk with one more order that nobody knows."""
    desk.orders = (*desk.orders, replace(row, order_id="11"))
    desk.passes(61)
    return desk


def test_money_from_outside_is_accepted_until_more_of_it_comes(stage: Stage) -> None:
    desk = Judge(stage)
    desk.funds = replace(FUNDS, cash=FUNDS.cash - e4("1000"), live_balance=FUNDS.live_balance - e4("1000"))
    desk.named()
    assert desk.standing() == ["funds drift"]

    assert desk.says("opening cash").done
    desk.passes(121)
    desk.passes(2.1)
    assert desk.standing() == []
    desk.funds = replace(FUNDS, cash=FUNDS.cash - e4("2000"), live_balance=FUNDS.live_balance - e4("2000"))
    desk.passes(121)
    desk.passes(2.1)

    assert desk.standing() == ["funds drift"]


def test_a_request_that_is_told_twice_is_carried_out_once(stage: Stage) -> None:
    """The actor failed after it had told the order supervisor: its next life is told the same request again."""
    desk = a_desk(stage, holds(4), broker=10)
    request = OperatorRequest(1, 0, "asha", Accept("I looked", subject=LINE, to="ma", price=e4("1490")))
    desk.actor.receive(request)
    again = Judge(stage, incarnation=2)
    again.positions = shown(10)
    again.actor.receive(request)
    supervisor = OrderDesk(stage)
    for told in (*desk.context.of(JournalDifferences), *again.context.of(JournalDifferences)):
        supervisor.actor.receive(told)

    adjusted = [r.event for r in stage.journal.read(0) if isinstance(r.event, PositionAdjusted)]
    assert len(adjusted) == 1


def test_a_halt_that_was_accepted_does_not_halt_the_next_start(stage: Stage) -> None:
    desk = a_desk(stage, holds(4), broker=10, policies=HALTS)
    answer = desk.says(to="")
    stage.restart_process()

    again = Judge(stage, policies=HALTS)

    assert "a halt stays until `resume`" in answer.text
    assert [told for told in again.context.told if type(told.message).__name__ == "SetTradingState"] == []


def test_shares_that_are_not_among_the_holdings_are_taken_from_the_strategy_or_left() -> None:
    books = Books()
    days: list[JournalEvent] = [
        DayOpened("2026-09-18", 0, NOW),
        holds(10, "hold", Product.CNC),
        DayOpened("2026-09-21", 0, NOW),
    ]
    for seq, event in enumerate(days, 1):
        books.apply(a_record(seq, event))
    rows = [BrokerHolding("NSE", "INFY", 6, 0, 0, e4("1500"))]
    (finding,) = compare_holdings(books, rows, set())
    found = finding.journaled(Policy.FREEZE_INSTRUMENT, NOW)
    books.apply(a_record(4, found))
    at = Standing(books, {"hold": ((INFY.key, Product.CNC),)}, {INFY.key: INFY}, (), lambda _order: None)
    asked = Accept("sold in an auction", subject=f"{INFY.key} CNC", to="hold", price=e4("1500"))
    with pytest.raises(CannotAccept, match="holdings of the external ledger are not compared"):
        accepted(replace(asked, to=""), "asha", 1, at, NOW)

    for seq, event in enumerate(accepted(asked, "asha", 1, at, NOW), 5):
        books.apply(a_record(seq, event))

    assert books.owners((INFY.key, Product.CNC)) == {"hold": 6}
    assert compare_holdings(books, rows, set()) == []
    assert books.position((INFY.key, Product.CNC)) == 0, "today nothing was traded"
    books.apply(a_record(9, found))
    (left,) = accepted(replace(asked, to=None), "asha", 2, at, NOW)
    assert isinstance(left, DifferenceCleared) and left.accepted is not None and left.accepted.stays
    books.apply(a_record(10, left))
    assert weigh(books, [finding], {finding.key: finding}, (finding.name,), DEFAULT_POLICIES, NOW).events == ()


def a_record(seq: int, event: JournalEvent) -> JournalRecord:
    return JournalRecord(seq, event)
