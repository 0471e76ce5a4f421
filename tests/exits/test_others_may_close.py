"""Stops rest at the broker, and somebody else wants out: the strategy itself, the square-off, a person. Once, each time.

And what must not take protection away: a halt, a crash of whoever manages it, an orderly stop of the program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.routes import EXITS, RISK
from actors.runtime import Lane
from domain.messages.control import JobDue, JobKind, SetTradingState, TradingState
from domain.messages.journal import IntentAccepted, OrderRecord, TradeBooked
from domain.messages.operator import Flatten, OperatorRequest
from domain.messages.plans import ExitPlanned
from domain.values import SessionClass, Side
from tests.exits.market import a_market
from tests.exits.scenes import OFF, a_config, active_gtts, resting_stops, rows
from tests.reconcile.person import a_person
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal
from tests.system.plant import Exchange, Trader, an_exchange

SHARES = {"first": ("NSE:INFY", 1500), "second": ("NSE:SBIN", 800), "third": ("NSE:WIPRO", 250)}
BROKER = "{hold: broker, stop_percent: 2, target_percent: 5}"


@contextmanager
def guarded(folder: Path, *, leave_after: int = 0) -> Iterator[tuple[Exchange, Trader]]:
    """Three positions, each protected at the broker: two by stops, one by a GTT."""
    strategies = {
        name: rows(
            instrument,
            product="CNC" if name == "third" else "MIS",
            exits=BROKER,
            parameters=f"{{minute: 0, leave_after: {leave_after}}}",
        )
        for name, (instrument, _) in SHARES.items()
    }
    config = a_config(folder, {**strategies, **OFF})
    paths = {instrument: [("09:15:00", float(price))] for instrument, price in SHARES.values()}
    market = a_market(folder, paths, until="10:30:00")
    with (
        an_exchange(speed=12, hold=True, extra=("--market", market)) as exchange,
        Trader(folder, *exchange.sets, config=config) as trader,
    ):
        trader.trading_from_the_start(exchange)
        eventually(lambda: len(stops(trader)) == 2 and gtts(exchange) == 1, what="all is protected")
        yield exchange, trader


def stops(trader: Trader) -> list[OrderRecord]:
    return resting_stops(trader.world.journal.open_records())


def stop_of(trader: Trader, strategy: str, but: str = "") -> OrderRecord | None:
    """Its one stop that rests, but for that tag; None where there is none."""
    found = [each for each in stops(trader) if each.intent.strategy == strategy and each.tag != but]
    return found[0] if found else None


def released(trader: Trader) -> list[str]:
    """Whose positions are a person's to leave."""
    events = [record.event for record in trader.world.journal.read(0)]
    return [each.strategy for each in events if isinstance(each, ExitPlanned) and each.plan.released]


def gtts(exchange: Exchange) -> int:
    return len(active_gtts(exchange))


def flat(exchange: Exchange, trader: Trader) -> None:
    """Everything is left, once; nothing rests; the books agree."""
    eventually(
        lambda: exchange.books().flat and not trader.world.journal.open_records() and not gtts(exchange),
        what="flat, and nothing rests",
    )
    trader.settled(exchange)
    assert sold(trader) == ALL_SOLD
    report = trader.finish()
    assert_books_equal(exchange, trader.journal_path)
    assert (report.balanced, report.books_agree) == (True, True)


def sold(trader: Trader) -> Counter[str]:
    """Units sold by each strategy."""
    found: Counter[str] = Counter()
    for record in trader.world.journal.read(0):
        if isinstance(record.event, TradeBooked) and record.event.side is Side.SELL:
            found[record.event.strategy] += record.event.quantity
    return found


ALL_SOLD = Counter(dict.fromkeys(SHARES, 20))


def test_a_strategys_own_exit_waits_until_its_stop_has_made_way(tmp_path: Path) -> None:
    with guarded(tmp_path, leave_after=3) as (exchange, trader):
        trader.market(exchange, rate=60)
        eventually(lambda: sold(trader) == ALL_SOLD, what="everything is sold")
        exits = [e.intent for r in trader.world.journal.read(0) if isinstance(e := r.event, IntentAccepted)]
        own = [intent for intent in exits if intent.reduce_only and not intent.protective]
        assert all(intent.intent_id.endswith(".out") for intent in own) and len(own) == 3
        denied = {row["reason"] for row in trader.events("risk.denied")}
        assert "NOT_REDUCING" not in denied, "it was not even asked before there was room for it"
        flat(exchange, trader)


def test_the_square_off_takes_the_stops_away_first(tmp_path: Path) -> None:
    with guarded(tmp_path) as (exchange, trader):
        now = trader.world.clock.now_ns()
        for session in (SessionClass.EQUITY, SessionClass.EQUITY_AUCTION):
            trader.tell(RISK, JobDue(JobKind.SQUARE_OFF, session.value, now, now))
        eventually(lambda: not stops(trader) and sold(trader) == Counter(first=20, second=20), what="squared off")
        # What is held for delivery stays, and stays protected.
        assert gtts(exchange) == 1
        flatten(trader, "")
        flat(exchange, trader)


def test_a_person_cancels_a_stop_twice_then_flattens_one_strategy_and_the_others_stay_protected(tmp_path: Path) -> None:
    with guarded(tmp_path) as (exchange, trader):
        person = a_person(exchange)
        slip = eventually(lambda: stop_of(trader, "first"), 60, "it has a stop")
        assert slip is not None
        person.cancel_order("regular", slip.order_id)
        again = eventually(lambda: stop_of(trader, "first", slip.tag), 60, "it is put back")
        assert again is not None
        person.cancel_order("regular", again.order_id)
        eventually(lambda: released(trader) == ["first"], 60, "the second time it is meant")
        flatten(trader, "third")
        eventually(lambda: sold(trader) == Counter(third=20), what="the delivery is sold")
        assert gtts(exchange) == 0
        assert [record.intent.strategy for record in stops(trader)] == ["second"]
        flatten(trader, "")
        flat(exchange, trader)


def test_a_halt_a_crash_and_an_orderly_stop_leave_protection_where_it_is(tmp_path: Path) -> None:
    with guarded(tmp_path) as (exchange, trader):
        before = {record.tag for record in stops(trader)}
        trader.crash(EXITS)
        trader.tell(RISK, SetTradingState(TradingState.HALTED, "a test", "operator"), Lane.CONTROL)
        trader.crash(EXITS)
        orders = exchange.books().orders
        at = exchange.now()
        trader.market(exchange, rate=60)
        eventually(lambda: minutes_since(at, exchange.now()) >= 2, what="time passes")
        assert {record.tag for record in stops(trader)} == before and gtts(exchange) == 1
        assert exchange.books().orders == orders, "a new life of the manager orders nothing anew"
        trader.finish()
        resting = [row for row in exchange.orders() if row.status == "TRIGGER PENDING"]
        assert {row.tag for row in resting} == before and gtts(exchange) == 1


def minutes_since(before: str, now: str) -> int:
    """Whole minutes between two HH:MM:SS."""
    first, last = ([int(part) for part in each.split(":")] for each in (before, now))
    return (last[0] * 60 + last[1]) - (first[0] * 60 + first[1])


def flatten(trader: Trader, strategy: str) -> None:
    """A person's command."""
    command = Flatten(strategy=strategy, why="a test")
    trader.tell(RISK, OperatorRequest(id=1, time=1, who="tester", command=command), Lane.CONTROL)
