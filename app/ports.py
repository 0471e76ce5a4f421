"""What the actor tree is built from: every door to the world, for one run. `app.world` opens the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from actors.audit import Trail
from actors.caretaker import Chores
from actors.operator import RequestDesk
from actors.publisher import LiveStore
from config.schema import Settings
from domain.alerting import ChannelRules
from domain.messages.configuration import StrategyTerms
from domain.ports import (
    Broker,
    Calendar,
    Clock,
    EventLog,
    FeedPort,
    History,
    Journal,
    Notifier,
    PostbackPort,
    SessionPort,
)
from domain.strategy.runner import Today
from domain.strategy.running import Runner


class Channel(NamedTuple):
    """A channel of alerts: its name, how it is opened, and when it speaks."""

    name: str
    opened: Callable[[], Notifier]
    rules: ChannelRules


class Operations(NamedTuple):
    """What a person's commands and the audit trail need; a simulated world may do without.

    desk   where other terminals leave requests
    trail  makes the trail, afresh for each incarnation of its actor: what one had not written is read again
    wall   the clock of the requests' times
    live   opens what the dashboard reads
    alerts where alerts go on this machine beside the log; None: nowhere
    channels  where they go elsewhere
    beat   one beat for a dead man's switch; None: there is none
    chores what is done around trading; None: nothing is
    """

    desk: RequestDesk
    trail: Callable[[], Trail]
    wall: Clock
    live: Callable[[], LiveStore]
    alerts: Notifier | None = None
    channels: tuple[Channel, ...] = ()
    beat: Callable[[], None] | None = None
    chores: Chores | None = None


class Ports(Protocol):
    """Everything outside the actors.

    run    names this process's life
    books  the exchange's own books where it states them; None elsewhere
    """

    @property
    def env(self) -> str:
        """The environment's name."""
        ...

    @property
    def run(self) -> str:
        """Names this process's life."""
        ...

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        ...

    @property
    def log(self) -> EventLog:
        """Where events go."""
        ...

    @property
    def clock(self) -> Clock:
        """Market time."""
        ...

    @property
    def monotonic(self) -> Clock:
        """Monotonic time."""
        ...

    @property
    def calendar(self) -> Calendar:
        """Trading days and hours."""
        ...

    @property
    def journal(self) -> Journal:
        """The order journal."""
        ...

    @property
    def session(self) -> SessionPort:
        """The broker's login."""
        ...

    @property
    def books(self) -> Callable[[], Mapping[str, object] | None] | None:
        """How to ask the exchange for its own books, where it tells them."""
        ...

    def broker(self) -> Broker:
        """A broker for one worker and incarnation."""
        ...

    def history(self) -> History:
        """A source of candles for one worker and incarnation."""
        ...

    def feed(self) -> FeedPort:
        """The ticker."""
        ...

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """What a strategy's actor thinks with (see domain.strategy.running.MakeRunner)."""
        ...

    def postbacks(self) -> PostbackPort | None:
        """The receiver of postbacks, not listening yet; None where none is wanted."""
        ...
