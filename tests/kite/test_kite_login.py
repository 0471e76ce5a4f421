"""The way back from the login page, tokens supplied by a program, and refusals in words."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.kite.advice import advice
from adapters.kite.http import Reply
from adapters.kite.outcome import classify
from adapters.kite.redirect import RedirectCatcher, new_state, request_token_of
from adapters.kite.session import Credentials, KiteSession
from adapters.kite.token_command import TokenCommand
from adapters.kite.tokens import TokenHolder
from domain.errors import BrokerRefusal, BrokerUnavailable, LoginNeeded, PatangError
from domain.values import IST, nanos
from tests.kite.scripted import API_KEY, API_SECRET, Answer, FixedClock, ScriptedServer, an_http, error, success

NOW = nanos(dt.datetime(2026, 11, 20, 9, 15, tzinfo=IST))
FRESH = "fr3shSECRETtoken"
PROFILE = success({"user_id": "AB1234", "email": "x@y"})
DEAD = error(403, "Incorrect `api_key` or `access_token`.", "TokenException")
EXCHANGED = success({"access_token": FRESH, "user_id": "AB1234", "login_time": "2026-11-20 08:30:00"})
TOKEN = "abcdEFGH12345678abcdEFGH12345678"
STATE = "the-state"


# -- the redirect --------------------------------------------------------------------------------------------------------


class Coming:
    """Somebody waits at the catcher while the test plays the browser."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.catcher = RedirectCatcher(0, STATE)
        self.outcome: list[str | LoginNeeded] = []
        self._thread = threading.Thread(target=self._wait, args=(seconds,))
        self._thread.start()

    def visit(self, target: str) -> int:
        address = urlsplit(self.catcher.address)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        try:
            connection.request("GET", target)
            return connection.getresponse().status
        finally:
            connection.close()

    def ended(self) -> str | LoginNeeded:
        self._thread.join(60)
        self.catcher.close()
        return self.outcome[0]

    def _wait(self, seconds: float) -> None:
        try:
            self.outcome.append(self.catcher.wait(seconds))
        except LoginNeeded as raised:
            self.outcome.append(raised)


def test_only_the_visit_with_the_state_of_this_login_is_believed() -> None:
    coming = Coming()

    assert coming.visit("/favicon.ico") == 404
    assert coming.visit("/") == 404
    assert coming.visit(f"/?status=success&request_token={'x' * 32}") == 403
    assert coming.visit(f"/?status=success&request_token={'x' * 32}&state=another") == 403
    assert coming.visit(f"/?action=login&status=success&request_token={TOKEN}&state={STATE}") == 200
    assert coming.ended() == TOKEN


def test_a_login_that_did_not_succeed_ends_the_waiting() -> None:
    coming = Coming()

    assert coming.visit(f"/?status=cancelled<b>&state={STATE}") == 400
    ended = coming.ended()
    assert isinstance(ended, LoginNeeded)
    assert str(ended) == "the login did not succeed: cancelledb"


def test_nobody_waits_for_ever() -> None:
    ended = Coming(seconds=0.05).ended()

    assert isinstance(ended, LoginNeeded) and "nobody came back" in str(ended)


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with RedirectCatcher(0, STATE) as catcher:
        port = int(catcher.address.rpartition(":")[2].rstrip("/"))
        with pytest.raises(PatangError, match=rf"kite.redirect_port: port {port} .*--paste"):
            RedirectCatcher(port, STATE)


def test_states_cannot_be_guessed() -> None:
    assert len({new_state() for _ in range(100)}) == 100
    assert len(new_state()) >= 32


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        (TOKEN, TOKEN),
        (f"  {TOKEN}\n", TOKEN),
        (f"http://127.0.0.1:5010/?status=success&request_token={TOKEN}&state={STATE}", TOKEN),
        (f"https://example.com/app?request_token={TOKEN}", TOKEN),
        (f"request_token={TOKEN}&action=login", TOKEN),
        ("", None),
        ("hello", None),
        ("http://127.0.0.1:5010/?status=success", None),
        (f"http://127.0.0.1:5010/?status=error&request_token={TOKEN}", None),
        (f"http://127.0.0.1/?request_token={TOKEN}&request_token={TOKEN[::-1]}", None),
        ("http://127.0.0.1/?request_token=../../x", None),
        (f"http://127.0.0.1/?request_token={TOKEN}&state=another", None),
    ],
)
def test_what_a_person_may_paste(pasted: str, found: str | None) -> None:
    if found is not None:
        assert request_token_of(pasted, STATE) == found
        return
    with pytest.raises(LoginNeeded) as refused:
        request_token_of(pasted, STATE)
    assert TOKEN not in str(refused.value), "what was pasted is not repeated"


