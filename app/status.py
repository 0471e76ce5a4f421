"""What a trader tells other terminals: `status.json` in its data folder, replaced at most once a second.

The reader needs no socket and no lock: it finds the last whole file, sees whether its writer lives, and says how old
the news is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from actors.routes import FEED, PORTFOLIO
from actors.runtime import RuntimeFault, System, TradingLevel, TreeNode
from adapters.meter import Work
from app.logs import EventLog, redactor
from app.world import World
from domain.errors import PatangError
from domain.messages.control import PortfolioSnapshot, Report
from domain.messages.journal import OrderState
from domain.values import ist, rupees

FILE_NAME: Final = "status.json"
VERSION: Final = 1
EVERY_NS: Final = 1_000_000_000
ASK_SECONDS: Final = 0.15
"""An actor that does not answer in time leaves its lines empty: that, too, is news."""
UNPROVED: Final = frozenset({OrderState.SENDING, OrderState.QUARANTINED})


class Money(Struct, frozen=True):
    """The account, in rupees as text (exact)."""

    realised: str
    unrealised: str
    charges: str
    net: str
    round_trips: int


class Feed(Struct, frozen=True):
    """The ticker. age_seconds: since its last frame with prices, to within a second; None before the first."""

    connected: bool
    epoch: int
    frames: int
    age_seconds: float | None


class Status(Struct, frozen=True):
    """One trader at one moment.

    process        tells a living process of the same id from another one (Linux); empty where nothing does
    wall_ns        when it was written, nanoseconds UTC
    state          STARTING, ACTIVE, REDUCING, HALTED; why
    orders, open, unresolved  of the journal: all, not final, possibly at the broker without proof
    feed, money    None where the actor did not answer
    ended          how it ended; None while it runs
    work           requests and commits, counted
    """

    version: int
    pid: int
    process: str
    run: str
    env: str
    wall_ns: int
    started_ns: int
    state: str
    why: str
    market_time: str
    orders: int
    open: int
    unresolved: int
    feed: Feed | None
    money: Money | None
    tree: TreeNode
    ended: str | None = None
    work: Work | None = None


class StatusWriter:
    """Keeps the file. A disk that refuses is logged once and never hurts trading."""

    def __init__(self, world: World, system: System, log: EventLog) -> None:
        self._world = world
        self._system = system
        self._log = log
        self._path = world.folders.data / FILE_NAME
        self._started_ns = time.time_ns()
        self._written_ns: int | None = None
        self._refused = False
        self._frames: tuple[int, int] | None = None

    def look(self, *, trading: bool) -> None:
        """Write, unless that was done within the last second."""
        now = self._world.monotonic.now_ns()
        if self._written_ns is None or now - self._written_ns >= EVERY_NS:
            self._written_ns = now
            self._write(lambda: self._status(trading=trading, ended=None))

    def ended(self, why: str) -> None:
        """Write the last word. The actors are down by now."""
        self._write(lambda: self._status(trading=False, ended=why))

    def _write(self, make: Callable[[], Status]) -> None:
        try:
            text = redactor.text(msgspec.json.encode(make()).decode())
            part = self._path.with_suffix(".part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            part.replace(self._path)
        except (OSError, PatangError) as error:
            if not self._refused:
                self._refused = True
                self._log("warning", "status.not_written", why=str(error))

    def _status(self, *, trading: bool, ended: str | None) -> Status:
        journal, gate = self._world.journal, self._system.gate
        level = gate.level
        words = {TradingLevel.OPEN: "ACTIVE", TradingLevel.HALTED: "HALTED"}
        unfinished = journal.open_records()
        return Status(
            version=VERSION,
            pid=os.getpid(),
            process=process_identity(os.getpid()),
            run=self._world.run,
            env=self._world.env,
            wall_ns=time.time_ns(),
            started_ns=self._started_ns,
            state=words.get(level, "REDUCING" if trading or ended else "STARTING"),
            why=gate.reason,
            market_time=ist(self._world.clock.now_ns()).isoformat(timespec="seconds"),
            orders=len(journal.records()),
            open=len(unfinished),
            unresolved=sum(record.state in UNPROVED for record in unfinished),
            feed=None if ended else self._feed(),
            money=None if ended else self._money(),
            tree=self._system.tree(),
            ended=ended,
            work=self._world.meter.taken(),
        )

    def _money(self) -> Money | None:
        snapshot = self._ask(PORTFOLIO)
        if not isinstance(snapshot, PortfolioSnapshot):
            return None
        return Money(
            realised=rupees(snapshot.realised),
            unrealised=rupees(snapshot.unrealised),
            charges=rupees(snapshot.charges),
            net=rupees(snapshot.realised + snapshot.unrealised - snapshot.charges),
            round_trips=snapshot.round_trips,
        )

    def _feed(self) -> Feed | None:
        found = self._ask(FEED)
        if not isinstance(found, dict):
            return None
        frames, now = int(found["frames"]), self._world.monotonic.now_ns()
        # The count belongs to one life of the actor: a new one begins at zero, which is news as well.
        if frames and (self._frames is None or self._frames[0] != frames):
            self._frames = (frames, now)
        return Feed(
            connected=bool(found["connected"]),
            epoch=int(found["epoch"]),
            frames=frames,
            age_seconds=None if self._frames is None else (now - self._frames[1]) / 1_000_000_000,
        )

    def _ask(self, name: str) -> object:
        # Only of who is up: an ask of an actor that is starting would wait for nothing.
        with suppress(RuntimeFault, KeyError):
            if self._system.tree().find(name).state == "up":
                return self._system.address(name).ask(Report(), timeout=ASK_SECONDS)
        return None


class Standing(Struct, frozen=True):
    """What can be said of a folder: the last status written there, and whether its writer lives.

    status       None where none was ever written
    age_seconds  since it was written
    """

    status: Status | None
    running: bool
    age_seconds: float | None


def read_standing(data: Path) -> Standing:
    """Read the folder's status. Raises PatangError for a file that cannot be read."""
    path = data / FILE_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Standing(None, running=False, age_seconds=None)
    except OSError as error:
        raise PatangError(f"{path}: {error.strerror or error}") from error
    try:
        status = msgspec.json.decode(text, type=Status)
    except msgspec.MsgspecError as error:
        raise PatangError(f"{path}: not a status of this version: {error}") from error
    running = status.ended is None and is_running(status.pid, status.process)
    return Standing(status, running=running, age_seconds=max(0, time.time_ns() - status.wall_ns) / 1_000_000_000)


def is_running(pid: int, process: str) -> bool:
    """Whether that process lives; `process` tells it from a later one with the same id."""
    if process:
        return process_identity(pid) == process
    if sys.platform == "win32":  # there `kill` with signal 0 would end the process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def process_identity(pid: int) -> str:
    """The process's start as the kernel counts it (Linux); empty where it is gone, a zombie, or nobody counts."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    # The second field, the program's name, may hold anything but ends with the last parenthesis.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
