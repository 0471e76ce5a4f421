"""What the dashboard shows and does, from the stores of one environment: see adapters.web.backstage.

The trader is another process. It is read where it writes anyway (status, journal, log, reports, the picture in
`live.db`), and commanded through the table in which every terminal leaves its commands.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from adapters.store.follower import JournalFollower
from adapters.store.live import LiveFile
from adapters.web.backstage import Document, Done
from adapters.web.metrics import Figures
from app.backstage_rows import clock, limit_row, money, order_row, position_row, step_row, word
from app.figures import Stages, actor_figures, by_state, used
from app.logs import LEVELS, EventLog, redactor
from app.operating import carry_out
from app.process_figures import disk_free_bytes, process_figures
from app.reloading import CONFIGURATION_FLAG, comparable, kept_in
from app.status import Standing, read_standing
from app.world import folders
from config.diff import changes_of_plain
from config.errors import ConfigError
from config.loader import Loaded
from config.render import plain
from config.schema import Settings
from domain.errors import PatangError
from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import JournalRecord, OrderRecord, OrderState, TradeBooked
from domain.messages.operator import OperatorCommand
from domain.orders.transitions import fold, tag_of
from domain.report.curve import ACCOUNT, points_of

STATUS_SECONDS: Final = 0.4
"""A status younger than this is shown again: many pages cost as much as one."""
LOG_BYTES: Final = 2_000_000
"""How far back the log is read: some ten thousand lines."""
FILLS_MAX: Final = 400
UNPROVED: Final = (OrderState.SENDING, OrderState.QUARANTINED)


class Stores:
    """Implements `adapters.web.backstage.Backstage`. Calls come from several threads; each takes the lock briefly.

    reread  reads the configuration's files again; raises ConfigError
    """

    def __init__(self, loaded: Loaded, log: EventLog, reread: Callable[[], Loaded] | None = None) -> None:
        self._loaded = loaded
        self._reread = reread or (lambda: loaded)
        self._settings: Settings = loaded.settings
        self._where = folders(loaded)
        self._log = log
        self._lock = threading.Lock()
        self._follower = JournalFollower(self._where.journal)
        self._live: LiveFile | None = None
        self._orders: dict[str, OrderRecord] = {}
        self._steps: dict[str, list[JournalRecord]] = {}
        self._trades: deque[TradeBooked] = deque(maxlen=20_000)
        self._seq = 0
        self._trade_count = 0
        self._stages = Stages()
        self._standing: tuple[int, Standing] | None = None

    def close(self) -> None:
        """Give the files back."""
        self._follower.close()
        if self._live is not None:
            self._live.close()

    def failed(self, error: BaseException) -> None:
        """A defect of a page: into the log."""
        self._log("ERROR", "dashboard.failed", error=type(error).__name__, text=str(error))

    # -- reading ---------------------------------------------------------------------------------------------------

    def status(self) -> Document:
        """See Backstage."""
        standing = self._stand()
        status = standing.status
        with self._lock:
            self._follow()
            alerts = self._picture().alerts(1)
            seq, orders = self._seq, len(self._orders)
        document: dict[str, Any] = {
            "env": self._loaded.env,
            "running": standing.running,
            "age_seconds": standing.age_seconds,
            "state": "DOWN",
            "why": "no trader runs",
            "versions": {"journal": seq, "alerts": alerts[0].id if alerts else 0, "log": _size(self._log_file)},
            "orders": orders,
        }
        if status is not None:
            document |= {
                "state": status.state if standing.running else "DOWN",
                "why": status.why if standing.running else f"ended: {status.ended or 'died'}",
                "market_time": status.market_time,
                "started": clock(status.started_ns),
                "open": status.open,
                "unresolved": status.unresolved,
                "feed": None if status.feed is None else msgspec.structs.asdict(status.feed),
                "money": None
                if status.money is None
                else {
                    name: float(value) if isinstance(value, str) else value
                    for name, value in msgspec.structs.asdict(status.money).items()
                },
            }
        return document

    def tree(self) -> Document | None:
        """See Backstage."""
        status = self._stand().status
        if status is None:
            return None
        tree: Document = msgspec.to_builtins(status.tree)
        return tree

    def strategies(self) -> Sequence[Document]:
        """See Backstage."""
        books, states = self._books(), self._strategy_states()
        return [self._strategy(name, books, states) for name in self._settings.strategies]

    def positions(self) -> Sequence[Document]:
        """See Backstage."""
        books = self._books()
        lines = () if books is None else books.positions
        return [position_row(each) for each in sorted(lines, key=lambda e: (e.quantity == 0, e.strategy, e.instrument))]

    def orders(self, strategy: str, state: str, limit: int) -> Sequence[Document]:
        """See Backstage."""
        with self._lock:
            self._follow()
            found = []
            for record in reversed(self._orders.values()):
                if strategy and record.intent.strategy != strategy:
                    continue
                if state and word(record) != state and not (state == "open" and not record.state.final):
                    continue
                found.append(order_row(record))
                if len(found) >= limit:
                    break
        return found

    def order(self, tag: str) -> Document | None:
        """See Backstage."""
        with self._lock:
            self._follow()
            record = self._orders.get(tag)
            if record is None:
                return None
            steps = [step_row(each) for each in self._steps[tag]]
        return {**order_row(record), "steps": steps}

    def curve(self, strategy: str, after_ns: int, limit: int) -> Sequence[Document]:
        """See Backstage."""
        with self._lock:
            points = self._picture().curve(strategy or ACCOUNT, after_ns, limit)
        return [
            {
                "time_ns": each.time,
                "time": clock(each.time),
                "net": money(each.net),
                "realised": money(each.realised),
                "charges": money(each.charges),
            }
            for each in points
        ]

    def charts(self) -> Sequence[Document]:
        """See Backstage."""
        with self._lock:
            charted = self._picture().charted()
        return [{"instrument": name, "seconds": seconds} for name, _, seconds in charted]

    def bars(self, instrument: str, seconds: int, limit: int) -> Document:
        """See Backstage."""
        with self._lock:
            self._follow()
            picture = self._picture()
            token = next((token for name, token, _ in picture.charted() if name == instrument), None)
            bars = [] if token is None else picture.bars(token, seconds, limit)
            since = bars[0].start if bars else 0
            fills = [each for each in self._trades if each.instrument == instrument and each.event_time >= since]
        return {
            "instrument": instrument,
            "seconds": seconds,
            "bars": [
                {
                    "time_ns": bar.start,
                    "open": money(bar.open),
                    "high": money(bar.high),
                    "low": money(bar.low),
                    "close": money(bar.close),
                    "volume": bar.volume,
                }
                for bar in bars
            ],
            "fills": [
                {
                    "time_ns": each.event_time,
                    "side": each.side.value,
                    "quantity": each.quantity,
                    "price": money(each.price),
                    "strategy": each.strategy,
                    "tag": each.tag,
                }
                for each in fills[-FILLS_MAX:]
            ],
        }

    def limits(self) -> Sequence[Document]:
        """See Backstage: the risk gate's own figures, the fullest first. Money in rupees."""
        with self._lock:
            told = self._picture().limits()
        uses = () if told is None else told.uses
        return [limit_row(use) for use in sorted(uses, key=lambda use: -use.share)]

    def alerts(self, limit: int) -> Sequence[Document]:
        """See Backstage."""
        with self._lock:
            return [
                {**msgspec.structs.asdict(each), "time": clock(each.time)} for each in self._picture().alerts(limit)
            ]

    def acknowledge(self, alert: int, who: str) -> bool:
        """See Backstage."""
        with self._lock:
            return self._picture().acknowledge(alert, who)

    def logs(self, level: str, text: str, limit: int) -> Sequence[Document]:
        """See Backstage."""
        least = LEVELS.get(level.upper(), LEVELS["INFO"])
        found: deque[Document] = deque(maxlen=limit)
        wanted = text.lower()
        for line in _tail(self._log_file, LOG_BYTES):
            if wanted and wanted not in line.lower():
                continue
            try:
                record = msgspec.json.decode(line)
            except msgspec.MsgspecError:
                continue
            if isinstance(record, dict) and LEVELS.get(str(record.get("level")), 0) >= least:
                found.append(record)
        return list(found)

    def configuration(self) -> Document:
        """See Backstage."""
        return {
            "environment": self._loaded.env,
            "settings": plain(self._settings, Settings),
            "origins": {path: origin.where() for path, origin in self._loaded.origins.items()},
        }

    def configuration_diff(self) -> Document:
        """See Backstage."""
        kept = kept_in(self._follower.flag(CONFIGURATION_FLAG))
        document: dict[str, Any] = {"version": None if kept is None else kept.version, "error": "", "changes": []}
        try:
            now = self._reread()
        except ConfigError as error:
            return {**document, "error": redactor.text(str(error))}
        redactor.add(*now.secrets())
        if kept is not None:
            changed = changes_of_plain(msgspec.json.decode(kept.settings), comparable(now))
            document["changes"] = [
                {"path": each.path, "old": each.old, "new": each.new, "takes_effect": each.mark.value}
                for each in changed
            ]
        return document

    def reports(self) -> Sequence[Document]:
        """See Backstage."""
        pages = sorted(self._where.reports.glob("*/*.html"), key=lambda page: page.parent.name, reverse=True)
        return [{"name": f"{page.parent.name}.{page.stem}", "day": page.parent.name} for page in pages]

    def report(self, name: str) -> Path | None:
        """See Backstage. Only names from the list are found, whatever else a path could be made of."""
        if name not in {str(each["name"]) for each in self.reports()}:
            return None
        folder, _, stem = name.partition(".")
        return self._where.reports / folder / f"{stem}.html"

    def figures(self) -> Figures:
        """See Backstage."""
        status, standing = self.status(), self._stand()
        books, limits = self._books(), self.limits()
        feed = None if standing.status is None else standing.status.feed
        with self._lock:
            unseen = Counter(each.level for each in self._picture().alerts(1_000) if not each.seen_by)
            records = list(self._orders.values())
            trades, stages = self._trade_count, self._stages.figures()
        results = [] if books is None else points_of(books)
        return Figures(
            env=self._loaded.env,
            state=str(status["state"]),
            age_seconds=standing.age_seconds,
            orders=by_state(records),
            open_orders=sum(not record.state.final for record in records),
            unresolved=sum(record.state in UNPROVED for record in records),
            trades=trades,
            journal_seq=status["versions"]["journal"],
            feed_connected=None if feed is None else feed.connected,
            feed_age_seconds=None if feed is None else feed.age_seconds,
            feed_frames=0 if feed is None else feed.frames,
            actors=() if standing.status is None or not standing.running else actor_figures(standing.status.tree),
            results=tuple(
                (each.strategy, money(each.realised), money(each.unrealised), money(each.charges)) for each in results
            ),
            limits=used(limits),
            unseen=tuple((level, unseen[level]) for level in ("info", "warning", "critical")),
            stages=stages,
            log_bytes=status["versions"]["log"],
            process=process_figures(standing.status.pid) if standing.status is not None and standing.running else None,
            disk_free_bytes=disk_free_bytes(self._where.data),
            work=None if standing.status is None else standing.status.work,
        )

    # -- doing -----------------------------------------------------------------------------------------------------

    def command(self, command: OperatorCommand, who: str) -> Done:
        """See Backstage."""
        outcome = carry_out(self._loaded, command, who)
        self._log(
            "WARNING", "dashboard.command", command=type(command).__name__.lower(), done=outcome.done, text=outcome.text
        )
        return Done(outcome.done, outcome.text, outcome.tags)

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _log_file(self) -> Path:
        return self._where.logs / "patang.jsonl"

    def _stand(self) -> Standing:
        now = time.monotonic_ns()
        if self._standing is None or now - self._standing[0] > STATUS_SECONDS * 1e9:
            self._standing = (now, read_standing(self._where.data))
        return self._standing[1]

    def _picture(self) -> LiveFile:
        # A new sandbox life replaces the file: then the one at hand is nobody's.
        if self._live is not None and not self._live.is_current():
            self._live.close()
            self._live = None
        if self._live is None:
            self._live = LiveFile(self._where.live)
        return self._live

    def _follow(self) -> None:
        anew, records = self._follower.look()
        if anew:
            self._orders.clear()
            self._steps.clear()
            self._trades.clear()
            self._seq = self._trade_count = 0
            self._stages = Stages()
        for record in records:
            self._seq = record.seq
            event = record.event
            self._stages.apply(event)
            if isinstance(event, TradeBooked):
                self._trades.append(event)
                self._trade_count += 1
            tag = tag_of(event)
            after = fold(self._orders.get(tag), event)
            if after is not None:
                self._orders[tag] = after
                self._steps.setdefault(tag, []).append(record)

    def _books(self) -> PortfolioSnapshot | None:
        with self._lock:
            return self._picture().books()

    def _strategy_states(self) -> Mapping[str, Document]:
        status = self._stand().status
        found: dict[str, Document] = {}
        waiting = [] if status is None else [status.tree]
        while waiting:
            node = waiting.pop()
            waiting.extend(node.children)
            if node.id.startswith("strategy."):
                found[node.id.removeprefix("strategy.")] = {
                    "state": node.state,
                    "restarts": node.restarts,
                    "last_failure": node.last_failure,
                }
        return found

    def _strategy(self, name: str, books: PortfolioSnapshot | None, states: Mapping[str, Document]) -> Document:
        each = self._settings.strategies[name]
        lines = [] if books is None else [line for line in books.positions if line.strategy == name]
        realised = sum(line.realised for line in lines)
        unrealised = sum(line.unrealised for line in lines)
        charges = sum(line.charges for line in lines)
        with self._lock:
            unresolved = sum(
                record.state is OrderState.QUARANTINED and record.intent.strategy == name
                for record in self._orders.values()
            )
        state = states.get(name, {"state": "down", "restarts": 0, "last_failure": None})
        return {
            "id": name,
            "kind": each.kind,
            "enabled": each.enabled,
            "instruments": list(each.instruments),
            "capital": money(each.capital),
            "realised": money(realised),
            "unrealised": money(unrealised),
            "charges": money(charges),
            "net": money(realised + unrealised - charges),
            "round_trips": sum(line.round_trips for line in lines),
            "open_positions": sum(line.quantity != 0 for line in lines),
            "unresolved": unresolved,
            **state,
        }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tail(path: Path, size: int) -> Sequence[str]:
    """The whole lines among the last `size` bytes, secrets masked once more."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - size))
            content = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PatangError(f"{path}: {error.strerror or error}") from error
    lines = redactor.text(content.decode("utf-8", "replace")).splitlines()
    return lines[1:] if end > size else lines
