"""The checklist before a trading day: what was found, judged. Pure: whoever asks the world brings its answers here.

`fail`: trading today would not work, or would not be what was configured. `warn`: it works, and somebody should know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from domain.errors import CalendarUnknown
from domain.ports import Calendar
from domain.values import E4, SECOND, Nanos, SessionClass, ist, rupees

NAMES: Final = ("token", "calendar", "clock", "funds", "instruments", "history", "disk", "limits")
"""Every line of the checklist, in its order."""

CLOCK_WARN_SECONDS: Final = 2.0
CLOCK_FAIL_SECONDS: Final = 10.0
"""A decision is valid for 30 s and a price for 10 s by default: a clock that is off by so much spends both."""
DISK_WARN_BYTES: Final = 2_000_000_000
DISK_FAIL_BYTES: Final = 200_000_000
"""A day's log, journal and recording may take a gigabyte; without room for the journal nothing may be sent."""


class Verdict(Enum):
    """How a line came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Struct, frozen=True):
    """One line. says: what was found. act: what to do; empty where nothing is to be done."""

    name: str
    verdict: Verdict
    says: str
    act: str = ""


def worst(checks: Sequence[Check]) -> Verdict:
    """The verdict on the whole."""
    order = list(Verdict)
    return max((each.verdict for each in checks), key=order.index, default=Verdict.OK)


def failed(name: str, says: str, act: str) -> Check:
    """A line whose question could not even be asked."""
    return Check(name, Verdict.FAIL, says, act)


def token(user: str, expires: Nanos, last_close: Nanos | None) -> Check:
    """The login is good until the last session of the day is over."""
    until = f"{user}'s login is good until {ist(expires):%d %B %H:%M}"
    if last_close is not None and expires < last_close:
        return Check("token", Verdict.FAIL, f"{until}, before the session's end", "log in again: run.py login")
    return Check("token", Verdict.OK, until)


def calendar(known: Calendar, day: dt.date, classes: Collection[SessionClass]) -> Check:
    """Hours of every traded class are known, and there is a session today."""
    try:
        hours = {each: known.hours(day, each) for each in classes}
    except CalendarUnknown as error:
        return Check("calendar", Verdict.FAIL, str(error), "install a version that knows the year")
    trading = [f"{each.value} {ist(found[0]):%H:%M} to {ist(found[1]):%H:%M}" for each, found in hours.items() if found]
    if not trading:
        return Check("calendar", Verdict.WARN, f"{day:%A %d %B %Y} has no session", "nothing is traded today")
    closed = [each.value for each, found in hours.items() if not found]
    says = ", ".join(trading)
    if closed:
        return Check("calendar", Verdict.WARN, f"{says}; no session of {', '.join(closed)}", "those are not traded")
    return Check("calendar", Verdict.OK, says)


def clock(offset_seconds: float) -> Check:
    """The machine's clock beside the broker's, whose replies state theirs in whole seconds."""
    if offset_seconds == 0:
        return Check("clock", Verdict.OK, "as the broker's, to the second")
    says = f"{abs(offset_seconds):.1f} s {'ahead of' if offset_seconds > 0 else 'behind'} the broker's"
    act = "synchronise the machine's clock (timedatectl set-ntp true)"
    if abs(offset_seconds) >= CLOCK_FAIL_SECONDS:
        return Check("clock", Verdict.FAIL, says, act)
    if abs(offset_seconds) >= CLOCK_WARN_SECONDS:
        return Check("clock", Verdict.WARN, says, act)
    return Check("clock", Verdict.OK, says)


def funds(available: E4, wanted: E4) -> Check:
    """There is money to trade with. wanted: the margin that all strategies' capital would take."""
    says = f"{rupees(available)} rupees free; the strategies' capital takes a margin of {rupees(wanted)}"
    if available <= 0:
        return Check("funds", Verdict.FAIL, says, "add funds, or no entry will be allowed")
    if available < wanted:
        act = "add funds or lower `capital`: entries are denied once the money is used"
        return Check("funds", Verdict.WARN, says, act)
    return Check("funds", Verdict.OK, says)


def instruments(traded: int, expiring: Sequence[str], day: dt.date) -> Check:
    """All that is configured is in the day's list."""
    says = f"{traded} traded, all in the list of {day:%d %B}"
    if expiring:
        act = "nothing new is opened in them after `risk.expiry_day_cutoff`"
        return Check("instruments", Verdict.WARN, f"{says}; the last day of {', '.join(expiring)}", act)
    return Check("instruments", Verdict.OK, says)


def history(instrument: str, newest: dt.date | None, expected: dt.date) -> Check:
    """The broker's candles reach up to the trading day before: strategies warm up on them."""
    if newest is None:
        return Check("history", Verdict.FAIL, f"no candles of {instrument}", "is the data plan of the app active?")
    says = f"candles of {instrument} up to {newest:%d %B}"
    if newest < expected:
        act = f"those of {expected:%d %B} are missing: indicators start from older bars"
        return Check("history", Verdict.WARN, says, act)
    return Check("history", Verdict.OK, says)


def disk(free_bytes: int, folder: str) -> Check:
    """Room for the day's journal, log and recording."""
    says = f"{free_bytes / 1e9:.1f} GB free in {folder}"
    if free_bytes < DISK_FAIL_BYTES:
        return Check("disk", Verdict.FAIL, says, "make room: without a journal nothing is sent")
    if free_bytes < DISK_WARN_BYTES:
        return Check("disk", Verdict.WARN, says, "make room: old backups, recordings and logs")
    return Check("disk", Verdict.OK, says)


def limits(state: str, unresolved: int, daily_loss_max: E4, gross_exposure_max: E4, available: E4 | None) -> Check:
    """The limits in force, and what stands in the way of trading since the last day.

    state      the trading state that is kept from the last run; empty: none
    available  the funds, where they are known
    """
    says = f"a day's loss of {rupees(daily_loss_max)}, an exposure of {rupees(gross_exposure_max)}"
    if state == "HALTED":
        return Check("limits", Verdict.FAIL, f"trading is HALTED since the last run; {says}", "run.py resume")
    if unresolved:
        act = "run.py orders, then run.py resolve: what it touches is frozen"
        return Check("limits", Verdict.WARN, f"{unresolved} orders are unresolved; {says}", act)
    if available is not None and 0 < available < daily_loss_max:
        act = "lower risk.daily_loss_max: it would never be met"
        return Check("limits", Verdict.WARN, f"{says}, more than the {rupees(available)} that are there", act)
    return Check("limits", Verdict.OK, says)


def offset_seconds(ours_before: Nanos, ours_after: Nanos, theirs: Nanos) -> float:
    """How far our clock is ahead of one that was read between two of our readings and shows whole seconds.

    Within what reading took, and the second that is cut off, nothing can be said: that is 0.
    """
    if ours_before > theirs + SECOND:
        return (ours_before - theirs - SECOND) / SECOND
    if ours_after < theirs:
        return (ours_after - theirs) / SECOND
    return 0.0
