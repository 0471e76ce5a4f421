"""Capacity: three connections of three thousand instruments in full mode, a packet a second each; and orders at ten times
Kite's rates. The short form runs always, the whole in `run.py test --long capacity`.

The readers are raw sockets in this process that count packets and throw them away.
"""

import base64
import os
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import requests

from sandbox.instruments import Universe
from sandbox.launch import RunningSandbox, launch
from sandbox.paths import Paths
from tests.sandbox.desk import FRIDAY, RELAX_PACE
from tests.support.waiting import eventually

CONNECTIONS = 3
INSTRUMENTS = 3000
FULL_BYTES = 186
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct):
    """CPU seconds used so far and resident megabytes."""

    cpu: float
    resident: float

    @classmethod
    def of(cls, pid: int) -> "Usage":
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls((int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


class Reader:
    """One WebSocket: subscribes and counts packets by second of market time (they carry it)."""

    def __init__(self, sandbox: RunningSandbox, tokens: list[int]) -> None:
        host, port = sandbox.ws.removeprefix("ws://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /?api_key=sandboxkey&access_token={sandbox.access_token} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self.socket.makefile("rb")
        assert b"101" in self._stream.readline()
        while self._stream.readline() not in {b"\r\n", b""}:
            pass
        self.packets = 0
        self.frames = 0
        self._send(msgspec.json.encode({"a": "mode", "v": ["full", tokens]}))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _send(self, payload: bytes) -> None:
        head = b"\x81" + (
            bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        )
        self.socket.sendall(head + b"\x00\x00\x00\x00" + payload)  # masked by zeros

    def _read(self) -> None:
        try:
            while True:
                first, second = self._stream.read(2)
                size = second & 0x7F
                if size == 126:
                    size = struct.unpack(">H", self._stream.read(2))[0]
                elif size == 127:
                    size = struct.unpack(">Q", self._stream.read(8))[0]
                payload = self._stream.read(size)
                if first & 0x0F == 2 and size > 1:
                    self.frames += 1
                    self.packets += struct.unpack(">H", payload[:2])[0]
        except (OSError, ValueError):
            return  # closed

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(60)


def steady(readers: list[Reader]) -> bool:
    """Whether everything has been drawn and caught up with: two seconds at a packet a second."""
    before = [reader.packets for reader in readers]
    threading.Event().wait(2)
    return all(
        INSTRUMENTS <= reader.packets - had <= 3 * INSTRUMENTS for reader, had in zip(readers, before, strict=True)
    )


def run(seconds: int) -> tuple[float, float, float]:
    """(packets per second and instrument, CPU share, growth of memory in MB per minute) once everything is drawn."""
    tokens = [one.token for one in Universe(FRIDAY, paths=Paths(1)).all if not one.is_index][
        : CONNECTIONS * INSTRUMENTS
    ]
    groups = [
        (tokens * CONNECTIONS)[number * INSTRUMENTS : (number + 1) * INSTRUMENTS] for number in range(CONNECTIONS)
    ]
    extra = ["--date", FRIDAY.isoformat(), "--start", "10:00:00", "--busy"]
    with launch(relax=RELAX_PACE, extra=extra) as sandbox:
        readers = [Reader(sandbox, group) for group in groups]
        try:
            eventually(lambda: all(reader.packets >= 2 * INSTRUMENTS for reader in readers), timeout=600)
            eventually(lambda: steady(readers), timeout=300)
            began, start, packets = time.monotonic(), Usage.of(sandbox.process.pid), sum(r.packets for r in readers)
            threading.Event().wait(seconds / 2)
            # The first half fills what is kept of each instrument; growth is what goes on after that.
            half, settled = time.monotonic(), Usage.of(sandbox.process.pid)
            threading.Event().wait(seconds / 2)
            took, end = time.monotonic() - began, Usage.of(sandbox.process.pid)
            rate = (sum(r.packets for r in readers) - packets) / took / CONNECTIONS / INSTRUMENTS
            assert requests.get(f"{sandbox.rest}/_sandbox/books", timeout=60).status_code == 200
            return rate, (end.cpu - start.cpu) / took, (end.resident - settled.resident) / (began + took - half) * 60
        finally:
            for reader in readers:
                reader.close()


@pytest.mark.long("capacity")
def test_nine_thousand_packets_a_second_for_ten_minutes() -> None:
    rate, cpu, growth = run(int(os.environ.get("CAPACITY_SECONDS", "600")))
    print(f"\n{rate:.3f} packets per instrument and second, {cpu:.0%} of a core, {growth:+.2f} MB a minute")  # noqa: T201 - the figures are the point

    assert rate == pytest.approx(1.0, abs=0.02)
    assert cpu < 0.6
    assert growth < 1.0


def orders(count: int, per_second: int, clients: int = 3) -> tuple[float, float, float, int]:
    """(seconds taken, those of a core, slowest reply, trades) of market orders from a few clients at once."""
    with launch(relax=RELAX_PACE, extra=["--date", FRIDAY.isoformat(), "--opening-cash", "10000000000"]) as sandbox:
        headers = {"Authorization": f"token sandboxkey:{sandbox.access_token}"}
        form = {"exchange": "NSE", "tradingsymbol": "INFY", "quantity": 1, "product": "MIS"}
        form |= {"order_type": "MARKET", "market_protection": -1}
        began, start = time.monotonic(), Usage.of(sandbox.process.pid)

        def place(client: int) -> float:
            slowest = 0.0
            with requests.Session() as session:
                session.headers.update(headers)
                for number in range(client, count, clients):
                    threading.Event().wait(max(began + number / per_second - time.monotonic(), 0))
                    asked = time.monotonic()
                    side = "BUY" if number % 2 == 0 else "SELL"
                    data = {**form, "transaction_type": side}
                    reply = session.post(f"{sandbox.rest}/orders/regular", data, timeout=60)
                    assert reply.status_code == 200, reply.text
                    slowest = max(slowest, time.monotonic() - asked)
            return slowest

        with ThreadPoolExecutor(clients) as pool:
            slowest = max(pool.map(place, range(clients)))
        took = time.monotonic() - began

        def trades() -> int:
            return int(requests.get(f"{sandbox.rest}/_sandbox/books", timeout=60).json()["trades"])

        eventually(lambda: trades() >= count)
        return took, Usage.of(sandbox.process.pid).cpu - start.cpu, slowest, trades()


def test_orders_at_ten_times_kites_rate() -> None:
    """What keeps a core below three seconds in three seconds keeps the rate, however many share the core now."""
    _, cpu, _, trades = orders(300, 100)

    assert trades >= 300
    assert cpu < 3


@pytest.mark.long("capacity")
def test_four_thousand_orders_a_minute() -> None:
    took, _, slowest, trades = orders(4000, 67)
    print(f"\n4000 orders in {took:.1f} s, slowest reply {slowest * 1000:.0f} ms")  # noqa: T201 - the figures are the point

    assert trades >= 4000
    assert took < 70
