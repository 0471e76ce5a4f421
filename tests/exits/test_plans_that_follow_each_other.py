"""One position after the other in one instrument: what a former plan has on its way closes the same units."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from domain.exits.desk import ExitDesk
from domain.exits.values import ExitPlan, ExitRule, Hold
from domain.messages.gtt import ApprovedGtt, GttClaimed, GttExpired, GttIntent, GttLeg, GttPlaced
from domain.messages.journal import JournalEvent, JournalRecord, OrderAcknowledged, SendingClaimed, TradeBooked
from domain.messages.plans import ExitPlanEnded, ExitPlanned, KeepPlan
from domain.orders.gtt import accept
from domain.values import MINUTE, SECOND, Product, Side, e4
from tests.domain.builders import INFY
from tests.support.orders import NOW, an_accepted, an_intent
from tests.support.prices import a_price

RULE = ExitRule(hold=Hold.BROKER, stop_bps=500)


class Told:
    """The desk, and what it has been told so far."""

    def __init__(self) -> None:
        self.desk = ExitDesk({"ma": RULE}, {INFY.token: INFY}, 30 * SECOND)
        self.desk.prices(a_price(INFY.token, 1500, NOW).prices)
        self.seq = 0
        self.mono = 0

    def journaled(self, *events: JournalEvent) -> None:
        """In order, one look at the end."""
        for event in events:
            self.seq += 1
            self.desk.apply(JournalRecord(self.seq, event))

    def traded(self, name: str, side: Side, rupees: str) -> None:
        """A market order of 10, booked."""
        wanted = an_intent(
            f"ma:{name}", side=side, reduce_only=side is Side.SELL, token=INFY.token, instrument=INFY.key
        )
        made = an_accepted(replace(wanted, product=Product.CNC))
        trade = TradeBooked(
            f"T{name}", f"O{name}", made.tag, "ma", INFY.token, INFY.key, side, Product.CNC, 10, e4(rupees), NOW, NOW
        )
        self.journaled(made, SendingClaimed(made.tag, NOW), OrderAcknowledged(made.tag, f"O{name}", "ma", NOW), trade)

    def asked(self) -> list[object]:
        """What it wants now."""
        self.mono += 10 * SECOND
        return list(self.desk.look(self.desk.keys(), NOW, self.mono))


def planned(asked: Sequence[object]) -> ExitPlan:
    """The plan that it wants to have kept."""
    [plan] = [each.event.plan for each in asked if isinstance(each, KeepPlan) and isinstance(each.event, ExitPlanned)]
    return plan


def gtts(asked: Sequence[object]) -> list[GttIntent]:
    """The protection that it asks for."""
    return [each for each in asked if isinstance(each, GttIntent)]


def test_a_gtt_of_a_plan_that_has_ended_protects_the_next_position_and_is_not_doubled() -> None:
    """Seed 64995: a position was closed and opened again before the end of its plan was in the journal."""
    told = Told()
    told.traded("in", Side.BUY, "1500")
    asked = told.asked()
    first, [late] = planned(asked), gtts(asked)
    unsent = accept(ApprovedGtt(late, 1, NOW), NOW)
    told.journaled(ExitPlanned(first, NOW), unsent, GttExpired(unsent.tag, "ma", "not sent in time", NOW))
    told.traded("out", Side.SELL, "1500")
    told.traded("again", Side.BUY, "1400")
    # Its guard, whose end is on its way to the journal, asks for protection of what is held now.
    [gtt] = gtts(told.asked())
    told.journaled(ExitPlanEnded(first.id, "ma", "the position is closed", NOW))
    requested = accept(ApprovedGtt(gtt, 1, NOW), NOW)

    told.journaled(requested, GttClaimed(requested.tag, NOW), GttPlaced(requested.tag, "7", "ma", NOW))
    then = told.asked()

    assert planned(then).id != first.id
    assert gtts(then) == []
    facts = told.desk.book.facts(planned(then), NOW, 0, 0, blind=False)
    assert [(part.tag, part.left) for part in facts.parts] == [(requested.tag, 10)]
    assert facts.foreign == 0


def test_a_strategys_own_gtt_is_an_exit_by_somebody_else() -> None:
    told = Told()
    told.traded("in", Side.BUY, "1500")
    plan = planned(told.asked())
    own = GttIntent(
        "ma:own", "ma", INFY.token, INFY.key, Product.CNC, (GttLeg(e4("1300"), Side.SELL, 4, e4("1290")),),
        e4("1500"), NOW + MINUTE, NOW, NOW,
    )  # fmt: skip

    told.journaled(accept(ApprovedGtt(own, 1, NOW), NOW))

    assert told.desk.book.facts(plan, NOW, 0, 0, blind=False).foreign == 4
