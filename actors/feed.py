"""The feed: keeps one connection to the broker's ticker alive, and passes decoded frames on.

Being disconnected is a state, not a crash: it reconnects with back-off and jitter for ever, and a watchdog fed by every
message (heartbeats included) replaces a connection that has gone silent. A socket that opens proves little: the waits
start over only after a connection that has lived for a while, or when somebody has logged in anew.
"""

from __future__ import annotations

from msgspec import Struct

from actors.routes import ORDERS, Routes
from actors.runtime import Actor, Address, Backoff, Context, Lane
from domain.messages.broker import BrokerOrder
from domain.messages.control import Alert, JobDue, Report, SessionOpened
from domain.messages.market import (
    DropFeed,
    FeedConnected,
    FeedDisconnected,
    FrameReceived,
    LinkClosed,
    LinkOpened,
    Subscribe,
    TextReceived,
    TickBatch,
)
from domain.messages.orders import OrderUpdateReceived
from domain.ports import Clock, FeedPort
from domain.values import SECOND, Nanos

EPOCHS_PER_INCARNATION = 1_000_000
"""Connection epochs only grow, across restarts of the actor as well."""


class FeedSettings(Struct, frozen=True):
    """Wall seconds all.

    stale_after_seconds     a connection silent for so long is replaced (the broker sends a heartbeat every 1-2 s)
    connect_timeout_seconds a connection not open by then is replaced
    backoff                 waits between connections; one that lived for its reset_after_seconds starts them over
    """

    mode: str
    stale_after_seconds: float
    connect_timeout_seconds: float
    backoff: Backoff


class _Watch(Struct, frozen=True, tag=True):
    """Own timer: is the connection alive?"""


class _Connect(Struct, frozen=True, tag=True):
    """Own timer: the back-off of this number is over."""

    number: int


