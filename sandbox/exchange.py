"""The whole exchange put together: clock, market, books, order desk, sessions and limits."""

import secrets
import time
from collections.abc import Callable
from datetime import date

from msgspec import Struct

from sandbox.alerts import Alerts
from sandbox.auth import API_SECRET, USER_ID, Auth
from sandbox.clock import MarketClock
from sandbox.engine import Engine
from sandbox.instruments import SHARE_COUNT, Universe
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.margins import MarginModel
from sandbox.money import UNITS_PER_RUPEE
from sandbox.portfolio import Portfolio
from sandbox.recorded import Recording
from sandbox.tape import Market
from sandbox.trading_days import at

Schedule = Callable[[float, Callable[[], None]], None]


class Options(Struct, frozen=True):
    """What a sandbox is started with; `start_seconds` since IST midnight, `opening_cash` in rupees.

    edis       sales of holdings need the depository's authorisation
    banned     names in the F&O ban period
    busy       every instrument prints in every second
    recording  prints that drive prices instead of the generator
    """

    day: date
    start_seconds: int = 33_300
    speed: float = 1.0
    seed: int = 1
    hold: bool = False
    market_protection_required: bool = True
    relaxed: frozenset[str] = frozenset()
    instruments: int = SHARE_COUNT
    opening_cash: int = 1_000_000
    redirect_url: str = "http://127.0.0.1/"
    edis: bool = False
    banned: frozenset[str] = frozenset()
    busy: bool = False
    recording: Recording | None = None


class Exchange:
    """One pretend Zerodha with one account; nothing in it waits or runs by itself."""

    def __init__(self, options: Options, schedule: Schedule, publish: Callable[[str], None]) -> None:
        self.options = options
        self.instance = secrets.token_hex(8)
        self.clock = MarketClock(at(options.day, options.start_seconds), options.speed, held=options.hold)
        self.market = Market(options.seed, busy=options.busy)
        self.universe = Universe(options.day, options.instruments, self.market.paths)
        if options.recording is not None:
            self.market.use(options.recording)
        self.ledger = Ledger(options.opening_cash * UNITS_PER_RUPEE)
        self.margins = MarginModel(self.market, self.clock.now_ns, lambda: self.engine.day)
        self.portfolio = Portfolio(self.ledger, self.margins.scan)
        self.alerts = Alerts(self.universe)
        self.auth = Auth(self.clock.now_ns, time.monotonic)
        self.limits = Limits(
            time.monotonic,
            rates="rate-limits" not in options.relaxed,
            caps="order-caps" not in options.relaxed,
        )
        self.engine = Engine(
            market=self.market,
            universe=self.universe,
            portfolio=self.portfolio,
            now=self.clock.now_ns,
            schedule=schedule,
            publish=publish,
            api_secret=API_SECRET,
            user_id=USER_ID,
            seed=options.seed,
            relaxed=options.relaxed,
            market_protection_required=options.market_protection_required,
            edis=options.edis,
            banned=options.banned,
        )
