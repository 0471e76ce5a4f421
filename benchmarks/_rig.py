"""The whole trader on a market and a broker of a measurement's own: real tree, journal, log, trail, HTTP adapter.

Only the ends are pretended: frames are handed in where the socket's thread would hand them in, orders go over loopback
to `_exchange.py`, a process of its own, and the market's clock is put forward by hand. Nothing else is left out but
the checklist and the evening's chores.
"""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from actors.routes import RISK, strategy_name
from actors.runtime import Lane, LifecycleEvent, System, ThreadRuntime
from actors.shards import deal
from adapters.clock import MonotonicClock, SystemMarketClock
from adapters.kite.account import Addresses, KiteAccount
from adapters.kite.pacing import PacingLimits
from adapters.kite.session import Credentials
from adapters.kite.ticker import KiteFeed
from adapters.notify.live import LiveNotifier
from adapters.schedule import MarketScheduler
from adapters.store.audit import AuditTrail
from adapters.store.enduring import EnduringJournal
from adapters.store.live import LiveFile
from adapters.store.operator import OperatorDesk
from app import logs
from app.interpreter import collect_rarely, keep_memory_together, keep_what_is_there, let_go, share_finely
from app.options import ROOT
from app.ports import Operations
from app.strategies import Cast, Configured
from app.wiring import build_tree
from config.loader import load
from domain.bars import Bar
from domain.calendar import SessionCalendar
from domain.messages.broker import BrokerOrder, SessionFacts
from domain.messages.control import Report, ReportWritten, SetTradingState, TradingState
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.runner import RunnerSettings
from domain.strategy.running import in_thread
from domain.strategy.sizing import FixedQuantity
from domain.values import IST, RUPEE, SECOND, Instrument, InstrumentKind, Nanos, Product, ist, nanos

if TYPE_CHECKING:
    from config.schema import Settings
    from domain.messages.configuration import StrategyTerms
    from domain.ports import Broker, EventLog, FeedListener, FeedPort, History, Journal, PostbackPort
    from domain.report.eod import EodReport
    from domain.strategy.runner import Today
    from domain.strategy.running import Runner
    from domain.ticks import TickRows

BEGINS: Final[Nanos] = nanos(dt.datetime(2026, 11, 23, 9, 20, tzinfo=IST))
"""Market time at which a rig is up: five minutes into a session of 375."""

MINUTES: Final = 330
"""So many minutes may be gone through: then the day's own jobs would begin to speak."""

_BUSY: Final = ("feed.", "market", "strategy.", "risk", "portfolio", "orders", "publisher", "audit")
"""Whose work has to be over before the next round begins."""

PATIENCE_SECONDS: Final = 300.0
PRICE: Final = 50_000
"""Paise."""

_SETS: Final = (
    "risk.max_quantity_per_order=100",
    "risk.max_value_per_order=10000000",
    "risk.max_position_value_per_instrument=10000000",
    "risk.gross_exposure_max=100000000",
    "risk.daily_loss_max=10000000",
    "risk.orders_per_minute=300",
    "risk.exits_reserved_share=0",
    "risk.orders_per_day=4000",
    # What is merely good to know would be asked of a broker that knows nothing.
    "risk.ask_broker=false",
    "risk.warn_at_percent=null",
    "orders.intent_valid_seconds=30",
    "drills.drop_feed_at=null",
    "drills.crash_strategy_at=null",
    "logs.console=false",
)


class SteppedClock:
    """Market time that runs with the wall, and is put forward by hand. Implements `adapters.clock.MarketTime`."""

    rate: Final = 1.0

    def __init__(self, start: Nanos) -> None:
        self._off = start - time.monotonic_ns()

    def now_ns(self) -> Nanos:
        """Nanoseconds since 1970 UTC."""
        return time.monotonic_ns() + self._off

    def put(self, instant: Nanos) -> None:
        """It is this instant now."""
        self._off = instant - time.monotonic_ns()

    def wall_seconds_until(self, instant: Nanos) -> float:
        """Wall seconds until this clock reads it by itself; 0 if it has."""
        return max(0.0, (instant - self.now_ns()) / SECOND)


