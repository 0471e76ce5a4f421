"""What is done around trading: the checklist before it, and in the evening reports, backups and tidying.

Each chore asks the broker or a disk and may take its time; nobody waits for this actor while there is trading to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Context
from domain.errors import PatangError
from domain.messages.control import Alert, JobDue, JobKind, ParityFound, Report
from domain.parity import DayParity
from domain.ports import Clock
from domain.preflight import Check, Verdict, worst


class Study(Protocol):
    """The day on its way through the backtester, in a process of its own."""

    def outcome(self) -> DayParity | None:
        """What it found, or why nothing; None while it runs. Once it has answered, it is not asked again."""
        ...

    def cancel(self) -> None:
        """End it at once. Idempotent."""
        ...


class Chores(Protocol):
    """Each does its work and says in a few words what came of it. They raise PatangError and OSError."""

    def preflight(self) -> Sequence[Check]:
        """The checklist. Never raises a BrokerError: what could not be asked is a line that failed."""
        ...

    def login_reminder(self) -> str:
        """Why a person must log in; empty where the login is good."""
        ...

    def instruments_refresh(self) -> Sequence[str]:
        """Read the day's list again: what is different of the traded instruments, in words each."""
        ...

    def log_rotation(self) -> str:
        """A new log file for the day."""
        ...

    def parity(self) -> Study:
        """Send the day through the backtester. Returns at once."""
        ...

    def weekly_report(self) -> str:
        """The week's figures, as a page."""
        ...

    def backup(self) -> str:
        """The stores in one file; older files go."""
        ...

    def vacuum(self) -> str:
        """Databases give back what they do not use."""
        ...


_LEVELS: Final[Mapping[Verdict, str]] = {Verdict.OK: "info", Verdict.WARN: "warning", Verdict.FAIL: "critical"}
_NAMES: Final[Mapping[Verdict, str]] = {
    Verdict.OK: "preflight.passed",
    Verdict.WARN: "preflight.warned",
    Verdict.FAIL: "preflight.failed",
}


UNDER_WAY: Final = "under way"
"""What is said of a chore that goes on beside the others."""

LOOK_SECONDS: Final = 0.25
"""Monotonic seconds between looks at it."""


class _Look(Struct, frozen=True):
    """Own timer: is the parity found?"""


class Caretaker(Actor):
    """Does the chore that a job calls for, and tells what came of it. One that fails is an alert, and nothing else."""

    def __init__(self, context: Context, routes: Routes, chores: Chores, clock: Clock) -> None:
        super().__init__(context)
        self._routes = routes
        self._chores = chores
        self._clock = clock
        self._done: dict[str, str] = {}
        self._study: Study | None = None
        # However this life ends: the next one knows nothing of a process that is under way, nor how long it may take.
        context.at_end(self._end_study)

    def _end_study(self) -> None:
        if self._study is not None:
            self._study.cancel()

    def receive(self, message: object) -> object:
        """A job; `Report` is answered with what came of each so far."""
        match message:
            case JobDue(kind=JobKind.PARITY):
                self._begin_parity()
            case _Look():
                self._look()
            case JobDue(kind=kind):
                self._do(kind)
            case Report():
                return dict(self._done)
        return None

    def _do(self, kind: JobKind) -> None:
        try:
            said = self._chore(kind)()
        except (PatangError, OSError) as error:
            said = f"failed: {error}"
            self._tell("warning", "chore.failed", f"{kind.value}: {error}")
        self._done[kind.value] = said
        self.context.log("info", "chore.done", job=kind.value, said=said)

    def _begin_parity(self) -> None:
        if self._study is not None:
            return
        try:
            self._study = self._chores.parity()
        except (PatangError, OSError) as error:
            self._found(DayParity("", why_not=str(error)))
            return
        self._done[JobKind.PARITY.value] = UNDER_WAY
        self.context.after(LOOK_SECONDS, _Look())

    def _look(self) -> None:
        if self._study is None:
            return
        found = self._study.outcome()
        if found is None:
            self.context.after(LOOK_SECONDS, _Look())
            return
        self._study = None
        self._found(found)

    def _found(self, parity: DayParity) -> None:
        self._routes.publish(self.context, ParityFound(parity))
        self._done[JobKind.PARITY.value] = parity.line
        self.context.log("info", "chore.done", job=JobKind.PARITY.value, said=parity.line)

    def _chore(self, kind: JobKind) -> Callable[[], str]:
        chores = self._chores
        found: Mapping[JobKind, Callable[[], str]] = {
            JobKind.PREFLIGHT: self._preflight,
            JobKind.LOGIN_REMINDER: self._login_reminder,
            JobKind.INSTRUMENTS_REFRESH: self._instruments_refresh,
            JobKind.LOG_ROTATION: chores.log_rotation,
            JobKind.WEEKLY_REPORT: chores.weekly_report,
            JobKind.BACKUP: chores.backup,
            JobKind.VACUUM: chores.vacuum,
        }
        return found[kind]

    def _preflight(self) -> str:
        checks = self._chores.preflight()
        verdict = worst(checks)
        lines = [each for each in checks if each.verdict is not Verdict.OK]
        self.context.log(
            _LEVELS[verdict],
            "preflight.done",
            verdict=verdict.value,
            **{each.name: f"{each.verdict.value}: {each.says}" for each in checks},
        )
        words = "; ".join(f"{each.name}: {each.says}" + (f" ({each.act})" if each.act else "") for each in lines)
        self._tell(_LEVELS[verdict], _NAMES[verdict], words or "everything is in order")
        return verdict.value

    def _login_reminder(self) -> str:
        needed = self._chores.login_reminder()
        if needed:
            self._tell("critical", "login.reminder", f"log in before the market opens: {needed}")
        return needed or "the login is good"

    def _instruments_refresh(self) -> str:
        changed = self._chores.instruments_refresh()
        if changed:
            self._tell("warning", "instruments.changed", f"{'; '.join(changed)}: restart, so that this is known")
        return "; ".join(changed) or "as known"

    def _tell(self, level: str, name: str, text: str) -> None:
        self._routes.publish(self.context, Alert(level, name, text, self._clock.now_ns()))
