"""A mailbox: three lanes, conflation by key, a bound. Pure bookkeeping; the cell around it holds the lock."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable
from typing import Annotated

import pykka
from msgspec import Meta, Struct

_DROPPED = -1


class Lane(enum.IntEnum):
    """A lower lane overtakes a higher one; within a lane, first in, first out."""

    CONTROL = 0
    EVENT = 1
    DATA = 2


class Overflow(enum.Enum):
    """What a full mailbox does.

    REFUSE_DATA  data without a key makes way, oldest first, and is counted; nothing else is ever dropped
    GROW         nothing is dropped; only the alert tells
    """

    REFUSE_DATA = "refuse_data"
    GROW = "grow"


class MailboxSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """capacity  messages: the bound of the data lane, and the depth of all lanes together that raises the alert.

    Control, events and keyed data are never dropped: keyed data is bounded by the number of its keys, and control
    and events are worth more than the memory. Past the bound they raise `MailboxHigh` instead.
    """

    capacity: Annotated[int, Meta(ge=1)] = 10_000
    overflow: Overflow = Overflow.REFUSE_DATA


class Entry(Struct, eq=False):
    """One message waiting. Has the two attributes that Pykka's loop reads from an envelope.

    reply_to    where the answer goes; None for a tell
    stamp_ns    monotonic time it was put (a conflated entry keeps its place and its stamp)
    life        only this incarnation may have it; 0: any
    deliveries  how often it has been handed out
    """

    message: object
    reply_to: pykka.Future[object] | None
    lane: int
    key: Hashable
    stamp_ns: int
    life: int = 0
    deliveries: int = 0


class Mailbox:
    """Lanes of entries. Not thread-safe by itself."""

    __slots__ = (
        "_alert_at",
        "_bounded",
        "_capacity",
        "_data",
        "_keyed",
        "_lanes",
        "_plain",
        "conflated",
        "depth",
        "dropped",
        "high_water",
    )

    def __init__(self, spec: MailboxSpec) -> None:
        self._capacity = spec.capacity
        self._bounded = spec.overflow is Overflow.REFUSE_DATA
        self._lanes: tuple[deque[Entry], deque[Entry], deque[Entry]] = (deque(), deque(), deque())
        self._keyed: tuple[dict[Hashable, Entry], ...] = ({}, {}, {})
        self._plain: deque[Entry] = deque()  # unkeyed data told, in order: whom to drop, without searching
        self._data = 0
        self._alert_at = spec.capacity
        self.depth = 0
        self.high_water = 0
        self.conflated = 0
        self.dropped = 0

    def put(self, entry: Entry) -> bool:
        """Queue the entry. True when the depth has just reached the alert level."""
        lane = entry.lane
        if entry.key is not None:
            keyed = self._keyed[lane]
            waiting = keyed.get(entry.key)
            if waiting is not None:
                waiting.message = entry.message
                waiting.life = entry.life
                self.conflated += 1
                return False
            keyed[entry.key] = entry
        self._lanes[lane].append(entry)
        self.depth += 1
        if lane == Lane.DATA:
            self._data += 1
            if self._bounded:
                if entry.key is None and entry.reply_to is None:
                    self._plain.append(entry)
                if self._data > self._capacity:
                    self._make_way()
        self.high_water = max(self.high_water, self.depth)
        if self.depth >= self._alert_at:
            self._alert_at *= 2
            return True
        return False

    def put_back(self, entry: Entry) -> None:
        """Return an entry that was taken to the head of its lane. A newer one under the same key stays as well."""
        self._lanes[entry.lane].appendleft(entry)
        self.depth += 1
        if entry.key is not None:
            self._keyed[entry.lane].setdefault(entry.key, entry)
        if entry.lane == Lane.DATA:
            self._data += 1
            if self._bounded and entry.key is None and entry.reply_to is None:
                self._plain.appendleft(entry)

    def take(self) -> Entry | None:
        """The next entry, or None. Running empty arms the alert anew."""
        if self.depth:
            for lane in self._lanes:
                while lane:
                    entry = lane.popleft()
                    if entry.lane == _DROPPED:
                        continue
                    self._forget(entry)
                    return entry
        self._alert_at = self._capacity
        return None

    def oldest_ns(self) -> int | None:
        """The stamp of the entry that has waited longest, or None."""
        heads = [next((e.stamp_ns for e in lane if e.lane != _DROPPED), None) for lane in self._lanes]
        return min((stamp for stamp in heads if stamp is not None), default=None)

    def remove_life(self, life: int) -> list[Entry]:
        """Take out, and return, what only that incarnation may have."""
        removed = [entry for lane in self._lanes for entry in lane if entry.life == life and entry.lane != _DROPPED]
        if removed:
            self._refill([entry for entry in self.clear() if entry.life != life])
        return removed

    def clear(self) -> list[Entry]:
        """Take everything out, in the order it would have been taken."""
        entries = []
        while (entry := self.take()) is not None:
            entries.append(entry)
        return entries

    def _refill(self, entries: list[Entry]) -> None:
        for entry in reversed(entries):
            self.put_back(entry)

    def _forget(self, entry: Entry) -> None:
        self.depth -= 1
        if entry.key is not None:
            keyed = self._keyed[entry.lane]
            if keyed.get(entry.key) is entry:
                del keyed[entry.key]
        if entry.lane == Lane.DATA:
            self._data -= 1
            if self._bounded and entry.key is None and entry.reply_to is None:
                self._plain.popleft()

    def _make_way(self) -> None:
        if not self._plain:
            return
        oldest = self._plain.popleft()
        oldest.lane = _DROPPED
        oldest.message = None
        self._data -= 1
        self.depth -= 1
        self.dropped += 1
        # The emptied entries between keyed ones that nobody takes must not grow without bound.
        data = self._lanes[Lane.DATA]
        if len(data) > 2 * self._capacity + 2 and len(data) > 2 * self._data:
            live = [entry for entry in data if entry.lane != _DROPPED]
            data.clear()
            data.extend(live)
