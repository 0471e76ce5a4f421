"""One connection of the official ticker, with its own retrying, pinging and parsing taken out.

Imports `kiteconnect`, so it is imported on the reactor's thread only, and everything here runs on that thread.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

import certifi
from autobahn.twisted.websocket import connectWS
from kiteconnect.ticker import KiteTicker, KiteTickerClientFactory, KiteTickerClientProtocol
from twisted.internet import ssl

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.kite.ticker import FeedTimes

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""3000 instruments in full mode are 558,000 bytes in one frame."""

_FORBIDDEN: Final = re.compile(r"\b(401|403)\b")


class Lost(Protocol):
    """How the end of a connection is told."""

    def __call__(self, reason: str, *, login_needed: bool) -> None:
        """Told once or more; the link keeps the first."""


class _Connector(Protocol):
    """What we use of Twisted's IConnector."""

    def disconnect(self) -> None:
        """Stop connecting, or close."""


class _Protocol(KiteTickerClientProtocol):  # type: ignore[misc]  # kiteconnect has no types
    """The ticker's protocol, reporting to a Connection. Autobahn's automatic pings take the place of its ping loop,
    which never sends one, and of its check of pongs, which drops the link after an unasked pong.
    """

    def onConnect(self, response: object) -> None:  # noqa: N802  # Autobahn's own spelling
        self.factory.ws = self

    def onOpen(self) -> None:  # noqa: N802
        self.factory.owner.opened(self)

    def onMessage(self, payload: bytes, is_binary: bool) -> None:  # noqa: N802
        self.factory.owner.on_payload(payload, is_binary)

    def onPong(self, response: bytes) -> None:  # noqa: N802
        """Autobahn has matched it with its ping already."""

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802
        self.factory.owner.ended(f"{code}: {reason}")


class _Factory(KiteTickerClientFactory):  # type: ignore[misc]  # kiteconnect has no types
    """The ticker's factory without Twisted's retrying: whoever supervises the feed decides when to try again."""

    protocol = _Protocol
    noisy = False
    owner: Connection

    def clientConnectionFailed(self, connector: object, reason: object) -> None:  # noqa: N802
        self.owner.ended(f"no connection: {_message(reason)}")

    def clientConnectionLost(self, connector: object, reason: object) -> None:  # noqa: N802
        self.owner.ended(f"the connection was lost: {_message(reason)}")


class Connection(KiteTicker):  # type: ignore[misc]  # kiteconnect has no types
    """One socket, from `start` to its end. Built for one epoch and thrown away: the token is part of its address."""

    def __init__(
        self,
        ws_url: str,
        api_key: str,
        access_token: str,
        user_id: str | None,
        times: FeedTimes,
        on_opened: Callable[[], None],
        on_payload: Callable[[bytes, bool], None],
        on_lost: Lost,
    ) -> None:
        super().__init__(quote(api_key, safe=""), quote(access_token, safe=""), root=ws_url.rstrip("/"))
        if user_id:
            self.socket_url += f"&user_id={quote(user_id, safe='')}"
        self.ws: _Protocol | None = None
        self.on_payload = on_payload
        self._times = times
        self._on_opened = on_opened
        self._on_lost = on_lost
        self._connector: _Connector | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin to connect."""
        times = self._times
        factory = _Factory(self.socket_url, useragent=self._user_agent(), headers={"X-Kite-Version": "3"})
        factory.owner = self
        factory.setProtocolOptions(
            openHandshakeTimeout=times.handshake_seconds,
            closeHandshakeTimeout=times.close_seconds,
            serverConnectionDropTimeout=times.close_seconds,
            autoPingInterval=times.ping_every_seconds,
            autoPingTimeout=times.ping_answer_seconds,
            tcpNoDelay=True,
            # Bad text is for the feed to count, not a reason to lose the prices.
            utf8validateIncoming=False,
            maxFramePayloadSize=MESSAGE_BYTES_MAX,
            maxMessagePayloadSize=MESSAGE_BYTES_MAX,
        )
        self.factory = factory
        # KiteTicker's own context verifies nothing; this one verifies the host's name and its certificate.
        context = ssl.optionsForClientTLS(factory.host, trustRoot=_authorities()) if factory.isSecure else None
        self._connector = connectWS(factory, contextFactory=context, timeout=times.connect_seconds)

    def send(self, text: str) -> None:
        """One text frame; nothing before the socket is open."""
        if self.ws is not None:
            self.ws.sendMessage(text.encode())

    def stop(self) -> None:
        """Close: politely where the socket is open, then for certain. Nothing is told any more."""
        self._stopped = True
        protocol, connector = self.ws, self._connector
        if protocol is not None:
            protocol.sendClose(1000)
            protocol.factory.reactor.callLater(self._times.close_seconds, protocol.dropConnection, abort=True)
        elif connector is not None:
            connector.disconnect()

    def opened(self, protocol: _Protocol) -> None:
        """The handshake is done."""
        self.ws = protocol
        if not self._stopped:
            self._on_opened()

    def ended(self, reason: str) -> None:
        """The socket is gone or never came."""
        if not self._stopped:
            self._stopped = True
            self._on_lost(reason, login_needed=bool(_FORBIDDEN.search(reason)) and "upgrade failed" in reason)


@functools.cache
def _authorities() -> object:
    """The certificates that the REST side trusts too."""
    pem = Path(certifi.where()).read_text("ascii", "replace")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(block) for block in blocks])


def _message(reason: object) -> str:
    """Twisted's Failure in words, without its traceback and its repr."""
    value = getattr(reason, "value", reason)
    return f"{type(value).__name__}: {value}"
