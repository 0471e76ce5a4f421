"""`kill -9` with protection resting at the broker; five market minutes later the program comes back.

Meanwhile the exchange executes the stop. The next life finds the fill, books it to the right strategy, and leaves nothing
that could sell a second time: the GTT's other leg is gone, the target that we watched is watched no more.
"""

from __future__ import annotations

import signal
from pathlib import Path

from domain.messages.gtt import GttTriggered
from domain.messages.journal import TradeBooked
from domain.messages.plans import ExitPlanEnded
from domain.values import Side
from tests.exits.market import a_market
from tests.exits.scenes import OFF, a_config, active_gtts, journal_of, rows
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal
from tests.system.plant import Exchange, Program, an_exchange

SPEED = 10
FALLS = [("09:15:00", 1.0), ("09:25:00", 1.0), ("09:27:00", 0.98), ("09:31:00", 1.03), ("09:45:00", 1.03)]
"""Through the stop, then beyond the target: whatever still rested then would sell again."""
SHARES = {
    "intraday": ("NSE:INFY", 1500, "MIS"),
    "delivery": ("NSE:WIPRO", 250, "CNC"),
    "carried": ("NSE:SBIN", 800, "CNC"),
}
STOPS = "{hold: broker, stop_percent: 1, target_percent: 2}"
ALONE = "{hold: broker, stop_percent: 1}"


def test_a_stop_at_the_broker_fills_while_we_are_dead_and_is_found_and_booked(tmp_path: Path) -> None:
    strategies = {
        name: rows(instrument, product=product, exits=ALONE if name == "carried" else STOPS)
        for name, (instrument, _, product) in SHARES.items()
    }
    config = a_config(tmp_path, {**strategies, **OFF})
    market = a_market(
        tmp_path,
        {instrument: [(at, price * share) for at, share in FALLS] for instrument, price, _ in SHARES.values()},
    )
    with an_exchange(speed=SPEED, hold=True, extra=("--market", market)) as exchange:
        with Program(tmp_path, *exchange.sets, config=config) as program:
            program.says("day.trading")
            exchange.set_clock(release=True)
            eventually(lambda: protected(exchange), 60, "every position is protected at the broker")
            assert exchange.now() < "09:25:00", "the test's machine is too slow for its market"
            program.kill()
        exchange.set_clock(rate=600)
        eventually(lambda: exchange.now() >= "09:29:00", what="five minutes have passed and more")
        exchange.set_clock(rate=SPEED)
        assert exchange.books().flat, "the exchange has executed what rested"
        before = exchange.books().orders

        with Program(tmp_path, *exchange.sets, config=config) as program:
            eventually(lambda: ended(program) == set(SHARES), 60, "the next life has found what happened")
            # The price goes to the target and beyond meanwhile: nothing is sold for it.
            exchange.set_clock(rate=30)
            eventually(lambda: exchange.now() >= "09:33:00")
            program.signal(signal.SIGTERM)
            assert program.wait(60) == 0, program.said()[-2000:]

        assert exchange.books().orders == before, "the next life has ordered nothing more"
        records, events = journal_of(program.journal_path)
        assert_books_equal(exchange, program.journal_path)
        assert exchange.rows("/gtt/triggers") and not active_gtts(exchange), "no sibling is left"

    sold = {e.strategy: e.quantity for e in events if isinstance(e, TradeBooked) and e.side is Side.SELL}
    assert sold == dict.fromkeys(SHARES, 20)
    assert not [record for record in records if not record.state.final]
    assert {e.strategy for e in events if isinstance(e, GttTriggered) and e.leg == 0} == {"delivery", "carried"}


def protected(exchange: Exchange) -> bool:
    stops = [row for row in exchange.orders() if row.status == "TRIGGER PENDING"]
    return len(stops) == 1 and len(active_gtts(exchange)) == 2


def ended(program: Program) -> set[str]:
    _, events = journal_of(program.journal_path)
    return {event.strategy for event in events if isinstance(event, ExitPlanEnded)}
