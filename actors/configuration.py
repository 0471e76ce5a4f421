"""Changes the configuration while it trades: reads the files, journals the new version, and brings it to every actor.

In this order, so that no intent is handled by two versions: those whom intents come to are *prepared* (they know the
new version beside the old ones, and what it tightens holds at once); when all of them have said so, those whom intents
come from *adopt* it (from here on they decide under it); when all of them have, it is *settled*: what it loosens holds
for the guards as well, and what was taken out goes. One change at a time; whatever is asked for meanwhile is read
afterwards, as it stands then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Context, Lane
from config.errors import ConfigError
from domain.errors import JournalUnavailable, PatangError
from domain.messages.configuration import (
    AdoptConfiguration,
    ConfigurationTaken,
    PrepareConfiguration,
    ReloadAsked,
    SettleConfiguration,
    Terms,
)
from domain.messages.control import Alert, FreezeStrategy, Report, ThawStrategy
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.operator import Flatten, OperatorAnswered, OperatorRequest, Reload
from domain.messages.orders import CancelOpenOrders
from domain.messages.plans import StandAside
from domain.messages.versions import ConfigChange, ConfigurationChanged
from domain.portfolio.adjusting import CannotAdjust
from domain.portfolio.book import Book
from domain.portfolio.handing import handed_over
from domain.ports import Clock, Journal
from domain.strategy.messages import SeriesWanted
from domain.values import SECOND, Instrument, Nanos

LOOK_SECONDS: Final = 0.5
"""Wall seconds until what nobody has answered is said again."""

LATE_SECONDS: Final = 10.0
"""Wall seconds after which a person hears that an actor does not take a version in."""

HAND_OVER_SECONDS: Final = 20.0
"""Wall seconds that the orders of a strategy may take to be withdrawn before it is handed over."""

BY: Final = "configuration"
"""Who freezes a strategy that was taken out."""


class Removal(Enum):
    """What becomes of a removed strategy's positions."""

    KEEP = "keep"
    FLATTEN = "flatten"
    HAND_OVER = "hand over"


class Plan(Struct, frozen=True):
    """A change that was found good, and has not begun.

    changes  live ones; waiting: those that come with the next session or a restart
    terms    of the new version
    wanted   instruments and bars that are not streamed yet
    added, removed  strategies
    heirs    to whom removed ones are handed over
    """

    changes: tuple[ConfigChange, ...]
    waiting: tuple[ConfigChange, ...]
    terms: Terms
    wanted: tuple[SeriesWanted, ...] = ()
    added: tuple[str, ...] = ()
    removed: Mapping[str, Removal] = {}
    heirs: Mapping[str, str] = {}


class Leaving(Struct, frozen=True):
    """A removed strategy whose positions go to an heir when none of its orders is open. until: monotonic."""

    heir: str
    until: Nanos


class Board(Protocol):
    """What is in force, for actors that are made anew; and how actors are made and taken away (app/board.py)."""

    @property
    def pending(self) -> Plan | None:
        """A change that has begun: a former incarnation of this actor began it."""
        ...

    @property
    def adopted(self) -> bool:
        """Whether the pending one is in force for those who decide."""
        ...

    @property
    def leaving(self) -> dict[str, Leaving]:
        """Removed strategies that are to be handed over; this actor's to write, and there for its next incarnation."""
        ...

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What is traded, by `EXCHANGE:SYMBOL`."""
        ...

    def read(self, *, dry_run: bool) -> Plan:
        """Read the files: what would change. Raises ConfigError, in one line.

        dry_run  it is not to be begun: its version stays free for another
        """
        ...

    def begin(self, plan: Plan) -> None:
        """From here on the version is known to whoever is made anew, and its instruments too."""
        ...

    def adopt(self) -> Sequence[str]:
        """From here on the version is in force for whoever is made anew; added strategies are started.

        The names of actors that it must reach. Raises PatangError where a strategy does not start.
        """
        ...

    def settle(self) -> None:
        """Everybody has it: removed strategies are taken away."""
        ...

    def is_alive(self, name: str) -> bool:
        """Whether the actor is there and will be: not one that was given up."""
        ...


class _Look(Struct, frozen=True, tag=True):
    """Own timer: who has not answered?"""


class _Asked(Struct, frozen=True):
    """request: of the operator's; 0: nobody waits for the answer."""

    who: str
    why: str
    request: int = 0


