"""The day's login: reuse, check, exchange, and for the local sandbox alone an unattended one."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct

from adapters.kite import translate
from adapters.kite.http import Http, NotReached, Reply, ReplyLost
from adapters.kite.outcome import Outcome, Verdict, classify
from adapters.kite.reading import failure
from adapters.kite.rows import ProfileData, TokenData
from adapters.kite.secret_file import read_secret, write_secret
from adapters.kite.token_command import TokenCommand
from domain.errors import BrokerError, BrokerRefusal, BrokerUnavailable, LoginNeeded
from domain.messages.broker import SessionFacts
from domain.ports import Clock
from domain.values import IST, MINUTE, Nanos, ist, nanos

LOGIN_PAGE: Final = "https://kite.zerodha.com/connect/login"
EXPIRY: Final = dt.time(6, 0, tzinfo=IST)
"""Tokens end at 06:00 Indian time (kite-facts 1: regulatory; the observed flush is gradual, up to 07:30)."""

CLOCK_SLACK: Final[Nanos] = 5 * MINUTE
"""How far the broker's clock, which stamps the login, may be ahead of ours."""


class Credentials(Struct, frozen=True):
    """Who logs in. Its repr shows the key and the user alone.

    password, totp  for an unattended login at a sandbox on loopback; a real login is a person's (kite-facts 8)
    access_token    today's token, where the user has one already
    """

    api_key: str
    api_secret: str = ""
    user_id: str = ""
    password: str = ""
    totp: str = ""
    access_token: str = ""

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Credentials(api_key={self.api_key!r}, user_id={self.user_id!r})"

    __str__ = __repr__


class _Stored(Struct):
    """The session file: whose token, from when, until when (nanoseconds UTC, market time)."""

    api_key: str
    user_id: str
    access_token: str
    opened: Nanos
    expires: Nanos

    def __repr__(self) -> str:
        return f"_Stored(user_id={self.user_id!r})"


def expiry_after(opened: Nanos) -> Nanos:
    """The first 06:00 Indian time after the login."""
    moment = ist(opened)
    end = dt.datetime.combine(moment.date(), EXPIRY)
    if end <= moment:
        end += dt.timedelta(days=1)
    return nanos(end)


