"""Differences between our books and the broker's that stand, and what they freeze: folded from the journal."""

from __future__ import annotations

from collections.abc import Iterable

from domain.messages.journal import DifferenceCleared, DifferenceFound
from domain.reconcile.names import Policy


class StandingDifferences:
    """Those whose policy is to freeze, by name and subject."""

    def __init__(self, found: Iterable[DifferenceFound] = ()) -> None:
        self._found = {(each.name, each.subject): each for each in found}

    @property
    def all(self) -> tuple[DifferenceFound, ...]:
        """As they were found, oldest first."""
        return tuple(self._found.values())

    def apply(self, event: DifferenceFound | DifferenceCleared) -> None:
        """One more event. A difference that is found again with another policy has that one from then on."""
        self._found.pop((event.name, event.subject), None)
        if isinstance(event, DifferenceFound) and event.policy in (Policy.FREEZE_INSTRUMENT, Policy.FREEZE_STRATEGY):
            self._found[event.name, event.subject] = event

    def why_strategy(self, strategy: str) -> str | None:
        """Why the strategy is frozen, or None."""
        if not self._found:
            return None
        found = (each for each in self._found.values() if each.policy is Policy.FREEZE_STRATEGY)
        return next((_words(each) for each in found if strategy in each.strategies), None)

    def why_instrument(self, instrument: str) -> str | None:
        """Why the `EXCHANGE:SYMBOL` is frozen, or None."""
        if not self._found:
            return None
        found = (each for each in self._found.values() if each.policy is Policy.FREEZE_INSTRUMENT)
        return next((_words(each) for each in found if each.instrument == instrument), None)


def _words(found: DifferenceFound) -> str:
    return f"{found.name} in {found.subject}: ours {found.ours}, the broker's {found.theirs}"
