"""Channels as actors, and apprise against a real webhook on this machine: delivery, retries, and no secret in any word."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from actors.alert_channel import RETRY_SECONDS, AlertChannel, Heartbeat
from actors.alerts import Alerts
from actors.runtime import DetachedContext, ThreadRuntime
from actors.runtime.events import ChildCrashed
from adapters.notify.apprise import AppriseNotifier, NotDelivered, beat
from app import cli
from config.errors import ConfigError
from config.loader import load
from domain.alerting import ChannelRules, Note
from domain.messages.control import Alert
from domain.values import MINUTE, SECOND
from tests.timetable.market_clocks import SetClock, at

ROOT = Path(__file__).resolve().parents[2]
NOON = at("12:00")


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is told; `server.status` is its answer."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(json.loads(body))  # type: ignore[attr-defined]  # a list that the test put there
        self._answer()

    def do_GET(self) -> None:
        self.server.heard.append(self.path)  # type: ignore[attr-defined]  # as above
        self._answer()

    def _answer(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]  # as above
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base class's word
        pass


@contextmanager
def a_webhook(status: int = 200) -> Iterator[tuple[str, list[object], HTTPServer]]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    heard: list[object] = []
    server.heard, server.status = heard, status  # type: ignore[attr-defined]  # read by the handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", heard, server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def runtime() -> Iterator[ThreadRuntime]:
    runtime = ThreadRuntime(SetClock(SECOND), seed=1)
    yield runtime
    runtime.close()


class Deaf:
    """A channel that fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.heard: list[tuple[str, str, str]] = []

    def send(self, level: str, title: str, text: str) -> None:
        if self.failures:
            self.failures -= 1
            raise NotDelivered("channel phone: the service did not take it")
        self.heard.append((level, title, text))


def a_channel(runtime: ThreadRuntime, notifier: Deaf, clock: SetClock) -> tuple[AlertChannel, DetachedContext]:
    context = DetachedContext(runtime)
    channel = AlertChannel(context, "phone", lambda: notifier, ChannelRules(per_hour=1, digest_minutes=1), clock)
    channel.started()
    return channel, context


def test_a_real_webhook_receives_an_alert() -> None:
    with a_webhook() as (where, heard, _):
        AppriseNotifier("hook", f"json://{where}/secret-path").send("critical", "order.unresolved", "look")
    (said,) = heard
    assert isinstance(said, dict)
    assert (said["title"], said["message"], said["type"]) == ("Patang: order.unresolved", "look", "failure")


@pytest.mark.parametrize("url", ["json://127.0.0.1:1/hidden-path", "nonsense", "zzz://hidden-path"])
def test_no_error_shows_the_address(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotDelivered) as refused:
        AppriseNotifier("phone", url).send("info", "test", "x")
    assert "phone" in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert "hidden" not in "".join(capsys.readouterr())


def test_what_is_not_delivered_is_tried_again_and_given_up_at_last(runtime: ThreadRuntime) -> None:
    notifier = Deaf(failures=2)
    channel, context = a_channel(runtime, notifier, SetClock(NOON))
    context.timers.clear()
    channel.receive(Note("warning", "feed.stale", "x", NOON))
    for number in range(2):
        assert notifier.heard == []
        assert context.timers[-1].seconds == RETRY_SECONDS[number]
        channel.receive(context.timers[-1].message)
    assert notifier.heard == [("warning", "feed.stale", "x")]
    hopeless = Deaf(failures=99)
    channel, context = a_channel(runtime, hopeless, SetClock(NOON))
    context.timers.clear()
    channel.receive(Note("warning", "feed.stale", "x", NOON))
    for _ in RETRY_SECONDS:
        channel.receive(context.timers[-1].message)
    assert len(context.timers) == len(RETRY_SECONDS), "then no more"
    assert [level for level, event, _ in context.logged if event == "alert.not_delivered"] == ["warning"] * 4 + [
        "error"
    ]


