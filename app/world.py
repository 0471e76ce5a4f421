"""The real world for one run: clocks, disk, and the broker, built from the settings and handed to the actors as ports.

Environments differ here and nowhere else.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from adapters.clock import MarketTime, MonotonicClock, SandboxControl, SandboxMarketClock, SystemMarketClock
from adapters.kite.account import Addresses, KiteAccount, RestTimes
from adapters.kite.instruments import Catalog
from adapters.kite.pacing import PacingLimits
from adapters.kite.session import Credentials
from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from app.logs import EventLog, redactor, set_market_clock
from app.sandboxed import LocalSandbox
from config.errors import ConfigError
from config.loader import Loaded
from config.types import Secret
from domain.calendar import SessionCalendar
from domain.errors import PatangError
from domain.values import ist

if TYPE_CHECKING:
    from config.schema import Settings
    from domain.messages.broker import SessionFacts
    from domain.ports import Broker, FeedPort, History

ACCOUNT_FLAG: Final = "account"
"""Journal flag: which account (at the sandbox: which of its lives) the journal belongs to."""


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
    def logs(self) -> Path:
        """The folder of the log file."""
        return self.data / "logs"


def folders(loaded: Loaded) -> Folders:
    """The folders of an environment: data under `<data_dir>/<env>`, reports shared."""
    return Folders(data=loaded.data_path(), reports=loaded.reports_path())


class World:
    """Everything outside the actors. Closes in reverse order of making.

    run   names this process's life
    """

    def __init__(self, env: str, loaded: Loaded, where: Folders, log: EventLog) -> None:
        self.env = env
        self.settings: Settings = loaded.settings
        self.folders = where
        self.log = log
        self.run: Final = uuid.uuid4().hex
        self.monotonic: Final = MonotonicClock()
        self._stack = ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        kite, stack = self.settings.kite, self._stack
        self.lock = AccountLock(self.folders.lock)
        stack.callback(self.lock.release)
        self.sandbox: LocalSandbox | None = None
        rest_url, ws_url, login_url = kite.rest_url, kite.ws_url, kite.login_url
        if rest_url is None:
            if self.env != "sandbox":
                raise ConfigError("kite.rest_url: must be set in this environment")
            self.sandbox = stack.enter_context(LocalSandbox(self.settings.sandbox))
            rest_url, ws_url = self.sandbox.address.rest, self.sandbox.address.ws
            login_url = self.sandbox.address.login_url.partition("?")[0]
        elif ws_url is None:
            raise ConfigError("kite.ws_url: must be set together with kite.rest_url")
        self.control: SandboxControl | None = None
        self.clock: MarketTime
        if self.env == "sandbox":
            self.control = SandboxControl(rest_url)
            self.clock = SandboxMarketClock(rest_url, self.monotonic)
            account = f"sandbox life {self.control.instance()}"
        else:
            self.clock = SystemMarketClock()
            account = f"{self.env} {kite.user_id or ''}"
        set_market_clock(self.clock.now_ns)
        self.calendar = SessionCalendar(fallback_weekdays=self.env == "sandbox")
        self._set_aside_foreign_journal(account)
        self.journal = SqliteJournal(self.folders.journal, threading.Lock)
        stack.callback(self.journal.close)
        self.journal.set_flag(ACCOUNT_FLAG, account)
        self.account = KiteAccount(
            Addresses(
                rest_url=rest_url,
                ws_url=ws_url or "",
                login_page=login_url,
                prefix=kite.route_prefix,
                ws_user_id=kite.ws_user_id,
            ),
            Credentials(
                api_key=kite.api_key or "",
                api_secret=_reveal(kite.api_secret),
                user_id=kite.user_id or "",
                password=_reveal(kite.password),
                totp=_reveal(kite.totp),
                access_token=_reveal(kite.access_token),
            ),
            self.folders.data,
            self.clock,
            self.monotonic,
            log=self.log,
            limits=PacingLimits(
                orders_per_second=kite.pacing.orders_per_second,
                historical_per_second=kite.pacing.historical_per_second,
                quote_per_second=kite.pacing.quote_per_second,
                other_per_second=kite.pacing.other_per_second,
                exits_reserved_share=self.settings.risk.exits_reserved_share,
            ),
            rest_times=RestTimes(connect_seconds=kite.connect_timeout_seconds, read_seconds=kite.read_timeout_seconds),
        )
        self.session = _Redacting(self.account)
        stack.callback(self.session.close)

    def open_session(self) -> None:
        """Log in, or find the day's token good. Raises LoginNeeded, BrokerUnavailable."""
        self.session.open()

    def catalog(self) -> Catalog:
        """The day's instruments. Raises BrokerError."""
        day = ist(self.clock.now_ns()).date()
        with closing(self.account.instruments()) as instruments:
            return Catalog(instruments.load(day))

    def feed(self) -> FeedPort:
        """The ticker, closed with this world."""
        feed = self.account.feed()
        self._stack.callback(feed.close)
        return feed

    def refresh_clock(self) -> bool:
        """Follow the sandbox's clock again; whether there is anything to follow. Raises BrokerUnavailable."""
        if not isinstance(self.clock, SandboxMarketClock):
            return False
        self.clock.refresh()
        return True

    @property
    def books(self) -> Callable[[], Mapping[str, object]] | None:
        """How to ask the sandbox for its own books; None elsewhere."""
        return None if self.control is None else self.control.books

    def broker(self) -> Broker:
        """Orders and books for one worker, with an HTTP session of its own."""
        return self.account.broker()

    def history(self) -> History:
        """Candles for one worker, with an HTTP session of its own."""
        return self.account.history()

    def close(self) -> None:
        """Give everything back, the sandbox last."""
        set_market_clock(None)
        self._stack.close()

    def _set_aside_foreign_journal(self, account: str) -> None:
        """A sandbox that was started anew knows nothing of former orders: its trader begins with an empty journal too.

        Only pretend money is ever treated so. Elsewhere a journal of another account is refused.
        """
        path = self.folders.journal
        if not path.exists():
            return
        found = SqliteJournal(path, threading.Lock)
        former = found.flag(ACCOUNT_FLAG)
        found.close()
        if former is None or former == account:
            return
        if self.env != "sandbox":
            raise PatangError(f"{path}: this journal is of {former!r}, not of {account!r}; use another data_dir")
        archive = path.parent / "former" / f"journal-{path.stat().st_mtime_ns}.db"
        archive.parent.mkdir(exist_ok=True)
        path.replace(archive)
        self.log("info", "journal.set_aside", path=str(archive), why="the sandbox was started anew")


class _Redacting:
    """A session whose every token the log is told to mask, those of later logins too."""

    def __init__(self, account: KiteAccount) -> None:
        self._session = account.session()
        self._tokens = account.tokens

    def open(self) -> SessionFacts:
        """See SessionPort.open."""
        facts = self._session.open()
        token = self._tokens.current()
        if token is not None:
            redactor.add(token.value)
        return facts

    def close(self) -> None:
        """Give its connection back; the login stays."""
        self._session.close()


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()