class HandedFeed:
    """The real decoder behind a socket that is a function call. Implements `domain.ports.FeedPort`."""

    def __init__(self, real: KiteFeed, clock: SteppedClock) -> None:
        self._real = real
        self._clock = clock
        self._listener: FeedListener | None = None
        self._epoch = 0

    def frame(self, payload: bytes) -> None:
        """A binary frame has come in, as the reactor's thread would say it."""
        assert self._listener is not None, "the feed is connected"
        self._listener.frame(self._epoch, payload, self._clock.now_ns())

    def beat(self) -> None:
        """A heartbeat has come in, if anybody listens yet."""
        if self._listener is not None:
            self.frame(b"\0")

    def text(self, payload: bytes) -> None:
        """A text has come in."""
        assert self._listener is not None, "the feed is connected"
        self._listener.text(self._epoch, payload, self._clock.now_ns())

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """See FeedPort: open at once."""
        self._epoch, self._listener = epoch, listener
        listener.connected(epoch)

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """See FeedPort: everything is sent anyway."""

    def disconnect(self, epoch: int) -> None:
        """See FeedPort."""

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort."""
        return self._real.decode(payload)

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """See FeedPort."""
        return self._real.decode_text(payload)

    def close(self) -> None:
        """See FeedPort."""
        self._real.close()


class FlatHistory:
    """Candles of a price that never moves. Implements `domain.ports.History`."""

    def __init__(self, clock: SteppedClock, calendar: SessionCalendar) -> None:
        self._clock = clock
        self._calendar = calendar

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """See History."""
        step, price = interval_seconds * SECOND, PRICE * 100
        over = min(end, self._clock.now_ns() - step + 1)
        found = []
        for number in range((ist(over).date() - ist(start).date()).days + 1):
            hours = self._calendar.hours(ist(start).date() + dt.timedelta(days=number), instrument.session)
            for opens in range(hours[0], hours[1], step) if hours else ():
                if start <= opens < over:
                    bar = Bar(instrument.token, interval_seconds, opens, price, price, price, price, volume=100)
                    found.append(bar)
        return found


class _OpenSession:
    """Implements `domain.ports.SessionPort`."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock = clock

    def open(self) -> SessionFacts:
        """See SessionPort."""
        now = self._clock.now_ns()
        return SessionFacts(user_id="AB1234", opened=now, expires=now + 12 * 3_600 * SECOND)


class _NoWriter:
    """Reports are made and thrown away."""

    def write(self, report: EodReport) -> ReportWritten:
        """See ReportWriter."""
        return ReportWritten(html_path="", json_path="")


class BrokerProcess:
    """`_exchange.py`, running.

    dump  a CSV file of the day's instruments
    """

    def __init__(self, dump: Path | None = None) -> None:
        program = Path(__file__).with_name("_exchange.py")
        arguments = [] if dump is None else [str(dump)]
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.url = f"http://127.0.0.1:{int(self._lines.readline())}"
        self._came: list[int] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, name="orders that came in", daemon=True).start()

    def order(self, number: int) -> int:
        """Monotonic ns at which the number-th order since the start came in, from 0. Raises TimeoutError."""
        with self._more:
            if not self._more.wait_for(lambda: len(self._came) > number, PATIENCE_SECONDS):
                raise TimeoutError(f"order {number} did not come")
            return self._came[number]

    @property
    def orders(self) -> int:
        """How many have come."""
        return len(self._came)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE_SECONDS)

    def _read(self) -> None:
        for line in self._lines:
            with self._more:
                self._came.append(int(line))
                self._more.notify_all()


class Part(NamedTuple):
    """One strategy of a cast, and what it trades."""

    strategy: RuleStrategy | EventStrategy
    instruments: tuple[Instrument, ...]
    interval_seconds: int = 60


def share(number: int) -> Instrument:
    """One of as many shares as wanted."""
    return Instrument(
        token=(10_000 + number) << 8 | 1, exchange="NSE", symbol=f"S{number}", kind=InstrumentKind.EQUITY, tick_size=500
    )


def cast_of(parts: Sequence[Part], quoted: Sequence[Instrument] = ()) -> Cast:
    """Strategies s0, s1 and so on, and further instruments that are only quoted."""
    strategies = []
    for number, part in enumerate(parts):
        events = part.strategy if isinstance(part.strategy, EventStrategy) else RuleEvents(part.strategy)
        needs = events.needs()
        strategies.append(
            Configured(
                id=f"s{number}",
                strategy=part.strategy,
                instruments=part.instruments,
                runner=RunnerSettings(
                    interval_seconds=part.interval_seconds,
                    product=Product.MIS,
                    sizing=FixedQuantity(1),
                    intent_valid_seconds=30,
                    capital=1_000_000 * RUPEE,
                ),
                quantity=1,
                product=Product.MIS,
                decides_on_bars=needs.bars,
                warm_up_bars=needs.decides_after(part.interval_seconds),
                loads=needs.loads(part.interval_seconds),
            )
        )
    traded = {each.token: each for part in parts for each in part.instruments}
    instruments = {**traded, **{each.token: each for each in quoted}}
    return Cast(tuple(strategies), instruments, audited=True)


def account_at(url: str, folder: Path, clock: SteppedClock, log: EventLog) -> KiteAccount:
    """An account whose broker answers there, logged in and without paces."""
    credentials = Credentials(api_key="key", api_secret="a secret of nobody's")  # noqa: S106 - none
    addresses, unpaced = Addresses(url, "ws://127.0.0.1:9"), PacingLimits(0, 0, 0, 0, 0)
    account = KiteAccount(addresses, credentials, folder, clock, MonotonicClock(), log=log, limits=unpaced)
    account.tokens.put("a-token")
    return account


