"""The real world for one run: clocks, disk, and the broker, built from the settings and handed to the actors as ports.

Environments differ here and nowhere else.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from actors.risk import STATE_FLAG, halt_of_a_person
from adapters.clock import MarketTime, MonotonicClock, SandboxControl, SandboxMarketClock, SystemMarketClock
from adapters.isolation.runner import IsolatedRunner
from adapters.isolation.source import Sources
from adapters.kite.account import Addresses, KiteAccount
from adapters.kite.instruments import Catalog
from adapters.kite.pacing import Endpoint, Priority
from adapters.kite.postback import PostbackReceiver
from adapters.kite.second_feed import SecondFeed
from adapters.meter import Meter
from adapters.notify.live import LiveNotifier
from adapters.paper.broker import PaperBroker
from adapters.paper.exchange import PaperExchange
from adapters.paper.feed import PaperFeed
from adapters.paper.store import PaperStore
from adapters.standing_in import market_clock_at, sandbox_at
from adapters.store.audit import AuditTrail
from adapters.store.enduring import EnduringJournal
from adapters.store.journal import SqliteJournal
from adapters.store.live import LiveFile
from adapters.store.lock import AccountLock
from adapters.store.operator import OperatorDesk
from app.account import addresses_of, kite_account
from app.alerting import channels_of, heartbeat_of
from app.chores import RealChores
from app.logs import EventLog, redactor, set_market_clock
from app.ports import Operations
from app.sandboxed import LocalSandbox
from config.errors import ConfigError
from config.loader import Loaded
from domain.calendar import SessionCalendar
from domain.errors import LoginNeeded, PatangError
from domain.report.books import since
from domain.strategy.running import in_thread
from domain.values import SECOND, ist

if TYPE_CHECKING:
    from app.strategies import Cast
    from config.schema import Settings
    from domain.messages.broker import SessionFacts
    from domain.messages.configuration import StrategyTerms
    from domain.ports import Broker, FeedPort, History, PostbackPort
    from domain.strategy.runner import Today
    from domain.strategy.running import Runner

ACCOUNT_FLAG: Final = "account"
"""Journal flag: which account (at the sandbox: which of its lives) the journal belongs to."""


_SOURCES: Final = Sources()
"""The code of this process: it stays what it was through all the days that the process trades."""


class Folders(Struct, frozen=True):
    """Where a run of one environment keeps its things."""

    data: Path
    reports: Path

    @property
    def journal(self) -> Path:
        """The order journal."""
        return self.data / "journal.db"

    @property
    def lock(self) -> Path:
        """The account's lock file."""
        return self.data / "lock"

    @property
    def requests(self) -> Path:
        """A person's commands, until they are carried out."""
        return self.data / "operator.db"

    @property
    def audit(self) -> Path:
        """The folder of the audit trail."""
        return self.data / "audit"

    @property
    def live(self) -> Path:
        """What the dashboard shows."""
        return self.data / "live.db"

    @property
    def logs(self) -> Path:
        """The folder of the log file."""
        return self.data / "logs"


def folders(loaded: Loaded) -> Folders:
    """The folders of an environment: data under `<data_dir>/<env>`, reports shared."""
    return Folders(data=loaded.data_path(), reports=loaded.reports_path())


