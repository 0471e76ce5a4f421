"""The end of a login: Kite sends the person's browser back to us, with a request token in the address.

`RedirectCatcher` is a server on loopback for that one visit. It believes only a visit that carries the state which the
login began with: any page in the browser could send it to an address on this machine.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from domain.errors import BrokerRefusal, LoginNeeded, PatangError

REQUEST_TOKEN: Final = re.compile(r"[A-Za-z0-9]{8,128}")
VISIT_SECONDS: Final = 5.0
"""A browser that connects and says nothing is let go after this."""

_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Patang</title>'
    '<body style="font-family: sans-serif; margin: 4em"><h1>{title}</h1><p>{text}</p></body></html>'
)


def new_state() -> str:
    """An unguessable word that ties the redirect to the login that was begun."""
    return secrets.token_urlsafe(24)


def request_token_of(text: str, state: str = "") -> str:
    """The request token in what a person pasted: the whole redirect address, its query, or the token alone.

    state  what the login was begun with; an address that carries another one is refused

    Raises LoginNeeded for a login that did not succeed, and for anything else, without repeating it.
    """
    pasted = text.strip()
    if REQUEST_TOKEN.fullmatch(pasted):
        return pasted
    query = parse_qs(urlsplit(pasted).query or pasted.partition("?")[2] or pasted)
    status = query.get("status", ["success"])[0]
    tokens = query.get("request_token", [])
    if status != "success" or len(tokens) != 1 or not REQUEST_TOKEN.fullmatch(tokens[0]):
        raise LoginNeeded("found no request token: paste the whole address that the browser ended at, or the token")
    given = query.get("state", [""])[0]
    if state and given and not hmac.compare_digest(given.encode(), state.encode()):
        raise LoginNeeded("that address is of another login: log in with the address printed above")
    return tokens[0]


class RedirectCatcher:
    """Listens on `127.0.0.1:port` from its making to `close`; use it as a context manager.

    Raises PatangError where the port is taken. `port` 0 takes any; `address` says which.
    """

    def __init__(self, port: int, state: str) -> None:
        try:
            self._server = _Server(("127.0.0.1", port), state)
        except OSError as error:
            raise PatangError(
                f"kite.redirect_port: port {port} cannot be listened on ({error.strerror}); "
                "free it, or log in with --paste"
            ) from None
        self.address: Final = f"http://127.0.0.1:{self._server.server_port}/"

    def wait(self, seconds: float) -> str:
        """The request token of the first believable visit. Raises LoginNeeded when none came in time, or it failed."""
        deadline = time.monotonic() + seconds
        while not self._server.result:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LoginNeeded(f"nobody came back from the login page within {seconds:.0f} s; try again")
            self._server.timeout = min(left, 0.5)
            self._server.handle_request()
        token, refused = self._server.result
        if refused:
            raise LoginNeeded(f"the login did not succeed: {refused}")
        return token

    def close(self) -> None:
        """Listen no more."""
        self._server.server_close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


class _Server(HTTPServer):
    """One visit at a time, on loopback alone."""

    def __init__(self, address: tuple[str, int], state: str) -> None:
        super().__init__(address, _Visit)
        self.state = state
        self.result: tuple[str, str] | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """A visit that breaks off is nobody's failure."""

    def judge(self, query: dict[str, list[str]]) -> tuple[HTTPStatus, str, str]:
        """What to answer; a believable visit is remembered as the result."""
        given = query.get("state", [""])[0]
        if not hmac.compare_digest(given.encode(), self.state.encode()):
            return HTTPStatus.FORBIDDEN, "Not this login", "This address does not belong to the login that was begun."
        try:
            token = request_token_of("?" + "&".join(f"{key}={values[0]}" for key, values in query.items()))
        except (LoginNeeded, BrokerRefusal):
            words = re.sub(r"[^\w .,-]", "", query.get("status", ["without a request token"])[0])[:60]
            self.result = ("", words)
            return HTTPStatus.BAD_REQUEST, "The login did not succeed", "The terminal says more."
        self.result = (token, "")
        return HTTPStatus.OK, "Logged in", "You may close this page and go back to the terminal."


class _Visit(BaseHTTPRequestHandler):
    """A browser's request."""

    server: _Server
    timeout = VISIT_SECONDS
    server_version = "Patang"
    sys_version = ""

    def do_GET(self) -> None:  # the standard library's spelling
        """The redirect, or something else that a browser asks for (an icon)."""
        target = urlsplit(self.path)
        query = parse_qs(target.query)
        if target.path != "/" or not query:
            self._answer(HTTPStatus.NOT_FOUND, "Nothing here", "This is where a Kite login ends.")
            return
        self._answer(*self.server.judge(query))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's spelling
        """Nothing: the request line holds the request token."""

    def _answer(self, status: HTTPStatus, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        # The address holds the request token: it goes nowhere else.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
