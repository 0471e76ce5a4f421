"""Ours against the broker's, by tables and invariants: what differs, what is shared out, what is believed when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.broker import BrokerHolding, BrokerOrder, BrokerPosition, BrokerStatus, BrokerTrade, Funds
from domain.messages.gtt import Gtt, GttIntent, GttLeg, GttRecord, GttState
from domain.messages.journal import (
    DayOpened,
    DifferenceCleared,
    DifferenceFound,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderRecord,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.reconcile.account import (
    POSITION_NAMES,
    Tolerances,
    compare_funds,
    compare_holdings,
    compare_positions,
)
from domain.reconcile.books import Books
from domain.reconcile.findings import Finding, weigh
from domain.reconcile.names import Difference, Policy
from domain.reconcile.orders import (
    Foreign,
    external_shorts,
    foreign_orders,
    lapse,
    missing_orders,
    moving_instruments,
    perhaps_placed,
    record_of,
)
from domain.reconcile.policies import ADOPTABLE, DEFAULT_POLICIES, LEVELS
from domain.reconcile.pro_rata import base_trade_id, pro_rata, share_trade_id
from domain.values import SECOND, Product, Side, e4
from tests.support.orders import NOW, a_row, an_accepted, an_intent, folded

DAY = DayOpened("2026-09-21", e4("500000"), NOW)
NEXT_DAY = DayOpened("2026-09-22", e4("400000"), NOW)
TIGHT = Tolerances(price=100, funds=e4("10"))


def booked(
    quantity: int, strategy: str = "ma", price: str = "100", product: Product = Product.MIS, **changes: Any
) -> TradeBooked:
    """Signed units of INFY."""
    plain: dict[str, Any] = {
        "trade_id": f"T{abs(quantity)}",
        "order_id": "1",
        "tag": "PTAG",
        "strategy": strategy,
        "token": 408065,
        "instrument": "NSE:INFY",
        "side": Side.BUY if quantity > 0 else Side.SELL,
        "product": product,
        "quantity": abs(quantity),
        "price": e4(price),
        "event_time": NOW,
        "booked_time": NOW,
    }
    return TradeBooked(**(plain | changes))


def books_of(*events: JournalEvent) -> Books:
    books = Books()
    for seq, event in enumerate((DAY, *events), 1):
        books.apply(JournalRecord(seq, event))
    return books


def position(quantity: int, product: Product = Product.MIS, **changes: Any) -> BrokerPosition:
    """The broker's row of INFY, bought and sold at 100."""
    bought, sold = max(quantity, 0), max(-quantity, 0)
    row = BrokerPosition("NSE", "INFY", product, quantity, 0, bought, bought * e4("100"), sold, sold * e4("100"), 0)
    return replace(row, **changes)


def names(found: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(each.name.value, each.ours, each.theirs) for each in found]


# -- positions, holdings, funds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "rows", "moving", "expected"),
    [
        ([], [], set(), []),
        ([booked(10)], [position(10)], set(), []),
        ([booked(10)], [position(12)], set(), [("quantity drift", "10", "12")]),
        ([booked(10)], [position(12)], {"NSE:INFY"}, []),
        ([booked(10)], [], set(), [("quantity drift", "10", "0")]),
        ([booked(10), booked(-10)], [position(0)], set(), []),
        ([], [position(5)], set(), [("external position", "0", "5")]),
        ([], [position(-5)], set(), [("external position", "0", "-5")]),
        ([booked(10), booked(5, "")], [position(15)], set(), []),
        ([booked(10), booked(-10, "")], [position(0)], set(), []),
        ([booked(5, "")], [position(4)], set(), [("external position", "5", "4")]),
        # Delivery: the broker's positions have today's trades alone, the rest is in the holdings.
        ([booked(10, product=Product.CNC), NEXT_DAY], [], set(), []),
        ([booked(10, product=Product.CNC), NEXT_DAY, booked(-4, product=Product.CNC)], [position(-4, Product.CNC)], set(), []),
        ([booked(10, product=Product.NRML), NEXT_DAY], [position(10, Product.NRML, overnight_quantity=10)], set(), []),
        ([booked(10, product=Product.NRML), NEXT_DAY], [], set(), [("quantity drift", "10", "0")]),
    ],
)  # fmt: skip
def test_positions(
    events: list[JournalEvent], rows: list[BrokerPosition], moving: set[str], expected: list[tuple[str, str, str]]
) -> None:
    rows = [
        replace(row, sell_quantity=10, sell_value=10 * e4("100"), buy_quantity=10, buy_value=10 * e4("100"))
        if row.quantity == 0
        else row
        for row in rows
    ]

    assert names(compare_positions(books_of(*events), rows, moving, TIGHT)) == expected


