"""The admin API under what its own description allows and what it does not, and under what no browser would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response as Reply

from adapters.web import door
from adapters.web.guard import COOKIE
from tests.web.served import Served, a_server

Case = schemathesis.Case[Any]
QUICK: Final = 2
"""Examples of each operation in the normal run; `test --long admin` takes LONG."""
LONG: Final = 60
KNOWN: Final = frozenset({200, 201, 202, 204, 303, 400, 401, 403, 404, 405, 409, 413, 422, 503})
"""What the API answers. 500 is not among them, whatever is asked."""
ENDLESS: Final = frozenset({"/api/events"})
"""A stream: it has a test of its own."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # What is asked here is what is answered, not how often one may ask.
    rates = pytest.MonkeyPatch()
    rates.setattr(door, "CALLS_PER_SECOND", 1_000_000)
    with a_server(tmp_path_factory.mktemp("admin")) as found:
        yield found
    rates.undo()


def answers_to_everything(served: Served, examples: int) -> dict[str, set[int]]:
    """Every operation with generated calls, half of them against its description: the statuses seen."""
    _, document, _ = served.call("GET", "/openapi/openapi.json")
    schema = schemathesis.openapi.from_dict(document)
    seen: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), f"the description itself is wrong: {found}"
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        statuses = seen.setdefault(f"{operation.method.upper()} {operation.path}", set())
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                cases = operation.as_strategy(generation_mode=mode)
                _try(served, cases, statuses, examples)
            except (Unsatisfiable, schemathesis.errors.SchemathesisError):
                continue  # without parameters nothing can be wrong with a call
    return seen


def _try(served: Served, cases: st.SearchStrategy[Case], statuses: set[int], examples: int) -> None:
    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def calls(case: Case) -> None:
        reply: Reply = case.call(
            base_url=served.address.rstrip("/"), headers={"authorization": f"Bearer {served.token}"}, timeout=30
        )
        statuses.add(reply.status_code)
        assert reply.status_code in KNOWN, (case.as_curl_command(), reply.status_code, reply.text[:300])
        assert served.token not in reply.text
        assert "Traceback" not in reply.text

    calls()


def test_generated_calls_are_answered_and_never_with_an_error_of_ours(served: Served) -> None:
    seen = answers_to_everything(served, QUICK)

    assert len(seen) >= 20
    assert served.call("GET", "/api/status")[0] == 200, "it lives"


@pytest.mark.long("admin")
def test_many_generated_calls(served: Served) -> None:
    seen = answers_to_everything(served, LONG)

    assert len(seen) >= 20
    assert served.call("GET", "/api/status")[0] == 200, "it lives"


@pytest.mark.parametrize(
    "host", ["[", "[::1", "127.0.0.1@evil.example", "evil.example", "", "127.0.0.1:99999999", "a b"]
)
def test_a_strange_name_of_this_server_is_401_or_no_http_at_all(served: Served, host: str) -> None:
    """Before anybody has shown the token, the answer is never anything else."""
    assert _raw(served, f"GET /api/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n") in (401, 400)


@pytest.mark.parametrize(
    "origin", ["http://[", "null", "http://127.0.0.1.evil.example", "https://evil.example", "//", ""]
)
def test_a_strange_origin_changes_nothing(served: Served, origin: str) -> None:
    status, _, headers = served.call(
        "POST", "/login", raw=f"token={served.token}".encode(), token=False,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert status == 303
    cookie = headers["set-cookie"].partition(";")[0]

    status, said, _ = served.call("POST", "/api/halt", {"why": "x"}, {"cookie": cookie, "origin": origin}, token=False)

    assert status == 403, said
    assert served.call("GET", "/api/status", headers={"cookie": cookie}, token=False)[0] == 200, "reading goes on"


@given(guess=st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=80))
@settings(max_examples=30, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_guess_is_the_token(served: Served, guess: str) -> None:
    for headers in ({"authorization": f"Bearer {guess}"}, {"cookie": f"{COOKIE}={guess}"}):
        connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
        try:
            connection.putrequest("GET", "/api/status")
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders()
            assert connection.getresponse().status in (400, 401)
        finally:
            connection.close()


@pytest.mark.parametrize("path", [
    "/static/../../config/base.yaml", "/static/..%2f..%2fadmin.token", "/static/%2e%2e/%2e%2e/run.py", "/static//etc/passwd",
    "/api/reports/..%2f..%2f..%2fetc%2fpasswd", "/api/reports/%00", "/api/strategies/..%2f..", "/%ff",
])  # fmt: skip
def test_no_path_leads_out_of_what_is_served(served: Served, path: str) -> None:
    status, text, _ = served.call("GET", path)

    assert status in (400, 404, 405)
    assert served.token not in str(text)
    assert "root:" not in str(text) and "data_dir" not in str(text)


def test_clients_that_never_finish_hold_nobody_up(served: Served) -> None:
    """Fifty at once, each in the middle of something: of its headers, of a body, of a chunk."""
    beginnings = (
        b"POST /api/halt HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\ntoken=",
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx",
        b"GET",
        b"",
    )
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(50)]
    try:
        for number, each in enumerate(slow):
            each.sendall(beginnings[number % len(beginnings)])
        assert served.call("GET", "/api/status")[0] == 200
        assert served.call("GET", "/healthz")[0] in (200, 503)
    finally:
        for each in slow:
            each.close()


@pytest.mark.parametrize("length", ["-1", "1e9", "99999999999999999999", "0x10"])
def test_a_false_length_is_refused(served: Served, length: str) -> None:
    head = f"POST /api/halt HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {served.token}\r\n"
    assert _raw(served, f"{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{{}}") in (400, 413)


def _raw(served: Served, request: str) -> int:
    """The status of a request that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        line = b""
        while b"\r\n" not in line:
            part = connection.recv(4096)
            if not part:
                break
            line += part
    return int(line.split(b" ")[1]) if line.count(b" ") else 0
