"""Whatever bytes come back over the wire, the session gives a whole reply or says that it was lost, within its deadline."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kite.http import Http, NotReached, ReplyLost
from adapters.kite.outcome import classify
from tests.kite.scripted import API_KEY, a_holder

LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 999 Odd",
        b"HTTP/1.0 204 Nothing",
        b"HTTP/9 ?",
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: five",
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Content-Type: application/json",
        b"Connection: close",
        b"Location: //elsewhere",
        b"",
        b"5",
        b"zz",
        b"0",
        b"hello",
        b'{"status":"success","data":{"order_id":"1"}}',
        b"\x1f\x8b\x08\x00",
        b"X: " + b"y" * 70_000,
    ]
) | st.binary(max_size=20)
REPLIES = st.binary(max_size=300) | st.lists(LINES, max_size=12).map(b"\r\n".join)


class Mouth:
    """Answers each connection with the next bytes given to it, then closes."""

    def __init__(self) -> None:
        self.say: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.root = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while (words := self.say.get()) is not None:
            caller, _ = self._door.accept()
            with caller, suppress(OSError):
                caller.recv(65_536)
                caller.sendall(words)
                caller.shutdown(socket.SHUT_WR)
                caller.settimeout(0.01)
                caller.recv(1)  # until the other end has read it all and closes: a reset would lose what it says

    def close(self) -> None:
        self.say.put(None)
        self._thread.join()
        self._door.close()


@pytest.fixture(scope="module")
def mouth() -> Iterator[Mouth]:
    one = Mouth()
    yield one
    one.close()


@settings(max_examples=150, deadline=None)
@given(words=REPLIES)
def test_any_bytes_are_a_reply_or_a_lost_one(mouth: Mouth, words: bytes) -> None:
    tokens = a_holder()
    http = Http(mouth.root, API_KEY, tokens, deadline_seconds=2)
    mouth.say.put(words)
    began = time.monotonic()
    try:
        reply = http.call("POST", "/orders/regular", form={"tag": "t"})
    except ReplyLost as lost:
        assert "\n" not in str(lost)
    except NotReached:
        raise AssertionError("the request had been sent: it may not be called unsent") from None
    else:
        assert classify(reply, tokens).text.count("\n") == 0
    finally:
        http.close()

    assert time.monotonic() - began < 30
