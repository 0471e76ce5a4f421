"""What a strategy's actor needs of a runner, wherever that runs: in the actor's own thread, or in another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.bars import Bar
from domain.messages.configuration import StrategyTerms
from domain.messages.journal import JournalEvent
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import OrderIntent
from domain.messages.plans import MoveExit
from domain.strategy.asks import Asked
from domain.strategy.runner import RunnerSettings, Standing, StrategyRunner, Today
from domain.values import Nanos


class Runner(Protocol):
    """See `domain.strategy.runner.StrategyRunner`, which is one. Calls come one after the other, each to its end.

    Whatever the strategy raises is raised here, by the call that met it or by a later one; then all is over.
    """

    quiet_until: Nanos
    enabled: bool

    @property
    def timed(self) -> bool:
        """Whether it wants to be told of time."""
        ...

    @property
    def series(self) -> tuple[tuple[int, int], ...]:
        """(token, interval in seconds) of every series that it warms up on."""
        ...

    @property
    def warming(self) -> int:
        """Series whose warm-up has not come."""
        ...

    @property
    def decided(self) -> int:
        """Decisions made on bars."""
        ...

    @property
    def lapsed(self) -> int:
        """Intents that nobody ever journaled."""
        ...

    @property
    def process(self) -> int | None:
        """Id of the process that it has for itself; None: it runs in its caller's thread."""
        ...

    def reconfigure(self, settings: RunnerSettings) -> None:
        """From here on trade by these, with which it `goes_on_as`."""
        ...

    def fold(self, event: JournalEvent) -> None:
        """One event of the journal from before: nothing is decided on it."""
        ...

    def standing(self) -> Standing:
        """What it holds and has under way."""
        ...

    def bar(self, bar: Bar, now: Nanos) -> list[OrderIntent]:
        """A live bar closed."""
        ...

    def backfilled(self, message: BarsBackfilled, now: Nanos) -> list[OrderIntent]:
        """History."""
        ...

    def price(self, price: PriceChanged, now: Nanos) -> list[OrderIntent]:
        """The newest price."""
        ...

    def timer(self, now: Nanos) -> list[OrderIntent]:
        """Time has passed."""
        ...

    def journaled(self, event: JournalEvent, now: Nanos) -> list[OrderIntent]:
        """One event of the journal, once, in order."""
        ...

    def refused(self, intent_id: str) -> None:
        """Denied by the risk gate, or void before the journal."""
        ...

    def square_off(self, tokens: Sequence[int], now: Nanos) -> None:
        """No more decisions on these instruments today."""
        ...

    def moves(self) -> list[MoveExit]:
        """Levels that decisions have moved since this was last asked."""
        ...

    def take_asked(self) -> list[Asked]:
        """What was asked for besides orders, since it was taken last."""
        ...

    def check(self) -> None:
        """Raises where the process that it has for itself has ended by itself."""
        ...

    def close(self) -> None:
        """It is over, whatever it is doing: from any thread, without waiting for it. Idempotent."""
        ...


MakeRunner = Callable[[str, StrategyTerms, Today], Runner]
"""Makes the runner of one strategy, by its id, by what is configured, with the sessions of its instruments."""


def in_thread(strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
    """A runner that runs where it is called. Raises ValueError for terms that do not fit together."""
    return StrategyRunner(strategy_id, terms.strategy, terms.instruments, terms.runner, today)
