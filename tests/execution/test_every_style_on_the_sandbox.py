"""Every style of execution, traded on a real sandbox by the whole system: in parts, in bounds, once; the books agree."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from domain.messages.journal import IntentAccepted, JournalEvent, OrderModified, TradeBooked
from domain.messages.orders import OrderIntent
from domain.messages.plans import ExecutionEnded, ExecutionStarted
from domain.values import MINUTE, RUPEE, OrderKind, Side, Validity
from tests.exits.market import a_market
from tests.exits.scenes import OFF, a_config, rows
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal, assert_effectively_once
from tests.system.plant import Trader, an_exchange

RISES = [("09:15:00", 1.0), ("09:16:00", 1.0), ("09:17:00", 1.06), ("09:18:00", 1.04), ("10:15:00", 1.04)]
WAVES = [(f"09:{15 + n // 2:02d}:{30 * (n % 2):02d}", 1.0 + 0.002 * (n % 2)) for n in range(60)]
SPEED = 15
LEAVES_FOR_GOOD = [("09:15:00", 1.0), ("09:15:58", 1.0), ("09:16:58", 1.15), ("10:15:00", 1.15)]
"""A rupee a second, away from an order given anywhere in this minute, and never back."""
LEAVES = "{minute: 1, leave_after: 6}"

KINDS = {
    "bounded": ("NSE:INFY", 1500, WAVES, 40, "{style: market, slippage_percent: 1}", LEAVES),
    "chased": ("NSE:SBIN", 800, RISES, 40, "{style: limit, reprice_seconds: 5, patience_seconds: 240}", LEAVES),
    "sliced": ("NSE:TCS", 3000, WAVES, 50, "{style: twap, minutes: 3, slices: 6}", LEAVES),
    "given_up": (
        "NSE:ITC", 400, LEAVES_FOR_GOOD, 1_000,
        "{style: limit, reprice_seconds: 3, patience_seconds: 60, slippage_percent: 2}", "{minute: 1}",
    ),
}  # fmt: skip


def test_every_style_carries_its_decision_out_and_the_books_agree(tmp_path: Path) -> None:
    paths = {share: [(at, price * part) for at, part in path] for share, price, path, *_ in KINDS.values()}
    config = a_config(
        tmp_path,
        {
            **{
                name: rows(share, quantity=quantity, execution=execution, parameters=parameters)
                for name, (share, _, _, quantity, execution, parameters) in KINDS.items()
            },
            **OFF,
        },
    )
    market = a_market(tmp_path, paths, until="10:15:00", quantity=2_000)
    with (
        an_exchange(speed=SPEED, hold=True, extra=("--market", market)) as exchange,
        Trader(tmp_path, *exchange.sets, config=config) as trader,
    ):
        trader.trading_from_the_start(exchange)
        trader.crawling(exchange, "09:15:45", SPEED, lambda: under_way(trader), "all are under way", at=2)
        eventually(lambda: over(trader) >= 7, 120, "every decision is carried out")
        trader.square_off(exchange)
        events = [record.event for record in trader.world.journal.read(0)]
        report = trader.finish()
        assert_effectively_once(exchange, trader.journal_path)
        assert_books_equal(exchange, trader.journal_path)

    assert (report.balanced, report.books_agree) == (True, True)
    orders = by_decision(events)
    ended = {event.intent_id: event for event in events if isinstance(event, ExecutionEnded)}
    started = {event.intent.intent_id: event.intent for event in events if isinstance(event, ExecutionStarted)}
    for name, intent in started.items():
        assert sum(filled(events, name).values()) == ended[name].filled
        if intent.strategy != "given_up":
            assert ended[name].filled == intent.quantity, name
        numbers = [each.intent_id for each in orders[name]]
        assert len(set(numbers)) == len(numbers)

    bounded = orders[decision(started, "bounded", Side.BUY)]
    assert {(each.kind, each.validity) for each in bounded} == {(OrderKind.LIMIT, Validity.IOC)}
    assert all(each.price <= each.reference_price * 101 // 100 for each in bounded)

    sliced = orders[decision(started, "sliced", Side.BUY)]
    assert [each.quantity for each in sliced] == [8, 8, 9, 8, 8, 9]
    times = [event.time for event in events if isinstance(event, IntentAccepted) and event.intent in sliced]
    assert times[-1] - times[0] >= 2 * MINUTE

    chased = decision(started, "chased", Side.BUY)
    assert {each.kind for each in orders[chased]} == {OrderKind.LIMIT}
    moved = [event for event in events if isinstance(event, OrderModified) and event.strategy == "chased"]
    assert moved, "the price moved away, and the order after it"

    given_up = decision(started, "given_up", Side.BUY)
    assert ended[given_up].filled < started[given_up].quantity
    assert ended[given_up].why == "its time is over"
    assert {each.kind for each in orders[given_up]} == {OrderKind.LIMIT}
    prices = [event.price for event in events if isinstance(event, OrderModified) and event.strategy == "given_up"]
    assert prices, "it went after the touch"
    bound = bound_of(started[given_up])
    assert bound - RUPEE < max(prices) <= bound, "as far as the bound, and no further"


def under_way(trader: Trader) -> bool:
    """One order has followed its price to the bound, one has followed it at all, and one has its first slice out."""
    events = [record.event for record in trader.world.journal.read(0)]
    moved: dict[str, int] = defaultdict(int)
    for event in events:
        if isinstance(event, OrderModified):
            moved[event.strategy] = max(moved[event.strategy], event.price)
    bounds = [
        bound_of(event.intent)
        for event in events
        if isinstance(event, ExecutionStarted) and event.intent.strategy == "given_up"
    ]
    sliced = any(isinstance(event, IntentAccepted) and event.intent.strategy == "sliced" for event in events)
    return sliced and "chased" in moved and any(bound - RUPEE < moved["given_up"] for bound in bounds)


def bound_of(intent: OrderIntent) -> int:
    """The highest price `given_up` may pay."""
    return intent.reference_price * 102 // 100


def over(trader: Trader) -> int:
    return sum(isinstance(record.event, ExecutionEnded) for record in trader.world.journal.read(0))


def by_decision(events: list[JournalEvent]) -> dict[str, list[OrderIntent]]:
    """The orders of each decision, in order."""
    found: dict[str, list[OrderIntent]] = defaultdict(list)
    for event in events:
        if isinstance(event, IntentAccepted) and event.intent.parent:
            found[event.intent.parent].append(event.intent)
    return found


def filled(events: list[JournalEvent], parent: str) -> dict[str, int]:
    """Units booked by order of one decision."""
    tags = {e.tag for e in events if isinstance(e, IntentAccepted) and e.intent.parent == parent}
    found: dict[str, int] = defaultdict(int)
    for event in events:
        if isinstance(event, TradeBooked) and event.tag in tags:
            found[event.tag] += event.quantity
    return found


def decision(started: dict[str, OrderIntent], strategy: str, side: Side) -> str:
    """The one decision of that strategy and side."""
    [found] = [name for name, intent in started.items() if (intent.strategy, intent.side) == (strategy, side)]
    return found
