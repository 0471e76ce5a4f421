"""The broker's account as the settings describe it: what a trading day, a login and a download all begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adapters.kite.account import Addresses, KiteAccount, RestTimes
from adapters.kite.pacing import PacingLimits
from adapters.kite.session import Credentials
from adapters.kite.token_command import TokenCommand
from config.credentials import variable_for
from config.errors import ConfigError
from config.types import Secret
from domain.ports import Clock, EventLog

if TYPE_CHECKING:
    from config.loader import Loaded
    from config.schema import Settings


def kite_account(
    settings: Settings, addresses: Addresses, folder: Path, market_clock: Clock, monotonic: Clock, log: EventLog
) -> KiteAccount:
    """The account at these addresses, which keeps its session and its caches in the folder."""
    kite = settings.kite
    command = None
    if kite.token_command:
        command = TokenCommand(kite.token_command, timeout_seconds=kite.token_command_timeout_seconds)
    return KiteAccount(
        addresses,
        Credentials(
            api_key=kite.api_key or "",
            api_secret=_reveal(kite.api_secret),
            user_id=kite.user_id or "",
            password=_reveal(kite.password),
            totp=_reveal(kite.totp),
            access_token=_reveal(kite.access_token),
        ),
        folder,
        market_clock,
        monotonic,
        log=log,
        limits=PacingLimits(
            orders_per_second=kite.pacing.orders_per_second,
            historical_per_second=kite.pacing.historical_per_second,
            quote_per_second=kite.pacing.quote_per_second,
            other_per_second=kite.pacing.other_per_second,
            exits_reserved_share=settings.risk.exits_reserved_share,
        ),
        rest_times=RestTimes(connect_seconds=kite.connect_timeout_seconds, read_seconds=kite.read_timeout_seconds),
        token_command=command,
    )


def require_account(loaded: Loaded) -> None:
    """Refuse to begin without an account's name, in one line: the app's key, and for real money whose account it is.

    The user's name is what a login and a journal are held against: without it, somebody else's would do as well.
    Raises ConfigError.
    """
    needed = {"live": ("api_key", "user_id"), "paper": ("api_key",), "kite-sandbox": ("api_key",)}
    meaning = {"api_key": "the app's key", "user_id": "the client id of the account that is traded"}
    for key in needed.get(loaded.env, ()):
        if not getattr(loaded.settings.kite, key):
            where, variable = loaded.origins[f"kite.{key}"].where(), variable_for(loaded.env, key)
            raise ConfigError(
                f"{where}: kite.{key}: found nothing; allowed: {meaning[key]}, best in {variable} or .env"
            )


def addresses_of(settings: Settings) -> Addresses | None:
    """Where the settings say the broker is; None where a sandbox is to be started for the run."""
    kite = settings.kite
    if kite.rest_url is None:
        return None
    return Addresses(
        rest_url=kite.rest_url,
        ws_url=kite.ws_url or "",
        login_page=kite.login_url,
        prefix=kite.route_prefix,
        ws_user_id=kite.ws_user_id,
    )


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()