def test_a_digest_is_delivered_when_its_time_comes(runtime: ThreadRuntime) -> None:
    notifier, clock = Deaf(0), SetClock(NOON)
    channel, context = a_channel(runtime, notifier, clock)
    (look,) = context.timers
    for text in ("a", "b"):
        channel.receive(Note("warning", "feed.stale", text, NOON))
    channel.receive(look.message)
    assert notifier.heard == [("warning", "feed.stale", "a")]
    clock.now += MINUTE
    channel.receive(look.message)
    assert notifier.heard[1:] == [("warning", "digest", "1 alerts were held back\nfeed.stale: b")]


def test_alerts_tell_every_channel_and_wait_for_none(runtime: ThreadRuntime) -> None:
    context = DetachedContext(runtime)
    alerts = Alerts(context, lambda *_, **__: None, channels=("phone", "mail"), wall=SetClock(5))
    alerts.receive(Alert("odd", "x.y", "text", 1))
    alerts.receive(ChildCrashed("risk", 1, 0, "ValueError: x", ""))
    expected = [
        Note("warning", "x.y", "text", 5),
        Note("warning", "actor.failed", "risk failed and is started again: ValueError: x", 5),
    ]
    assert context.told_to("alerts.phone") == context.told_to("alerts.mail") == expected


def test_beats_reach_the_switch_and_their_absence_is_logged_once(runtime: ThreadRuntime) -> None:
    with a_webhook() as (where, heard, server):
        context = DetachedContext(runtime)
        heart = Heartbeat(context, lambda: beat(f"http://{where}/ping"), 60)
        heart.started()
        (timer,) = context.timers
        assert (timer.seconds, timer.period) == (60, 60)
        heart.receive(timer.message)
        assert heard == ["/ping"]
        server.status = 500  # type: ignore[attr-defined]  # read by the handler
        heart.receive(timer.message)
        heart.receive(timer.message)
    assert [event for _, event, _ in context.logged] == ["alert.heartbeat_failed"]


def test_the_command_says_which_channel_took_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_webhook() as (where, heard, _):
        monkeypatch.setenv("PATANG_ALERT_HOOK", f"json://{where}/path")
        monkeypatch.setenv("PATANG_ALERT_DEAD", "json://127.0.0.1:1/hidden-path")
        assert cli.main(["alerts", "test", "--channel", "hook"]) == 0
        assert cli.main(["alerts", "test", "--json"]) == 1
        assert cli.main(["alerts", "test", "--channel", "zzz"]) == 2
    said = capsys.readouterr()
    assert "allowed: dead, hook" in said.err
    assert len(heard) == 2
    assert "hidden-path" not in said.out + said.err


def test_addresses_come_from_the_environment_alone(tmp_path: Path) -> None:
    environ = {"PATANG_ALERT_PHONE": "json://h/secret-path", "PATANG_HEARTBEAT_URL": "https://beat.example/secret-path"}
    loaded = load("sandbox", None, ("alerts.channels.phone.level=critical",), environ, ROOT)
    phone = loaded.settings.alerts.channels["phone"]
    assert (phone.level, phone.per_hour) == ("critical", 30)
    assert {"json://h/secret-path", "https://beat.example/secret-path"} <= set(loaded.secrets())
    file = tmp_path / "mine.yaml"
    file.write_text("alerts:\n  channels:\n    phone: {url: 'json://h/secret-path'}\n")
    with pytest.raises(ConfigError, match=r"mine.yaml:3: alerts.channels.phone.url: .*PATANG_ALERT_PHONE") as refused:
        load("sandbox", file, (), {}, ROOT)
    assert "secret-path" not in str(refused.value)
    with pytest.raises(ConfigError, match=r"alerts.channels.phone.quiet_from: found a time without quiet_until"):
        load("sandbox", None, ("alerts.channels.phone.quiet_from=22:00",), {}, ROOT)
    with pytest.raises(ConfigError, match="allowed: https://"):
        load("sandbox", None, (), {"PATANG_HEARTBEAT_URL": "file:///etc/passwd"}, ROOT)