@pytest.mark.parametrize(
    ("changes", "drifts"),
    [
        ({}, False),
        ({"buy_value": 10 * e4("100") + 1_000}, False),  # a paisa per unit: the broker's sums are of floats
        ({"buy_value": 10 * e4("100") + 1_200}, True),
        ({"buy_value": 10 * e4("99")}, True),
        ({"buy_value": 10 * e4("99"), "overnight_quantity": 10}, False),  # yesterday's figures are in it
        ({"buy_quantity": 12, "sell_quantity": 2}, False),  # a trade of which we have not heard: not about prices
    ],
)
def test_prices(changes: dict[str, Any], drifts: bool) -> None:
    found = compare_positions(books_of(booked(10)), [position(10, **changes)], set(), TIGHT)

    assert [each.name for each in found] == [Difference.PRICE_DRIFT] * drifts


@pytest.mark.parametrize(
    ("there", "expected"),
    [((10, 0), []), ((0, 10), []), ((25, 0), []), ((4, 5), [("holding drift", "10", "9")]), (None, [("holding drift", "10", "0")])],
)  # fmt: skip
def test_holdings(there: tuple[int, int] | None, expected: list[tuple[str, str, str]]) -> None:
    books = books_of(booked(10, product=Product.CNC), NEXT_DAY)
    rows = [] if there is None else [BrokerHolding("NSE", "INFY", *there, 0, e4("100"))]

    assert names(compare_holdings(books, rows, set())) == expected
    assert compare_holdings(books, rows, {"NSE:INFY"}) == []


def test_a_persons_own_holdings_are_nobodys_difference() -> None:
    rows = [BrokerHolding("NSE", "SBIN", 100, 0, 0, e4("500"))]

    assert compare_holdings(books_of(booked(7, "", product=Product.CNC), NEXT_DAY), rows, set()) == []


@pytest.mark.parametrize(
    ("events", "cash", "live", "quiet", "expected"),
    [
        ([], "500000", "500000", True, []),
        ([], "500009", "500009", True, []),
        ([], "510000", "510000", True, ["opening cash"]),
        ([booked(10), booked(-10, price="101")], "500000", "500010", True, []),
        ([booked(10), booked(-10, price="103")], "500000", "500000", True, ["balance"]),
        ([booked(10), booked(-10, price="103")], "500000", "500000", False, []),
        ([booked(10)], "500000", "300000", True, []),  # margin is blocked: no telling
        ([booked(10, product=Product.CNC), booked(-10, product=Product.CNC, price="103")], "500000", "1", True, []),
    ],
)
def test_funds(events: list[JournalEvent], cash: str, live: str, quiet: bool, expected: list[str]) -> None:
    funds = Funds(e4(cash), e4(live), e4(cash), 0)

    assert [each.subject for each in compare_funds(books_of(*events), funds, TIGHT, quiet=quiet)] == expected


# -- what is believed, and when it is over --------------------------------------------------------------------------------


def drift(units: int) -> Finding:
    return Finding(Difference.QUANTITY_DRIFT, "NSE:INFY MIS", "10", str(10 + units), "NSE:INFY", ("ma",), "MIS", units)


def test_a_difference_is_believed_when_two_looks_in_a_row_show_the_same() -> None:
    books = books_of(booked(10))

    first = weigh(books, [drift(2)], {}, POSITION_NAMES, DEFAULT_POLICIES, NOW)
    assert first.events == () and first.doubtful
    changed = weigh(books, [drift(3)], first.doubtful, POSITION_NAMES, DEFAULT_POLICIES, NOW)
    assert changed.events == () and changed.doubtful
    second = weigh(books, [drift(3)], changed.doubtful, POSITION_NAMES, DEFAULT_POLICIES, NOW)
    (event,) = second.events
    assert isinstance(event, DifferenceFound)
    assert (event.policy, event.units, second.doubtful) == (Policy.FREEZE_INSTRUMENT, 3, {})