class Rig:
    """See the module: everything up, warm and ACTIVE. Implements `app.ports.Ports`.

    reached  told of each stage of the start when it is over
    """

    env: Final = "sandbox"
    run: Final = "a measurement"
    books = None

    def __init__(
        self,
        folder: Path,
        cast: Cast,
        broker: BrokerProcess,
        stack: ExitStack,
        *sets: str,
        begins: Nanos = BEGINS,
        reached: Callable[[str], None] = lambda _stage: None,
    ) -> None:
        here = (f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}")
        self.settings: Settings = load("sandbox", None, (*_SETS, *here, *sets), {}, ROOT).settings
        stack.callback(let_go)
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        stack.callback(gc.set_threshold, *gc.get_threshold())
        keep_memory_together()
        collect_rarely()
        self.exchange = broker
        self.clock = SteppedClock(begins)
        self.monotonic = MonotonicClock()
        self.calendar = SessionCalendar()
        self.log = logs.setup(self.settings.logs, folder / "logs")
        stack.callback(logs.stop)
        self.journal: Journal = EnduringJournal(folder / "journal.db", threading.Lock)
        stack.callback(self.journal.close)
        reached("journal recovered")
        self.session = _OpenSession(self.clock)
        self.account = account_at(broker.url, folder, self.clock, self.log)
        reached("the account's ports made")
        self.feeds: list[HandedFeed] = []
        desk = OperatorDesk(folder / "operator.db")
        stack.callback(desk.close)
        wall = SystemMarketClock()
        alerts = LiveNotifier(lambda: LiveFile(folder / "live.db"), wall)
        stack.callback(alerts.close)
        operations = Operations(
            desk=desk,
            trail=lambda: AuditTrail(folder / "audit", logs.redactor.text),
            wall=wall,
            live=lambda: LiveFile(folder / "live.db"),
            alerts=alerts,
        )
        self._cast = cast
        self._dealt = deal(cast.instruments, self.settings.feed.instruments_max)
        runtime = ThreadRuntime(self.monotonic)
        stack.callback(runtime.close)
        scheduler = MarketScheduler(self.clock)
        self.crashes: list[str] = []
        root = build_tree(self, cast, scheduler, _NoWriter(), operations)
        self.system = System(runtime, root, self.log, self._lifecycle)
        stack.callback(self.system.stop)
        stack.callback(scheduler.stop)
        over = threading.Event()
        stack.callback(over.set)
        threading.Thread(target=self._beat, args=(over,), name="heartbeats", daemon=True).start()
        self.system.start()
        reached("the tree up")

    def broker(self) -> Broker:
        """See Ports."""
        return self.account.broker()

    def history(self) -> History:
        """See Ports."""
        return FlatHistory(self.clock, self.calendar)

    def feed(self) -> FeedPort:
        """See Ports."""
        made = HandedFeed(self.account.feed(), self.clock)
        self.feeds.append(made)
        return made

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """See Ports: in the actor's own thread."""
        return in_thread(strategy_id, terms, today)

    def postbacks(self) -> PostbackPort | None:
        """See Ports: none."""
        return None

    def activate(self) -> None:
        """Wait until it knows its funds and every strategy is warm, then trade."""
        self.until(lambda: self._says(RISK, "funded"), "the funds are known")
        for each in self._cast.strategies:
            name = strategy_name(each.id)
            self.until(partial(self._is_warm, name), f"{each.id} is warm")
        active = SetTradingState(state=TradingState.ACTIVE, why="everything is up", who="startup")
        self.system.address(RISK).tell(active, Lane.CONTROL)
        self.settle()
        keep_what_is_there()
        share_finely()

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for it. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the rig waited in vain: {what}")
            time.sleep(0.005)

    def ask(self, name: str) -> object:
        """What an actor reports, after everything that it was told before."""
        return self.system.address(name).ask(Report(), timeout=PATIENCE_SECONDS, lane=Lane.DATA)

    def tokens(self, shard: int) -> tuple[int, ...]:
        """What one socket streams."""
        return self._dealt[shard]

    def settle(self) -> None:
        """Everybody has handled what was told so far."""
        names = [name for name in self.system.names() if name.startswith(_BUSY)]
        for name in names:
            self.ask(name)

    def _beat(self, over: threading.Event) -> None:
        """A byte a second, as the broker's sockets send: a feed that hears nothing connects anew."""
        while not over.wait(1.0):
            for feed in tuple(self.feeds):
                feed.beat()

    def _is_warm(self, name: str) -> bool:
        return not self._says(name, "warming")

    def _says(self, name: str, key: str) -> object:
        said = self.ask(name)
        return said.get(key) if isinstance(said, dict) else None

    def _lifecycle(self, event: LifecycleEvent) -> None:
        self.crashes.append(f"{type(event).__name__} {event.name}")


@contextmanager
def rig(cast: Cast, *sets: str, begins: Nanos = BEGINS) -> Iterator[Rig]:
    """A rig on a disk of its own (not in memory: what is durable is to cost what it costs), up and trading."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="patang-rig-", ignore_cleanup_errors=True))
        )
        broker = BrokerProcess()
        stack.callback(broker.close)
        made = Rig(folder, cast, broker, stack, *sets, begins=begins)
        made.activate()
        yield made
