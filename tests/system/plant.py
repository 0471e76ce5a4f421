"""A sandbox, and a trader on it: in this process, where its inside must be seen, or as the program that users start.

The exchange judges: what these helpers compare is the trader's journal with the exchange's own books.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

from actors.routes import ORDERS, PORTFOLIO, RISK, strategy_name
from actors.runtime import Crash, Lane, TreeNode
from adapters.kite.pacing import Pacer, PacingLimits
from app import logs
from app.chaos import real_program
from app.chaos.real_exchange import Exchange, an_exchange
from app.chaos.real_program import STRESS
from app.chaos.real_program import square_off_at as times
from app.day import Ended, StopRequest, TradingDay
from app.options import ROOT
from app.reloading import source_of
from app.strategies import cast_of
from app.world import World, folders
from config.loader import load
from domain.messages.control import JobDue, JobKind, PortfolioSnapshot, Report, SetTradingState, TradingState
from domain.messages.journal import TradeBooked
from domain.report.eod import EodReport
from domain.values import SessionClass
from tests.support.log_lines import LogLines
from tests.support.waiting import PATIENCE, eventually

__all__ = [
    "ROOT",
    "STRESS",
    "Exchange",
    "Program",
    "Trader",
    "actors_of",
    "alive",
    "an_exchange",
    "times",
]


CRAWL: Final = 0.5


class Trader:
    """A whole trader in this process, its day on a thread of its own; everything is given back at the end.

    paced  whether it keeps the broker's order rates (a relaxed sandbox does not mind)
    """

    def __init__(
        self, folder: Path, *sets: str, config: Path | None = STRESS, paced: bool = False, until: int | None = None
    ) -> None:
        # What research needs takes longer to load than most of these days last: who wants it asks for it.
        sets = ("reports.parity=false", *sets)
        here = (f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}", "logs.console=false")
        loaded = load("sandbox", config, (*sets, *here), {}, ROOT)
        where = folders(loaded)
        self.journal_path = where.journal
        self.lines = LogLines(where.logs / "patang.jsonl")
        log = logs.setup(loaded.settings.logs, where.logs)
        self.world = World("sandbox", loaded, where, log)
        try:
            if not paced:
                self.world.account.pacer = Pacer(PacingLimits(0, 0, 0, 0, 0), self.world.monotonic)
            self.world.open_session()
            catalog = self.world.catalog()
            self.cast = cast_of(loaded, catalog)
            source = source_of(loaded, catalog, lambda: load("sandbox", config, (*sets, *here), {}, ROOT), config)
            self.day = TradingDay(self.world, self.cast, log, until=until, source=source)
        except BaseException:
            self.world.close()
            logs.stop()
            raise
        self._stop = StopRequest()
        self._ended: list[Ended | BaseException] = []
        self._thread = threading.Thread(target=self._run, name="day")
        self._thread.start()

    def trading(self, seconds: float = PATIENCE) -> None:
        """Wait until it trades."""
        eventually(lambda: self.day._trading or self._ended, seconds, "trading")
        assert self.day._trading, f"it did not start: {self._ended}"

    def trading_from_the_start(self, exchange: Exchange) -> None:
        """Wait until it trades, and only then let the market go, which was held: a slow start misses nothing of it."""
        self.trading()
        self.market(exchange, release=True)

    def market(self, exchange: Exchange, **change: float | bool) -> None:
        """Change the market's clock, and follow it."""
        exchange.set_clock(**change)
        self.world.refresh_clock()

    def crawling(
        self, exchange: Exchange, time: str, rate: float, until: Callable[[], object], what: str, at: float = CRAWL
    ) -> None:
        """From a time of day on the market crawls until something is so; then it runs at this rate again.

        What a market at full speed leaves no time for on a busy machine has plenty of it then.
        """
        eventually(lambda: exchange.now() >= time, what=f"{time} in the market")
        self.market(exchange, rate=at)
        eventually(until, what=what)
        self.market(exchange, rate=rate)

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT) -> None:
        """Put a message into an actor's mailbox."""
        self.day._system.address(name).tell(message, lane)

    def ask(self, name: str, message: object = Report()) -> object:
        """Ask an actor."""
        return self.day._system.address(name).ask(message, timeout=PATIENCE)

    def node(self, name: str) -> TreeNode:
        """The actor in the live tree."""
        return self.day.tree().find(name)

    def crash(self, name: str, queued: Sequence[object] = (), seconds: float = PATIENCE) -> None:
        """Crash an actor with messages queued behind, and wait until its next incarnation is up."""
        before = self.node(name).incarnation
        for message in queued:
            self.tell(name, message)
        self.tell(name, Crash("a test"), Lane.CONTROL)
        eventually(lambda: self.is_up(name, before + 1), seconds, f"{name} up again")

    def is_up(self, name: str, incarnation: int = 1) -> bool:
        """Whether the actor is up, in this incarnation or a later one."""
        node = self.node(name)
        return node.state == "up" and node.incarnation >= incarnation

    def trades(self, strategy: str | None = None) -> int:
        """Trades booked so far, of one strategy or of all."""
        events = (record.event for record in self.world.journal.read(0))
        return sum(isinstance(e, TradeBooked) and strategy in (None, e.strategy) for e in events)

    def trade_on(self, more: int = 1, strategy: str | None = None, seconds: float = PATIENCE) -> None:
        """Wait until so many more trades are booked."""
        wanted = self.trades(strategy) + more
        eventually(lambda: self.trades(strategy) >= wanted, seconds, f"{more} more trades of {strategy or 'anyone'}")

    def square_off(self, exchange: Exchange, seconds: float = PATIENCE) -> None:
        """The square-off job for shares, now, after the last entry; waits until nothing is held or open."""
        # Approved before the job, an entry may still be on its way: flat for a moment is not flat for good.
        self.tell(RISK, SetTradingState(TradingState.REDUCING, "the test ends", "test"))
        for behind_it in (RISK, ORDERS):
            self.ask(behind_it)
        now = self.world.clock.now_ns()
        for session in (SessionClass.EQUITY, SessionClass.EQUITY_AUCTION):
            self.tell(RISK, JobDue(JobKind.SQUARE_OFF, session.value, now, now))
        eventually(lambda: not self.world.journal.open_records() and exchange.books().flat, seconds, "flat")
        self.settled(exchange)

    def settled(self, exchange: Exchange, seconds: float = PATIENCE) -> None:
        """Wait until every trade of the exchange is booked and folded by the portfolio."""
        eventually(lambda: self.trades() == exchange.books().trades, seconds, "every trade booked")
        eventually(lambda: self.snapshot().seq == self.world.journal.last_seq(), seconds, "portfolio folded")

    def snapshot(self) -> PortfolioSnapshot:
        """The portfolio's own view."""
        found = self.ask(PORTFOLIO)
        assert isinstance(found, PortfolioSnapshot)
        return found

    def events(self, name: str) -> list[dict[str, object]]:
        """What the log says of one event, so far."""
        return self.lines.named(name)

    def finish(self, seconds: float = PATIENCE) -> EodReport:
        """Stop in order, give everything back; the report that was written."""
        report = self.close(seconds)
        assert report is not None, "a report was written"
        return report

    def close(self, seconds: float = PATIENCE) -> EodReport | None:
        """Stop and give everything back. Idempotent. Raises what the day raised."""
        self._stop.ask()
        return self.wait(seconds)

    def wait(self, seconds: float = PATIENCE) -> EodReport | None:
        """Wait for the day's own end, then give everything back."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the day did not end in time"
        self.world.close()
        logs.stop()
        for ended in self._ended:
            if isinstance(ended, BaseException):
                raise ended
        return self.day.report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._ended.append(self.day.run(lambda _now: None, self._stop))
        except BaseException as error:  # noqa: BLE001 - raised again in `wait`, on the test's own thread
            self._ended.append(error)


class Program(real_program.Program):
    """The trader as users start it: `run.py trade`, a process of its own."""

    def says(self, words: str, seconds: float = PATIENCE) -> None:
        """Wait until its output contains these words."""
        eventually(lambda: words in self.said() or not self.running, seconds, f"it says {words!r}")
        assert words in self.said(), self.said()[-2000:]


def alive(pid: int) -> bool:
    """Whether a process still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def actors_of(trader: Trader) -> list[str]:
    """Every actor of the tree, in starting order, with one strategy for all."""
    first = strategy_name(trader.cast.strategies[0].id)
    children = (node.id for node in trader.day.tree().walk() if node.kind == "child")
    return [name for name in children if not name.startswith("strategy.") or name == first]
