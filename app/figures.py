"""The figures that Prometheus reads, from what the dashboard follows: see adapters.web.metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from actors.runtime import TreeNode
from adapters.web.metrics import STAGE_SECONDS, ActorFigures, StageFigures
from domain.messages.journal import (
    IntentAccepted,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderRecord,
    SendingClaimed,
    TradeBooked,
)
from domain.values import SECOND, Nanos

DECIDED: Final = "decided_to_journaled"
JOURNALED: Final = "journaled_to_claimed"
CLAIMED: Final = "claimed_to_acknowledged"
ACKNOWLEDGED: Final = "acknowledged_to_closed"
FILLED: Final = "decided_to_first_fill"
STAGES: Final = (DECIDED, JOURNALED, CLAIMED, ACKNOWLEDGED, FILLED)


class Stages:
    """Collects how long each order took from station to station, from the journal's events in their order."""

    def __init__(self) -> None:
        self._at: dict[str, dict[str, Nanos]] = {}
        self._buckets: dict[str, list[int]] = {stage: [0] * (len(STAGE_SECONDS) + 1) for stage in STAGES}
        self._sums: Counter[str] = Counter()

    def apply(self, event: JournalEvent) -> None:
        """One more event."""
        match event:
            case IntentAccepted(tag=tag, time=time):
                self._at[tag] = {"decided": event.intent.decided_time, "journaled": time}
                self._note(DECIDED, time - event.intent.decided_time)
            case SendingClaimed(tag=tag, time=time):
                self._step(tag, "journaled", "claimed", time, JOURNALED)
            case OrderAcknowledged(tag=tag, time=time):
                self._step(tag, "claimed", "acknowledged", time, CLAIMED)
            case TradeBooked(tag=tag, booked_time=time) if tag in self._at and "filled" not in self._at[tag]:
                self._step(tag, "decided", "filled", time, FILLED)
            case OrderClosed(tag=tag, time=time):
                self._step(tag, "acknowledged", "closed", time, ACKNOWLEDGED)
                self._at.pop(tag, None)
            case _:
                pass

    def figures(self) -> tuple[StageFigures, ...]:
        """Cumulative, as Prometheus wants them."""
        found = []
        for stage in STAGES:
            running, counts = 0, []
            for count in self._buckets[stage]:
                running += count
                counts.append(running)
            found.append(StageFigures(stage, tuple(counts[:-1]), counts[-1], self._sums[stage] / SECOND))
        return tuple(found)

    def _step(self, tag: str, since: str, name: str, time: Nanos, stage: str) -> None:
        at = self._at.get(tag)
        if at is None:
            return
        at[name] = time
        if since in at:
            self._note(stage, time - at[since])

    def _note(self, stage: str, took: Nanos) -> None:
        took = max(0, took)
        self._buckets[stage][bisect_left(STAGE_SECONDS, took / SECOND)] += 1
        self._sums[stage] += took


def actor_figures(tree: TreeNode) -> tuple[ActorFigures, ...]:
    """Of every actor; supervisors have no mailbox."""
    return tuple(
        ActorFigures(
            name=node.id,
            up=node.state == "up",
            restarts=node.restarts,
            hung=node.hung,
            depth=node.depth,
            oldest_seconds=node.oldest_age_seconds or 0.0,
            handled=node.handled,
            conflated=node.conflated,
            dropped=node.dropped,
            dead_letters=node.dead_letters,
        )
        for node in tree.walk()
        if node.kind == "child"
    )


def by_state(records: Iterable[OrderRecord]) -> tuple[tuple[str, int], ...]:
    """Orders by the word of their state."""
    return tuple(sorted(Counter(record.state.name.lower() for record in records).items()))


def used(limits: Sequence[Mapping[str, object]]) -> tuple[tuple[str, float], ...]:
    """The share used of each limit that is above 0."""
    found = []
    for each in limits:
        limit, amount = each["limit"], each["used"]
        if isinstance(limit, int | float) and isinstance(amount, int | float) and limit > 0:
            found.append((str(each["name"]), amount / limit))
    return tuple(found)
