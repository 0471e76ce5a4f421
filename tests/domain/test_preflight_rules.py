"""Each line of the checklist: what is in order, what somebody should know, what trading cannot begin with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import preflight as rules
from domain.calendar import SessionCalendar
from domain.preflight import Check, Verdict, worst
from domain.values import RUPEE, SECOND, SessionClass
from tests.timetable.market_clocks import at

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
FRIDAY, HOLIDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 24)
CALENDAR = SessionCalendar()
SHARES = (SessionClass.EQUITY,)
MORNING, CLOSE = at("06:00", "2026-11-21"), at("15:30")
GB = 1_000_000_000


@pytest.mark.parametrize(
    ("line", "verdict", "words"),
    [
        (lambda: rules.token("AB1234", MORNING, CLOSE), OK, "AB1234's login is good until 21 November 06:00"),
        (lambda: rules.token("AB1234", MORNING, None), OK, "good until"),
        (lambda: rules.token("AB1234", at("06:00"), CLOSE), FAIL, "before the session's end"),
        (lambda: rules.calendar(CALENDAR, FRIDAY, SHARES), OK, "equity 09:15 to 15:30"),
        (lambda: rules.calendar(CALENDAR, HOLIDAY, SHARES), WARN, "has no session"),
        (lambda: rules.calendar(CALENDAR, HOLIDAY, (*SHARES, SessionClass.COMMODITY)), WARN, "no session"),
        (lambda: rules.calendar(CALENDAR, dt.date(2031, 6, 3), SHARES), FAIL, "there is no table"),
        (lambda: rules.clock(0.0), OK, "to the second"),
        (lambda: rules.clock(1.9), OK, "1.9 s ahead of the broker's"),
        (lambda: rules.clock(-2.0), WARN, "2.0 s behind the broker's"),
        (lambda: rules.clock(10.0), FAIL, "10.0 s ahead"),
        (lambda: rules.funds(1000 * RUPEE, 1000 * RUPEE), OK, "1000.00 rupees free"),
        (lambda: rules.funds(999 * RUPEE, 1000 * RUPEE), WARN, "takes a margin of 1000.00"),
        (lambda: rules.funds(0, 0), FAIL, "0.00 rupees free"),
        (lambda: rules.funds(-1, 0), FAIL, "free"),
        (lambda: rules.instruments(3, (), FRIDAY), OK, "3 traded, all in the list of 20 November"),
        (lambda: rules.instruments(3, ("NFO:X",), FRIDAY), WARN, "the last day of NFO:X"),
        (lambda: rules.history("NSE:INFY", dt.date(2026, 11, 19), dt.date(2026, 11, 19)), OK, "up to 19 November"),
        (lambda: rules.history("NSE:INFY", dt.date(2026, 11, 18), dt.date(2026, 11, 19)), WARN, "up to 18 November"),
        (lambda: rules.history("NSE:INFY", None, FRIDAY), FAIL, "no candles of NSE:INFY"),
        (lambda: rules.disk(2 * GB, "data"), OK, "2.0 GB free in data"),
        (lambda: rules.disk(2 * GB - 1, "data"), WARN, "GB free"),
        (lambda: rules.disk(199_999_999, "data"), FAIL, "GB free"),
        (lambda: rules.limits("", 0, 10 * RUPEE, 20 * RUPEE, 30 * RUPEE), OK, "a day's loss of 10.00"),
        (lambda: rules.limits("ACTIVE", 0, 10 * RUPEE, 20 * RUPEE, None), OK, "an exposure of 20.00"),
        (lambda: rules.limits("HALTED", 1, 10 * RUPEE, 20 * RUPEE, None), FAIL, "HALTED since the last run"),
        (lambda: rules.limits("", 2, 10 * RUPEE, 20 * RUPEE, None), WARN, "2 orders are unresolved"),
        (lambda: rules.limits("", 0, 10 * RUPEE, 20 * RUPEE, 9 * RUPEE), WARN, "more than the 9.00 that are there"),
    ],
)
def test_the_verdict_and_the_words_of_a_line(line: Callable[[], Check], verdict: Verdict, words: str) -> None:
    found = line()

    assert found.verdict is verdict
    assert words in found.says
    assert bool(found.act) is (verdict is not OK), "who is warned is told what to do"


def test_the_whole_is_as_bad_as_its_worst_line() -> None:
    lines = [Check("a", OK, ""), Check("b", FAIL, "", "x"), Check("c", WARN, "", "x")]

    assert (worst([]), worst(lines[:1]), worst(lines[::2]), worst(lines)) == (OK, OK, WARN, FAIL)


@given(theirs=st.integers(1, 2_000), cut=st.floats(0, 0.999), ahead=st.floats(-60, 60), took=st.floats(0, 3))
def test_a_clock_is_never_said_to_be_further_off_than_it_is(theirs: int, cut: float, ahead: float, took: float) -> None:
    """They are at `theirs + cut`, and say `theirs`; we read ours before and after, `ahead` of theirs."""
    truth = theirs + cut
    before, after = truth + ahead - took, truth + ahead + took
    found = rules.offset_seconds(round(before * SECOND), round(after * SECOND), theirs * SECOND)

    assert found == 0 or (found > 0) == (ahead > 0)
    assert abs(found) <= abs(ahead) + 1e-6
    assert abs(found) >= abs(ahead) - took - 1.001
