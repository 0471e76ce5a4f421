"""The admin API over a real socket: nobody without the token, nothing from another site, nothing dangerous by accident."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from adapters.store.journal import SqliteJournal
from adapters.store.operator import OperatorDesk
from adapters.web.guard import BODY_MAX, COOKIE
from app.logs import EventLog
from app.reloading import keep_version
from app.status import FILE_NAME, process_identity
from config.loader import load
from domain.messages.operator import Flatten, Halt
from tests.web.served import FILLED, LOST, ROOT, Served, a_server, a_status


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_server(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


def running_trader(served: Served, state: str = "ACTIVE") -> None:
    status = a_status(os.getpid(), process_identity(os.getpid()), time.time_ns(), state)
    (served.where.data / FILE_NAME).write_bytes(msgspec.json.encode(status))


def cookie(served: Served) -> str:
    body = urlencode({"token": served.token}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    status, _, found = served.call("POST", "/login", raw=body, headers=headers, token=False)
    assert (status, found["location"]) == (303, "/")
    assert "HttpOnly" in found["set-cookie"]
    assert "SameSite=Strict" in found["set-cookie"]
    return found["set-cookie"].partition(";")[0]


READS = (
    "status", "tree", "strategies", "positions", "orders", "curve", "charts", "bars?instrument=NSE:INFY", "limits",
    "alerts", "logs", "config", "reports",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_every_reading_answers(served: Served, path: str) -> None:
    status, document, headers = served.call("GET", f"/api/{path}")
    assert status == 200, document
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert served.token not in str(document)


def test_no_call_without_the_token_gets_anything_but_401(served: Served) -> None:
    _, schema, _ = served.call("GET", "/openapi/openapi.json")
    known = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, of in schema["paths"].items()
        for method in of
    ]
    assert len(known) >= 20
    others = [("GET", "/"), ("GET", "/static/dashboard.js"), ("GET", "/nothing"), ("DELETE", "/api/status"), ("GET", "/healthz"),
              ("GET", "/openapi/openapi.json"), ("GET", "/api/events"), ("POST", "/logout"), ("GET", "/login"), ("OPTIONS", "/api/halt")]  # fmt: skip
    for method, path in [*known, *others]:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "Basic x"},
            {"cookie": f"{COOKIE}=1.a.b"},
        ):
            status, _, found = served.call(method, path, headers=headers, token=False)
            assert status == 401, (method, path, headers, status)
            assert found["www-authenticate"] == "Bearer"
    assert set(served.guesses) == {"127.0.0.1"}, "who guesses is told of"


def test_another_name_for_this_address_is_refused(served: Served) -> None:
    status, _, _ = served.call("GET", "/api/status", headers={"host": "evil.example"})
    assert status == 401
    assert served.call("GET", "/api/status", headers={"host": f"localhost:{served.port}"})[0] == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_a_browser_changes_things_from_our_own_page_alone(
    served: Served, headers: dict[str, str], expected: int
) -> None:
    body = {"action": "resume", "body": {"why": "x"}}
    sent = {"cookie": cookie(served), **headers}
    assert served.call("POST", "/api/confirm", body, sent, token=False)[0] == expected


def test_our_own_page_and_a_logout(served: Served) -> None:
    word = cookie(served)
    own = {"cookie": word, "origin": f"http://127.0.0.1:{served.port}"}
    assert "<title>Patang</title>" in served.call("GET", "/", headers={"cookie": word}, token=False)[1]
    assert served.call("POST", "/logout", headers=own, token=False)[0] == 401
    assert served.call("GET", "/api/status", headers={"cookie": word}, token=False)[0] == 401


def test_the_wrong_token_is_no_login(served: Served) -> None:
    status, page, found = served.call("POST", "/login", raw=b"token=wrong", token=False)
    assert status == 401
    assert "that is not the token" in page
    assert "set-cookie" not in found


def test_a_body_beyond_the_bound_is_refused(served: Served) -> None:
    big = b"{" + b" " * BODY_MAX + b"}"
    assert served.call("POST", "/api/halt", raw=big, headers={"content-type": "application/json"})[0] == 413
    assert served.call("POST", "/login", raw=b"token=" + b"x" * BODY_MAX, token=False)[0] == 413


def test_a_slow_client_holds_nobody_up(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\ntok")
        assert served.call("GET", "/api/status")[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "../../journal.db",
        "..%2f..%2fadmin.token",
        "2026-11-20.eod/../../x",
        "%2e%2e",
        "2026-11-20.other",
        "admin.token",
    ],
)
def test_only_listed_reports_are_found(served: Served, name: str) -> None:
    status, text, _ = served.call("GET", f"/api/reports/{name}")
    assert status in (400, 404)
    assert served.token not in str(text)
    assert served.call("GET", f"/static/{name}")[0] == 404


def test_a_report_cannot_act_on_the_page_that_shows_it(served: Served) -> None:
    assert served.call("GET", "/api/reports")[1] == [{"name": "2026-11-20.eod", "day": "2026-11-20"}]
    status, text, headers = served.call("GET", "/api/reports/2026-11-20.eod")
    assert (status, "a report" in text) == (200, True)
    assert "sandbox allow-scripts" in headers["content-security-policy"]


def test_orders_and_the_life_of_one(served: Served) -> None:
    newest, oldest = served.call("GET", "/api/orders")[1]
    assert (newest["tag"], newest["state"]) == (LOST.tag, "quarantined")
    assert (oldest["tag"], oldest["state"], oldest["filled"], oldest["order_id"]) == (
        FILLED.tag,
        "acknowledged",
        10,
        "26112000001",
    )
    assert [row["tag"] for row in served.call("GET", "/api/orders?order_state=quarantined")[1]] == [LOST.tag]
    assert [row["tag"] for row in served.call("GET", "/api/orders?strategy=ma_crossover")[1]] == [FILLED.tag]
    life = served.call("GET", f"/api/orders/{FILLED.tag}")[1]
    assert [step["event"] for step in life["steps"]] == [
        "order.intent",
        "order.sending",
        "order.acknowledged",
        "order.fill_seen",
        "order.trade",
    ]
    assert served.call("GET", "/api/orders/NOSUCHTAG")[0] == 404
    assert served.call("GET", "/api/orders?limit=0")[0] == 400


def test_what_is_drawn(served: Served) -> None:
    assert served.call("GET", "/api/charts")[1] == [{"instrument": "NSE:INFY", "seconds": 60}]
    drawn = served.call("GET", "/api/bars?instrument=NSE:INFY&limit=10")[1]
    assert (len(drawn["bars"]), drawn["bars"][-1]["close"]) == (10, 1505.0)
    assert [(fill["side"], fill["price"], fill["tag"]) for fill in drawn["fills"]] == [("BUY", 1501.0, FILLED.tag)]
    assert served.call("GET", "/api/bars?instrument=NSE:NOSUCH")[1]["bars"] == []
    assert served.call("GET", "/api/curve")[1][-1]["net"] == 24.0
    assert served.call("GET", f"/api/curve?after_ns={1 << 96}")[0] == 400, "more than the store can compare"
    (position,) = served.call("GET", "/api/positions")[1]
    assert (position["quantity"], position["average"], position["net"]) == (10, 1500.0, 5.0)


def test_logs_by_level_and_text(served: Served) -> None:
    assert [line["event"] for line in served.call("GET", "/api/logs")[1]] == ["feed.disconnected"]
    assert [line["event"] for line in served.call("GET", f"/api/logs?level=DEBUG&text={FILLED.tag.lower()}")[1]] == [
        "order.posted"
    ]


def test_configuration_is_shown_masked(served: Served) -> None:
    shown = served.call("GET", "/api/config")[1]
    assert shown["settings"]["kite"]["api_secret"] == "****"
    assert shown["origins"]["risk.daily_loss_max"].startswith("config/sandbox.yaml:")


def test_what_the_files_say_and_is_not_in_force(served: Served) -> None:
    loaded = load("sandbox", None, ("risk.open_orders=7",), {}, ROOT)
    journal = SqliteJournal(served.where.journal, threading.Lock)
    keep_version(journal, 3, loaded, EventLog())
    journal.close()

    status, found, _ = served.call("GET", "/api/config/diff")

    assert (status, found["version"], found["error"]) == (200, 3, "")
    changed = {each["path"]: each for each in found["changes"]}
    assert changed["risk.open_orders"] == {
        "path": "risk.open_orders",
        "old": 7,
        "new": 100,
        "takes_effect": "live",
    }


def test_an_alert_is_acknowledged_once(served: Served) -> None:
    alert = next(each for each in served.call("GET", "/api/alerts")[1] if each["level"] == "critical")
    assert served.call("POST", f"/api/alerts/{alert['id']}/acknowledge", {})[1] == {"acknowledged": True}
    assert served.call("POST", f"/api/alerts/{alert['id']}/acknowledge", {})[1] == {"acknowledged": False}


def test_health_tells_of_the_trader(tmp_path: Path) -> None:
    with a_server(tmp_path) as served:
        assert served.call("GET", "/healthz")[0] == 503
        running_trader(served)
    with a_server(tmp_path) as served:
        assert served.call("GET", "/healthz")[0] == 200
        assert served.call("GET", "/readyz")[0] == 200
        frozen = next(each for each in served.call("GET", "/api/strategies")[1] if each["id"] == "rsi_reversion")
        assert (frozen["state"], frozen["unresolved"], frozen["last_failure"]) == ("gave_up", 1, "ValueError: broken")
        running_trader(served, "HALTED")
    with a_server(tmp_path) as served:
        assert served.call("GET", "/readyz")[0] == 503


def test_a_halt_needs_no_confirmation_and_stays(tmp_path: Path) -> None:
    with a_server(tmp_path) as served:
        status, done, _ = served.call("POST", "/api/halt", {"why": "enough"})
        assert (status, done["done"]) == (200, True)
        assert "the next one will be halted from its start" in done["text"]
    desk = OperatorDesk(served.where.requests)
    assert desk.outcome(1) is not None
    desk.close()


def test_what_is_dangerous_needs_its_own_confirmation(tmp_path: Path) -> None:
    with a_server(tmp_path) as served:
        for action, body in (
            ("resume", {"why": "x"}),
            ("reload", {"why": "x"}),
            ("flatten", {"why": "x", "strategy": "ma_crossover"}),
            ("halt", {"why": "x", "flatten": True}),
            ("cancel", {"why": "x"}),
            ("resolve", {"why": "x", "tag": LOST.tag}),
        ):
            assert served.call("POST", f"/api/{action}", body)[0] == 409, action
            word = served.call("POST", "/api/confirm", {"action": action, "body": {**body, "why": "other"}})[1]
            wrong = served.call("POST", f"/api/{action}", body, {"x-confirmation": word["confirmation"]})
            assert wrong[0] == 409, "confirmed for another body"
        word = served.call("POST", "/api/confirm", {"action": "flatten", "body": {"why": "x"}})[1]["confirmation"]
        status, done, _ = served.call("POST", "/api/flatten", {"why": "x"}, {"x-confirmation": word})
        assert (status, done["done"], done["text"]) == (200, False, "no trader runs here: nothing was done")
    desk = OperatorDesk(served.where.requests)
    assert desk.waiting() == []
    desk.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("halt", {"why": ""}),
        ("halt", {"wy": "typo"}),
        ("flatten", {"why": 5}),
        ("resolve", {"why": "x"}),
        ("confirm", {"action": "drop", "body": {}}),
        ("confirm", {"action": "halt", "body": {"zzz": 1}}),
    ],
)
def test_a_wrong_body_is_refused_in_words(served: Served, path: str, body: dict[str, object]) -> None:
    status, said, _ = served.call("POST", f"/api/{path}", body)
    assert status == 400
    assert said["error"]


def test_beats_come_every_second(served: Served) -> None:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("GET", "/api/events", headers={"authorization": f"Bearer {served.token}"})
    reply = connection.getresponse()
    lines = [reply.readline() for _ in range(6)]
    connection.close()
    assert reply.getheader("content-type", "").startswith("text/event-stream")
    assert b"event: beat\r\n" in lines
    assert any(line.startswith(b'data: {"env":"sandbox"') for line in lines)


def test_the_commands_are_those_of_other_terminals() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Halt("x", flatten=True)), type=Halt) == Halt("x", flatten=True)
    assert Flatten("x").strategy == ""


def test_what_prometheus_reads(tmp_path: Path) -> None:
    with a_server(tmp_path) as served:
        running_trader(served)
        status, text, headers = served.call("GET", "/metrics")
    lines = set(text.splitlines())
    assert (status, headers["content-type"].startswith("text/plain")) == (200, True)
    for line in (
        "patang_up 1.0",
        'patang_trading_state{state="ACTIVE"} 1.0',
        'patang_trading_state{state="HALTED"} 0.0',
        'patang_orders{state="quarantined"} 1.0',
        "patang_unresolved_orders 1.0",
        "patang_trades_total 1.0",
        'patang_actor_up{actor="strategy.rsi_reversion"} 0.0',
        'patang_result_rupees{part="net",strategy=""} 5.0',
        'patang_unseen_alerts{level="critical"} 1.0',
        'patang_order_stage_seconds_bucket{le="0.001",stage="decided_to_journaled"} 2.0',
        'patang_order_stage_seconds_count{stage="claimed_to_acknowledged"} 1.0',
    ):
        assert line in lines, line
    assert float(text.partition("\npatang_disk_free_bytes ")[2].split()[0]) > 0
