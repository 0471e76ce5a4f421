"""From one trading day to the next without a person: nights are waited out, a login that is missing is asked for."""

from __future__ import annotations

import ctypes
import datetime as dt
import gc
import os
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from adapters.clock import MarketTime, SandboxMarketClock
from app.interpreter import let_go
from app.ports import Channel
from config.schema import Settings
from domain.errors import BrokerError, LoginNeeded, PatangError
from domain.ports import Calendar, EventLog
from domain.values import IST, SECOND, Nanos, SessionClass, ist, nanos

LOOK_SECONDS: Final = 5.0
"""Wall seconds between looks at the clock: a machine that slept notices soon."""
LOGIN_SECONDS: Final = 30.0
"""Wall seconds between attempts at a login that a person must make."""
LOOK_AHEAD_DAYS: Final = 30
_CLASSES: Final = {
    "NSE": (SessionClass.EQUITY_AUCTION, SessionClass.EQUITY),
    "BSE": (SessionClass.EQUITY_AUCTION, SessionClass.EQUITY),
    "NFO": (SessionClass.EQUITY_DERIVATIVE,),
    "BFO": (SessionClass.EQUITY_DERIVATIVE,),
    "CDS": (SessionClass.CURRENCY,),
    "BCD": (SessionClass.CURRENCY,),
    "MCX": (SessionClass.COMMODITY,),
}


def session_classes(settings: Settings) -> tuple[SessionClass, ...]:
    """The session classes that the enabled strategies may trade: of a share, the day's list alone knows which."""
    exchanges = {
        key.partition(":")[0] for each in settings.strategies.values() if each.enabled for key in each.instruments
    }
    return tuple(dict.fromkeys(each for exchange in sorted(exchanges) for each in _CLASSES[exchange]))


class Stop(Protocol):
    """Whether somebody asked for the end."""

    def wait(self, seconds: float) -> bool:
        """True where it was asked for, after so long at most."""
        ...


class Forward(Protocol):
    """The clock of a sandbox of our own: nothing trades at night, so nobody need wait for it."""

    def hold(self) -> None:
        """Stop it."""
        ...

    def advance(self, seconds: float) -> None:
        """Put it forward, while it is held."""
        ...

    def release(self) -> None:
        """Let it run."""
        ...


class Account(Protocol):
    """What is opened in the morning."""

    def open_session(self) -> None:
        """Raises LoginNeeded, BrokerError."""
        ...


def next_morning(calendar: Calendar, now: Nanos, classes: Collection[SessionClass], at: dt.time) -> Nanos:
    """When the next day with a session begins for us. Raises CalendarUnknown, and PatangError where none is found."""
    day = ist(now).date()
    for _ in range(LOOK_AHEAD_DAYS):
        day += dt.timedelta(days=1)
        if any(calendar.is_trading_day(day, each) for each in classes):
            return nanos(dt.datetime.combine(day, at, IST))
    raise PatangError(f"no session within {LOOK_AHEAD_DAYS} days of {ist(now):%Y-%m-%d}")


def session_ahead(calendar: Calendar, now: Nanos, classes: Collection[SessionClass]) -> bool:
    """Whether a session of today is still on, or to come. Raises CalendarUnknown."""
    hours = (calendar.hours(ist(now).date(), each) for each in classes)
    return any(found is not None and now < found[1] for found in hours)


def sleep_until(morning: Nanos, clock: MarketTime, stop: Stop, forward: Forward | None) -> bool:
    """Wait for the morning; False where a stop was asked for. forward: the clock of a sandbox of our own."""
    if forward is not None:
        forward.hold()
        _follow(clock)
        forward.advance(max(0.0, (morning - clock.now_ns()) / SECOND))
        forward.release()
    while True:
        _follow(clock)
        wall = clock.wall_seconds_until(morning)
        if wall <= 0:
            return True
        if stop.wait(min(LOOK_SECONDS, wall)):
            return False


def _follow(clock: MarketTime) -> None:
    """A sandbox's clock may have been driven by somebody."""
    if isinstance(clock, SandboxMarketClock):
        clock.refresh()


def at_rest() -> dict[str, int]:
    """What the process holds between two days, when all that a day needed is given back: to be the same every night."""
    let_go()
    gc.collect()  # what refers to itself would stay until it happened to be found, in the middle of the next day
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    held = {"threads": threading.active_count()}
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        held["rss_kib"] = int(status.partition("VmRSS:")[2].split()[0])
        held["descriptors"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names alone
    except (OSError, IndexError, ValueError):
        pass  # another system than Linux
    return held


def log_in(account: Account, channels: Collection[Channel], stop: Stop, log: EventLog) -> bool:
    """Open the session, and where a person must log in, say so and try again until it is done; False: a stop came."""
    said = False
    while True:
        try:
            account.open_session()
        except LoginNeeded as error:
            log("critical", "alert.login.needed", text=str(error))
            if not said:
                said = True
                _tell(channels, str(error), log)
        except BrokerError as error:
            log("warning", "day.not_reached", why=str(error))
        else:
            return True
        if stop.wait(LOGIN_SECONDS):
            return False


def _tell(channels: Collection[Channel], text: str, log: EventLog) -> None:
    """Before there are actors to do it."""
    for channel in channels:
        try:
            channel.opened().send("critical", "login.needed", text)
        except (PatangError, OSError) as error:
            log("warning", "alert.not_delivered", alert="login.needed", error=str(error))
