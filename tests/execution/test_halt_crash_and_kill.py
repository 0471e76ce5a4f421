"""In the middle of a decision: a halt ends it, a crash and `kill -9` neither lose nor double anything of it."""

from __future__ import annotations

import signal
from pathlib import Path

from actors.routes import EXECUTION, ORDERS, RISK
from actors.runtime import Lane
from domain.messages.control import SetTradingState, TradingState
from domain.messages.journal import IntentAccepted, JournalEvent, OrderModified, OrderState, TradeBooked
from domain.messages.plans import ExecutionEnded
from tests.exits.market import a_market
from tests.exits.scenes import OFF, a_config, journal_of, rows
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal, assert_effectively_once
from tests.system.plant import Program, Trader, an_exchange

STEADY = {"NSE:TCS": [("09:15:00", 3000.0)], "NSE:SBIN": [("09:15:00", 800.0), ("09:17:00", 860.0)]}
SLICES = "{style: twap, minutes: 4, slices: 12}"


def slices(events: list[JournalEvent]) -> int:
    """Units bought so far."""
    return sum(event.quantity for event in events if isinstance(event, TradeBooked))


def test_a_crash_loses_nothing_and_a_halt_ends_every_entry(tmp_path: Path) -> None:
    config = a_config(
        tmp_path,
        {
            "sliced": rows("NSE:TCS", quantity=60, execution=SLICES, parameters="{minute: 0}"),
            "chased": rows(
                "NSE:SBIN",
                quantity=60,
                execution="{style: limit, reprice_seconds: 4, patience_seconds: 1200, slippage_percent: 0.05}",
                parameters="{minute: 0}",
            ),
            **OFF,
        },
    )
    market = a_market(tmp_path, STEADY, until="10:15:00")
    with (
        an_exchange(speed=10, hold=True, extra=("--market", market)) as exchange,
        Trader(tmp_path, *exchange.sets, config=config) as trader,
    ):

        def events() -> list[JournalEvent]:
            return [record.event for record in trader.world.journal.read(0)]

        trader.trading_from_the_start(exchange)
        for name in (EXECUTION, EXECUTION, ORDERS, EXECUTION):
            before = slices(events())
            trader.crash(name)
            eventually(lambda: slices(events()) > before, what="it goes on")  # noqa: B023 - called at once
        eventually(lambda: any(isinstance(e, OrderModified) for e in events()), what="the limit follows the price")
        trader.tell(RISK, SetTradingState(TradingState.HALTED, "a test", "operator"), Lane.CONTROL)
        eventually(lambda: sum(isinstance(e, ExecutionEnded) for e in events()) == 2, what="both decisions are over")
        eventually(lambda: not trader.world.journal.open_records(), what="nothing rests")
        orders = exchange.books().orders
        trader.settled(exchange)
        # Entries that are over stay over: what is held is a person's to keep or to close.
        trader.crash(EXECUTION)
        assert exchange.books().orders == orders
        found = events()
        trader.finish()
        assert_effectively_once(exchange, trader.journal_path)

    sliced = [e.intent for e in found if isinstance(e, IntentAccepted) and e.intent.strategy == "sliced"]
    assert 0 < slices([e for e in found if isinstance(e, TradeBooked) and e.strategy == "sliced"]) < 60
    assert len({intent.intent_id for intent in sliced}) == len(sliced)
    assert {e.why for e in found if isinstance(e, ExecutionEnded)} == {"entries have ended"}


def test_a_killed_program_carries_its_decision_on(tmp_path: Path) -> None:
    config = a_config(
        tmp_path, {"sliced": rows("NSE:TCS", quantity=60, execution=SLICES, parameters="{minute: 0}"), **OFF}
    )
    market = a_market(tmp_path, STEADY, until="10:15:00")
    # The market stands while nobody lives: how long a start takes is the machine's affair, and the decision has its time.
    with an_exchange(speed=10, hold=True, extra=("--market", market)) as exchange:
        for bought in (6, 22, 40):
            with Program(tmp_path, *exchange.sets, config=config) as program:
                program.says("day.trading")
                exchange.set_clock(release=True)
                # A kill may have left an order of which nothing is known: then nothing more is bought.
                eventually(
                    lambda: held(exchange.books().positions) >= bought or unresolved(program),  # noqa: B023 - called at once
                    60,
                    f"{bought} bought",
                )
                exchange.set_clock(hold=True)
                program.kill()
        with Program(tmp_path, *exchange.sets, config=config) as program:
            program.says("day.trading")
            exchange.set_clock(release=True)
            eventually(lambda: over(program) or unresolved(program), 90, "the decision is over")
            program.signal(signal.SIGTERM)
            assert program.wait(60) == 0, program.said()[-2000:]
        assert_effectively_once(exchange, program.journal_path)
        assert_books_equal(exchange, program.journal_path, but_for={("sliced", "NSE:TCS")})
        _, events = journal_of(program.journal_path)
    if over(program):
        assert slices(events) == 60, "all of it, once"


def held(positions: object) -> int:
    return sum(getattr(row, "quantity", 0) for row in positions) if isinstance(positions, tuple) else 0


def over(program: Program) -> bool:
    return any(isinstance(event, ExecutionEnded) for event in journal_of(program.journal_path)[1])


def unresolved(program: Program) -> bool:
    """A kill came between the claim of an order and its reply, and it never reached the exchange."""
    records, _ = journal_of(program.journal_path)
    lost = [record for record in records if record.state is OrderState.QUARANTINED]
    rest = [record for record in records if not record.state.final and record not in lost]
    return bool(lost) and not rest
