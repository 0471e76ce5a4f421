"""Where bars begin and end inside a session. Seconds since 1970 UTC throughout, as the exchange stamps ticks.

Bars are laid from the session's open (a 60-minute bar starts 09:15, 10:15, ...), as in the broker's history; day bars
start at midnight IST. The last bar of a session may be cut short by its close.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.values import SECOND, Nanos

DAY_SECONDS: Final = 86_400
_IST_SECONDS: Final = 19_800

INTERVAL_SECONDS: Final[dict[str, int]] = {
    "minute": 60,
    "3minute": 180,
    "5minute": 300,
    "10minute": 600,
    "15minute": 900,
    "30minute": 1_800,
    "60minute": 3_600,
    "day": DAY_SECONDS,
}
"""The broker's words for bar lengths, in seconds."""


class Hours(NamedTuple):
    """Continuous trading of one instrument on one day: seconds in [opens, closes). Equal ends: no session."""

    opens: int
    closes: int

    @classmethod
    def of(cls, hours: tuple[Nanos, Nanos] | None) -> Hours:
        """From a calendar's answer in nanoseconds."""
        if hours is None:
            return NO_HOURS
        return cls(hours[0] // SECOND, hours[1] // SECOND)

    @property
    def midnight(self) -> int:
        """00:00 IST of the session's day."""
        return self.opens - (self.opens + _IST_SECONDS) % DAY_SECONDS


NO_HOURS: Final = Hours(0, 0)


def bar_start(hours: Hours, interval_seconds: int, second: int) -> int:
    """Start of the bar that the second belongs to. The second must lie inside the session."""
    if interval_seconds >= DAY_SECONDS:
        return hours.midnight
    return second - (second - hours.opens) % interval_seconds


def bar_end(hours: Hours, interval_seconds: int, second: int) -> int:
    """First second after that bar."""
    return bar_start(hours, interval_seconds, second) + interval_seconds


def next_end(hours: Hours, interval_seconds: int, second: int) -> int:
    """The first second after this one at which a bar of the session may end; 0 where none is left."""
    if second >= hours.closes:
        return 0
    return min(bar_end(hours, interval_seconds, max(second, hours.opens)), hours.closes)


def finished_until(hours: Hours, interval_seconds: int, second: int) -> int:
    """The instant up to which every bar of the series is over, seen at `second`.

    Before the session that is its open (all earlier sessions are over), inside it the start of the running bar, after
    it the end of its last bar.
    """
    if second < hours.opens:
        return hours.opens
    if second >= hours.closes:
        return bar_end(hours, interval_seconds, hours.closes - 1) if hours.closes > hours.opens else second
    return bar_start(hours, interval_seconds, second)


def bars_in_session(hours: Hours, interval_seconds: int) -> int:
    """How many bars a session has when every one trades; the cut one at the end counts."""
    return -(-(hours.closes - hours.opens) // interval_seconds)
