"""What the caretaker's chores do, in the real world: the checklist, the evening's backup, report and tidying."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from adapters.kite.instruments import Catalog
from adapters.report.period_writer import write_period
from adapters.store import backup
from adapters.store.journal import SqliteJournal
from app import logs
from app.parity_chore import ParityStudy
from app.preflight import Asked, checklist
from app.report_of_period import days_of
from app.strategies import Cast
from domain.errors import BrokerError, JournalUnavailable, LoginNeeded
from domain.preflight import Check
from domain.report.period import build_period
from domain.timetable import trading_day
from domain.values import Instrument, ist

if TYPE_CHECKING:
    from app.world import World

DATABASES: Final = ("journal.db", "operator.db", "paper.db")
BUSY_MS: Final = 5_000
FREE_SHARE: Final = 0.2
"""A database with a smaller share of unused pages is left as it is: compacting it would only write."""
SAME: Final = ("lot_size", "tick_size", "token", "expiry")
"""What of an instrument must not change under a running trader."""


class RealChores:
    """Implements `actors.caretaker.Chores` for a world. May be used by one thread at a time."""

    def __init__(self, world: World, cast: Cast) -> None:
        self._world = world
        self._cast = cast

    def preflight(self) -> Sequence[Check]:
        """See Chores.preflight."""
        world = self._world
        return checklist(
            Asked(
                settings=world.settings,
                rest_url=world.rest_url,
                clock=world.clock,
                calendar=world.calendar,
                login=world.session.known,
                cast=lambda: self._cast,
                broker=world.broker,
                history=world.account.history,
                data=world.folders.data,
            )
        )

    def login_reminder(self) -> str:
        """See Chores.login_reminder."""
        try:
            facts = self._world.session.known()
            if facts.expires <= self._world.clock.now_ns():
                return f"the login ended at {ist(facts.expires):%H:%M}"
            with closing(self._world.account.broker()) as broker:
                broker.funds()
        except LoginNeeded as error:
            return str(error)
        except BrokerError:
            return ""  # whether it is good cannot be told now; the checklist says so
        return ""

    def instruments_refresh(self) -> Sequence[str]:
        """See Chores.instruments_refresh."""
        day = ist(self._world.clock.now_ns()).date()
        with closing(self._world.account.instruments()) as source:
            catalog = Catalog(source.load(day))
        return [words for each in self._cast.instruments.values() for words in _changes(each, catalog)]

    def log_rotation(self) -> str:
        """See Chores.log_rotation."""
        return "a new file is begun" if logs.rotate() else "no file is written"

    def parity(self) -> ParityStudy:
        """See Chores.parity."""
        world = self._world
        day = trading_day(world.clock.now_ns(), world.settings.schedule.session_expiry).isoformat()
        return ParityStudy(world.words, day, world.settings.reports.parity_seconds)

    def weekly_report(self) -> str:
        """See Chores.weekly_report."""
        world = self._world
        today = ist(world.clock.now_ns()).date()
        monday = today - dt.timedelta(days=today.weekday())
        journal = SqliteJournal(world.folders.journal, threading.Lock, read_only=True)
        try:
            results = days_of(journal, world.folders.reports, world.env)
        finally:
            journal.close()
        if not results:
            return "nothing was traded yet"
        html_path, _ = write_period(world.folders.reports, build_period(results, monday, today, world.env))
        return str(html_path)

    def backup(self) -> str:
        """See Chores.backup."""
        world, folder = self._world, self._world.folders.data / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        now = world.clock.now_ns()
        target = folder / f"patang-{world.env}-{ist(now):%Y%m%d}.tar.gz"
        made = backup.make(world.folders.data, world.env, target, now)
        older = sorted(folder.glob(f"patang-{world.env}-*.tar.gz"))[: -world.settings.schedule.backups_keep]
        for each in older:
            each.unlink(missing_ok=True)
        return f"{len(made.files)} files in {target}"

    def vacuum(self) -> str:
        """See Chores.vacuum."""
        present = [self._world.folders.data / name for name in DATABASES if (self._world.folders.data / name).exists()]
        compacted = [path.name for path in present if tidy(path)]
        return f"{len(present)} databases looked at, compacted: {', '.join(compacted) or 'none'}"


def tidy(path: Path) -> bool:
    """Move a database's write-ahead log into it, and compact it where much of it is unused: whether that was done.

    Others may have it open: they wait for it as for any other writer. Raises JournalUnavailable where it stays busy.
    """
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
            db.set_busy_timeout(BUSY_MS)
            unused, pages = int(str(db.pragma("freelist_count"))), int(str(db.pragma("page_count")))
            compact = unused > FREE_SHARE * pages
            if compact:
                db.execute("VACUUM")
            db.pragma("optimize")
            db.pragma("wal_checkpoint", "TRUNCATE")
            return compact
    except apsw.Error as error:
        raise JournalUnavailable(f"{path}: {error}") from error


def _changes(known: Instrument, catalog: Catalog) -> list[str]:
    listed = catalog.by_key.get(known.key)
    if listed is None:
        return [f"{known.key} is no longer listed"]
    return [
        f"{known.key}: {name} is {getattr(listed, name)}, was {getattr(known, name)}"
        for name in SAME
        if getattr(listed, name) != getattr(known, name)
    ]
