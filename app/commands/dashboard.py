"""`dashboard`: the admin API and the page, a program of its own: it stays up when the trader is not."""

from __future__ import annotations

import html
import os
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from app import logs
from app.options import ROOT, ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, complain, print_json
from app.world import folders
from config.errors import ConfigError
from config.loader import Loaded

Open = Annotated[
    bool,
    Parameter(name="--open", negative=(), show_default=False, help="Open it in a browser here, already let in."),
]
Port = Annotated[int | None, Parameter(name="--port", show_default=False, help="Over admin.port; 0: a free one.")]

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
LETTER_SECONDS: Final = 60.0
"""How long the file that lets a browser in lies there."""


def run(
    *,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    port: Port = None,
    open_browser: Open = False,
    as_json: Json = False,
) -> int:
    """Serve until Ctrl-C. Prints the address and where the token is, never the token."""
    from adapters.clock import MonotonicClock, SystemMarketClock
    from adapters.web.door import Door, machine_token
    from adapters.web.server import application, bound
    from app.backstage import Stores

    loaded = load_settings(env, config, sets)
    admin, where = loaded.settings.admin, folders(loaded)
    token_file = where.data / "admin.token"
    token = machine_token(token_file)
    logs.redactor.add(token)  # the trader masked its own secrets when it wrote them
    log = logs.setup(loaded.settings.logs, where.logs, name="dashboard.jsonl")
    certificate, key = _file(loaded, "certificate"), _file(loaded, "private_key")
    scheme = "http" if certificate is None else "https"

    def started(at: int) -> None:
        host = f"[{admin.host}]" if ":" in admin.host else admin.host
        address = f"{scheme}://{host}:{at}/"
        log("INFO", "dashboard.serving", address=address)
        if as_json:
            print_json({"address": address, "token_file": str(token_file)})
        else:
            print(f"dashboard of {env}: {address}", flush=True)
            complain(f"the token is in {token_file}; Ctrl-C ends the dashboard, not the trader")
        if open_browser:
            _let_in(address, token, where.data)

    def guessed(client: str) -> None:
        log("CRITICAL", "dashboard.guessing", client=client, text="somebody tries one wrong token after the other")

    stores = Stores(loaded, log, lambda: load_settings(env, config, sets))
    names = (*LOCAL_NAMES, *admin.names)
    door = Door(token, MonotonicClock(), SystemMarketClock())
    ending = threading.Event()
    app = application(stores, door, names, guessed, ending, secure=certificate is not None)
    wanted = admin.port if port is None else port
    try:
        server, listening = bound(app, admin.host, wanted, ending, certificate, key)
    except OSError as error:
        stores.close()
        raise ConfigError(
            f"admin.port: {admin.host}:{wanted}: {error.strerror or error}; allowed: a free port"
        ) from error
    try:
        with listening:
            started(listening.getsockname()[1])
            server.run(sockets=[listening])
    finally:
        stores.close()
        logs.stop()
    return DONE


def _file(loaded: Loaded, name: str) -> Path | None:
    value: str | None = getattr(loaded.settings.admin, name)
    if value is None:
        return None
    path = ROOT / value
    if not path.is_file():
        place = loaded.origins[f"admin.{name}"].where()
        raise ConfigError(f"{place}: admin.{name}: found no file {path}; allowed: a PEM file")
    return path


def _let_in(address: str, token: str, folder: Path) -> None:
    """Open a page that sends the token by itself: on a command line, others could read it."""
    handle, name = tempfile.mkstemp(prefix="open-", suffix=".html", dir=folder)
    page = (
        f'<!doctype html><title>Patang</title><form method="post" action="{html.escape(address)}login">'
        f'<input type="hidden" name="token" value="{html.escape(token)}"></form>'
        "<script>document.forms[0].submit()</script>"
    )
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page)
    letter = Path(name)
    threading.Timer(LETTER_SECONDS, letter.unlink, kwargs={"missing_ok": True}).start()
    if not webbrowser.open(letter.as_uri()):
        letter.unlink(missing_ok=True)
        complain(f"no browser was found here: open {address} and enter the token")
