"""How the broker is reached: addresses, credentials, timeouts, pacing; and the sandbox that stands in for it."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.types import AtLeastOne, Count, HttpUrl, PerSecond, RoutePrefix, Rupees, Seconds, Secret, Share, SocketUrl


class Pacing(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests per wall second that we allow ourselves, each below the broker's own limit for that endpoint."""

    orders_per_second: Annotated[float, Meta(gt=0, lt=10)]
    historical_per_second: PerSecond
    quote_per_second: PerSecond
    other_per_second: PerSecond


class KiteSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker's addresses and our credentials there.

    rest_url, ws_url   None only in the sandbox environment: then a local sandbox is started for the run
    password, totp     only the sandbox has them (they are public there); a real login is a person's
    redirect_port      where on this machine a login's redirect is caught; the app's redirect URL names it
    token_command      a program of the user's own, with its arguments, that prints an access token; empty: none
    """

    api_key: str | None
    api_secret: Secret | None
    user_id: str | None
    password: Secret | None
    totp: Secret | None
    access_token: Secret | None
    rest_url: HttpUrl | None
    ws_url: SocketUrl | None
    login_url: HttpUrl | None
    route_prefix: RoutePrefix
    ws_user_id: bool
    redirect_port: Annotated[int, Meta(ge=0, le=65_535)]
    token_command: tuple[str, ...]
    token_command_timeout_seconds: Seconds
    connect_timeout_seconds: Seconds
    read_timeout_seconds: Seconds
    pacing: Pacing


class SandboxSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The sandbox that is started when no `kite.rest_url` is given."""

    speed: Annotated[float, Meta(gt=0, le=1000)]
    seed: Count
    instruments: Annotated[int, Meta(ge=1, le=40)] | None
    date: date | None
    opening_cash: Rupees
    hold: bool
    market_protection: Literal["required", "optional"]
    relax: tuple[str, ...]


class FeedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The market data socket. All seconds are wall seconds."""

    mode: Literal["ltp", "quote", "full"]
    stale_after_seconds: Seconds
    quiet_after_seconds: Seconds
    connect_timeout_seconds: Seconds
    backoff_min_seconds: Seconds
    backoff_max_seconds: Seconds
    backoff_jitter: Share
    instruments_max: AtLeastOne
