"""Kite's socket: a fresh connection per epoch on the one reactor thread, every callback fenced and only enqueueing.

`kiteconnect` is imported by `connection`, which this file reaches on the reactor's thread alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from adapters.kite import translate, wire
from adapters.kite.broker import lax_decoder
from adapters.kite.reactor import REACTOR, ReactorThread
from adapters.kite.rows import OrderRow
from adapters.kite.tokens import TokenHolder
from domain.messages.broker import BrokerOrder
from domain.ports import Clock, EventLog, FeedListener
from domain.ticks import TickRows
from domain.values import SECOND

if TYPE_CHECKING:
    from adapters.kite.connection import Connection

MODES: Final = frozenset({"ltp", "quote", "full"})
SHORTEST_SECONDS: Final = 0.5

_State: TypeAlias = Literal["new", "connected", "gone"]


class _Text(Struct):
    """A text frame: what it is, and its content, undecoded."""

    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


_text: Final = msgspec.json.Decoder(_Text)
_order: Final = lax_decoder(OrderRow)


class FeedTimes(Struct, frozen=True):
    """Wall seconds. The broker sends at least a heartbeat about every second; pings find a peer that is gone.

    Autobahn gathers its timers in fifths of a second, and pings without pause below that: half a second is the least.
    """

    connect_seconds: float = 10.0
    handshake_seconds: float = 10.0
    close_seconds: float = 1.0
    ping_every_seconds: float = 5.0
    ping_answer_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what would make the reactor spin."""
        for name in self.__struct_fields__:
            if getattr(self, name) < SHORTEST_SECONDS:
                raise ValueError(f"{name} is {getattr(self, name)}: at least {SHORTEST_SECONDS} seconds")


