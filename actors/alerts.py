"""Says what a person should know: in the log always, through the notifier if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.runtime import Actor, ChildCrashed, ChildGaveUp, ChildHung, Context, EventLog, SupervisorGaveUp
from domain.alerting import LEVELS, Note
from domain.alerts import REPEAT_AFTER, Repeats
from domain.errors import PatangError
from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    ReportWritten,
    StrategyFrozen,
    TradingState,
    TradingStateChanged,
)
from domain.ports import Clock, Notifier
from domain.values import Nanos

_JOBS = {
    JobKind.SQUARE_OFF_WARNING: ("info", "square_off_soon", "intraday positions are squared off soon"),
    JobKind.SESSION_OPEN: ("info", "session_open", "continuous trading begins"),
    JobKind.CUT_OFF: ("info", "cut_off", "no new intraday entries from here on"),
    JobKind.CLOSING_AUCTION: ("info", "closing_auction", "continuous trading is over, the closing auction begins"),
    JobKind.DRILL_CRASH_STRATEGY: ("info", "drill", "a strategy is crashed on purpose"),
    JobKind.DRILL_DROP_FEED: ("info", "drill", "the feed is dropped on purpose"),
}


CHANNEL_PREFIX: Final = "alerts."


class Alerts(Actor):
    """Turns alerts and what is worth one into log lines and notifications, without repeating itself.

    notifier  the store on this machine that the dashboard reads
    channels  names of the channels' actors, which may take their time (actors/alert_channel.py)
    wall      the clock of the notes
    """

    def __init__(
        self,
        context: Context,
        log: EventLog,
        notifier: Notifier | None = None,
        repeat_after: Nanos = REPEAT_AFTER,
        channels: Sequence[str] = (),
        wall: Clock | None = None,
    ) -> None:
        super().__init__(context)
        self._log = log
        self._notifier = notifier
        self._repeats = Repeats(repeat_after)
        self._channels = channels
        self._wall = wall

    def receive(self, message: object) -> object:
        """Say it, unless it was said just now."""
        alert = as_alert(message)
        if alert is not None:
            self._say(alert)
        return None

    def _say(self, alert: Alert) -> None:
        verdict = self._repeats.judge(alert, self.context.runtime.monotonic.now_ns())
        if not verdict.say:
            return
        text = f"{alert.text} ({verdict.held} more like it)" if verdict.held else alert.text
        self._log(alert.level, f"alert.{alert.name}", text=text)
        if self._wall is not None:
            for channel in self._channels:
                level = alert.level if alert.level in LEVELS else "warning"
                note = Note(level, alert.name, text, self._wall.now_ns())
                self.context.tell(f"{CHANNEL_PREFIX}{channel}", note)
        if self._notifier is None:
            return
        try:
            self._notifier.send(alert.level, alert.name, text)
        except (PatangError, OSError) as error:
            self._log("warning", "alert.not_delivered", alert=alert.name, error=str(error))


def as_alert(message: object) -> Alert | None:
    """The alert that a message is, or is worth (time 0 where it tells no market time); None for the rest."""
    match message:
        case Alert():
            return message
        case StrategyFrozen(strategy=strategy, why=why, time=time):
            return Alert("critical", "strategy.frozen", f"strategy {strategy} is frozen: {why}", time)
        case TradingStateChanged(state=state, why=why, who=who, time=time):
            expected = state in (TradingState.ACTIVE, TradingState.STARTING) or who == "shutdown"
            level = "info" if expected else "critical"
            return Alert(level, f"trading.{state.value.lower()}", f"trading is {state.value}: {why} ({who})", time)
        case ReportWritten(html_path=path):
            return Alert("info", "report.written", f"the day's report is in {path}", 0)
        case JobDue(kind=kind, subject=subject, fired=fired) if kind in _JOBS:
            level, name, text = _JOBS[kind]
            return Alert(level, name, f"{text}: {subject}" if subject else text, fired)
        case ChildCrashed(name=name, reason=reason):
            return Alert("warning", "actor.failed", f"{name} failed and is started again: {reason}", 0)
        case ChildGaveUp(name=name, reason=reason):
            return Alert("critical", "actor.down", f"{name} stays down: {reason}", 0)
        case SupervisorGaveUp(name=name, reason=reason):
            return Alert("critical", "supervisor.gave_up", f"{name} gave up: {reason}", 0)
        case ChildHung(name=name, seconds=seconds, doing=doing):
            return Alert("critical", "actor.hung", f"{name} was busy for {seconds:.1f} s with {doing}: replaced", 0)
        case _:
            return None