def test_what_stands_is_not_named_again_until_it_changes_and_is_cleared_when_it_is_gone() -> None:
    books = books_of(booked(10), drift(3).journaled(Policy.HALT, NOW))

    same = weigh(books, [drift(3)], {}, POSITION_NAMES, DEFAULT_POLICIES, NOW)
    assert (same.events, same.doubtful) == ((), {})
    assert weigh(books, [drift(4)], {}, POSITION_NAMES, DEFAULT_POLICIES, NOW).doubtful
    assert weigh(books, [], {}, (Difference.FUNDS_DRIFT,), DEFAULT_POLICIES, NOW).events == (), "not its business"
    assert weigh(books, [], {}, POSITION_NAMES, DEFAULT_POLICIES, NOW, lambda _standing: True).events == ()
    (cleared,) = weigh(books, [], {}, POSITION_NAMES, DEFAULT_POLICIES, NOW).events
    assert cleared == DifferenceCleared("quantity drift", "NSE:INFY MIS", "both sides agree", NOW)
    books.apply(JournalRecord(9, cleared))
    assert books.standing == {}


def test_what_was_adopted_explains_itself_and_ends_with_its_day_where_the_product_does() -> None:
    def adopted(product: Product) -> DifferenceFound:
        finding = Finding(
            Difference.EXTERNAL_POSITION, f"NSE:INFY {product.value}", "0", "5", "NSE:INFY", (), product.value, 5
        )
        return finding.journaled(Policy.ADOPT, NOW)

    intraday, carried = books_of(adopted(Product.MIS)), books_of(adopted(Product.NRML))
    assert compare_positions(intraday, [position(5)], set(), TIGHT) == []
    for books in (intraday, carried):
        books.apply(JournalRecord(9, NEXT_DAY))
    assert names(compare_positions(intraday, [position(5)], set(), TIGHT)) == [("external position", "0", "5")]
    assert compare_positions(carried, [position(5, Product.NRML, overnight_quantity=5)], set(), TIGHT) == []


def test_every_difference_has_a_policy_and_every_policy_a_level() -> None:
    assert DEFAULT_POLICIES.keys() == set(Difference)
    assert LEVELS.keys() == set(Policy)
    assert {name for name, policy in DEFAULT_POLICIES.items() if policy is Policy.ADOPT} <= ADOPTABLE


# -- orders ----------------------------------------------------------------------------------------------------------------


class Own:
    """A journal of these orders."""

    def __init__(self, *records: OrderRecord) -> None:
        self._records = records

    def record(self, tag: str) -> OrderRecord | None:
        return next((each for each in self._records if each.tag == tag), None)

    def record_of(self, order_id: str) -> OrderRecord | None:
        return next((each for each in self._records if order_id and each.order_id == order_id), None)


MINE = folded(
    an_accepted(an_intent(quantity=10)),
    SendingClaimed(an_accepted().tag, NOW),
    OrderAcknowledged(an_accepted().tag, "77", "ma", NOW),
)


def foreign_row(order_id: str = "9", **changes: Any) -> BrokerOrder:
    row = a_row(MINE, BrokerStatus.COMPLETE, 4, order_id=order_id)
    return replace(row, **({"tags": (), "quantity": 4, "placed_by": "AB1234"} | changes))


def foreign_trade(order_id: str = "9", quantity: int = 4, side: Side = Side.BUY, trade_id: str = "X") -> BrokerTrade:
    return BrokerTrade(trade_id, order_id, "NSE", "INFY", side, Product.MIS, quantity, e4("100"), NOW)


def judged(books: Books, rows: list[BrokerOrder], *trades: BrokerTrade, spared: Sequence[str] = ()) -> Foreign:
    return foreign_orders(books, rows, trades, Own(MINE), "AB1234", {}, NOW, spared)


def test_whose_a_row_is() -> None:
    own = Own(MINE)
    assert record_of(a_row(MINE, BrokerStatus.OPEN, order_id="77"), own) is MINE
    assert record_of(foreign_row(tags=(MINE.tag,)), own) is MINE
    assert record_of(foreign_row(tags=(MINE.tag,), side=Side.SELL), own) is None, "a tag alone is no proof"
    assert record_of(foreign_row(parent_order_id="77"), own) is MINE
    assert record_of(foreign_row(), own) is None


