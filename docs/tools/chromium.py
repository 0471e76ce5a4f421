"""Pictures of pages by a headless Chromium, spoken to over its debugging socket on loopback."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

SWITCHES: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
    "--hide-scrollbars", "about:blank",
)  # fmt: skip
START_SECONDS: Final = 30.0


class Browser:
    """A page of a running Chromium. Raises OSError where the program is absent or does not come up."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def picture(self, page: Path, width: int, height: int, *, dark: bool = False, scale: float = 1.0) -> bytes:
        """The page from its top as PNG, `width` x `height` CSS pixels (height 0: all of it)."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height or 1000, deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=page.resolve().as_uri())
        self._until("Page.loadEventFired")
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": height or size["height"], "scale": 1}
        shot = self._call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def paper(self, page: Path) -> bytes:
        """The page as PDF, as it would be printed."""
        self._call("Page.navigate", url=page.resolve().as_uri())
        self._until("Page.loadEventFired")
        printed = self._call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(printed["data"])

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            reply = json.loads(self._socket.recv(timeout=START_SECONDS))
            if reply.get("id") == self._number:
                if "error" in reply:
                    raise OSError(f"{method}: {reply['error']}")
                result: dict[str, Any] = reply["result"]
                return result

    def _until(self, event: str) -> None:
        while json.loads(self._socket.recv(timeout=START_SECONDS)).get("method") != event:
            pass


@contextmanager
def browser(program: str = "chromium") -> Iterator[Browser]:
    """A Chromium with a profile of its own, ended and forgotten afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, f"--user-data-dir={profile}", *SWITCHES], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with connect(_address(Path(profile) / "DevToolsActivePort", process), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait()


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    waiting = threading.Event()
    for _ in range(int(START_SECONDS / 0.05)):
        if file.exists() and len(lines := file.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        if process.poll() is not None:
            break
        waiting.wait(0.05)
    raise OSError("chromium did not come up")
