"""One account at Kite: what its workers share (token, pacing, addresses) in one place, and each port made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from adapters.kite.broker import KiteBroker
from adapters.kite.history import KiteHistory
from adapters.kite.http import Http, Reply, Witness
from adapters.kite.instruments import KiteInstruments
from adapters.kite.pacing import Endpoint, Pacer, PacingLimits, Priority
from adapters.kite.reading import Reader
from adapters.kite.session import Credentials, KiteSession
from adapters.kite.ticker import FeedTimes, KiteFeed
from adapters.kite.token_command import TokenCommand
from adapters.kite.tokens import TokenHolder
from adapters.meter import Meter
from domain.ports import Clock, EventLog
from domain.values import SECOND


class Addresses(Struct, frozen=True):
    """Where the broker is. `prefix` stands before every REST route but the instruments dumps."""

    rest_url: str
    ws_url: str
    login_page: str | None = None
    prefix: str = ""
    ws_user_id: bool = False


class RestTimes(Struct, frozen=True):
    """Wall seconds: a whole call, and its parts."""

    deadline_seconds: float = 10.0
    connect_seconds: float = 7.0
    read_seconds: float = 7.0


class KiteAccount:
    """Makes the ports of `domain.ports` for one account. Every broker, history and feed made is the caller's to close.

    tokens   the day's token: `tokens.watch(callback)` tells when a 403 ended it
    pacer    shared by all workers
    witness  told each whole reply of the broker, on the thread that got it; for a recorder
    meter    counts them
    """

    def __init__(
        self,
        addresses: Addresses,
        credentials: Credentials,
        folder: Path,
        market_clock: Clock,
        monotonic: Clock,
        *,
        log: EventLog,
        limits: PacingLimits | None = None,
        rest_times: RestTimes | None = None,
        token_command: TokenCommand | None = None,
        feed_times: FeedTimes | None = None,
    ) -> None:
        """`folder`: `<data_dir>/<env>`; the session file and the instruments cache lie under it."""
        self._addresses = addresses
        self._credentials = credentials
        self._folder = folder
        self._market_clock = market_clock
        self._monotonic = monotonic
        self._log = log
        self._token_command = token_command
        self._rest_times = rest_times or RestTimes()
        self._feed_times = feed_times or FeedTimes()
        self.tokens = TokenHolder(
            tuple(
                secret
                for secret in (credentials.api_secret, credentials.password, credentials.access_token)
                if len(secret) > 7  # a short public word such as `sandbox` would be cut out of honest sentences
            )
        )
        self.meter = Meter()
        self.witness: Witness = lambda _method, _route, _reply: None
        self.pacer = Pacer(limits or PacingLimits(), monotonic)

    def session(self) -> KiteSession:
        """The login, kept in `<folder>/session.json`."""
        file = self._folder / "session.json"
        page = self._addresses.login_page
        return KiteSession(
            self._http(),
            self._market_clock,
            self._credentials,
            file,
            login_page=page,
            wait_turn=self._wait_turn,
            token_command=self._token_command,
        )

    def broker(self) -> KiteBroker:
        """Orders and books for one worker, with an HTTP session of its own."""
        return KiteBroker(
            self._http(),
            self.pacer,
            self._market_clock,
            self._monotonic,
            read_deadline_seconds=self._rest_times.deadline_seconds,
            unknown_status=self._unknown_status(),
        )

    def instruments(self) -> KiteInstruments:
        """The day's list, cached under `<folder>/instruments`."""
        return KiteInstruments(self._reader(), self._folder / "instruments")

    def history(self) -> KiteHistory:
        """Finished candles for one worker."""
        return KiteHistory(self._reader(), self._market_clock)

    def feed(self) -> KiteFeed:
        """The socket. Making it starts the slow imports, on the reactor's thread."""
        return KiteFeed(
            self._addresses.ws_url,
            self._credentials.api_key,
            self.tokens,
            self._market_clock,
            log=self._log,
            user_id=self._credentials.user_id if self._addresses.ws_user_id else None,
            sends_user=self._addresses.ws_user_id,
            times=self._feed_times,
            unknown_status=self._unknown_status(),
        )

    def _wait_turn(self) -> None:
        """The login's calls count to the same limit as every other read."""
        self.pacer.acquire(Endpoint.OTHER, Priority.ENTRY, self._monotonic.now_ns() + 2 * SECOND)

    def _http(self) -> Http:
        times = self._rest_times
        return Http(
            self._addresses.rest_url,
            self._credentials.api_key,
            self.tokens,
            prefix=self._addresses.prefix,
            deadline_seconds=times.deadline_seconds,
            connect_seconds=times.connect_seconds,
            read_seconds=times.read_seconds,
            witness=self._witnessed,
        )

    def _witnessed(self, method: str, route: str, reply: Reply) -> None:
        """Whoever witnesses now: it may have come after the connections."""
        self.meter.replied(method, route, reply.status)
        self.witness(method, route, reply)

    def _reader(self) -> Reader:
        return Reader(self._http(), self.pacer, self._monotonic, deadline_seconds=self._rest_times.deadline_seconds)

    def _unknown_status(self) -> Callable[[str], None]:
        return lambda word: self._log("warning", "broker.unknown_status", word=word[:60])
