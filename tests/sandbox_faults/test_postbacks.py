"""Postbacks over HTTP: which updates have one, what it holds, and what becomes of those nobody takes."""

import asyncio
import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sandbox import postback
from sandbox.launch import launch
from sandbox.postback import Postbacks, parse_url
from tests.sandbox_faults.conftest import DAY
from tests.sandbox_faults.receiver import Receiver
from tests.sandbox_faults.talk import Talk, words
from tests.support.waiting import eventually

# kite-facts 6, in its order
KEYS = words(
    "user_id unfilled_quantity app_id checksum placed_by order_id exchange_order_id parent_order_id status status_message "
    "status_message_raw order_timestamp exchange_update_timestamp exchange_timestamp variety exchange tradingsymbol "
    "instrument_token order_type transaction_type validity product quantity disclosed_quantity price trigger_price "
    "average_price filled_quantity pending_quantity cancelled_quantity market_protection meta tag guid"
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def test_an_orders_life_is_posted_with_its_checksum(receiver: Receiver) -> None:
    with launch(speed=20, relax=["rate-limits"], extra=[*DAY, "--postback-url", receiver.url]) as sandbox:
        talk = Talk(sandbox)
        order_id = talk.place(tag="posted").json()["data"]["order_id"]
        eventually(lambda: talk("GET", f"/orders/{order_id}").json()["data"][-1]["status"] == "OPEN")
        low = talk.low()
        assert talk("PUT", f"/orders/regular/{order_id}", {"price": str(low + 1)}).status == 200
        eventually(lambda: len(receiver.of("posted")) == 1)
        assert talk("DELETE", f"/orders/regular/{order_id}").status == 200
        bought = talk.place(tag="bought", order_type="MARKET", market_protection=-1).json()["data"]["order_id"]
        broke = talk.place(tag="broke", quantity=99_999, product="CNC").json()["data"]["order_id"]
        eventually(lambda: receiver.of("broke") and receiver.of("bought") and len(receiver.of("posted")) == 2)

        assert [one["status"] for one in receiver.of("posted")] == ["UPDATE", "CANCELLED"]
        assert receiver.of("bought")[-1]["status"] == "COMPLETE"
        assert [one["status"] for one in receiver.of("broke")] == ["REJECTED"]
        assert {bought, broke, order_id} == {one["order_id"] for one in receiver.got}
        for one in receiver.got:
            assert one.pop("_path") == "/postback?app=1"
            assert list(one) == KEYS
            text = one["order_id"] + one["order_timestamp"] + "sandboxsecret"
            assert one["checksum"] == hashlib.sha256(text.encode()).hexdigest()
        assert receiver.headers[0]["content-type"] == "application/json"
        counts = talk("GET", "/_sandbox/postbacks").json()
        assert (counts["sent"], counts["failed"], counts["pending"]) == (len(receiver.got), 0, 0)


def test_a_receiver_that_hangs_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # accepts into its backlog, and never answers
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with launch(speed=20, relax=["rate-limits"], extra=[*DAY, "--postback-url", url]) as sandbox:
            talk = Talk(sandbox)
            ids = [
                talk.place(tag="x", order_type="MARKET", market_protection=-1).json()["data"]["order_id"]
                for _ in range(3)
            ]
            for order_id in ids:
                eventually(
                    lambda order_id=order_id: (  # type: ignore[misc]  # bound at once
                        talk("GET", f"/orders/{order_id}").json()["data"][-1]["status"] == "COMPLETE"
                    ),
                )
            assert sandbox.stop() == 0


def test_without_a_url_there_is_no_such_door(talk: Talk) -> None:
    assert talk("GET", "/_sandbox/postbacks").status == 404


def update(status: str = "COMPLETE", placed_by: str = "SB0001", tag: str = "t") -> str:
    return json.dumps({"type": "order", "data": {"status": status, "placed_by": placed_by, "tag": tag}})


def deliver(receiver: Receiver, *texts: str, count: int) -> Postbacks:
    """Offer these to a receiver; returns when it has been asked `count` times and nothing is waiting."""

    async def run() -> Postbacks:
        postbacks = Postbacks(parse_url(receiver.url))
        worker = asyncio.create_task(postbacks.run())
        for text in texts:
            postbacks.offer(text)
        async with asyncio.timeout(5):
            while len(receiver.got) < count or postbacks.pending:  # noqa: ASYNC110 - the receiver is a thread
                await asyncio.sleep(0.002)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
        return postbacks

    return asyncio.run(run())


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postback, "RETRY_SECONDS", (0.001, 0.001))


@pytest.mark.parametrize(
    ("statuses", "asked", "counts"),
    [
        ((200,), 1, (1, 0, 0)),
        ((204,), 1, (1, 0, 0)),
        ((500, 200), 2, (1, 1, 0)),
        ((429, 503, 200), 3, (1, 2, 0)),
        ((0, 0, 200), 3, (1, 2, 0)),
        ((500,), 3, (0, 2, 1)),
        ((404,), 1, (0, 0, 1)),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_what_is_not_taken_is_tried_three_times(
    statuses: tuple[int, ...], asked: int, counts: tuple[int, int, int]
) -> None:
    with Receiver(*statuses) as receiver:
        postbacks = deliver(receiver, update(), count=asked)

    assert len(receiver.got) == asked
    assert (postbacks.counts.sent, postbacks.counts.retried, postbacks.counts.failed) == counts


def test_only_four_statuses_of_the_apps_own_orders_are_posted(receiver: Receiver) -> None:
    texts = [update(status) for status in ("OPEN", "TRIGGER PENDING", "COMPLETE", "UPDATE", "CANCELLED", "REJECTED")]
    deliver(receiver, *texts, update(placed_by="RMS"), update(tag="last"), count=5)

    assert [one["status"] for one in receiver.got] == ["COMPLETE", "UPDATE", "CANCELLED", "REJECTED", "COMPLETE"]
    assert receiver.got[-1]["tag"] == "last"


def test_first_attempts_come_in_order(receiver: Receiver) -> None:
    deliver(receiver, *(update(tag=str(number)) for number in range(50)), count=50)

    assert [one["tag"] for one in receiver.got] == [str(number) for number in range(50)]


def test_the_oldest_of_too_many_waiting_are_dropped() -> None:
    async def offer() -> Postbacks:
        postbacks = Postbacks(parse_url("http://127.0.0.1:9/"))
        for number in range(postback.WAITING_MAX + 7):
            postbacks.offer(update(tag=str(number)))
        return postbacks

    postbacks = asyncio.run(offer())
    assert (postbacks.pending, postbacks.counts.dropped) == (postback.WAITING_MAX, 7)


@pytest.mark.parametrize("url", ["ftp://a/", "a.b/c", "http://", "http://u:p@h/", "http://h/a b", "http://h:99999/"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"found|Port"):
        parse_url(url)