@pytest.mark.parametrize(
    ("held", "row", "name"),
    [
        ([], {}, Difference.EXTERNAL_ORDER),
        ([], {"tags": ("mine",)}, Difference.EXTERNAL_ORDER),
        ([], {"tags": ("P" + "A" * 19,)}, Difference.UNKNOWN_ORDER),
        ([booked(4)], {"placed_by": "RMS", "side": Side.SELL}, Difference.BROKER_SQUARE_OFF),
        ([booked(4)], {"placed_by": "RMS", "side": Side.BUY}, Difference.EXTERNAL_ORDER),
        ([booked(-4)], {"placed_by": "RMS", "side": Side.BUY}, Difference.BROKER_SQUARE_OFF),
        ([booked(4)], {"placed_by": "AB1234", "side": Side.SELL}, Difference.EXTERNAL_ORDER),
        ([booked(4)], {"placed_by": "", "side": Side.SELL}, Difference.EXTERNAL_ORDER),
        ([], {"placed_by": "RMS", "side": Side.SELL}, Difference.EXTERNAL_ORDER),
    ],
)
def test_what_an_order_that_is_not_ours_is(held: list[JournalEvent], row: dict[str, Any], name: Difference) -> None:
    found = judged(books_of(*held), [foreign_row(**row)])

    assert [each.name for each in found.findings] == [name]


def test_an_external_trade_is_booked_once_and_its_order_named_once() -> None:
    row, trade = foreign_row(), foreign_trade()
    books = books_of(booked(10))
    first = judged(books, [row], trade)
    (event,) = first.trades
    assert (event.strategy, event.tag, event.quantity, event.squared_off_by_broker) == ("", "", 4, False)
    named = books_of(booked(10), *(each.journaled(Policy.ADOPT, NOW) for each in first.findings))
    assert judged(named, [row], trade).gone == (), "not before its trades are booked"

    events: list[JournalEvent] = [*(each.journaled(Policy.ADOPT, NOW) for each in first.findings), *first.trades]
    for seq, journaled in enumerate(events, 20):
        books.apply(JournalRecord(seq, journaled))
    again = judged(books, [row], trade)
    assert (again.findings, again.trades) == ((), ())
    assert again.gone == (("external order", "order 9"),)
    assert books.owners(("NSE:INFY", Product.MIS)) == {"ma": 10, "": 4}
    books.apply(JournalRecord(30, DifferenceCleared(*again.gone[0], "", NOW)))
    assert judged(books, [row], trade) == Foreign((), (), ())


def test_a_trade_whose_order_the_book_does_not_show_yet_is_nobodys() -> None:
    """Orders are read before trades: one placed in between may be ours, its answer still on the way."""
    assert judged(books_of(), [], foreign_trade("12")) == Foreign((), (), ())


def test_an_order_that_may_be_a_gtts_is_spared() -> None:
    assert judged(books_of(), [foreign_row()], foreign_trade(), spared=["9"]) == Foreign((), (), ())


def test_a_trade_that_cannot_be_charged_is_not_booked() -> None:
    trade = replace(foreign_trade(), exchange="MCX", symbol="GOLD26DECFUT")

    assert judged(books_of(), [foreign_row(exchange="MCX", symbol="GOLD26DECFUT")], trade).trades == ()


def test_the_brokers_square_off_is_shared_trade_by_trade() -> None:
    books = books_of(booked(3, "two"), booked(6, "one"), booked(1, ""))
    row = foreign_row(side=Side.SELL, placed_by="RMS", quantity=10, filled=10)
    found = judged(books, [row], foreign_trade("9", 5, Side.SELL, "A"), foreign_trade("9", 5, Side.SELL, "B"))

    for seq, event in enumerate(found.trades, 20):
        assert event.squared_off_by_broker and event.reduce_only
        books.apply(JournalRecord(seq, event))
    assert books.owners(("NSE:INFY", Product.MIS)) == {}
    assert {base_trade_id(event.trade_id) for event in found.trades} == {"A", "B"}
    assert len({event.trade_id for event in found.trades}) == len(found.trades)
    assert judged(books, [row], foreign_trade("9", 5, Side.SELL, "A")).trades == ()


def test_an_external_short_is_what_was_sold_and_never_bought_outside() -> None:
    assert external_shorts(books_of(booked(10), booked(3, ""))) == []
    (found,) = external_shorts(books_of(booked(10), booked(-3, "")))
    assert (found.name, found.units, found.strategies) == (Difference.EXTERNAL_SHORT, -3, ("ma",))