# -- tokens that a program supplies ----------------------------------------------------------------------------------------


def a_command(script: str, timeout_seconds: float = 20.0) -> TokenCommand:
    return TokenCommand([sys.executable, "-c", script], timeout_seconds=timeout_seconds)


@pytest.mark.parametrize("output", ["supplied12", "  supplied12\n", '{"access_token": "supplied12", "more": 1}'])
def test_the_command_prints_the_token_or_json(output: str) -> None:
    assert a_command(f"import sys; print({output!r}); sys.stderr.write('x')").token() == "supplied12"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('SECRET SECRET')", "must print the access token alone"),
        ("pass", "must print the access token alone"),
        ('print(\'{"token": "SECRET"}\')', "without access_token"),
        ("import sys; print('SECRET'); sys.stderr.write('SECRET'); sys.exit(3)", "ended with status 3"),
        ("import threading; print('SECRET', flush=True); threading.Event().wait(30)", "took over 0.5 s"),
    ],
)
def test_a_command_that_fails_is_told_without_what_it_printed(script: str, words: str) -> None:
    seconds = 0.5 if "Event" in script else 20.0
    with pytest.raises(LoginNeeded, match=words) as refused:
        a_command(script, seconds).token()

    assert "SECRET" not in f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!s}"


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(LoginNeeded, match="/nonexistent/x cannot be run"):
        TokenCommand(["/nonexistent/x"]).token()


def test_the_command_is_not_asked_again_too_soon(tmp_path: Path) -> None:
    now = [100.0]
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x'); print('supplied12')"
    command = TokenCommand([sys.executable, "-c", script], again_seconds=30.0, monotonic=lambda: now[0])

    assert [command.token(), command.token()] == ["supplied12", ""]
    now[0] += 30.0
    assert command.token() == "supplied12"
    assert count.read_text() == "xx"


# -- the session ---------------------------------------------------------------------------------------------------------


def a_session(server: ScriptedServer, folder: Path, command: TokenCommand | None = None) -> KiteSession:
    http = an_http(server.root, TokenHolder((API_SECRET,)))
    credentials = Credentials(API_KEY, API_SECRET, "AB1234")
    return KiteSession(http, FixedClock(NOW), credentials, folder / "session.json", token_command=command)


def test_a_supplied_token_is_checked_kept_and_used(tmp_path: Path) -> None:
    with ScriptedServer(PROFILE) as server:
        session = a_session(server, tmp_path, a_command("print('supplied12')"))
        facts = session.open()
        session.close()

    assert facts.user_id == "AB1234"
    assert server.requests[0].headers["authorization"] == f"token {API_KEY}:supplied12"
    assert b"supplied12" in (tmp_path / "session.json").read_bytes()


def test_a_supplied_token_that_is_dead_asks_for_a_person(tmp_path: Path) -> None:
    with ScriptedServer(DEAD) as server:
        session = a_session(server, tmp_path, a_command("print('supplied12')"))
        with pytest.raises(LoginNeeded, match=r"kite.token_command is refused; log in: http"):
            session.open()
        with pytest.raises(LoginNeeded, match="a person must log in"):
            session.open()
        session.close()

    assert len(server.requests) == 1


def test_another_process_logs_in_and_this_one_finds_it(tmp_path: Path) -> None:
    with ScriptedServer(DEAD) as broker, ScriptedServer(EXCHANGED) as exchanging, ScriptedServer(PROFILE) as alive:
        del broker
        trading = a_session(alive, tmp_path)
        with pytest.raises(LoginNeeded):
            trading.open()
        login = a_session(exchanging, tmp_path)
        login.exchange("req1")

        assert trading.open().user_id == "AB1234"
        assert alive.requests[0].headers["authorization"] == f"token {API_KEY}:{FRESH}"
        login.close()
        trading.close()


