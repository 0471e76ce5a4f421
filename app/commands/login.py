"""`login`: the day's login, by a person in a browser. Works beside a trading process, which finds the new token."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated, Final

from cyclopts import Parameter

from adapters.clock import MonotonicClock
from adapters.kite.redirect import RedirectCatcher, new_state, request_token_of
from adapters.kite.session import KiteSession
from adapters.standing_in import market_clock_at, sandbox_at
from app.account import addresses_of, kite_account
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, UsageError, complain, print_json
from app.world import folders
from config.loader import Loaded
from domain.errors import LoginNeeded
from domain.messages.broker import SessionFacts
from domain.values import ist

WAIT_SECONDS: Final = 300.0
"""A request token lives a few minutes; so long a person may take."""

Paste = Annotated[
    bool,
    Parameter(
        name="--paste",
        negative=(),
        show_default=False,
        help="For a host without a browser: print the address, read the redirect's address (or its token) from stdin.",
    ),
]
LogOut = Annotated[
    bool, Parameter(name="--logout", negative=(), show_default=False, help="End the session, and forget its token.")
]
Browser = Annotated[bool, Parameter(name="--browser", show_default=False, help="Whether to open a browser.")]


def run(
    *,
    env: Env = "live",
    config: ConfigFile = None,
    sets: Sets = (),
    paste: Paste = False,
    logout: LogOut = False,
    browser: Browser = True,
    as_json: Json = False,
) -> int:
    """Log in for today: opens (and prints) the broker's login page, and catches the way back on this machine."""
    loaded = load_settings(env, config, sets)
    session = _session(loaded)
    try:
        if logout:
            session.log_out()
            _tell(None, as_json=as_json)
            return DONE
        state = new_state()
        token = _pasted(session, state) if paste else _caught(session, state, loaded, browser=browser)
        _tell(session.exchange(token), as_json=as_json)
    finally:
        session.close()
    return DONE


def _session(loaded: Loaded) -> KiteSession:
    settings = loaded.settings
    addresses = addresses_of(settings)
    if addresses is None:
        raise UsageError("this environment starts a sandbox of its own and logs in by itself: name another with --env")
    if not settings.kite.api_key:
        raise UsageError("kite.api_key is not set: see .env.example and `run.py check`")
    monotonic = MonotonicClock()
    clock = market_clock_at(addresses.rest_url, sandbox_at(addresses.rest_url), monotonic)
    account = kite_account(settings, addresses, folders(loaded).data, clock, monotonic, _quiet)
    return account.session()


def _caught(session: KiteSession, state: str, loaded: Loaded, *, browser: bool) -> str:
    with RedirectCatcher(loaded.settings.kite.redirect_port, state) as catcher:
        url = session.login_url(state)
        complain(f"log in here: {url}")
        complain(f"the app's redirect URL must be {catcher.address}; waiting {WAIT_SECONDS / 60:.0f} minutes")
        if browser:
            webbrowser.open(url)
        return catcher.wait(WAIT_SECONDS)


def _pasted(session: KiteSession, state: str) -> str:
    complain(f"log in here, on any machine: {session.login_url(state)}")
    complain("then paste the whole address that the browser ended at (or the request token):")
    line = sys.stdin.readline()
    if not line.strip():
        raise LoginNeeded("nothing was pasted")
    return request_token_of(line, state)


def _tell(facts: SessionFacts | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"logged_in": False}
            if facts is None
            else {"logged_in": True, "user_id": facts.user_id, "expires": ist(facts.expires).isoformat()}
        )
    elif facts is None:
        print("logged out")
    else:
        print(f"logged in as {facts.user_id} until {ist(facts.expires):%A %d %B %H:%M} India time")


def _quiet(level: str, event: str, /, **keys: object) -> None:
    """A login has no log: what matters is on the terminal."""
