"""The broker's account for a command that reads from it and ends: no trading day, no log, no lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from adapters.clock import MonotonicClock
from adapters.kite.account import Addresses, KiteAccount
from adapters.standing_in import market_clock_at, sandbox_at
from app.account import addresses_of, kite_account
from app.sandboxed import LocalSandbox
from app.world import folders
from config.loader import Loaded
from domain.calendar import SessionCalendar
from domain.ports import Clock


@contextmanager
def logged_in(loaded: Loaded, name: str) -> Iterator[tuple[KiteAccount, Clock, SessionCalendar]]:
    """The account, logged in; at the local sandbox, with one started for the purpose. Raises BrokerError, LoginNeeded.

    name  of the folder for a login of its own, at a sandbox that is started here
    """
    with ExitStack() as stack:
        addresses = addresses_of(loaded.settings)
        if addresses is None:
            ours = stack.enter_context(LocalSandbox(loaded.settings.sandbox)).address
            addresses = Addresses(ours.rest, ours.ws, ours.login_url.partition("?")[0])
        control, monotonic = sandbox_at(addresses.rest_url), MonotonicClock()
        clock = market_clock_at(addresses.rest_url, control, monotonic)
        # A sandbox started here logs in by itself, and must not touch the session of a trader at another.
        folder = folders(loaded).data / (name if loaded.settings.kite.rest_url is None else "")
        account = kite_account(loaded.settings, addresses, folder, clock, monotonic, _quiet)
        session = account.session()
        stack.callback(session.close)
        session.open()
        yield account, clock, SessionCalendar(fallback_weekdays=control is not None)


def _quiet(level: str, event: str, /, **keys: object) -> None:
    """A command has no log: what it prints says what there is to say."""
