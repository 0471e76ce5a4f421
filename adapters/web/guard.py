"""The ASGI layer around everything: no call comes in without the token or a session, and none from another site.

Without either the answer is 401, whatever was asked for; browsers get a page that takes the token with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from adapters.web.door import Door

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""ASGI, as its specification has it: every library names these in its own, unequal way."""

LOGIN_PAGE: Final = (Path(__file__).resolve().parent / "static" / "login.html").read_bytes()
"""Whole in itself: whoever has not come in yet gets nothing else."""
COOKIE: Final = "patang_session"
BODY_MAX: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SAFE: Final = frozenset({"GET", "HEAD"})


class Guard:
    """Wraps the application.

    hosts    values of the Host header that are served (names or addresses, without the port)
    guessed  called when somebody tries one wrong token after the other
    secure   the cookie is for TLS alone
    """

    def __init__(
        self,
        app: Application,
        door: Door,
        hosts: Sequence[str],
        guessed: Callable[[str], None],
        *,
        secure: bool = False,
    ) -> None:
        self._app = app
        self._door = door
        self._hosts = frozenset(hosts)
        self._guessed = guessed
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no sockets here
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not _is_among(host, self._hosts):
            await _refuse(send, 401, "this server does not go by that name")
            return
        cookie = _cookie(headers.get("cookie", ""))
        if scope["path"] == "/login" and scope["method"] == "POST":
            await self._login(scope, headers, receive, send)
            return
        scheme, _, offered = headers.get("authorization", "").partition(" ")
        by_token = scheme.lower() == "bearer" and self._is_token(offered.strip(), scope)
        if not by_token and not self._door.is_session(cookie):
            await _refuse(send, 401, "say who you are: Authorization: Bearer with the token", page=True)
            return
        if not by_token and scope["method"] not in SAFE and not _same_site(headers, host):
            await _refuse(send, 403, "a browser may change things from our own page alone")
            return
        if not self._door.take_turn():
            await _refuse(send, 429, "too many calls; wait a second", extra=((b"retry-after", b"1"),))
            return
        if int(headers.get("content-length") or 0) > BODY_MAX:
            await _refuse(send, 413, f"the body is larger than {BODY_MAX} bytes")
            return
        if scope["path"] == "/logout" and scope["method"] == "POST":
            self._door.end_session(cookie)
            await _refuse(send, 401, "logged out", page=True)
            return
        await self._app(scope, _bounded(receive), _with_headers(send))

    def _is_token(self, offered: str, scope: Scope) -> bool:
        if self._door.is_token(offered):
            return True
        if self._door.is_guessed():
            client = scope.get("client")
            self._guessed(client[0] if client else "unknown")
        return False

    async def _login(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        """A form with the token; a page elsewhere cannot send it, not knowing it."""
        try:
            body = await _whole(_bounded(receive))
        except ValueError as error:
            await _refuse(send, 413, str(error))
            return
        offered = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self._is_token(offered.strip(), scope):
            await _refuse(send, 401, "that is not the token", page=True)
            return
        name = self._door.open_session()
        cookie = f"{COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if self._secure else "")
        headers_out = [(b"location", b"/"), (b"set-cookie", cookie.encode()), *HEADERS, (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers_out})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_among(netloc: str, hosts: frozenset[str]) -> bool:
    """Another name for this address is how a page elsewhere would reach it (DNS rebinding)."""
    try:
        return urlsplit(f"//{netloc}").hostname in hosts
    except ValueError:
        return False


def _same_site(headers: dict[str, str], netloc: str) -> bool:
    """Browsers say where a changing request comes from; what does not say so is no page of ours."""
    if "origin" in headers:
        try:
            return urlsplit(headers["origin"]).netloc == netloc
        except ValueError:  # such as an address whose bracket is never closed
            return False
    return headers.get("sec-fetch-site") == "same-origin"


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _bounded(receive: Receive) -> Receive:
    """The body in time and in size; what is neither ends the connection."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await asyncio.wait_for(receive(), BODY_SECONDS) if seen >= 0 else await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > BODY_MAX:
                raise ValueError(f"the body is larger than {BODY_MAX} bytes")
            if not message.get("more_body", False):
                seen = -1  # all of it is there: from here on only the end of the connection is waited for
        return message

    return bounded


async def _whole(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            present = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in HEADERS if name not in present]
            if b"content-security-policy" not in present:
                headers.append((b"content-security-policy", POLICY.encode()))
            message["headers"] = headers
        await send(message)

    return sending


async def _refuse(
    send: Send, status: int, why: str, *, page: bool = False, extra: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = LOGIN_PAGE.replace(b"<!--why-->", why.encode()) if page else msgspec.json.encode({"error": why})
    kind = b"text/html; charset=utf-8" if page else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *HEADERS, *extra]
    headers.append((b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
