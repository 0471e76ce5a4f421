"""Alerts are logged at their level, once, and a dead notifier holds nobody up."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.alerts import Alerts, as_alert
from actors.runtime import (
    ChildGaveUp,
    ChildHung,
    ChildStarted,
    DetachedContext,
    Runtime,
    SupervisorGaveUp,
    ThreadRuntime,
)
from adapters.notify import LogNotifier
from domain.alerts import KNOWN_MAX, Repeats
from domain.errors import PatangError
from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    ReportWritten,
    StrategyFrozen,
    TradingState,
    TradingStateChanged,
)
from domain.values import MINUTE


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def __call__(self, level: str, event: str, /, **keys: object) -> None:
        self.lines.append((level, event, keys))


class SetMonotonic:
    """A monotonic clock set by hand."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.now


class Dead:
    """A notifier whose channel is down."""

    def send(self, level: str, title: str, text: str) -> None:
        raise PatangError("the channel is down")


@pytest.fixture
def monotonic() -> SetMonotonic:
    return SetMonotonic()


@pytest.fixture
def runtime(monotonic: SetMonotonic) -> Iterator[Runtime]:
    runtime = ThreadRuntime(monotonic)
    yield runtime
    runtime.close()


def an_alert(text: str = "full") -> Alert:
    return Alert("critical", "disk", text, 1)


def test_an_alert_is_logged_at_its_level_under_its_name(runtime: Runtime) -> None:
    log = Log()

    Alerts(DetachedContext(runtime), log).receive(an_alert())

    assert log.lines == [("critical", "alert.disk", {"text": "full"})]


def test_the_same_alert_is_said_again_only_after_a_while_and_then_with_a_count(
    runtime: Runtime, monotonic: SetMonotonic
) -> None:
    log = Log()
    alerts = Alerts(DetachedContext(runtime), log, repeat_after=MINUTE)

    for second in (0, 1, 59, 60, 61):
        monotonic.now = second * 1_000_000_000
        alerts.receive(an_alert())
    alerts.receive(an_alert("nearly full"))

    assert [keys["text"] for _, _, keys in log.lines] == ["full", "full (2 more like it)", "nearly full"]


def test_a_notifier_is_told_too(runtime: Runtime) -> None:
    log, notified = Log(), Log()

    Alerts(DetachedContext(runtime), log, LogNotifier(notified)).receive(an_alert())

    assert notified.lines == [("critical", "notify.sent", {"title": "disk", "text": "full"})]


def test_a_dead_channel_is_logged_and_nothing_else(runtime: Runtime) -> None:
    log = Log()

    Alerts(DetachedContext(runtime), log, Dead()).receive(an_alert())

    assert [event for _, event, _ in log.lines] == ["alert.disk", "alert.not_delivered"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (StrategyFrozen("ma_cross", "failed", 7), ("critical", "strategy.frozen")),
        (TradingStateChanged(TradingState.HALTED, "loss", "limit", 7), ("critical", "trading.halted")),
        (TradingStateChanged(TradingState.ACTIVE, "ready", "startup", 7), ("info", "trading.active")),
        (ReportWritten("a.html", "a.json"), ("info", "report.written")),
        (JobDue(JobKind.SQUARE_OFF_WARNING, "equity", 7, 8), ("info", "square_off_soon")),
        (JobDue(JobKind.DRILL_DROP_FEED, "", 7, 8), ("info", "drill")),
        (JobDue(JobKind.DRILL_CRASH_STRATEGY, "ma_cross", 7, 8), ("info", "drill")),
        (ChildGaveUp("strategy.x", 3, 0, "too many"), ("critical", "actor.down")),
        (SupervisorGaveUp("root", 0, "too many"), ("critical", "supervisor.gave_up")),
        (ChildHung("market", 1, 0, 3.0, "TickBatch", 1), ("critical", "actor.hung")),
        (ChildStarted("market", 1, 0), None),
        (JobDue(JobKind.END_OF_DAY, "", 7, 8), None),
    ],
)
def test_what_is_worth_an_alert(message: object, expected: tuple[str, str] | None) -> None:
    alert = as_alert(message)

    assert (None if alert is None else (alert.level, alert.name)) == expected


def test_what_is_remembered_has_a_limit() -> None:
    repeats = Repeats(MINUTE)
    for number in range(KNOWN_MAX + 10):
        assert repeats.judge(an_alert(str(number)), 0).say

    assert len(repeats._known) == KNOWN_MAX
    assert not repeats.judge(an_alert(str(KNOWN_MAX + 9)), 1).say


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=50))
def test_nothing_is_said_twice_within_the_time_and_nothing_is_lost_from_the_count(steps: list[tuple[str, int]]) -> None:
    repeats, now = Repeats(100), 0
    said: dict[str, int] = {}
    held = dict.fromkeys("abc", 0)
    for text, later in steps:
        now += later
        verdict = repeats.judge(an_alert(text), now)
        if verdict.say:
            assert text not in said or now - said[text] >= 100
            assert verdict.held == held[text]
            said[text], held[text] = now, 0
        else:
            held[text] += 1
            assert verdict.held == held[text]
