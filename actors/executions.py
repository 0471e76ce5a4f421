"""Which decisions that are carried out in parts have begun, and which have ended: so each is journaled once.

Whoever carries them out asks again where no answer comes; and what it asked for may overtake what ends the decision.
The order supervisor, the one writer, holds both against the journal.
"""

from __future__ import annotations

from domain.execution.desk import have_ended
from domain.messages.journal import IntentAccepted, JournalRecord
from domain.messages.plans import ExecutionEnded, ExecutionStarted, PlanEvent
from domain.ports import Journal


class Executions:
    """See the module. The journal is read when something is asked for the first time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._orders: dict[str, list[str]] = {}
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._seq = 0

    def is_news(self, event: PlanEvent) -> bool:
        """Whether it is to be journaled: not what is there already, nor an end that an order has overtaken.

        Plans of exits may be said again: the newest holds.
        """
        self._catch_up()
        match event:
            case ExecutionStarted(intent=intent):
                return intent.intent_id not in self._begun
            case ExecutionEnded(intent_id=intent_id, filled=filled):
                return intent_id not in self._ended and self._is_all(intent_id, filled)
            case _:
                return True

    def _is_all(self, parent: str, units: int) -> bool:
        records = (self._journal.record(tag) for tag in self._orders.get(parent, ()))
        return have_ended((record for record in records if record is not None), units)

    def has_ended(self, parent: str) -> bool:
        """Whether that decision is over: no order of it may follow."""
        if not parent:
            return False
        self._catch_up()
        return parent in self._ended

    def _catch_up(self) -> None:
        for record in self._journal.read(self._seq):
            self._take(record)

    def _take(self, record: JournalRecord) -> None:
        self._seq = record.seq
        match record.event:
            case IntentAccepted(tag=tag, intent=intent) if intent.parent:
                self._orders.setdefault(intent.parent, []).append(tag)
            case ExecutionStarted(intent=intent):
                self._begun.add(intent.intent_id)
            case ExecutionEnded(intent_id=intent_id):
                self._ended.add(intent_id)