class Configuration(Actor):
    """See the module."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        board: Board,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._board = board
        self._asked: list[_Asked] = []
        self._answering: _Asked | None = None
        self._awaited: set[str] = set()
        self._since: Nanos = 0
        self._late = False
        self._waiting: tuple[ConfigChange, ...] = ()
        self._refused = ""
        self._reads = self._refusals = 0
        self._heirs: Mapping[str, str] = {}

    def started(self) -> None:
        """Go on with what a former incarnation had begun."""
        self.context.every(LOOK_SECONDS, _Look())
        plan = self._board.pending
        if plan is None:
            return
        if self._board.adopted:
            self._adopt(plan)
        else:
            self._prepare(plan)

    def receive(self, message: object) -> object:
        """Requests, what the others have taken in, time."""
        match message:
            case ReloadAsked(who=who, why=why):
                self._ask(_Asked(who, why))
            case OperatorRequest(id=request, who=who, command=Reload(why=why, dry_run=dry_run)):
                if dry_run:
                    self._only_say(request)
                else:
                    self._ask(_Asked(who, why, request))
            case ConfigurationTaken():
                self._taken(message)
            case _Look():
                self._look()
            case Report():
                plan = self._board.pending
                changing = None if plan is None else plan.terms.version
                return {
                    "changing": changing,
                    "awaited": tuple(sorted(self._awaited)),
                    "waiting": self._waiting,
                    "reads": self._reads,
                    "refusals": self._refusals,
                }
        return None

    # -- reading ---------------------------------------------------------------------------------------------------

    def _ask(self, asked: _Asked) -> None:
        self._asked.append(asked)
        self._next()

    def _next(self) -> None:
        while self._asked and self._board.pending is None:
            # Read once for all who asked: the files are as they are now.
            asked, self._asked = self._asked, []
            self._reload(asked[-1])
            for other in asked[:-1]:
                self._answer(other.request, done=True, text="it was asked for again meanwhile: see the later answer")

    def _reload(self, asked: _Asked) -> None:
        self._reads += 1
        self.context.log("debug", "configuration.read", who=asked.who, why=asked.why)
        try:
            plan = self._board.read(dry_run=False)
        except ConfigError as error:
            self._refuse(asked, str(error))
            return
        self._refused = ""
        self._say_what_waits(plan)
        if not plan.changes:
            text = "nothing that may change while it trades is different" if plan.waiting else "nothing is different"
            self._answer(asked.request, done=True, text=text + _later(plan), changes=plan.waiting)
            return
        event = ConfigurationChanged(plan.terms.version, plan.changes, asked.who, asked.why, self._clock.now_ns())
        try:
            records = self._journal.commit([event])
        except JournalUnavailable as error:
            self._refuse(asked, f"it cannot be journaled, so nothing is changed: {error}")
            return
        self._board.begin(plan)
        self._answering = asked
        for record in records:
            self._tell_record(record)
        self.context.log(
            "warning",
            "configuration.changed",
            version=plan.terms.version,
            changed=[f"{each.path}: {each.old or 'absent'} -> {each.new or 'absent'}" for each in plan.changes],
            who=asked.who,
            why=asked.why,
        )
        self._prepare(plan)

    def _tell_record(self, record: JournalRecord) -> None:
        self._routes.publish(self.context, record)

    def _refuse(self, asked: _Asked, why: str) -> None:
        self._refusals += 1
        self.context.log("error", "configuration.refused", why=why, who=asked.who)
        # A file that is saved again and again, still wrong, is one alert.
        if why != self._refused:
            self._alarm("warning", "configuration.refused", f"nothing is changed: {why}")
        self._refused = why
        self._answer(asked.request, done=False, text=f"nothing is changed: {why}")

    def _only_say(self, request: int) -> None:
        try:
            plan = self._board.read(dry_run=True)
        except ConfigError as error:
            self._answer(request, done=False, text=str(error))
            return
        text = f"{len(plan.changes)} live changes would be made" + _later(plan)
        self._answer(request, done=True, text=text, changes=(*plan.changes, *plan.waiting))

    def _say_what_waits(self, plan: Plan) -> None:
        if plan.waiting == self._waiting:
            return
        self._waiting = plan.waiting
        if plan.waiting:
            changed = [f"{each.path} ({each.mark})" for each in plan.waiting]
            level = "warning" if any(each.mark == "restart" for each in plan.waiting) else "info"
            self.context.log(level, "configuration.waits", changed=changed)

    # -- bringing it to everybody ----------------------------------------------------------------------------------

    def _prepare(self, plan: Plan) -> None:
        for wanted in plan.wanted:
            self._routes.publish(self.context, wanted)
        for strategy in plan.removed:
            why = "it was taken out of the configuration"
            self._routes.publish(self.context, FreezeStrategy(strategy=strategy, why=why, by=BY))
        self._tell(PrepareConfiguration(plan.terms))

    def _adopt(self, plan: Plan) -> None:
        try:
            self._board.adopt()
        except PatangError as error:
            # The others go on with the new version; that strategy is not there, and says so.
            self._alarm("critical", "configuration.not_started", str(error))
        for strategy in plan.added:
            self._routes.publish(self.context, ThawStrategy(strategy=strategy, why="it is configured again", by=BY))
        self._tell(AdoptConfiguration(plan.terms))

    def _settle(self, plan: Plan) -> None:
        version = plan.terms.version
        self._routes.publish(self.context, SettleConfiguration(version))
        self._board.settle()
        self._heirs = plan.heirs
        for strategy, removal in plan.removed.items():
            self._leave(version, strategy, removal)
        asked, self._answering = self._answering, None
        self.context.log("info", "configuration.settled", version=version)
        text = f"version {version}: {len(plan.changes)} live changes" + _later(plan)
        words = "; ".join(f"{each.path}: {each.old or 'absent'} → {each.new or 'absent'}" for each in plan.changes)
        self._alarm("info", "configuration.changed", f"version {version}: {words[:1000]}")
        if asked is not None:
            self._answer(asked.request, done=True, text=text, changes=(*plan.changes, *plan.waiting))
        self._next()

    def _leave(self, version: int, strategy: str, removal: Removal) -> None:
        why = "it was taken out of the configuration"
        self._routes.publish(self.context, CancelOpenOrders(strategy=strategy, why=why))
        if removal is Removal.HAND_OVER:
            until = self.context.runtime.monotonic.now_ns() + int(HAND_OVER_SECONDS * SECOND)
            self._board.leaving[strategy] = Leaving(self._heirs[strategy], until)
            self._hand_over()
        if removal is Removal.FLATTEN:
            command = Flatten(why=why, strategy=strategy)
            request = OperatorRequest(id=-version, time=self._clock.now_ns(), who=BY, command=command)
            self._routes.publish(self.context, request)

    def _hand_over(self) -> None:
        """Whoever has nothing open any more; from the others it is withdrawn again, for a while."""
        for strategy, leaving in tuple(self._board.leaving.items()):
            open_orders = [each for each in self._journal.open_records() if each.intent.strategy == strategy]
            if not open_orders:
                del self._board.leaving[strategy]
                self._give(strategy, leaving.heir)
            elif self.context.runtime.monotonic.now_ns() > leaving.until:
                del self._board.leaving[strategy]
                text = f"{strategy} is not handed over to {leaving.heir}: its orders are still open"
                self._alarm("critical", "configuration.not_handed_over", text)
            else:
                why = f"it is handed over to {leaving.heir}"
                self._routes.publish(self.context, StandAside(strategy=strategy, token=0, why=why))
                self._routes.publish(self.context, CancelOpenOrders(strategy=strategy, include_exits=True, why=why))

    def _give(self, strategy: str, heir: str) -> None:
        book = Book(self._board.instruments)
        for record in self._journal.read(0):
            book.apply(record)
        why = f"{strategy} was taken out of the configuration"
        try:
            events = handed_over(book, strategy, heir, BY, why, self._clock.now_ns())
            records = self._journal.commit(events) if events else ()
        except (CannotAdjust, JournalUnavailable) as error:
            text = f"{strategy} is not handed over to {heir}: {error}"
            self._alarm("critical", "configuration.not_handed_over", text)
            return
        for record in records:
            self._tell_record(record)
            self._routes.publish(self.context, JournalAdvanced(record.seq))
        lines = sorted({f"{each.instrument} {each.product.value}" for each in events})
        self.context.log("warning", "configuration.handed_over", strategy=strategy, to=heir, lines=lines)

    def _tell(self, message: PrepareConfiguration | AdoptConfiguration) -> None:
        self._awaited = set(self._routes.receivers(message))
        self._since, self._late = self.context.runtime.monotonic.now_ns(), False
        self._routes.publish(self.context, message)
        self._look_who()

    def _taken(self, taken: ConfigurationTaken) -> None:
        plan = self._board.pending
        if plan is None or taken.version != plan.terms.version or taken.adopted != self._board.adopted:
            return
        self._awaited.discard(taken.name)
        self._look_who()

    def _look_who(self) -> None:
        plan = self._board.pending
        if plan is None:
            return
        if self._board.adopted:
            self._awaited = {name for name in self._awaited if self._board.is_alive(name)}
        if self._awaited:
            return
        if self._board.adopted:
            self._settle(plan)
        else:
            self._adopt(plan)

    def _look(self) -> None:
        self._hand_over()
        plan = self._board.pending
        if plan is None:
            self._next()
            return
        message = (AdoptConfiguration if self._board.adopted else PrepareConfiguration)(plan.terms)
        for name in sorted(self._awaited):
            self._routes.send(self.context, name, message, Lane.CONTROL, None)
        if not self._late and self.context.runtime.monotonic.now_ns() - self._since > LATE_SECONDS * SECOND:
            self._late = True
            names = ", ".join(sorted(self._awaited))
            text = (
                f"version {plan.terms.version} waits for {names}: what it tightens holds, what it loosens does not yet"
            )
            self._alarm("warning", "configuration.late", text)
        self._look_who()

    # -- words -----------------------------------------------------------------------------------------------------

    def _answer(self, request: int, *, done: bool, text: str, changes: tuple[ConfigChange, ...] = ()) -> None:
        if request:
            self._routes.publish(self.context, OperatorAnswered(request, done=done, text=text, changes=changes))

    def _alarm(self, level: str, name: str, text: str) -> None:
        self._routes.publish(self.context, Alert(level=level, name=name, text=text, time=self._clock.now_ns()))


def _later(plan: Plan) -> str:
    restart = sum(each.mark == "restart" for each in plan.waiting)
    session = len(plan.waiting) - restart
    said = [
        f"{count} {what}" for count, what in ((session, "with the next session"), (restart, "after a restart")) if count
    ]
    return f"; {' and '.join(said)}" if said else ""