def test_a_dead_token_is_not_forgotten_where_somebody_has_logged_in_meanwhile(tmp_path: Path) -> None:
    answers: list[Answer] = [EXCHANGED, DEAD]
    with ScriptedServer(*answers) as server:
        session = a_session(server, tmp_path)
        session.exchange("req1")
        stored = (tmp_path / "session.json").read_bytes()
        kept = session._read()
        assert kept is not None
        (tmp_path / "session.json").write_bytes(stored.replace(FRESH.encode(), b"newerTOKEN"))
        assert not session._accepted(kept)
        session.close()

    assert b"newerTOKEN" in (tmp_path / "session.json").read_bytes()


def test_a_login_of_another_user_is_refused_and_kept_nowhere(tmp_path: Path) -> None:
    with ScriptedServer(success({"access_token": FRESH, "user_id": "ZZ9999"})) as server:
        session = a_session(server, tmp_path)
        with pytest.raises(BrokerRefusal, match="ZZ9999's, the settings say AB1234"):
            session.exchange("req1")
        session.close()

    assert not (tmp_path / "session.json").exists()


def test_logging_out_ends_a_session_that_another_process_opened(tmp_path: Path) -> None:
    with ScriptedServer(EXCHANGED, success(True)) as server:
        first = a_session(server, tmp_path)
        first.exchange("req1")
        other = a_session(server, tmp_path)
        other.log_out()
        other.log_out()
        first.close()
        other.close()

    assert [f"{one.method} {one.path}" for one in server.requests] == ["POST /session/token", "DELETE /session/token"]
    assert server.requests[1].query["access_token"] == [FRESH]
    assert not (tmp_path / "session.json").exists()


def test_whoever_is_refused_with_the_token_wakes_the_session_but_not_by_its_own_asking(tmp_path: Path) -> None:
    with ScriptedServer(EXCHANGED, PROFILE, DEAD) as server:
        session = a_session(server, tmp_path)
        told: list[int] = []
        session.watch(lambda: told.append(1))
        session.exchange("req1")
        session.open()
        assert told == []

        tokens = session._tokens
        token = tokens.current()
        assert token is not None
        tokens.doubt(token.generation - 1)
        assert told == []
        tokens.doubt(token.generation)
        assert told == [1]
        assert tokens.current() is token, "a doubt ends nothing"
        with pytest.raises(LoginNeeded):
            session.open()
        assert told == [1]
        session.close()


def test_the_state_travels_with_the_address_as_kite_wants_it(tmp_path: Path) -> None:
    with ScriptedServer(PROFILE) as server:
        session = a_session(server, tmp_path)
        assert session.login_url("a b").endswith("/connect/login?v=3&api_key=thekey&redirect_params=state%3Da%2Bb")
        session.close()


def test_an_unreachable_broker_leaves_nothing_logged_in_here(tmp_path: Path) -> None:
    with ScriptedServer(EXCHANGED, lambda sock: None) as server:
        session = a_session(server, tmp_path)
        session.exchange("req1")
        with pytest.raises(BrokerUnavailable):
            session.log_out()
        session.close()

    assert not (tmp_path / "session.json").exists()


# -- refusals in words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("No IPs configured for this app. Add allowed IPs on the Kite developer console.", "developers.kite.trade"),
        ("IP not allowed to place orders for this app", "this machine's is none of them"),
        ("Insufficient permission for that call.", "Connect plan"),
        ("The user is not enabled for the app.", "enable this user"),
        ("Incorrect `api_key` or `access_token`.", "run.py login"),
        ("Invalid `api_key` or `access_token`.", "run.py login"),
        ("Market orders without market protection are not allowed via API.", "orders.market_protection"),
        ("Only LIMIT orders are allowed in the sandbox.", "market_as_limit_percent"),
        ("Maximum allowed order requests exceeded", "close by hand"),
        ("5 quantity needs authorisation at depository.", "eDIS"),
        ("Tick size for this script is 0.10.", ""),
        ("Shipping is not allowed today", ""),
    ],
)
def test_a_refusal_says_what_to_do(text: str, what: str) -> None:
    assert what in advice(text)
    assert bool(advice(text)) == bool(what)

    body = error(403, text, "PermissionException").partition(b"\r\n\r\n")[2]
    outcome = classify(Reply(403, "application/json", body, 0), TokenHolder())
    assert outcome.text.startswith(f"HTTP 403: {text} (PermissionException)")
    assert what in outcome.text
