"""Each fault of a socket and of the order updates on it."""

import http.client
import json
import zlib
from contextlib import closing

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.sandbox_faults.talk import Talk, heard, subscribe, updates_of
from tests.support.waiting import PATIENCE, eventually


def open_socket(talk: Talk) -> ClientConnection:
    """A socket on which ticks come."""
    one = talk.socket()
    subscribe(one)
    ticks(one)
    return one


def ticks(one: ClientConnection) -> bytes:
    """The next frame of ticks."""
    while True:
        frame = one.recv(timeout=PATIENCE)
        if isinstance(frame, bytes) and len(frame) > 1:
            return frame


def read_on(one: ClientConnection) -> None:
    """Read until something is wrong."""
    while True:
        one.recv(timeout=PATIENCE)


def pinged(one: ClientConnection, seconds: float = PATIENCE) -> bool:
    """Whether a ping is answered."""
    return one.ping().wait(seconds)


def strike(talk: Talk, fault: dict[str, object]) -> None:
    """Put a fault in force, and wait until it has befallen a socket."""
    talk.faults(fault)
    eventually(lambda: talk.rows()[0]["struck"] == 1, what="it strikes")


def take_what_was_sent(one: ClientConnection) -> None:
    """Read all that left before now: a pong comes behind it."""
    answered = one.ping()
    eventually(lambda: answered.is_set() and heard(one, 0.05) == [], what="what was sent before is read")


def test_a_ghost_answers_pings_and_beats_but_brings_no_data(talk: Talk) -> None:
    with open_socket(talk) as one:
        strike(talk, {"fault": "ghost"})
        take_what_was_sent(one)
        assert talk.place(tag="unheard").status == 200
        assert one.recv(timeout=PATIENCE) == b"\x00"
        assert set(heard(one, 0.5)) <= {b"\x00"}
        assert pinged(one)

        talk.faults()
        assert ticks(one)


def test_a_ghost_without_heartbeats_answers_pings_alone(talk: Talk) -> None:
    with open_socket(talk) as one:
        strike(talk, {"fault": "ghost", "heartbeats": False})
        take_what_was_sent(one)
        assert heard(one, 1.2) == []
        assert pinged(one)


def test_a_half_open_socket_does_not_even_answer_pings_and_never_recovers(talk: Talk) -> None:
    with open_socket(talk) as one:
        strike(talk, {"fault": "half_open", "route": "WS", "next": 1})
        assert not pinged(one, 0.2)
        eventually(lambda: heard(one, 0.2) == [], what="silence")

        talk.faults()
        assert heard(one, 0.3) == []
        assert not pinged(one, 0.2)
        with open_socket(talk) as another:
            assert ticks(another)


def test_sockets_that_are_half_open_give_their_place_back_when_the_client_leaves(talk: Talk) -> None:
    for _ in range(5):  # three at a time are allowed
        talk.faults({"fault": "half_open", "route": "WS", "next": 1})
        one = eventually(talk.socket)
        eventually(lambda one=one: not pinged(one, 0.1))  # type: ignore[misc]  # bound at once
        one.close()


def test_a_fault_asks_each_socket_once(talk: Talk) -> None:
    with open_socket(talk) as one:
        talk.faults({"fault": "drop", "route": "WS", "when": "after", "after": 1})
        eventually(lambda: talk.rows()[0]["matched"] == 1)
        assert ticks(one)
        assert talk.rows()[0]["matched"] == 1
        with pytest.raises((ConnectionClosedError, InvalidMessage, EOFError, ConnectionError)):
            open_socket(talk)
        assert ticks(one)


@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_socket_ends_without_a_close_frame(talk: Talk, reset: bool) -> None:
    with open_socket(talk) as one:
        talk.faults({"fault": "drop", "route": "WS", "when": "after", "reset": reset, "next": 1})
        with pytest.raises(ConnectionClosedError) as caught:
            read_on(one)

        assert caught.value.rcvd is None


