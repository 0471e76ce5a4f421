"""A sandbox, and a trader on it: in this process, where its inside must be seen, or as the program that users start.

The exchange judges: what these helpers compare is the trader's journal with the exchange's own books.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from actors.routes import ORDERS, PORTFOLIO, RISK, strategy_name
from actors.runtime import Crash, Lane, TreeNode
from adapters.kite.pacing import Pacer, PacingLimits
from app import logs
from app.day import Ended, StopRequest, TradingDay
from app.strategies import cast_of
from app.world import World, folders
from config.loader import load
from domain.messages.control import JobDue, JobKind, PortfolioSnapshot, Report, SetTradingState, TradingState
from domain.messages.journal import TradeBooked
from domain.report.eod import EodReport
from domain.values import SessionClass
from sandbox.launch import RunningSandbox, launch
from tests.support.waiting import eventually

ROOT: Final = Path(__file__).resolve().parents[2]
STRESS: Final = ROOT / "config" / "examples" / "stress.yaml"
NO_PACE: Final = ("rate-limits", "order-caps")
"""What the sandbox relaxes where a test is about something else than the broker's rates."""

T = TypeVar("T")


class OrderRow(Struct, frozen=True):
    """A row of the exchange's order book."""

    order_id: str
    status: str
    tradingsymbol: str
    transaction_type: str
    quantity: int
    filled_quantity: int
    tag: str | None


class TradeRow(Struct, frozen=True):
    """A row of the exchange's trades."""

    trade_id: str
    order_id: str
    tradingsymbol: str
    quantity: int


class HeldRow(Struct, frozen=True):
    """A position in the exchange's own books."""

    tradingsymbol: str
    quantity: int


class Books(Struct, frozen=True):
    """The exchange's own books, in rupees."""

    opening_cash: Decimal
    cash: Decimal
    realised: Decimal
    charges: Mapping[str, Decimal]
    positions: tuple[HeldRow, ...]
    orders: int
    trades: int

    @property
    def flat(self) -> bool:
        """Nothing is held."""
        return not any(row.quantity for row in self.positions)


class _Rows(Struct):
    data: msgspec.Raw


