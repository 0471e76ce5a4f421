"""The feed: one connection at a time, each an epoch; silence, back-off, and what goes past it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from actors.feed import EPOCHS_PER_INCARNATION, Feed, FeedSettings
from actors.routes import ROUTES
from actors.runtime import Backoff
from domain.messages.broker import BrokerOrder, BrokerStatus
from domain.messages.control import Alert, JobDue, JobKind, Report, SessionOpened
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
from domain.ports import FeedListener
from domain.ticks import TICK_DTYPE, TickRows
from tests.actors.stage import Stage, own
from tests.support.orders import a_row, an_accepted, folded

SETTINGS = FeedSettings(
    mode="full",
    stale_after_seconds=6.0,
    connect_timeout_seconds=10.0,
    backoff=Backoff(min_seconds=0.25, max_seconds=4.0, jitter=0.0, reset_after_seconds=10.0),
)
UPDATE: BrokerOrder = a_row(folded(an_accepted()), BrokerStatus.OPEN)


class Socket:
    """The port in memory. `listeners` by epoch: a test speaks through them as the broker would."""

    def __init__(self) -> None:
        self.listeners: dict[int, FeedListener] = {}
        self.subscribed: list[tuple[int, tuple[int, ...], str]] = []
        self.disconnected: list[int] = []

    def connect(self, epoch: int, listener: FeedListener) -> None:
        self.listeners[epoch] = listener

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        self.subscribed.append((epoch, tuple(tokens), mode))

    def disconnect(self, epoch: int) -> None:
        self.disconnected.append(epoch)

    def decode(self, payload: bytes) -> TickRows:
        """A row for each byte but the first two."""
        return np.zeros(max(0, len(payload) - 2), TICK_DTYPE)

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        known: dict[bytes, BrokerOrder | str] = {b"order": UPDATE, b"notice": "the exchange is closed"}
        return known.get(payload)

    def close(self) -> None: ...


class Desk:
    """A feed built by hand; what its link enqueues is delivered to it by `deliver`."""

    def __init__(self, stage: Stage, incarnation: int = 1) -> None:
        self.stage, self.socket = stage, Socket()
        self.context = stage.context("feed.0", incarnation)
        self.actor = Feed(self.context, stage.routes, self.socket, stage.clock, SETTINGS, (1, 2))
        self.actor.started()
        self._watch = own(self.context, "_Watch")

    @property
    def epoch(self) -> int:
        return max(self.socket.listeners)

    @property
    def link(self) -> FeedListener:
        return self.socket.listeners[self.epoch]

    def deliver(self) -> None:
        """Everything in its own mailbox."""
        waiting = [told for told in self.context.told if told.to == "feed.0"]
        for told in waiting:
            self.context.told.remove(told)
            self.actor.receive(told.message)

    def open(self) -> Desk:
        self.link.connected(self.epoch)
        self.deliver()
        return self

    def close(self, login_needed: bool = False) -> None:
        self.link.disconnected(self.epoch, "gone", login_needed)
        self.deliver()

    def hear(self, payload: bytes = b"\0") -> None:
        self.link.frame(self.epoch, payload, self.stage.clock.now)
        self.deliver()

    def watch(self, seconds: float) -> None:
        self.stage.passes(seconds)
        self.actor.receive(self._watch)

    def waits(self) -> list[float]:
        return [t.seconds for t in self.context.timers if type(t.message).__name__ == "_Connect"]

    def reconnect(self) -> None:
        self.actor.receive(own(self.context, "_Connect"))

    def is_connected(self) -> bool:
        report = self.actor.receive(Report())
        assert isinstance(report, dict)
        return bool(report["connected"])

    def ready(self) -> bool:
        return self.context.was_ready


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


def test_it_is_ready_when_connected_and_subscribed(desk: Desk) -> None:
    assert not desk.ready()

    desk.open()

    assert desk.ready()
    assert desk.socket.subscribed == [(desk.epoch, (1, 2), "full")]
    (connected,) = desk.context.of(FeedConnected)
    assert connected.epoch == desk.epoch
    assert {t.to for t in desk.context.told if t.message is connected} == {"market", "orders", "risk", "reporter"}


def test_a_batch_for_each_frame_that_holds_ticks(stage: Stage, desk: Desk) -> None:
    desk.open()

    desk.hear(b"\0")  # a heartbeat
    desk.hear(b"\0\0")  # no packet
    desk.hear(b"\0\2ab")

    (batch,) = desk.context.of(TickBatch)
    assert (batch.epoch, len(batch.rows), batch.received_time) == (desk.epoch, 2, stage.clock.now)
    assert [t.to for t in desk.context.told if t.message is batch] == ["market"]


def test_what_the_socket_says_goes_in_the_lanes_of_the_table(desk: Desk) -> None:
    desk.link.connected(desk.epoch)
    desk.link.frame(desk.epoch, b"\0", 0)
    desk.link.text(desk.epoch, b"notice", 0)
    desk.link.disconnected(desk.epoch, "gone", False)

    told = desk.context.told
    assert [type(t.message) for t in told] == [LinkOpened, FrameReceived, TextReceived, LinkClosed]
    assert [t.lane for t in told] == [ROUTES[type(t.message)].lane for t in told]


def test_an_order_update_goes_straight_to_the_order_supervisor(desk: Desk) -> None:
    desk.open()

    desk.link.text(desk.epoch, b"order", 0)  # on the socket's own thread: the feed has not had its turn

    assert desk.context.told_to("orders")[-1] == OrderUpdateReceived(UPDATE)


def test_a_brokers_text_is_logged_and_noise_is_not(desk: Desk) -> None:
    desk.open()

    desk.link.text(desk.epoch, b"notice", 0)
    desk.link.text(desk.epoch, b"noise", 0)
    desk.deliver()

    assert [keys["text"] for _, event, keys in desk.context.logged if event == "feed.broker_text"] == [
        "the exchange is closed"
    ]


def test_an_older_connection_is_not_heard(desk: Desk) -> None:
    old, old_epoch = desk.open().link, desk.epoch
    desk.close()
    desk.reconnect()
    desk.open()
    desk.context.afresh()

    old.frame(old_epoch, b"\0\1a", 0)
    old.connected(old_epoch)
    old.disconnected(old_epoch, "late", False)
    desk.deliver()

    assert desk.context.told == []
    assert desk.is_connected()
    assert desk.epoch > old_epoch


def test_what_a_lost_connection_still_says_is_not_heard_even_before_the_next_one(desk: Desk) -> None:
    desk.open()
    link, epoch = desk.link, desk.epoch
    desk.close()

    link.frame(epoch, b"\0\1a", 0)
    link.connected(epoch)
    desk.deliver()

    assert desk.context.of(TickBatch) == []
    assert not desk.is_connected()


def test_epochs_grow_across_incarnations(stage: Stage, desk: Desk) -> None:
    again = Desk(stage, incarnation=2)

    assert desk.epoch == EPOCHS_PER_INCARNATION + 1
    assert again.epoch == 2 * EPOCHS_PER_INCARNATION + 1


def test_a_silent_connection_is_replaced_and_a_heartbeat_is_enough_to_live(desk: Desk) -> None:
    desk.open()
    for _ in range(5):
        desk.watch(5.9)
        assert desk.is_connected()
        desk.hear()
    desk.watch(5.9)
    desk.link.text(desk.epoch, b"noise", 0)
    desk.deliver()
    desk.watch(5.9)
    assert desk.is_connected()
    epoch = desk.epoch

    desk.watch(0.2)

    assert not desk.is_connected()
    assert desk.socket.disconnected == [epoch]
    (lost,) = desk.context.of(FeedDisconnected)
    assert "nothing heard for 6.1 s" in lost.reason
    desk.reconnect()
    assert desk.epoch > epoch


def test_a_connection_that_does_not_open_is_replaced(desk: Desk) -> None:
    desk.watch(9.9)
    assert desk.waits() == []

    desk.watch(0.2)

    assert desk.waits() == [0.25]
    assert desk.context.of(FeedDisconnected) == []  # it never was connected


def test_a_socket_that_only_opens_does_not_start_the_waits_over_and_one_that_lives_does(
    stage: Stage, desk: Desk
) -> None:
    for _ in range(3):
        desk.open()
        stage.passes(9.9)
        desk.close()
        desk.reconnect()
    assert desk.waits() == [0.25, 0.5, 1.0]

    desk.open()
    stage.passes(10.0)
    desk.close()

    assert desk.waits()[-1] == 0.25


def test_a_new_login_is_tried_at_once_and_starts_the_waits_over(desk: Desk) -> None:
    desk.actor.receive(SessionOpened("SB0001", 0, 0, opened=1))
    for _ in range(5):
        desk.close(login_needed=True)
        desk.reconnect()
    desk.close(login_needed=True)
    stale, connections = own(desk.context, "_Connect"), len(desk.socket.listeners)

    desk.actor.receive(SessionOpened("SB0001", 0, 0, opened=2))

    assert len(desk.socket.listeners) == connections + 1
    desk.actor.receive(stale)
    assert len(desk.socket.listeners) == connections + 1, "one connection at a time"
    desk.close()
    assert desk.waits()[-1] == 0.25


def test_a_token_that_was_doubted_and_found_good_is_no_new_login(desk: Desk) -> None:
    """Else a socket that is refused while REST is not would be tried without a pause."""
    desk.actor.receive(SessionOpened("SB0001", 0, 0, opened=1))
    desk.close(login_needed=True)
    connections = len(desk.socket.listeners)

    desk.actor.receive(SessionOpened("SB0001", 0, 1, opened=1))

    assert len(desk.socket.listeners) == connections


def test_a_new_login_leaves_a_good_connection_alone(desk: Desk) -> None:
    desk.actor.receive(SessionOpened("SB0001", 0, 0, opened=1))
    desk.open()
    connections = len(desk.socket.listeners)

    desk.actor.receive(SessionOpened("SB0001", 0, 0, opened=2))

    assert len(desk.socket.listeners) == connections
    assert desk.is_connected()


def test_back_off_grows_to_its_bound_and_starts_over_once_steadily_connected(stage: Stage, desk: Desk) -> None:
    for _ in range(6):
        desk.close()
        desk.reconnect()
    assert desk.waits() == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0]

    desk.open()
    stage.passes(10.0)
    desk.close()

    assert desk.waits()[-1] == 0.25


def test_only_the_newest_retry_connects(desk: Desk) -> None:
    desk.close()
    stale = own(desk.context, "_Connect")
    desk.reconnect()
    desk.close()
    connections = len(desk.socket.listeners)

    desk.actor.receive(stale)
    assert len(desk.socket.listeners) == connections
    desk.reconnect()
    desk.reconnect()

    assert len(desk.socket.listeners) == connections + 1


@pytest.mark.parametrize("how", [DropFeed("drill"), JobDue(JobKind.DRILL_DROP_FEED, "", 0, 0)])
def test_a_drill_drops_the_connection_and_it_comes_back(desk: Desk, how: object) -> None:
    epoch = desk.open().epoch

    desk.actor.receive(how)

    assert desk.socket.disconnected == [epoch]
    assert len(desk.context.of(FeedDisconnected)) == 1
    desk.reconnect()
    desk.open()
    assert len(desk.context.of(FeedConnected)) == 2


def test_a_new_table_is_subscribed_now_and_after_every_reconnect(desk: Desk) -> None:
    desk.actor.receive(Subscribe((3,), "full"))
    assert desk.socket.subscribed == []
    desk.open()
    desk.actor.receive(Subscribe((3, 4), "quote"))
    desk.close()
    desk.reconnect()
    desk.open()

    assert [(tokens, mode) for _, tokens, mode in desk.socket.subscribed] == [
        ((3,), "full"),
        ((3, 4), "quote"),
        ((3, 4), "quote"),
    ]


@pytest.mark.parametrize("drops_before", [0, 1, 3])
def test_a_refused_token_alerts_once_until_connected_again(desk: Desk, drops_before: int) -> None:
    for _ in range(drops_before):
        desk.close()
        desk.reconnect()

    for _ in range(3):
        desk.close(login_needed=True)
        desk.reconnect()
    assert [(a.level, a.name) for a in desk.context.of(Alert)] == [("critical", "feed.login")]

    desk.open().close()
    desk.reconnect()
    desk.close(login_needed=True)
    assert len(desk.context.of(Alert)) == 2


def test_a_stop_closes_the_socket(desk: Desk) -> None:
    epoch = desk.open().epoch

    desk.actor.stopping()

    assert desk.socket.disconnected == [epoch]