def test_a_refused_a_dropped_and_a_frozen_handshake(talk: Talk) -> None:
    talk.faults({"fault": "error", "route": "WS", "status": 403, "message": "Authentication failed.", "next": 1})
    with pytest.raises(InvalidStatus) as refused:
        talk.socket()
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["message"] == "Authentication failed."

    talk.faults({"fault": "drop", "route": "WS", "next": 1})
    with pytest.raises((InvalidMessage, EOFError, ConnectionError)):
        talk.socket()

    talk.faults({"fault": "freeze", "route": "WS", "next": 1})
    with pytest.raises(TimeoutError):
        talk.socket(seconds=0.5)
    with open_socket(talk) as one:
        assert ticks(one)


def test_tokens_die_by_themselves_when_their_time_comes_and_sockets_close(talk: Talk) -> None:
    with open_socket(talk) as one:
        talk.faults({"fault": "revoke_token"})
        with pytest.raises(ConnectionClosedOK):
            read_on(one)
        assert talk("GET", "/orders").status == 403
    talk.log_in()


# Order updates: an order that rests sends OPEN, then CANCELLED


def lived(talk: Talk, one: ClientConnection, tag: str, awaited: int) -> list[str]:
    """Updates heard of an order that was opened and cancelled."""
    order_id = talk.place(tag=tag).json()["data"]["order_id"]

    def status() -> object:
        return talk("GET", f"/orders/{order_id}").json()["data"][-1]["status"]

    eventually(lambda: status() == "OPEN")
    assert talk("DELETE", f"/orders/regular/{order_id}").status == 200
    eventually(lambda: status() == "CANCELLED")
    frames: list[bytes | str] = []

    def all_came() -> bool:
        frames.extend(heard(one, 0.05))
        return len(updates_of(frames, tag)) >= awaited

    eventually(all_came, what=f"{awaited} updates")
    return updates_of(frames + heard(one, 0.3), tag)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"fault": "lose_update", "where": {"status": "CANCELLED"}}, ["OPEN"]),
        ({"fault": "lose_update"}, []),
        ({"fault": "duplicate_update", "times": 3, "where": {"status": "OPEN"}}, ["OPEN"] * 3 + ["CANCELLED"]),
        ({"fault": "reorder_update", "where": {"status": "OPEN"}, "milliseconds": 60_000}, ["CANCELLED", "OPEN"]),
        ({"fault": "reorder_update", "where": {"status": "CANCELLED"}, "milliseconds": 100}, ["OPEN", "CANCELLED"]),
        ({"fault": "delay_update", "where": {"status": "OPEN"}, "milliseconds": 1_500}, ["CANCELLED", "OPEN"]),
        ({"fault": "delay_update", "where": {"status": "OPEN"}, "milliseconds": 60_000}, ["CANCELLED"]),
        ({"fault": "lose_update", "where": {"status": "COMPLETE"}}, ["OPEN", "CANCELLED"]),
    ],
)
def test_order_updates_lost_doubled_out_of_order_and_late(
    talk: Talk, fault: dict[str, object], found: list[str]
) -> None:
    with talk.socket() as one:
        heard(one, 0.05)
        talk.faults(fault)
        tag = f"u{zlib.crc32(json.dumps(fault).encode())}"

        assert lived(talk, one, tag, awaited=len(found)) == found


def test_what_was_lost_on_the_socket_is_in_the_order_book(talk: Talk) -> None:
    with talk.socket() as one:
        talk.faults({"fault": "lose_update"})
        assert lived(talk, one, "book", awaited=0) == []
        assert "book" in talk.tags()


def test_a_request_is_not_a_socket(talk: Talk) -> None:
    """Faults without a route befall requests alone, and those of the sandbox's own doors never."""
    with open_socket(talk) as one:
        talk.faults({"fault": "drop"})
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            talk("GET", "/orders")
        assert ticks(one)
        assert talk("GET", "/_sandbox/books").status == 200
    with closing(talk.socket()) as another:
        assert pinged(another)
