"""The least of a broker that a measurement needs, as a program of its own: `python _exchange.py [DUMP.csv]`.

It imports nothing of ours. DUMP.csv is what it answers where the day's instruments are asked for.

The first line of its output is its address's port. From then on each order's POST is a line: the monotonic time, in ns,
at which its first bytes had come in. Orders are taken, and shown as cancelled unfilled: so the next one finds nothing
open. Answers leave before the line is written; connections are kept alive.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

FUNDS = {"available": {"cash": 1e9, "live_balance": 1e9, "opening_balance": 1e9, "collateral": 0.0}}
READS: dict[str, object] = {
    "/portfolio/positions": {"net": [], "day": []},
    "/portfolio/holdings": [],
    "/trades": [],
    "/user/margins/equity": {"enabled": True, "net": 1e9, **FUNDS},
    "/user/profile": {"user_id": "AB1234"},
}


class Books:
    """Orders taken so far, as their rows."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.lock = threading.Lock()

    def take(self, form: dict[str, str]) -> str:
        """One order more: its id."""
        with self.lock:
            number = f"{len(self.rows) + 1:015d}"
            quantity = int(form["quantity"])
            row: dict[str, object] = {
                "order_id": number, "status": "CANCELLED", "exchange": form["exchange"],
                "tradingsymbol": form["tradingsymbol"], "transaction_type": form["transaction_type"],
                "product": form["product"], "quantity": quantity, "cancelled_quantity": quantity,
                "order_type": form["order_type"], "tag": form.get("tag"), "variety": "regular",
            }  # fmt: skip
            self.rows.append(row)
            return number


def serve(connection: socket.socket, books: Books) -> None:
    """Requests of one connection, one after the other."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    while True:
        came = 0
        while b"\r\n\r\n" not in waiting:
            more = connection.recv(65_536)
            came = came or time.monotonic_ns()
            if not more:
                return
            waiting += more
        head, _, waiting = waiting.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        while len(waiting) < length:
            waiting += connection.recv(65_536)
        body, waiting = waiting[:length], waiting[length:]
        method, target, _ = lines[0].decode().split(" ")
        path = target.partition("?")[0]
        is_order = method == "POST" and path.startswith("/orders/")
        if is_order:
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            data: object = {"order_id": books.take(form)}
        else:
            data = books.rows if path == "/orders" else READS.get(path, [])
        content = json.dumps({"status": "success", "data": data}).encode()
        kind = b"application/json"
        if path == "/instruments" and len(sys.argv) > 1:
            content, kind = Path(sys.argv[1]).read_bytes(), b"text/csv"
        reply = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(content))
        connection.sendall(reply + content)
        if is_order:
            sys.stdout.write(f"{came}\n")
            sys.stdout.flush()


def main() -> None:
    """Until nobody holds its input open."""
    books = Books()
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()

        def accept() -> None:
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection, books), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