class KiteSession:
    """`domain.ports.SessionPort`: puts the token into `http.tokens`, where every worker and the socket find it."""

    def __init__(
        self,
        http: Http,
        market_clock: Clock,
        credentials: Credentials,
        file: Path,
        *,
        login_page: str | None = None,
        wait_turn: Callable[[], None] = lambda: None,
        token_command: TokenCommand | None = None,
    ) -> None:
        """Remember where to ask, and where to keep the answer.

        file           where the token is kept
        login_page     where a person logs in; None: `<root>/connect/login` on loopback, else Zerodha's
        wait_turn      waits for a turn below the broker's rate
        token_command  the user's own program that supplies tokens
        """
        self._http = http
        self._tokens = http.tokens
        self._clock = market_clock
        self._credentials = credentials
        self._file = file
        self._wait_turn = wait_turn
        self._local = _is_loopback(http.root)
        self._login_page = login_page or (f"{http.root}/connect/login" if self._local else LOGIN_PAGE)
        self._facts: SessionFacts | None = None
        self._given_tried = False
        self._token_command = token_command
        self._asking = False
        self._doubted: Callable[[], None] = lambda: None
        self._tokens.watch(self._on_doubt)

    def login_url(self, state: str = "") -> str:
        """Where a person logs in. Carries the public api key, no secret; `state` comes back with the redirect."""
        query = {"v": "3", "api_key": self._credentials.api_key}
        if state:
            query["redirect_params"] = urlencode({"state": state})
        return f"{self._login_page}?{urlencode(query)}"

    def watch(self, doubted: Callable[[], None]) -> None:
        """Call this, on whichever thread noticed, when the token in use was refused somewhere. It must only enqueue.

        One watcher: the newest. What this session finds out by itself is not called back.
        """
        self._doubted = doubted

    def open(self) -> SessionFacts:
        """The first of these that the broker's `/user/profile` accepts: the token in use, the stored one, the one
        given in the settings, the one that `token_command` supplies, and at a sandbox on loopback a fresh login.

        Raises LoginNeeded, with the address to log in at, where a person must; BrokerRefusal for a token of another
        user; BrokerUnavailable where the broker cannot be asked: a stored token then stays in its file, unproved, and
        no worker gets it.
        """
        self._asking = True
        try:
            return self._open()
        finally:
            self._asking = False

    def _open(self) -> SessionFacts:
        for stored in self._candidates():
            facts = self._tried(stored)
            if facts is not None:
                return facts
        self._tokens.invalidate()
        supplied = "" if self._token_command is None else self._token_command.token()
        if supplied:
            now = self._clock.now_ns()
            facts = self._tried(
                _Stored(self._credentials.api_key, self._credentials.user_id, supplied, now, expiry_after(now))
            )
            if facts is not None:
                return facts
            raise LoginNeeded(f"the token of kite.token_command is refused; log in: {self.login_url()}")
        if self._may_log_in_unattended():
            return self.exchange(self._request_token())
        raise LoginNeeded(f"a person must log in for today (python3 run.py login): {self.login_url()}")

    def _tried(self, stored: _Stored) -> SessionFacts | None:
        """The session where the broker accepts this token; None where it is dead. Raises BrokerError otherwise."""
        token = self._tokens.current()
        in_use = token is not None and token.value == stored.access_token
        if not in_use:
            try:
                token = self._tokens.put(stored.access_token)
            except ValueError as error:
                raise LoginNeeded(f"{error}; log in: {self.login_url()}") from None
        try:
            return self._opened(stored) if self._accepted(stored) else None
        except BrokerError:
            if token is not None and not in_use:
                self._tokens.invalidate(token.generation)
            raise

    def exchange(self, request_token: str) -> SessionFacts:
        """Turn the request token of the login's redirect into the day's access token, and keep it. Works once.

        Raises LoginNeeded where the broker refuses it (used, or a few minutes old), BrokerUnavailable.
        """
        mine = self._credentials
        if not mine.api_secret:
            raise LoginNeeded("the api secret is not set: a login cannot be completed without it")
        checksum = hashlib.sha256((mine.api_key + request_token + mine.api_secret).encode()).hexdigest()
        form = {"api_key": mine.api_key, "request_token": request_token, "checksum": checksum}
        outcome, reply = self._ask("POST", "/session/token", form=form)
        if outcome.verdict in (Verdict.LOGIN, Verdict.REFUSED):
            raise LoginNeeded(f"the login was refused ({outcome.text}); log in again: {self.login_url()}")
        if outcome.verdict is not Verdict.DONE:
            raise failure("POST /session/token", outcome, reply, self._http)
        try:
            data = msgspec.json.decode(outcome.data, type=TokenData)
            opened = translate.instant(data.login_time) or self._clock.now_ns()
            self._tokens.put(data.access_token)
        except ValueError:
            raise BrokerUnavailable("POST /session/token: the reply is not as documented") from None
        user_id = data.user_id or mine.user_id
        if mine.user_id and user_id != mine.user_id:
            self._tokens.invalidate()
            raise BrokerRefusal(f"the login is {user_id}'s, the settings say {mine.user_id}: log in as the right user")
        return self._opened(_Stored(mine.api_key, user_id, data.access_token, opened, expiry_after(opened)))

    def close(self) -> None:
        """Give the HTTP session back; the login stays."""
        self._http.close()

    def log_out(self) -> None:
        """End the session at the broker and forget its token here, in use or stored. Silent where there is none.

        Raises BrokerUnavailable where the broker could not be told; the token is forgotten here all the same.
        """
        token = self._tokens.current()
        if token is None:
            kept = self._read()
            if kept is None:
                self._file.unlink(missing_ok=True)
                return
            token = self._tokens.put(kept.access_token)
        query = (("api_key", self._credentials.api_key), ("access_token", token.value))
        self._asking = True
        try:
            self._http.call("DELETE", "/session/token", query=query)
        except (NotReached, ReplyLost) as error:
            raise BrokerUnavailable(str(error)) from None
        finally:
            self._tokens.invalidate(token.generation)
            self._file.unlink(missing_ok=True)
            self._facts = None
            self._asking = False

    def _on_doubt(self) -> None:
        if not self._asking:
            self._doubted()

    def _candidates(self) -> list[_Stored]:
        now = self._clock.now_ns()
        found: list[_Stored] = []
        token = self._tokens.current()
        if token is not None and self._facts is not None:
            facts = self._facts
            found.append(_Stored(self._credentials.api_key, facts.user_id, token.value, facts.opened, facts.expires))
        kept = self._read()
        if kept is not None:
            found.append(kept)
        if self._credentials.access_token and not self._given_tried:
            # Its login time is not known; the earliest end it can have is the next 06:00.
            self._given_tried = True
            given = self._credentials
            found.append(_Stored(given.api_key, given.user_id, given.access_token, now, expiry_after(now)))
        # A login well after now is of another market time: a sandbox was started again on an earlier day.
        # The one in use is usually the one on file: each token is asked about once.
        valid = (stored for stored in found if stored.opened <= now + CLOCK_SLACK and now < stored.expires)
        return list({stored.access_token: stored for stored in valid}.values())

    def _accepted(self, stored: _Stored) -> bool:
        outcome, reply = self._ask("GET", "/user/profile", authorised=True)
        if outcome.login_needed:
            # Forgotten on disk too: whoever watches for invalid tokens opens again, and must not find it again.
            self._forget(stored)
            self._tokens.invalidate(reply.generation)
            return False
        if outcome.verdict is not Verdict.DONE:
            raise failure("GET /user/profile", outcome, reply, self._http)
        try:
            user_id = msgspec.json.decode(outcome.data, type=ProfileData).user_id
        except msgspec.MsgspecError:
            raise BrokerUnavailable("GET /user/profile: the reply is not as documented") from None
        if self._credentials.user_id and user_id != self._credentials.user_id:
            self._tokens.invalidate(reply.generation)
            expected = self._credentials.user_id
            raise BrokerRefusal(f"the token is {user_id}'s, the settings say {expected}: log in as the right user")
        stored.user_id = user_id
        return True

    def _opened(self, stored: _Stored) -> SessionFacts:
        self._tokens.user_id = stored.user_id
        self._facts = SessionFacts(user_id=stored.user_id, opened=stored.opened, expires=stored.expires)
        try:
            write_secret(self._file, msgspec.json.encode(stored))
        except OSError as error:
            raise BrokerUnavailable(f"the session cannot be kept in {self._file}: {error.strerror}") from None
        return self._facts

    def _forget(self, dead: _Stored) -> None:
        """Off the disk, unless somebody has logged in anew meanwhile."""
        kept = self._read()
        if kept is None or kept.access_token == dead.access_token:
            self._file.unlink(missing_ok=True)

    def _read(self) -> _Stored | None:
        try:
            content = read_secret(self._file)
            stored = msgspec.json.decode(content, type=_Stored) if content else None
        except (OSError, msgspec.MsgspecError):
            return None  # unreadable is as good as absent: a login makes a new one
        return stored if stored is not None and stored.api_key == self._credentials.api_key else None

    def _ask(
        self, method: str, route: str, form: dict[str, str] | None = None, *, authorised: bool = False
    ) -> tuple[Outcome, Reply]:
        self._wait_turn()
        try:
            reply = self._http.call(method, route, form=form, authorised=authorised)
        except (NotReached, ReplyLost) as error:
            raise BrokerUnavailable(str(error)) from None
        return classify(reply, self._tokens), reply

    def _may_log_in_unattended(self) -> bool:
        page_is_local = _is_loopback(self._login_page)
        return self._local and page_is_local and bool(self._credentials.password and self._credentials.totp)

    def _request_token(self) -> str:
        """Fill the sandbox's login form and read the request token off the redirect, which is not followed."""
        page = urlsplit(self._login_page)
        mine = self._credentials
        form = {
            "v": "3",
            "api_key": mine.api_key,
            "user_id": mine.user_id,
            "password": mine.password,
            "totp": mine.totp,
        }
        http = Http(f"{page.scheme}://{page.netloc}", mine.api_key, self._tokens)
        try:
            reply = http.call("POST", page.path, form=form, authorised=False)
        except (NotReached, ReplyLost) as error:
            raise BrokerUnavailable(str(error)) from None
        finally:
            http.close()
        tokens = parse_qs(urlsplit(reply.location).query).get("request_token", [])
        if reply.status not in (302, 303) or not tokens:
            raise LoginNeeded(f"the sandbox did not log {mine.user_id} in (HTTP {reply.status}): {self.login_url()}")
        return tokens[0]


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
