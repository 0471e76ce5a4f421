"""From one trading day to the next: when the morning is, how it is waited for, and who is told of a missing login."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from app.cli import main
from app.nights import log_in, next_morning, session_ahead, session_classes, sleep_until
from app.ports import Channel
from config.loader import load
from domain.alerting import ChannelRules
from domain.calendar import SessionCalendar
from domain.errors import BrokerUnavailable, LoginNeeded
from domain.values import SessionClass, ist
from tests.support.projects import ROOT
from tests.timetable.market_clocks import FastClock, at

EQUITY, COMMODITY = SessionClass.EQUITY, SessionClass.COMMODITY
CALENDAR = SessionCalendar()


class Stop:
    """Asked for after so many waits; notes how long each was."""

    def __init__(self, after: int = 1_000, clock: FastClock | None = None) -> None:
        self._after = after
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) > self._after


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        (at("16:00", "2026-11-19"), "2026-11-20"),
        (at("16:00", "2026-11-20"), "2026-11-23"),  # over the weekend
        (at("16:00", "2026-11-23"), "2026-11-25"),  # over a holiday
        (at("03:00", "2026-11-25"), "2026-11-26"),  # the day that it is has its own answer: session_ahead
    ],
)
def test_the_next_morning_with_a_session(now: int, morning: str) -> None:
    found = next_morning(CALENDAR, now, (EQUITY,), dt.time(8, 30))

    assert f"{ist(found):%Y-%m-%d %H:%M}" == f"{morning} 08:30"


@pytest.mark.parametrize(
    ("clock", "day", "classes", "expected"),
    [
        ("07:00", "2026-11-20", (EQUITY,), True),
        ("15:29", "2026-11-20", (EQUITY,), True),
        ("15:30", "2026-11-20", (EQUITY,), False),
        ("15:30", "2026-11-20", (EQUITY, COMMODITY), True),
        ("10:00", "2026-11-24", (EQUITY,), False),
    ],
)
def test_whether_today_has_something_left(
    clock: str, day: str, classes: tuple[SessionClass, ...], expected: bool
) -> None:
    assert session_ahead(CALENDAR, at(clock, day), classes) is expected


def test_the_classes_are_those_of_the_exchanges_that_are_traded() -> None:
    assert session_classes(load("sandbox", None, (), {}, ROOT).settings) == (SessionClass.EQUITY_AUCTION, EQUITY)
    options = load("sandbox", ROOT / "config" / "examples" / "nifty-options.yaml", (), {}, ROOT).settings
    assert session_classes(options) == (SessionClass.EQUITY_DERIVATIVE,)


class Forward:
    """A sandbox's clock that can be put forward."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self.did: list[str] = []

    def hold(self) -> None:
        self.did.append("hold")

    def advance(self, seconds: float) -> None:
        self.did.append(f"{seconds:.0f}")

    def release(self) -> None:
        self.did.append("release")


def test_our_own_sandbox_is_put_forward_and_others_are_waited_for() -> None:
    clock = FastClock(at("16:00"), 0)
    forward, stop = Forward(clock), Stop(after=0)

    assert not sleep_until(at("08:30", "2026-11-23"), clock, stop, forward)
    assert forward.did == ["hold", "232200", "release"]

    patient = Stop(after=3)
    assert not sleep_until(at("08:30", "2026-11-23"), clock, patient, None), "a stop ends the night"
    assert set(patient.waits) == {5.0}
    assert sleep_until(at("15:00"), clock, Stop(after=0), None), "a morning that has come is not waited for"


class Morning:
    """An account whose login fails first."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)

    def open_session(self) -> None:
        if self._failures:
            raise self._failures.pop(0)


class Phone:
    """A channel that keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def send(self, level: str, title: str, text: str) -> None:
        self.sent.append((level, title, text))


def test_a_missing_login_is_said_once_on_every_channel_and_waited_for() -> None:
    phone, logged = Phone(), list[str]()
    channel = Channel("phone", lambda: phone, ChannelRules("warning", None, 30, 15))
    account = Morning(LoginNeeded("log in at …"), BrokerUnavailable("no route"), LoginNeeded("log in at …"))
    stop = Stop()

    done = log_in(account, [channel], stop, lambda level, event, /, **keys: logged.append(event))

    assert done
    assert phone.sent == [("critical", "login.needed", "log in at …")]
    assert logged == ["alert.login.needed", "day.not_reached", "alert.login.needed"]
    assert stop.waits == [30.0] * 3
    assert not log_in(Morning(LoginNeeded("x")), [], Stop(after=0), lambda *_, **__: None), "a stop ends the waiting"


@pytest.mark.parametrize("words", [("--days", "-1"), ("--days", "2", "--until", "11:00"), ("--days", "0", "--json")])
def test_options_that_are_of_one_day_are_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trade", *words, "--set", f"data_dir={tmp_path}"]) == 2
    assert "--days: found" in capsys.readouterr().err