class World:
    """Everything outside the actors. Closes in reverse order of making.

    run     names this process's life
    shared  a sandbox that was started for several days, one world each; None: it is started here, where one is wanted
    books_before  what the sandbox's books were before the day began, where it has had others
    """

    def __init__(
        self,
        env: str,
        loaded: Loaded,
        where: Folders,
        log: EventLog,
        shared: LocalSandbox | None = None,
        books_before: Mapping[str, object] | None = None,
    ) -> None:
        self.env = env
        self.settings: Settings = loaded.settings
        self._words = loaded.words
        self.folders = where
        self.log = log
        self.run: Final = uuid.uuid4().hex
        self.monotonic: Final = MonotonicClock()
        self.paper: PaperExchange | None = None
        self._feeds = 0
        self._shared = shared
        self._books_before = books_before
        self._stack = ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        stack = self._stack
        self.lock = AccountLock(self.folders.lock)
        stack.callback(self.lock.release)
        self.sandbox: LocalSandbox | None = None
        addresses = addresses_of(self.settings)
        if addresses is None:
            if self.env != "sandbox":
                raise ConfigError("kite.rest_url: must be set in this environment")
            self.sandbox = self._shared or stack.enter_context(LocalSandbox(self.settings.sandbox))
            ours = self.sandbox.address
            addresses = Addresses(ours.rest, ours.ws, ours.login_url.partition("?")[0])
        elif not addresses.ws_url:
            raise ConfigError("kite.ws_url: must be set together with kite.rest_url")
        # A sandbox of ours may stand in for any broker; its market time is then the market's.
        self.rest_url = addresses.rest_url
        in_place = SandboxControl(addresses.rest_url) if self.env == "sandbox" else sandbox_at(addresses.rest_url)
        self.control = in_place
        self.clock: MarketTime = market_clock_at(addresses.rest_url, in_place, self.monotonic)
        set_market_clock(self.clock.now_ns)
        self.calendar = SessionCalendar(fallback_weekdays=in_place is not None)
        account = f"{self.env} {self.settings.kite.user_id or ''}"
        if in_place is not None:
            account = f"sandbox life {in_place.instance()}"
        if self.env == "paper":
            # The books on paper are of one file: a journal of another would know orders that it does not.
            account = f"paper {self.settings.kite.user_id or ''} {self._open_paper()}"
        self.meter = Meter()
        halt = self._set_aside_foreign_journal(account)
        self.journal = EnduringJournal(
            self.folders.journal,
            threading.Lock,
            told=lambda event, kept: self.log("error", event, events=kept),
            committed=self.meter.committed,
        )
        stack.callback(self.journal.close)
        self.journal.set_flag(ACCOUNT_FLAG, account)
        if halt is not None:
            self.journal.set_flag(STATE_FLAG, halt)
        self.account = kite_account(self.settings, addresses, self.folders.data, self.clock, self.monotonic, self.log)
        self.account.meter = self.meter
        self.session = _Redacting(self.account)
        stack.callback(self.session.close)

    def open_session(self) -> None:
        """Log in, or find the day's token good. Raises LoginNeeded, BrokerUnavailable."""
        self.session.open()

    def catalog(self) -> Catalog:
        """The day's instruments. Raises BrokerError."""
        day = ist(self.clock.now_ns()).date()
        with closing(self.account.instruments()) as instruments:
            catalog = Catalog(instruments.load(day))
        if self.paper is not None:
            self.paper.know(catalog)
        return catalog

    def feed(self) -> FeedPort:
        """The ticker, closed with this world; further ones are deaf to order updates."""
        feed: FeedPort = self.account.feed()
        if self.paper is not None:
            feed = PaperFeed(feed, self.paper, self.clock, tells_orders=self._feeds == 0)
        elif self._feeds:
            feed = SecondFeed(feed)
        self._feeds += 1
        self._stack.callback(feed.close)
        return feed

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """See app.ports.Ports: in a process of its own where its configuration says so."""
        _SOURCES.begin()  # all that trading begins with has been imported by now
        if terms.isolated:
            return IsolatedRunner(strategy_id, terms, today, _SOURCES)
        return in_thread(strategy_id, terms, today)

    def postbacks(self) -> PostbackPort | None:
        """The receiver of postbacks, closed with this world; none on paper, whose orders nobody else knows."""
        settings = self.settings.postbacks
        if not settings.enabled or self.paper is not None:
            return None
        secret = self.settings.kite.api_secret
        if secret is None:
            raise ConfigError(
                "kite.api_secret: found nothing; allowed: the app's secret, which postbacks are sealed with"
            )
        receiver = PostbackReceiver(settings.host, settings.port, settings.path, secret.reveal(), self.clock, self.log)
        self._stack.callback(receiver.close)
        return receiver

    def refresh_clock(self) -> bool:
        """Follow the sandbox's clock again; whether there is anything to follow. Raises BrokerUnavailable."""
        if not isinstance(self.clock, SandboxMarketClock):
            return False
        self.clock.refresh()
        return True

    @property
    def books(self) -> Callable[[], Mapping[str, object] | None] | None:
        """How to ask the sandbox for its own books; None elsewhere, and where orders do not reach it (paper)."""
        if self.control is None or self.paper is not None:
            return None
        control, earlier = self.control, self._books_before
        return control.books if earlier is None else lambda: since(earlier, control.books())

    def broker(self) -> Broker:
        """Orders and books for one worker, with an HTTP session of its own."""
        real = self.account.broker()
        return real if self.paper is None else PaperBroker(self.paper, self._pace, real)

    def history(self) -> History:
        """Candles for one worker, with an HTTP session of its own."""
        return self.account.history()

    def operations(self, cast: Cast) -> Operations:
        """A person's commands, the audit trail, what the dashboard shows, and what is done around trading."""
        desk = OperatorDesk(self.folders.requests)
        self._stack.callback(desk.close)
        wall = SystemMarketClock()
        alerts = LiveNotifier(lambda: LiveFile(self.folders.live), wall)
        self._stack.callback(alerts.close)
        return Operations(
            desk=desk,
            trail=lambda: AuditTrail(self.folders.audit, redactor.text),
            wall=wall,
            live=lambda: LiveFile(self.folders.live),
            alerts=alerts,
            channels=channels_of(self.settings),
            beat=heartbeat_of(self.settings),
            chores=RealChores(self, cast),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The options with which another command of ours meets this very world while it is there."""
        if self.sandbox is None:
            return self._words
        ours = self.sandbox.address
        return (*self._words, "--set", f"kite.rest_url={ours.rest}", "--set", f"kite.ws_url={ours.ws}")

    def close(self) -> None:
        """Give everything back, the sandbox last."""
        set_market_clock(None)
        self._stack.close()

    def _open_paper(self) -> str:
        """Open the paper account; its name."""
        settings = self.settings
        if settings.feed.mode != "full":
            raise ConfigError(
                f"feed.mode: found {settings.feed.mode}; allowed: full, since paper orders meet the depth"
            )
        if settings.portfolio.opening_cash is None:
            raise ConfigError("portfolio.opening_cash: found null; allowed: rupees to pretend with")
        store = PaperStore(self.folders.data / "paper.db")
        self._stack.callback(store.close)
        self.paper = PaperExchange(
            store,
            self.clock,
            self.calendar,
            opening_cash=settings.portfolio.opening_cash,
            fresh_seconds=settings.market.stale_price_seconds,
            log=self.log,
        )
        return store.name()

    def _pace(self, urgent: bool, timeout_seconds: float) -> bool:
        """A turn below the real broker's order rate: paper is as fast as live would be."""
        deadline = self.monotonic.now_ns() + int(timeout_seconds * SECOND)
        return self.account.pacer.acquire(Endpoint.ORDER, Priority.EXIT if urgent else Priority.ENTRY, deadline)

    def _set_aside_foreign_journal(self, account: str) -> str | None:
        """A sandbox that was started anew knows nothing of former orders: its trader begins with an empty journal too.

        Only pretend money is ever treated so. Elsewhere a journal of another account is refused.
        Returns the halt of a person, where the former journal keeps one: that was said of trading here, not of orders.
        """
        path = self.folders.journal
        if not path.exists():
            return None
        found = SqliteJournal(path, threading.Lock)
        former, halt = found.flag(ACCOUNT_FLAG), halt_of_a_person(found.flag(STATE_FLAG))
        found.close()
        if former is None or former == account:
            return None
        if self.env != "sandbox":
            raise PatangError(f"{path}: this journal is of {former!r}, not of {account!r}; use another data_dir")
        archive = path.parent / "former" / f"journal-{path.stat().st_mtime_ns}.db"
        archive.parent.mkdir(exist_ok=True)
        path.replace(archive)
        for beside in ("-wal", "-shm"):  # there while a dashboard reads: what is in them belongs to the former journal
            with suppress(FileNotFoundError):
                Path(f"{path}{beside}").replace(f"{archive}{beside}")
        for beside in ("", "-wal", "-shm"):  # a picture of that market
            Path(f"{self.folders.live}{beside}").unlink(missing_ok=True)
        self.log("info", "journal.set_aside", path=str(archive), why="the sandbox was started anew")
        return halt


class _Redacting:
    """A session whose every token the log is told to mask, those of later logins too."""

    def __init__(self, account: KiteAccount) -> None:
        self._session = account.session()
        self._tokens = account.tokens
        self._facts: SessionFacts | None = None

    def known(self) -> SessionFacts:
        """The login as it was found last; the broker is not asked. Raises LoginNeeded where there was none."""
        if self._facts is None:
            raise LoginNeeded("nobody has logged in yet")
        return self._facts

    def open(self) -> SessionFacts:
        """See SessionPort.open."""
        facts = self._facts = self._session.open()
        token = self._tokens.current()
        if token is not None:
            redactor.add(token.value)
        return facts

    def watch(self, doubted: Callable[[], None]) -> None:
        """See actors.session.WatchedSession."""
        self._session.watch(doubted)

    def close(self) -> None:
        """Give its connection back; the login stays."""
        self._session.close()
