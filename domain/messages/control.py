"""State of trading, the day's timetable, snapshots, alerts."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.parity import DayParity
from domain.values import E4, Nanos, Product


class TradingState(Enum):
    """STARTING: cancels and reduce-only exits alone. REDUCING and HALTED: likewise; HALTED stays until cleared."""

    STARTING = "STARTING"
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class SetTradingState(Struct, frozen=True, tag=True):
    """Command, to the risk gate. `who` is `operator`, `limit`, `startup`, `timetable`, …"""

    state: TradingState
    why: str
    who: str


class TradingStateChanged(Struct, frozen=True, tag=True):
    """Event, risk gate to all who show or act on it."""

    state: TradingState
    why: str
    who: str
    time: Nanos


class SessionLost(Struct, frozen=True, tag=True):
    """Event, whoever met it: the broker no longer accepts our token."""

    why: str
    time: Nanos


class SessionOpened(Struct, frozen=True, tag=True):
    """Event, session: the broker accepts our token (again).

    opened  when the login was made: tells a new login from the one that was doubted and found good
    """

    user_id: str
    expires: Nanos
    time: Nanos
    opened: Nanos = 0


class AskSession(Struct, frozen=True, tag=True):
    """Command, risk gate to session: say again that there is a login. That may have been lost with a crash."""


class FreezeStrategy(Struct, frozen=True, tag=True):
    """Command, to the risk gate: this strategy's entries are denied from here on.

    by  who freezes: what several have frozen thaws when all of them thaw it
    """

    strategy: str
    why: str
    by: str = "rule"


class ThawStrategy(Struct, frozen=True, tag=True):
    """Command, to the risk gate: `by` has no more reason to freeze it. Empty: whatever froze it, as a person says."""

    strategy: str
    why: str
    by: str = ""


class FreezeInstrument(Struct, frozen=True, tag=True):
    """Command, to the risk gate: every strategy's entries in this `EXCHANGE:SYMBOL` are denied from here on."""

    instrument: str
    why: str
    by: str = "rule"


class ThawInstrument(Struct, frozen=True, tag=True):
    """Command, to the risk gate: `by` has no more reason to freeze it. Empty: whatever froze it, as a person says."""

    instrument: str
    why: str
    by: str = ""


class JobKind(Enum):
    """What the timetable can call for."""

    LOG_ROTATION = "log_rotation"
    LOGIN_REMINDER = "login_reminder"
    INSTRUMENTS_REFRESH = "instruments_refresh"
    PREFLIGHT = "preflight"
    SESSION_OPEN = "session_open"
    CUT_OFF = "cut_off"
    SQUARE_OFF_WARNING = "square_off_warning"
    SQUARE_OFF = "square_off"
    SESSION_EXPIRY = "session_expiry"
    CLOSING_AUCTION = "closing_auction"
    END_OF_DAY = "end_of_day"
    WEEKLY_REPORT = "weekly_report"
    PARITY = "parity"
    BACKUP = "backup"
    VACUUM = "vacuum"
    DRILL_DROP_FEED = "drill_drop_feed"
    DRILL_CRASH_STRATEGY = "drill_crash_strategy"


class JobDue(Struct, frozen=True, tag=True):
    """Event, timetable to whom it concerns. `subject` is the session class or the strategy."""

    kind: JobKind
    subject: str
    due: Nanos
    fired: Nanos


class SquareOff(Struct, frozen=True, tag=True):
    """Command, to a strategy: close these instruments' intraday positions and enter no more today."""

    tokens: tuple[int, ...]
    why: str


class PositionView(Struct, frozen=True, tag=True):
    """One ledger line: a strategy's position in one instrument and product.

    cost        value of the open lots (signed quantity times entry price, first in first out)
    """

    strategy: str
    instrument: str
    token: int
    product: Product
    quantity: int
    cost: E4
    realised: E4
    last_price: E4
    unrealised: E4
    charges: E4
    round_trips: int


class StrategyResult(Struct, frozen=True, tag=True):
    """One strategy's day, for limits that are its own.

    day_net    realised + unrealised - charges of the day, less what its carried positions had made before
    trades     positions that it opened today
    losses     round trips that lost (before charges) since the last that did not, today's
    last_loss  when the last of them ended, exchange time; 0 where none did
    """

    strategy: str
    day_net: E4
    trades: int
    losses: int
    last_loss: Nanos


class PortfolioSnapshot(Struct, frozen=True, tag=True):
    """Event, portfolio to risk gate, reporter and others: the account at one seq.

    cash             opening_cash - buys + sells - charges
    positions_value  sum of quantity times last price
    carried_gain     what positions carried into the day had made by then: part of `unrealised`, not of the day's result
    day_peak         the day's highest result so far (realised + unrealised - charges - carried_gain), 0 at least
    total, peak      the result since ever, and its highest, 0 at least: money paid in or out is in neither
    So cash + positions_value = opening_cash + realised + unrealised - charges, exactly.
    """

    seq: int
    time: Nanos
    day: str
    opening_cash: E4
    cash: E4
    positions_value: E4
    realised: E4
    unrealised: E4
    charges: E4
    round_trips: int
    turnover: E4
    positions: tuple[PositionView, ...]
    charge_components: tuple[tuple[str, E4], ...] = ()
    carried_gain: E4 = 0
    day_peak: E4 = 0
    total: E4 = 0
    peak: E4 = 0
    strategies: tuple[StrategyResult, ...] = ()


class WriteReport(Struct, frozen=True, tag=True):
    """Command, to the reporter: write the end-of-day report now."""

    why: str


class ReportWritten(Struct, frozen=True, tag=True):
    """Event, reporter to alerts and whoever waits."""

    html_path: str
    json_path: str


class ParityFound(Struct, frozen=True, tag=True):
    """Event, caretaker to reporter: the day beside its backtest, or why it is beside none."""

    parity: DayParity


class Alert(Struct, frozen=True, tag=True):
    """Event, anyone to alerts. level: info, warning, critical."""

    level: str
    name: str
    text: str
    time: Nanos


class StrategyFrozen(Struct, frozen=True, tag=True):
    """Event: a strategy failed too often and is left down, or was frozen by a rule."""

    strategy: str
    why: str
    time: Nanos


class Report(Struct, frozen=True, tag=True):
    """Query (ask): reply with what you hold, for status and tests."""