class _Link:
    """Listens on the feed's own thread: it only decodes what is small and enqueues."""

    def __init__(self, feed: Address, orders: Address, port: FeedPort) -> None:
        self._feed = feed
        self._orders = orders
        self._port = port
        self.muted = False

    def connected(self, epoch: int) -> None:
        self._feed.tell(LinkOpened(epoch=epoch), Lane.CONTROL)

    def frame(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        self._feed.tell(FrameReceived(epoch=epoch, payload=payload, received_time=received_ns), Lane.DATA)

    def text(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        decoded = self._port.decode_text(payload)
        if isinstance(decoded, BrokerOrder):
            # Straight to the order supervisor: a fill must not wait behind ticks.
            self._orders.tell(OrderUpdateReceived(order=decoded))
        self._feed.tell(TextReceived(epoch=epoch, payload=payload, received_time=received_ns))

    def disconnected(self, epoch: int, reason: str, login_needed: bool) -> None:
        if self.muted:
            return
        self._feed.tell(LinkClosed(epoch=epoch, reason=reason, login_needed=login_needed), Lane.CONTROL)


class Feed(Actor):
    """See the module. Ready once the first connection is open and subscribed.

    tokens  what is subscribed from the start; Subscribe replaces the table
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        port: FeedPort,
        clock: Clock,
        settings: FeedSettings,
        tokens: tuple[int, ...],
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._port = port
        self._clock = clock
        self._settings = settings
        self._tokens = tokens
        self._mode = settings.mode
        self._epoch = context.incarnation * EPOCHS_PER_INCARNATION
        self._connected = False
        self._opening = False
        self._attempt = 0
        self._waits = 0
        self._opened_at: Nanos = 0
        self._login: Nanos | None = None
        self._login_alerted = False
        self._last_heard: Nanos = 0
        self._frames = 0
        self._link: _Link | None = None

    def started(self) -> None:
        """Connect, and watch the connection."""
        self.context.every(0.5, _Watch())
        self._connect()

    def receive(self, message: object) -> object:  # noqa: C901 - one line per message: the table of what it handles
        """What the socket and the clock say; messages of an older epoch are ignored."""
        match message:
            case FrameReceived(epoch=epoch) if epoch == self._epoch:
                self._frame(message)
            case TextReceived(epoch=epoch, payload=payload) if epoch == self._epoch:
                self._text(payload)
            case LinkOpened(epoch=epoch) if epoch == self._epoch:
                self._opened()
            case LinkClosed(epoch=epoch, reason=reason, login_needed=login_needed) if epoch == self._epoch:
                self._lost(reason, login_needed)
            case Subscribe(tokens=tokens, mode=mode):
                self._tokens, self._mode = tokens, mode
                if self._connected:
                    self._port.subscribe(self._epoch, tokens, mode)
            case DropFeed(why=why):
                self._drop(why)
            case JobDue():
                self._drop("drill: the feed connection is dropped on purpose")
            case _Watch():
                self._watch()
            case SessionOpened(opened=opened):
                self._logged_in(opened)
            case _Connect(number=number) if number == self._waits and not (self._connected or self._opening):
                self._connect()
            case Report():
                return {"epoch": self._epoch, "connected": self._connected, "frames": self._frames}
        return None

    def stopping(self) -> None:
        """Close the socket, and hear no more of it."""
        if self._link is not None:
            self._link.muted = True
        self._port.disconnect(self._epoch)

    def _connect(self) -> None:
        self._epoch += 1
        self._opening = True
        self._last_heard = self.context.runtime.monotonic.now_ns()
        self._link = _Link(self.context.me, self.context.address(ORDERS), self._port)
        self._port.connect(self._epoch, self._link)

    def _opened(self) -> None:
        self._connected, self._opening, self._login_alerted = True, False, False
        self._last_heard = self._opened_at = self.context.runtime.monotonic.now_ns()
        self._port.subscribe(self._epoch, self._tokens, self._mode)
        self.context.log("info", "feed.connected", epoch=self._epoch, tokens=len(self._tokens), mode=self._mode)
        connected = FeedConnected(epoch=self._epoch, received_time=self._clock.now_ns(), feed=self.context.name)
        self._routes.publish(self.context, connected)
        self.context.ready()

    def _logged_in(self, opened: Nanos) -> None:
        """A new login is tried at once; one that was only asked about again changes no wait."""
        known, self._login = self._login, opened
        if known in (None, opened) or self._connected:
            return
        self._attempt, self._login_alerted = 0, False
        if not self._opening:
            self._connect()

    def _frame(self, frame: FrameReceived) -> None:
        self._last_heard = self.context.runtime.monotonic.now_ns()
        if len(frame.payload) < 2:
            return
        self._frames += 1
        rows = self._port.decode(frame.payload)
        if len(rows):
            batch = TickBatch(epoch=self._epoch, rows=rows, received_time=frame.received_time)
            self._routes.publish(self.context, batch)

    def _text(self, payload: bytes) -> None:
        self._last_heard = self.context.runtime.monotonic.now_ns()
        decoded = self._port.decode_text(payload)
        if isinstance(decoded, str):
            self.context.log("warning", "feed.broker_text", text=decoded)

    def _drop(self, why: str) -> None:
        self.context.log("warning", "feed.dropped", why=why, epoch=self._epoch)
        self._port.disconnect(self._epoch)
        self._lost(why, login_needed=False)

    def _watch(self) -> None:
        if not (self._connected or self._opening):
            return
        silent = (self.context.runtime.monotonic.now_ns() - self._last_heard) / SECOND
        limit = self._settings.connect_timeout_seconds if self._opening else self._settings.stale_after_seconds
        if silent > limit:
            self._port.disconnect(self._epoch)
            self._lost(f"nothing heard for {silent:.1f} s", login_needed=False)

    def _lost(self, reason: str, login_needed: bool) -> None:
        if not (self._connected or self._opening):
            return
        now = self._clock.now_ns()
        was_connected = self._connected
        lived = (self.context.runtime.monotonic.now_ns() - self._opened_at) / SECOND
        if was_connected and lived >= self._settings.backoff.reset_after_seconds:
            self._attempt = 0
        self._connected = self._opening = False
        # A new epoch at once: whatever the old connection still says is ignored.
        self._epoch += 1
        self._attempt += 1
        seconds = self._settings.backoff.delay(self._attempt, self.context.runtime.random)
        self.context.log(
            "warning", "feed.disconnected", why=reason, attempt=self._attempt, retry_seconds=round(seconds, 3)
        )
        if was_connected or login_needed:
            self._routes.publish(
                self.context,
                FeedDisconnected(
                    epoch=self._epoch,
                    reason=reason,
                    login_needed=login_needed,
                    received_time=now,
                    feed=self.context.name,
                ),
            )
        if login_needed and not self._login_alerted:
            self._login_alerted = True
            text = "the broker's ticker refused our token: log in again"
            self._routes.publish(self.context, Alert(level="critical", name="feed.login", text=text, time=now))
        self._waits += 1
        self.context.after(seconds, _Connect(number=self._waits))
