"""A real HTTP server that takes postbacks, and answers as a test has written."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Receiver:
    """Remembers each request's headers and body; answers the given statuses in turn, the last one for ever.

    A status of 0 is no answer: the connection is closed.
    """

    def __init__(self, *statuses: int) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._statuses = list(statuses) or [200]
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer._lock:
                    outer.got.append({**json.loads(body), "_path": self.path})
                    outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                    status = outer._statuses.pop(0) if len(outer._statuses) > 1 else outer._statuses[0]
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/postback?app=1"

    def of(self, tag: str) -> list[dict[str, Any]]:
        """What came for orders with this tag."""
        with self._lock:
            return [one for one in self.got if one["tag"] == tag]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
