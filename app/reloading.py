"""A change of the configuration while it trades: read, compared, and carried out on the tree. The steps are the
configuration actor's (actors/configuration.py); here is what they do outside of messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.configuration import Leaving, Plan, Removal
from actors.routes import EXECUTION, EXITS, strategy_name
from actors.runtime import ChildSpec, RuntimeFault, SupervisorSpec, System, TreeNode
from adapters.kite.instruments import Catalog
from app.board import Board, terms_of, widened
from app.checks_kept import require_checks
from app.logs import redactor
from app.strategies import Cast, cast_of
from config.diff import Change, changes, changes_of_plain, said, taken_over
from config.errors import ConfigError
from config.loader import Loaded
from config.marks import Mark
from config.render import Plain, plain
from config.schema import Settings
from config.sections.trading import HandOver
from domain.errors import JournalUnavailable, PatangError
from domain.messages.versions import ConfigChange, ConfigurationChanged
from domain.ports import Clock, EventLog, Journal
from domain.strategy.messages import SeriesWanted
from domain.values import Instrument

CONFIGURATION_FLAG: Final = "configuration"
"""Journal flag: the last version, as shown to people (secrets masked)."""


class Source(Struct, frozen=True):
    """How the configuration is read again, as this process read it at its start.

    loaded   as it was read
    catalog  the day's instruments
    read     reads all layers. Raises ConfigError
    check    what else must be so before a strategy may trade here. Raises ConfigError
    files    the files that it is read from, whether they are there or not
    """

    loaded: Loaded
    catalog: Catalog
    read: Callable[[], Loaded]
    check: Callable[[Loaded, Cast], None]
    files: tuple[Path, ...] = ()


def source_of(loaded: Loaded, catalog: Catalog, read: Callable[[], Loaded], file: Path | None) -> Source:
    """The source for a process that was started with `loaded`; file: the user's own, None for none."""

    def reread() -> Loaded:
        new = read()
        redactor.add(*new.secrets())
        return new

    def check(effective: Loaded, cast: Cast) -> None:
        if effective.env == "live":
            require_checks(effective, cast)

    folder = loaded.root / "config"
    own = () if file is None else (file.absolute(),)
    files = (folder / "base.yaml", folder / f"{loaded.env}.yaml", loaded.root / ".env", *own)
    return Source(loaded, catalog, reread, check, files)


class Kept(Struct, frozen=True):
    """What the journal keeps under the flag. seq: of the newest event that it takes into account."""

    version: int
    seq: int
    settings: msgspec.Raw


class Specs(Protocol):
    """How children are specified (app/wiring.py), with the ports in them."""

    def strategy(self, name: str) -> SupervisorSpec:
        """One strategy and its supervisor."""
        ...

    def exits(self) -> ChildSpec:
        """Managed exits."""
        ...

    def execution(self) -> ChildSpec:
        """Execution in parts."""
        ...


