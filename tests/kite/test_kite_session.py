"""The day's login: reuse, check, exchange, expiry, and where the token must never show."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kite.secret_file import read_secret, write_secret
from adapters.kite.session import Credentials, KiteSession, expiry_after
from adapters.kite.tokens import TokenHolder
from domain.errors import BrokerRefusal, BrokerUnavailable, LoginNeeded
from domain.values import IST, SECOND, nanos
from tests.kite.scripted import API_KEY, API_SECRET, Answer, FixedClock, ScriptedServer, an_http, error, reply, success


def at(text: str) -> int:
    return nanos(dt.datetime.fromisoformat(text).replace(tzinfo=IST))


NOW = at("2026-11-20 09:15:00")
FRESH = "fr3shSECRETtoken"
PROFILE = success({"user_id": "AB1234", "email": "x@y"})
DEAD = error(403, "Incorrect `api_key` or `access_token`.", "TokenException")
EXCHANGED = success(
    {
        "access_token": FRESH,
        "user_id": "AB1234",
        "login_time": "2026-11-20 08:30:00",
        "refresh_token": "",
        "avatar_url": None,
    }
)


class Case:
    """A session against a scripted broker."""

    def __init__(self, folder: Path, *answers: Answer, credentials: Credentials | None = None, now: int = NOW) -> None:
        self.server = ScriptedServer(*answers)
        self.tokens = TokenHolder((API_SECRET,))
        self.clock = FixedClock(now)
        self.file = folder / "sandbox" / "session.json"
        self.session = KiteSession(
            an_http(self.server.root, self.tokens),
            self.clock,
            credentials or Credentials(API_KEY, API_SECRET, "AB1234"),
            self.file,
        )

    def routes(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.server.requests]

    def sent_tokens(self) -> list[str]:
        return [request.headers.get("authorization", "-").rpartition(":")[2] for request in self.server.requests]


class Cases:
    """Makes cases that share a folder, as one program's starts do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[Case] = []

    def __call__(self, *answers: Answer, credentials: Credentials | None = None, now: int = NOW) -> Case:
        case = Case(self._folder, *answers, credentials=credentials, now=now)
        self.made.append(case)
        case.server.__enter__()
        return case


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Cases]:
    cases = Cases(tmp_path)
    yield cases
    for one in cases.made:
        one.session.close()
        one.server.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("opened", "expires"),
    [
        ("2026-11-20 08:30:00", "2026-11-21 06:00:00"),
        ("2026-11-20 05:59:59", "2026-11-20 06:00:00"),
        ("2026-11-20 06:00:00", "2026-11-21 06:00:00"),
        ("2026-11-20 23:59:59", "2026-11-21 06:00:00"),
        ("2026-12-31 12:00:00", "2027-01-01 06:00:00"),
    ],
)
def test_a_token_ends_at_the_next_six_in_the_morning_of_india(opened: str, expires: str) -> None:
    assert expiry_after(at(opened)) == at(expires)


def test_a_request_token_becomes_a_session_that_is_kept_for_its_owner_alone(case: Cases) -> None:
    one = case(EXCHANGED)
    facts = one.session.exchange("req1")

    form = one.server.requests[0].form
    assert form == {
        "api_key": API_KEY,
        "request_token": "req1",
        "checksum": hashlib.sha256(f"{API_KEY}req1{API_SECRET}".encode()).hexdigest(),
    }
    assert (facts.user_id, facts.opened, facts.expires) == (
        "AB1234",
        at("2026-11-20 08:30:00"),
        at("2026-11-21 06:00:00"),
    )
    assert stat.S_IMODE(one.file.stat().st_mode) == 0o600
    assert list(one.file.parent.iterdir()) == [one.file], "nothing is left beside it"
    token = one.tokens.current()
    assert token is not None and token.value == FRESH


def test_a_stored_token_is_checked_and_used_again(case: Cases, tmp_path: Path) -> None:
    first = case(EXCHANGED)
    first.session.exchange("req1")
    second = case(PROFILE)
    facts = second.session.open()

    assert second.routes() == ["GET /user/profile"]
    assert second.sent_tokens() == [FRESH]
    assert facts.expires == at("2026-11-21 06:00:00")


@pytest.mark.parametrize(
    ("name", "now"), [("expired", at("2026-11-21 06:00:00")), ("of a later market day", at("2026-11-19 09:15:00"))]
)
def test_a_stored_token_of_another_time_is_not_tried(case: Cases, name: str, now: int) -> None:
    case(EXCHANGED).session.exchange("req1")
    second = case(PROFILE, now=now)

    with pytest.raises(LoginNeeded, match="/connect/login"):
        second.session.open()
    assert second.routes() == []


def test_a_stored_token_that_the_broker_ended_is_thrown_away(case: Cases) -> None:
    case(EXCHANGED).session.exchange("req1")
    second = case(DEAD)
    told: list[int] = []
    second.tokens.watch(lambda: told.append(1))

    for _ in range(2):
        with pytest.raises(
            LoginNeeded,
            match=r"a person must log in for today \(python3 run.py login\): http://127.0.0.1:\d+/connect/login\?v=3&api_key=thekey$",
        ):
            second.session.open()

    assert second.routes() == ["GET /user/profile"], "the second time there is nothing left to try"
    assert told == [1]
    assert second.tokens.current() is None
    assert not second.file.exists()


def test_an_unreachable_broker_proves_nothing_about_the_stored_token(case: Cases) -> None:
    case(EXCHANGED).session.exchange("req1")
    second = case(reply(502, b"<html>", content_type="text/html"), PROFILE)

    with pytest.raises(BrokerUnavailable):
        second.session.open()
    assert second.tokens.current() is None, "no worker may use what is not proved"
    assert second.session.open().user_id == "AB1234"