class Exchange:
    """A running sandbox, asked directly: past the trader."""

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        address = urlsplit(running.rest)
        assert address.hostname is not None and address.port is not None
        self._address = (address.hostname, address.port)

    @property
    def sets(self) -> tuple[str, ...]:
        """What points a trader here."""
        return (f"kite.rest_url={self.running.rest}", f"kite.ws_url={self.running.ws}")

    def orders(self) -> list[OrderRow]:
        """The whole order book."""
        return self._rows("/orders", list[OrderRow])

    def trades(self) -> list[TradeRow]:
        """All trades."""
        return self._rows("/trades", list[TradeRow])

    def books(self) -> Books:
        """The exchange's own books."""
        return msgspec.json.decode(self.call("GET", "/_sandbox/books"), type=Books)

    def rows(self, path: str) -> object:
        """The data of any reply."""
        return self._rows(path, object)

    def set_clock(self, **change: float | bool) -> None:
        """Change the clock: rate, hold, release, advance_seconds."""
        self.call("POST", "/_sandbox/clock", json.dumps(change).encode())

    def now(self) -> str:
        """Market time, HH:MM:SS."""
        return str(json.loads(self.call("GET", "/_sandbox/clock"))["now"])[11:19]

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request; AssertionError for anything but 200."""
        details = self.running.details
        headers = {"Authorization": f"token {details.api_key}:{details.access_token}", "X-Kite-Version": "3"}
        connection = HTTPConnection(*self._address, timeout=10)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        assert reply.status == 200, f"{method} {path}: HTTP {reply.status} {content[:200]!r}"
        return content

    def _rows(self, path: str, wanted: type[T]) -> T:
        content = msgspec.json.decode(self.call("GET", path), type=_Rows).data
        return msgspec.json.decode(content, type=wanted)


@contextmanager
def an_exchange(
    *, speed: float = 1.0, seed: int = 1, hold: bool = False, relax: Sequence[str] = NO_PACE, extra: Sequence[str] = ()
) -> Iterator[Exchange]:
    """A sandbox of our own for the block."""
    with launch(speed=speed, seed=seed, hold=hold, relax=relax, extra=extra) as running:
        yield Exchange(running)


def times(square_off: str) -> tuple[str, ...]:
    """Settings that end the intraday day of shares at this time (HH:MM)."""
    hours, minutes = square_off.split(":")
    before = f"{hours}:{int(minutes) - 1:02d}"
    return tuple(
        f"{key}.{each}={at}"
        for each in ("equity", "equity_auction")
        for key, at in (
            ("schedule.square_off", square_off),
            ("schedule.square_off_warning", before),
            ("risk.mis_cutoff", before),
        )
    )


class Trader:
    """A whole trader in this process, its day on a thread of its own; everything is given back at the end.

    paced  whether it keeps the broker's order rates (a relaxed sandbox does not mind)
    """

    def __init__(
        self, folder: Path, *sets: str, config: Path | None = STRESS, paced: bool = False, until: int | None = None
    ) -> None:
        here = (f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}", "logs.console=false")
        loaded = load("sandbox", config, (*sets, *here), {}, ROOT)
        where = folders(loaded)
        self.journal_path = where.journal
        self._log_file = where.logs / "patang.jsonl"
        log = logs.setup(loaded.settings.logs, where.logs)
        self.world = World("sandbox", loaded, where, log)
        try:
            if not paced:
                self.world.account.pacer = Pacer(PacingLimits(0, 0, 0, 0, 0), self.world.monotonic)
            self.world.open_session()
            self.cast = cast_of(loaded, self.world.catalog())
            self.day = TradingDay(self.world, self.cast, log, until=until)
        except BaseException:
            self.world.close()
            logs.stop()
            raise
        self._stop = StopRequest()
        self._ended: list[Ended | BaseException] = []
        self._thread = threading.Thread(target=self._run, name="day")
        self._thread.start()

    def trading(self, seconds: float = 20.0) -> None:
        """Wait until it trades."""
        eventually(lambda: self.day._trading or self._ended, seconds, "trading")
        assert self.day._trading, f"it did not start: {self._ended}"

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT) -> None:
        """Put a message into an actor's mailbox."""
        self.day._system.address(name).tell(message, lane)

    def ask(self, name: str, message: object = Report()) -> object:
        """Ask an actor."""
        return self.day._system.address(name).ask(message, timeout=5.0)

    def node(self, name: str) -> TreeNode:
        """The actor in the live tree."""
        return self.day.tree().find(name)

    def crash(self, name: str, queued: Sequence[object] = (), seconds: float = 10.0) -> None:
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

    def trade_on(self, more: int = 1, strategy: str | None = None, seconds: float = 10.0) -> None:
        """Wait until so many more trades are booked."""
        wanted = self.trades(strategy) + more
        eventually(lambda: self.trades(strategy) >= wanted, seconds, f"{more} more trades of {strategy or 'anyone'}")

    def square_off(self, exchange: Exchange, seconds: float = 15.0) -> None:
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

    def settled(self, exchange: Exchange, seconds: float = 10.0) -> None:
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
        lines = self._log_file.read_text(encoding="utf-8").splitlines()
        return [row for row in map(json.loads, lines) if row["event"] == name]

    def finish(self, seconds: float = 15.0) -> EodReport:
        """Stop in order, give everything back; the report that was written."""
        report = self.close(seconds)
        assert report is not None, "a report was written"
        return report

    def close(self, seconds: float = 15.0) -> EodReport | None:
        """Stop and give everything back. Idempotent. Raises what the day raised."""
        self._stop.ask()
        return self.wait(seconds)

    def wait(self, seconds: float = 15.0) -> EodReport | None:
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


class Program:
    """The trader as users start it: `run.py trade`, a process of its own."""

    def __init__(self, folder: Path, *sets: str, config: Path | None = STRESS, words: Sequence[str] = ()) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(ROOT / "run.py"), "trade", *words]
        command += [] if config is None else ["--config", str(config)]
        for each in (*sets, f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}"):
            command += ["--set", each]
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def journal_path(self) -> Path:
        """Its journal."""
        return self.folder / "data" / "sandbox" / "journal.db"

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self) -> str:
        """All its output."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def says(self, words: str, seconds: float = 20.0) -> None:
        """Wait until its output contains these words."""
        eventually(lambda: words in self.said() or not self.running, seconds, f"it says {words!r}")
        assert words in self.said(), self.said()[-2000:]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.process.pid, number)

    def lives(self, seconds: float) -> None:
        """Watch it live for so long: a moment that nothing else marks. AssertionError where it ends before."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"it ended by itself with {status}: {self.said()[-2000:]}")

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float = 20.0) -> int:
        """Its exit status."""
        return self.process.wait(seconds)

    def report(self) -> dict[str, object]:
        """The end-of-day report it has written."""
        [path] = (self.folder / "reports").glob("*/eod.json")
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.kill()


def children_of(pid: int) -> set[int]:
    """Process ids of a process's children (Linux)."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found.update(int(child) for child in (task / "children").read_text().split())
    return found


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
