"""`--env paper`: the broker's prices, this machine's matching; nothing reaches the broker, and a restart keeps all."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.routes import RISK
from app import logs
from config.errors import ConfigError
from domain.messages.control import JobDue, JobKind
from domain.messages.journal import DayOpened, DifferenceFound
from domain.values import SessionClass, e4
from tests.environments.traders import StandInTrader
from tests.support.waiting import eventually
from tests.system.plant import an_exchange


def flat(trader: StandInTrader) -> None:
    """Square everything off, and wait until it is."""
    paper = trader.world.paper
    assert paper is not None
    now = trader.world.clock.now_ns()
    for session in (SessionClass.EQUITY, SessionClass.EQUITY_AUCTION):
        trader.tell(RISK, JobDue(JobKind.SQUARE_OFF, session.value, now, now))
    eventually(lambda: not any(row.quantity for row in paper.positions()), what="flat")
    eventually(lambda: trader.trades() == len(paper.trades()), what="every trade booked")
    eventually(lambda: not trader.world.journal.open_records(), what="nothing open")


def assert_books_equal(trader: StandInTrader) -> None:
    """The paper exchange's books and the trader's journal say the same."""
    paper = trader.world.paper
    assert paper is not None
    theirs = {row.order_id: (row.filled, row.status.terminal) for row in paper.orders()}
    ours = {row.order_id: row.booked for row in trader.world.journal.records() if row.order_id}
    assert ours == {order_id: filled for order_id, (filled, _) in theirs.items()}
    snapshot = trader.snapshot()
    flows = sum(-trade.side.sign * trade.quantity * trade.price for trade in paper.trades())
    assert snapshot.realised + snapshot.unrealised == flows
    assert snapshot.opening_cash == paper.funds().cash == e4(1_000_000)


def test_a_stretch_on_paper_and_a_second_one_after_a_restart(tmp_path: Path) -> None:
    with an_exchange(speed=60) as exchange:
        with StandInTrader("paper", tmp_path, exchange.running) as trader:
            trader.trading()
            trader.trade_on(8)
            flat(trader)
            assert_books_equal(trader)
            before = trader.trades()
            report = trader.finish()
        assert (report.balanced, report.books_agree) == (True, None)

        with StandInTrader("paper", tmp_path, exchange.running) as trader:
            trader.trading()
            assert trader.trades() == before
            trader.trade_on(4)
            flat(trader)
            assert_books_equal(trader)
            events = [record.event for record in trader.world.journal.read(0)]
            trader.finish()

        assert exchange.books().orders == 0, "nothing was ever sent to the broker"
    assert sum(isinstance(event, DayOpened) for event in events) == 1
    assert not [event for event in events if isinstance(event, DifferenceFound)]


def test_a_lost_session_stops_paper_trading_as_it_would_live(tmp_path: Path) -> None:
    from tests.environments.test_lost_session import state_of
    from tests.environments.visits import end_session

    with an_exchange(speed=60) as exchange, StandInTrader("paper", tmp_path, exchange.running) as trader:
        trader.trading()
        trader.trade_on(2)
        end_session(exchange.running, exchange.running.access_token)
        # Prices go on over the open socket; whoever connects anew is turned away, and says so.
        trader.tell("feed.0", JobDue(JobKind.DRILL_DROP_FEED, "", 0, 0))
        eventually(lambda: state_of(trader).value == "REDUCING", what="entries frozen")
        eventually(lambda: trader.events("alert.session.login"), what="the alert")
        trader.finish()


@pytest.mark.parametrize(
    ("setting", "words"), [("feed.mode=quote", "feed.mode"), ("portfolio.opening_cash=null", "portfolio.opening_cash")]
)
def test_what_paper_cannot_do_without(tmp_path: Path, setting: str, words: str) -> None:
    try:
        with an_exchange(hold=True) as exchange, pytest.raises(ConfigError, match=words):
            StandInTrader("paper", tmp_path, exchange.running, setting)
    finally:
        logs.stop()  # it fails between beginning its log and ending it