class Office:
    """See the module, and actors.configuration.Board. `open` gives it the tree, before anything is asked of it."""

    def __init__(self, board: Board, source: Source, journal: Journal, log: EventLog) -> None:
        self.board = board
        self._source = source
        self._journal = journal
        self._log = log
        self._loaded = source.loaded
        self._sessions = frozenset(board.cast.sessions)
        self._spent = board.known.adopted
        self._candidates: dict[int, tuple[Loaded, Cast]] = {}
        self._plan: Plan | None = None
        self._leaving: dict[str, Leaving] = {}
        self._system: System | None = None
        self._specs: Specs | None = None
        self._root = ""
        self._strategies = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        return self._source.files

    def open(self, system: System, specs: Specs, root: str, strategies: str) -> None:
        """The tree that it works on, and the names of its supervisors."""
        self._system, self._specs, self._root, self._strategies = system, specs, root, strategies

    @property
    def leaving(self) -> dict[str, Leaving]:
        """See actors.configuration.Board."""
        return self._leaving

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """See actors.configuration.Board."""
        return self.board.listing.by_key

    # -- actors.configuration.Board --------------------------------------------------------------------------------

    @property
    def pending(self) -> Plan | None:
        """See actors.configuration.Board."""
        return self._plan

    @property
    def adopted(self) -> bool:
        """See actors.configuration.Board."""
        return self._plan is not None and self.board.known.adopted >= self._plan.terms.version

    def read(self, *, dry_run: bool) -> Plan:
        """See actors.configuration.Board."""
        board, source = self.board, self._source
        new = source.read()
        differing = changes(self._loaded, new)
        live = [each for each in differing if each.mark is Mark.LIVE]
        waiting = tuple(_as_message(each) for each in differing if each.mark is not Mark.LIVE)
        # What is wrong with the whole of it is wrong now, also where it would only take effect later.
        effective = taken_over(self._loaded, new)
        known = {each.id for each in board.cast.strategies}
        cast = cast_of(effective, source.catalog, keep=known)
        self._must_fit(effective, cast)
        version = self._spent + 1
        terms = terms_of(effective.settings, cast, version)
        if not live:
            return Plan((), waiting, terms)
        if not dry_run:
            self._spent = version
            self._candidates = {version: (effective, cast)}
        there = {each.id for each in cast.strategies}
        return Plan(
            changes=tuple(map(_as_message, live)),
            waiting=waiting,
            terms=terms,
            wanted=tuple(self._wanted(cast)),
            added=tuple(each.id for each in cast.strategies if each.id not in known),
            removed={name: _removal(self._loaded, name) for name in known - there},
            heirs=_heirs(self._loaded, known - there, cast),
        )

    def begin(self, plan: Plan) -> None:
        """See actors.configuration.Board."""
        _, cast = self._candidates[plan.terms.version]
        board = self.board
        board.add(cast.instruments.values())
        board.know(plan.terms)
        self._plan = plan
        managers = cast.topology
        started = replace(board.topology, guarded=managers.guarded, executed=managers.executed)
        assert self._specs is not None, "opened before anything is asked of it"
        if managers.guarded and not self.is_alive(EXITS):
            self._start(self._root, self._specs.exits())
        if managers.executed and not self.is_alive(EXECUTION):
            self._start(self._root, self._specs.execution())
        board.lead(widened(board.topology, started))
        loaded = self._candidates[plan.terms.version][0]
        keep_version(self._journal, plan.terms.version, loaded, self._log)

    def adopt(self) -> Sequence[str]:
        """See actors.configuration.Board."""
        plan, board = self._plan, self.board
        assert plan is not None, "begun before it is adopted"
        effective, cast = self._candidates[plan.terms.version]
        self._loaded = effective
        board.settings, board.cast = effective.settings, cast
        board.known = replace(board.known, adopted=plan.terms.version)
        board.lead(widened(board.topology, cast.topology))
        failed = []
        assert self._specs is not None, "opened before anything is asked of it"
        for name in plan.added:
            try:
                if not self.is_alive(strategy_name(name)):
                    self._start(self._strategies, self._specs.strategy(name))
            except PatangError as error:
                failed.append(str(error))
        if failed:
            raise PatangError("; ".join(failed))
        return ()

    def settle(self) -> None:
        """See actors.configuration.Board."""
        plan, board = self._plan, self.board
        assert plan is not None, "begun before it is settled"
        _, cast = self._candidates[plan.terms.version]
        keep = board.topology
        board.lead(
            replace(
                cast.topology,
                exit_workers=keep.exit_workers,
                audited=keep.audited,
                published=keep.published,
                reloadable=keep.reloadable,
                # What a strategy that was taken out left guarded stays so.
                guarded=tuple(dict.fromkeys((*cast.topology.guarded, *board.exits))),
            )
        )
        for name in plan.removed:
            self._remove(name)
        board.known = replace(board.known, settled=plan.terms.version)
        self._plan = None

    def is_alive(self, name: str) -> bool:
        """See actors.configuration.Board."""
        node = self._node(name)
        return node is not None and node.state not in {"gave_up", "stopped"}

    # -- inside ----------------------------------------------------------------------------------------------------

    def _must_fit(self, effective: Loaded, cast: Cast) -> None:
        self._source.check(effective, cast)
        there = {each.id for each in cast.strategies}
        for name, added in effective.settings.strategies.items():
            if added.enabled and name not in there and name not in self._loaded.settings.strategies:
                origin = effective.origins.get(f"strategies.{name}.instruments")
                place = "" if origin is None else f"{origin.where()}: "
                room = effective.settings.sandbox.instruments
                raise ConfigError(
                    f"{place}strategies.{name}.instruments: found no room for them; allowed: {room} in all, as "
                    "sandbox.instruments says until the next session"
                )
        self.board.room_for(cast.instruments.values())
        guarded = {each.id for each in self.board.cast.strategies if each.exits is not None}
        for each in cast.strategies:
            if each.exits is None and each.id in guarded:
                origin = effective.origins.get(f"strategies.{each.id}.kind")
                place = "" if origin is None else f"{origin.where()}: "
                raise ConfigError(
                    f"{place}strategies.{each.id}.exits: found nothing; allowed until a restart: other rules, since "
                    "they guard what it holds"
                )
            for instrument in each.instruments:
                if instrument.session not in self._sessions:
                    origin = effective.origins.get(f"strategies.{each.id}.instruments")
                    place = "" if origin is None else f"{origin.where()}: "
                    allowed = ", ".join(sorted(session.value for session in self._sessions))
                    raise ConfigError(
                        f"{place}strategies.{each.id}.instruments: found {instrument.key}, which has the hours of "
                        f"{instrument.session.value}; allowed until a restart: those of {allowed}, whose square-off is "
                        "in today's timetable"
                    )

    def _wanted(self, cast: Cast) -> list[SeriesWanted]:
        board, found = self.board, dict[int, dict[int, int]]()
        streamed: dict[tuple[int, int], int] = {}
        for shard in range(board.sockets):
            streamed |= board.bars(shard)
        for each in cast.strategies:
            for instrument in each.instruments:
                if instrument.token not in board.shards:
                    found.setdefault(instrument.token, {})
                for interval, bars in each.loads.items():
                    if streamed.get((instrument.token, interval), -1) < bars:
                        wanted = found.setdefault(instrument.token, {})
                        wanted[interval] = max(bars, wanted.get(interval, 0))
        return [SeriesWanted(token, bars) for token, bars in found.items()]

    def _start(self, supervisor: str, spec: ChildSpec | SupervisorSpec) -> None:
        assert self._system is not None, "opened before anything is asked of it"
        try:
            self._system.add_child(supervisor, spec)
        except (RuntimeFault, ValueError) as error:
            raise PatangError(f"{spec.id} does not start: {error}") from error

    def _remove(self, name: str) -> None:
        assert self._system is not None, "opened before anything is asked of it"
        node = self._node(strategy_name(name))
        if node is None:
            return
        try:
            self._system.remove_child(f"supervise.{name}")
        except RuntimeFault as error:
            self._log("warning", "configuration.not_removed", strategy=name, why=str(error))

    def _node(self, name: str) -> TreeNode | None:
        assert self._system is not None, "opened before anything is asked of it"
        try:
            return self._system.tree().find(name)
        except KeyError:
            return None