def test_a_token_of_another_user_is_refused_and_not_used(case: Cases) -> None:
    case(EXCHANGED).session.exchange("req1")
    second = case(success({"user_id": "ZZ9999"}))

    with pytest.raises(BrokerRefusal, match="ZZ9999"):
        second.session.open()
    assert second.tokens.current() is None


def test_a_file_of_another_key_or_a_torn_one_is_no_session(case: Cases) -> None:
    one = case(EXCHANGED)
    one.session.exchange("req1")
    stored = json.loads(one.file.read_bytes())
    for content in (json.dumps(stored | {"api_key": "other"}), '{"api_key": "thek', "[]", ""):
        write_secret(one.file, content.encode())
        two = case(PROFILE)
        with pytest.raises(LoginNeeded):
            two.session.open()
        assert two.routes() == []


def test_a_token_given_in_the_settings_is_tried_once(case: Cases) -> None:
    given = Credentials(API_KEY, API_SECRET, "AB1234", access_token="g1venSECRETtoken")
    one = case(PROFILE, DEAD, credentials=given)

    assert one.session.open().expires == at("2026-11-21 06:00:00")
    with pytest.raises(LoginNeeded):
        one.session.open()
    assert one.routes() == ["GET /user/profile", "GET /user/profile"], "the one in use is the one on file"


def test_an_unattended_login_reads_the_redirect_and_follows_nothing(case: Cases) -> None:
    redirect = reply(
        302, b"", headers={"Location": "http://127.0.0.1:1/?request_token=req7&status=success&action=login"}
    )
    local = Credentials(API_KEY, API_SECRET, "AB1234", "pass", "000000")
    one = case(redirect, EXCHANGED, credentials=local)

    assert one.session.open().user_id == "AB1234"
    assert one.routes() == ["POST /connect/login", "POST /session/token"]
    assert one.server.requests[0].form == {
        "v": "3",
        "api_key": API_KEY,
        "user_id": "AB1234",
        "password": "pass",
        "totp": "000000",
    }
    assert one.server.requests[1].form["request_token"] == "req7"


def test_nobody_logs_in_unattended_anywhere_but_on_loopback(tmp_path: Path) -> None:
    tokens = TokenHolder()
    credentials = Credentials(API_KEY, API_SECRET, "AB1234", "pass", "000000")
    far = KiteSession(an_http("https://api.kite.trade", tokens), FixedClock(NOW), credentials, tmp_path / "s.json")
    with ScriptedServer(PROFILE) as server:
        page = "https://kite.zerodha.com/connect/login"
        half_far = KiteSession(
            an_http(server.root, tokens), FixedClock(NOW), credentials, tmp_path / "s.json", login_page=page
        )
        for session in (far, half_far):
            with pytest.raises(LoginNeeded, match=r"https://kite\.zerodha\.com/connect/login\?v=3"):
                session.open()

    assert server.requests == []


def test_a_used_request_token_asks_for_another_login(case: Cases) -> None:
    one = case(error(403, "Token is invalid or has expired.", "TokenException"))

    with pytest.raises(LoginNeeded, match="invalid or has expired"):
        one.session.exchange("req1")


def test_logging_out_ends_it_everywhere(case: Cases) -> None:
    one = case(EXCHANGED, success(True))
    one.session.exchange("req1")
    one.session.log_out()

    assert one.routes()[-1] == "DELETE /session/token"
    assert one.tokens.current() is None
    assert not one.file.exists()


def test_no_secret_is_in_any_text(case: Cases) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    credentials = Credentials(API_KEY, API_SECRET, "AB1234", "pa55SECRET", "123456", "g1venSECRETtoken")
    texts = [repr(credentials), str(credentials)]
    for answer in (
        error(500, f"{FRESH} {API_SECRET}", "GeneralException"),
        success({"access_token": "with space SECRET"}),
        success({"access_token": 5, "token": "xSECRETx"}),
        reply(200, b'{"status": "success", "data": {"access_token": "SECRET'),
        EXCHANGED,
    ):
        one = case(answer, answer, credentials=credentials)
        one.tokens.put(FRESH)
        for act in (one.session.open, lambda one=one: one.session.exchange("rSECRETr")):
            try:
                texts.append(repr(act()))
            except (LoginNeeded, BrokerUnavailable, BrokerRefusal) as raised:
                texts += [str(raised), repr(raised), repr(raised.__cause__)]
        texts += [repr(one.tokens), repr(one.session)]
    far = KiteSession(an_http(closed, TokenHolder()), FixedClock(NOW), credentials, Path("/nonexistent/x"))
    with pytest.raises(BrokerUnavailable) as unreachable:
        far.open()
    texts.append(str(unreachable.value))

    assert len(texts) > 20
    assert not [text for text in texts if "SECRET" in text or "s3cret" in text]


def test_a_secret_file_is_replaced_whole_and_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x"
    write_secret(path, b"one")
    path.chmod(0o644)

    assert read_secret(path) == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_secret(path, b"two")
    assert read_secret(path) == b"two"
    assert read_secret(tmp_path / "absent") is None


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"mine")
    link = tmp_path / "session.json"
    link.symlink_to(target)

    with pytest.raises(OSError, match="symbolic"):
        read_secret(link)
    write_secret(link, b"new")

    assert target.read_bytes() == b"mine"
    assert stat.S_IMODE(link.lstat().st_mode) == 0o600


def test_the_market_clock_stamps_a_login_without_a_time(case: Cases) -> None:
    one = case(success({"access_token": FRESH, "user_id": "AB1234"}))

    assert one.session.exchange("r").opened == NOW
    assert NOW % SECOND == 0