class KiteFeed:
    """`domain.ports.FeedPort`. Every method returns at once, from any thread; the listener is called on the reactor's.

    For each epoch the listener hears `connected` at most once and `disconnected` exactly once, unless a newer epoch
    or `close` came first: then nothing more. `counts` is what the decoder dropped.
    """

    def __init__(
        self,
        ws_url: str,
        api_key: str,
        tokens: TokenHolder,
        market_clock: Clock,
        *,
        log: EventLog,
        user_id: str | None = None,
        sends_user: bool = False,
        times: FeedTimes | None = None,
        unknown_status: Callable[[str], None] = lambda _word: None,
        reactor: ReactorThread = REACTOR,
    ) -> None:
        """Starts the reactor's thread (and, on it, the slow imports). The access token is read at each connect.

        user_id     sent in the address where the broker wants it (Zerodha's hosted sandbox)
        sends_user  where `user_id` is not given: send the one whose session is open
        """
        self._ws_url = ws_url
        self._api_key = api_key
        self._tokens = tokens
        self._clock = market_clock
        self._log = log
        self._user_id = user_id
        self._sends_user = sends_user
        self._times = times or FeedTimes()
        self._words = translate.StatusWords(unknown_status)
        self._reactor = reactor
        self._link: _Link | None = None
        self.counts = wire.DecodeCounts()
        reactor.start()

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """Close any older connection, silently, and open one for this epoch."""
        # A reactor that cannot start has no connections, so there is no thread of its own to be fenced from.
        link = _Link(epoch, listener, self._clock, self._tokens, self._log)
        self._reactor.call(lambda: self._connect(link), lambda why: link.lost(why, login_needed=False))

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """Subscribe and set the mode. Raises ValueError for an unknown mode; nothing where the epoch is not open."""
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of ltp, quote, full")
        wanted = list(tokens)
        texts = [json.dumps({"a": "subscribe", "v": wanted}), json.dumps({"a": "mode", "v": [mode, wanted]})]
        if wanted:
            self._reactor.call(lambda: self._send(epoch, texts))

    def unsubscribe(self, epoch: int, tokens: Sequence[int]) -> None:
        """Take tokens off this epoch's connection."""
        text = json.dumps({"a": "unsubscribe", "v": list(tokens)})
        if tokens:
            self._reactor.call(lambda: self._send(epoch, [text]))

    def disconnect(self, epoch: int) -> None:
        """Close this epoch's connection: the listener hears `disconnected`."""
        self._reactor.call(lambda: self._disconnect(epoch))

    def decode(self, payload: bytes) -> TickRows:
        """All good packets of a frame; the others are in `counts`. For one thread: the feed's."""
        return wire.decode(payload, self.counts, self._clock.now_ns() // SECOND)

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """An order update as our value; an error or a message of the broker as text; None for anything else.

        An order update without the fields of an order is text too: someone should read it.
        """
        try:
            found = _text.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if found.type == "order":
            try:
                return translate.order(_order.decode(found.data), self._words, self._clock.now_ns())
            except (msgspec.MsgspecError, ValueError) as error:
                empty = bytes(found.data) in (b"null", b"{}")
                return None if empty else self._tokens.scrub(f"an order update is not as documented: {error}")
        if found.type in ("error", "message"):
            text = bytes(found.data).decode("utf-8", "replace").strip('"')
            return self._tokens.scrub(f"{found.type}: {text}")
        return None

    def close(self) -> None:
        """Close for good: the listener hears nothing more. The reactor's thread stays until the process ends."""
        self._reactor.call(self._retire)

    # On the reactor's thread from here on.

    def _connect(self, link: _Link) -> None:
        self._retire()
        self._link = link
        token = self._tokens.current()
        if token is None:
            link.lost("there is no access token, log in first", login_needed=True)
            return
        link.generation = token.generation
        from adapters.kite.connection import Connection

        user_id = self._user_id or (self._tokens.user_id if self._sends_user else None)
        try:
            link.connection = Connection(
                self._ws_url,
                self._api_key,
                token.value,
                user_id,
                self._times,
                link.opened,
                link.message,
                link.lost,
            )
            link.connection.start()
        except Exception as error:  # noqa: BLE001  # whatever the foreign client raises, the reactor lives
            link.lost(f"no connection could be begun: {type(error).__name__}: {error}", login_needed=False)

    def _send(self, epoch: int, texts: Sequence[str]) -> None:
        link = self._link
        if link is None or link.epoch != epoch or link.state != "connected" or link.connection is None:
            return
        for text in texts:
            link.connection.send(text)

    def _disconnect(self, epoch: int) -> None:
        link = self._link
        if link is None or link.epoch != epoch:
            return
        if link.connection is not None:
            link.connection.stop()
        link.lost("closed by us", login_needed=False)

    def _retire(self) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        link.state = "gone"
        if link.connection is not None:
            link.connection.stop()


class _Link:
    """One epoch's fence: passes on what its connection reports until it is gone, and never lets an error back in."""

    def __init__(self, epoch: int, listener: FeedListener, clock: Clock, tokens: TokenHolder, log: EventLog) -> None:
        self.epoch = epoch
        self.connection: Connection | None = None
        self.state: _State = "new"
        self.generation = 0
        self._listener = listener
        self._clock = clock
        self._tokens = tokens
        self._log = log

    def opened(self) -> None:
        if self.state == "new":
            self.state = "connected"
            self._guard(lambda: self._listener.connected(self.epoch))

    def message(self, payload: bytes, is_binary: bool) -> None:
        if self.state != "connected":
            return
        received = self._clock.now_ns()
        if is_binary:
            self._guard(lambda: self._listener.frame(self.epoch, payload, received))
        else:
            self._guard(lambda: self._listener.text(self.epoch, payload, received))

    def lost(self, reason: str, *, login_needed: bool) -> None:
        if self.state == "gone":
            return
        self.state = "gone"
        told = self._tokens.scrub(reason)
        if login_needed and self.generation:
            # A handshake refused for the token: the session must ask whether it still lives.
            self._guard(lambda: self._tokens.doubt(self.generation))
        self._guard(lambda: self._listener.disconnected(self.epoch, told, login_needed))

    def _guard(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001  # a listener's defect must not close the socket (kite-facts 5)
            self._log("error", "feed.listener_failed", epoch=self.epoch, error=f"{type(error).__name__}: {error}")