def first_version(journal: Journal, loaded: Loaded, clock: Clock, log: EventLog) -> int:
    """The version that a process begins with: the journal's last one, or the next where the files differ from that.

    Raises JournalUnavailable.
    """
    kept = kept_version(journal)
    if kept is None:
        keep_version(journal, 1, loaded, log)
        return 1
    version = kept.version
    for record in journal.read(kept.seq):
        if isinstance(record.event, ConfigurationChanged):
            version = max(version, record.event.version)
    differing = changes_of_plain(msgspec.json.decode(kept.settings), comparable(loaded))
    if version == kept.version and not differing:
        return version
    told = tuple(map(_as_message, differing))
    why = "the files differ from what was last in force"
    journal.commit([ConfigurationChanged(version + 1, told, "start", why, clock.now_ns())])
    log("info", "configuration.started", version=version + 1, changed=[each.path for each in told])
    keep_version(journal, version + 1, loaded, log)
    return version + 1


def kept_version(journal: Journal) -> Kept | None:
    """What the journal keeps of the last version; None in a journal that never had one, or that cannot be read so."""
    return kept_in(journal.flag(CONFIGURATION_FLAG))


def kept_in(text: str | None) -> Kept | None:
    """The same of the flag's text."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Kept)
    except msgspec.MsgspecError:
        return None


def keep_version(journal: Journal, version: int, loaded: Loaded, log: EventLog) -> None:
    """Keep what is in force: the next start compares with it (or, where the disk refuses, with an older one)."""
    settings = msgspec.Raw(msgspec.json.encode(comparable(loaded)))
    try:
        kept = msgspec.json.encode(Kept(version, journal.last_seq(), settings))
        journal.set_flag(CONFIGURATION_FLAG, kept.decode())
    except JournalUnavailable as error:
        log("warning", "configuration.not_kept", version=version, why=str(error))


def comparable(loaded: Loaded) -> Plain:
    """The settings as the journal keeps them."""
    decoded: Plain = msgspec.json.decode(msgspec.json.encode(plain(loaded.settings, Settings)))
    return decoded


def _as_message(change: Change) -> ConfigChange:
    old = "" if change.fresh else said(change.old)
    new = "" if change.gone else said(change.new)
    return ConfigChange(change.path, old, new, change.mark.value, change.where)


def _removal(loaded: Loaded, name: str) -> Removal:
    said_so = loaded.settings.strategies[name].on_removal
    return Removal.HAND_OVER if isinstance(said_so, HandOver) else Removal(said_so)


def _heirs(loaded: Loaded, removed: Iterable[str], cast: Cast) -> dict[str, str]:
    """To whom removed strategies are handed over. Raises ConfigError for one who could not have what they hold."""
    found = {}
    traders = {each.id: ({one.key for one in each.instruments}, each.product) for each in cast.strategies}
    for name in removed:
        said_so = loaded.settings.strategies[name].on_removal
        if not isinstance(said_so, HandOver):
            continue
        heir, former = said_so.hand_over, loaded.settings.strategies[name]
        keys, product = traders.get(heir, (set(), None))
        missing = [key for key in former.instruments if "@" not in key and key not in keys]
        if product is None or product.value != former.product or missing:
            raise ConfigError(
                f"strategies.{name}: taken out, and its positions go to {heir}, which does not trade "
                f"{', '.join(missing) or former.product} here; allowed: an heir of the same instruments and product"
            )
        found[name] = heir
    return found