def test_an_order_of_ours_that_is_not_in_the_book_is_missing_or_has_outlived_its_day() -> None:
    late = NOW + 121 * SECOND
    there = a_row(MINE, BrokerStatus.OPEN, order_id="77")

    assert missing_orders(books_of(), [there], [MINE], late, late) == ([], [])
    assert missing_orders(books_of(), [], [MINE], late, NOW + 119 * SECOND) == ([], []), "a row may come late"
    assert missing_orders(books_of(), [], [MINE], MINE.updated, late) == ([], []), "seed 69066: the reading is older"
    (found,), lapsed = missing_orders(books_of(), [], [MINE], late, late)
    assert (found.name, found.strategies, lapsed) == (Difference.MISSING_ORDER, ("ma",), [])
    assert missing_orders(books_of(NEXT_DAY), [], [MINE], late, late) == ([], [MINE])
    assert lapse(MINE, late).state is OrderState.CANCELLED


def test_what_moves_is_not_compared() -> None:
    own = Own(MINE)
    quiet = a_row(MINE, BrokerStatus.OPEN, 0, order_id="77")

    assert moving_instruments([quiet], [MINE], own, lambda _record: False) == set()
    assert moving_instruments([replace(quiet, filled=3)], [MINE], own, lambda _record: False) == {"NSE:INFY"}
    assert moving_instruments([quiet], [MINE], own, lambda _record: True) == {"NSE:INFY"}
    sending = replace(MINE, state=OrderState.SENDING)
    assert moving_instruments([], [sending], own, lambda _record: False) == {"NSE:INFY"}


def test_an_order_that_is_what_an_unresolved_one_would_be_may_have_been_placed_in_its_stead() -> None:
    """Booked as made by hand it could not be ours when the person says so; its strategy waited for its trades for ever."""
    row = replace(a_row(MINE, BrokerStatus.COMPLETE, 10, order_id="9"), tags=("mktp",))
    lost = replace(MINE, state=OrderState.QUARANTINED)

    assert perhaps_placed([row], [lost]) == ["9"]
    assert perhaps_placed([row], [MINE]) == []
    assert perhaps_placed([replace(row, quantity=9)], [lost]) == []
    assert perhaps_placed([replace(row, side=Side.SELL)], [lost]) == []
    assert perhaps_placed([replace(row, tags=(MINE.tag,))], [lost]) == []


@pytest.mark.parametrize("state", GttState)
def test_a_gtt_of_which_nothing_is_known_may_have_fired(state: GttState) -> None:
    """Seed 3384: its worker died with the request out, it fired at once, and its fill was told as a difference."""
    leg = GttLeg(e4("1400"), Side.SELL, 10, e4("1395"))
    intent = GttIntent("g", "ma", 1, "NSE:INFY", Product.CNC, (leg,), e4("1500"), NOW, NOW, NOW)
    record = GttRecord("T", state, intent, Gtt("NSE", "INFY", Product.CNC, e4("1500"), (leg,)))

    moving = moving_instruments([], [], Own(), lambda _record: False, [record])
    assert moving == ({"NSE:INFY"} if state in (GttState.SENDING, GttState.UNRESOLVED) else set())


# -- shares ----------------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 10_000),
    st.dictionaries(st.text("abc", min_size=1, max_size=2) | st.just(""), st.integers(1, 5_000), max_size=5),
)
def test_shares_add_up_are_whole_and_never_more_than_held_or_a_unit_from_fair(
    quantity: int, held: dict[str, int]
) -> None:
    shares = pro_rata(quantity, held)

    assert sum(shares.values()) == quantity
    assert all(units > 0 for units in shares.values())
    whole = sum(held.values())
    for holder, units in held.items():
        beyond = max(quantity - whole, 0) if holder == "" else 0
        got = shares.get(holder, 0) - beyond
        assert got <= units
        assert abs(got * whole - min(quantity, whole) * units) < whole
    assert pro_rata(quantity, dict(reversed(held.items()))) == shares


def test_a_share_keeps_the_trades_id() -> None:
    assert share_trade_id("T1", "ma", alone=True) == "T1"
    assert base_trade_id(share_trade_id("T1", "ma", alone=False)) == "T1"
