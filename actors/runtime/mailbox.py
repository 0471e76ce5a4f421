"""A mailbox: three lanes, conflation by key, a bound.

Tellers never wait for the reader. What the two sides share are deques, sets and dicts of which each single operation is
indivisible (the interpreter lock sees to that), in an order that leaves no gap; see `put_keyed` and `pop`. Everything
else belongs to whoever holds the cell's lock. Keys must be hashed and compared by built-in code (numbers, texts,
tuples of them), so that these operations stay indivisible.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable
from typing import Annotated, Final, TypeAlias

import pykka
from msgspec import Meta, Struct

_DROPPED: Final = -1


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
    """capacity  messages: the bound of the data lane, and the depth of any one lane that raises the alert.

    Control, events and keyed data are never dropped: keyed data is bounded by the number of its keys, and control
    and events are worth more than the memory. Past the bound they raise `MailboxHigh` instead.
    """

    capacity: Annotated[int, Meta(ge=1)] = 10_000
    overflow: Overflow = Overflow.REFUSE_DATA


class Entry(Struct, eq=False, gc=False):
    """One message that is more than told: asked, keyed, bound to an incarnation, or given back.

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


class Place(Struct, eq=False, gc=False):
    """Where in its lane a key stands; the newest message of the key is looked up when its turn has come."""

    key: Hashable
    lane: int
    stamp_ns: int


Told: TypeAlias = tuple[object, int, int]
"""A plain tell: message, stamp, lane. Most messages are: one tuple each is all they cost."""

Item: TypeAlias = Told | Entry


class Mailbox:
    """Lanes of messages.

    lanes     what waits, by number
    free      the lanes to which a plain tell may simply be appended, by number; None where it needs `put`
    alert_at  the depth of one lane at which the teller calls `noticed`
    """

    __slots__ = (
        "_bounded",
        "_capacity",
        "_conflated",
        "_emptied",
        "_high_water",
        "_latest",
        "_lives",
        "_outrun",
        "_placed",
        "_plain",
        "alert_at",
        "dropped",
        "free",
        "lanes",
    )

    def __init__(self, spec: MailboxSpec) -> None:
        self._capacity = spec.capacity
        self._bounded = spec.overflow is Overflow.REFUSE_DATA
        self.lanes: tuple[deque[Item | Place], deque[Item | Place], deque[Item | Place]] = (deque(), deque(), deque())
        self.free = (self.lanes[0], self.lanes[1], None if self._bounded else self.lanes[2])
        self._latest: tuple[dict[Hashable, tuple[object, int]], ...] = ({}, {}, {})
        self._placed: tuple[set[Hashable], ...] = (set(), set(), set())
        self._plain: deque[Entry] = deque()  # unkeyed data of a bounded lane, in order: whom to drop, without searching
        self._lives: dict[int, int] = {}
        self._emptied = 0
        self._conflated = 0
        self._outrun = 0
        self._high_water = 0
        self.alert_at = spec.capacity
        self.dropped = 0

    # -- telling -----------------------------------------------------------------------------------------------------

    def put(self, entry: Entry) -> bool:
        """Queue the entry; with the cell's lock. True when its lane has just reached the alert level."""
        lane = self.lanes[entry.lane]
        if entry.key is not None:
            return self.put_keyed(entry.lane, entry.key, entry.message, entry.stamp_ns, entry.life)
        if entry.life:
            self._lives[entry.life] = self._lives.get(entry.life, 0) + 1
        lane.append(entry)
        if self._droppable(entry):
            self._plain.append(entry)
            if len(lane) - self._emptied > self._capacity:
                self._make_way()
        return self.noticed(entry.lane)

    def put_keyed(self, lane: int, key: Hashable, message: object, stamp_ns: int, life: int = 0) -> bool:
        """Queue or replace; one teller at a time, whatever the reader does meanwhile. As `put`.

        First the message, then, if the key has no place in the lane, a place. The reader gives up the place before it
        takes the message. So a message whose teller found a place is taken with it; at worst there is a second place,
        and nothing at it.

        A message with a method `after(older)` is put as what that returns, where an older one of the key waits: it is
        taken out first, so that it is either handled by itself or part of what is put, and never both.
        """
        latest = self._latest[lane]
        combined = getattr(message, "after", None)
        if combined is not None:
            older = latest.pop(key, None)
            if older is not None and older[1] == life:
                message = combined(older[0])
        latest[key] = (message, life)
        placed = self._placed[lane]
        if key in placed:
            self._conflated += 1
            return False
        placed.add(key)
        self.lanes[lane].append(Place(key, lane, stamp_ns))
        return self.noticed(lane)

    def put_back(self, entry: Entry) -> None:
        """Return an entry that was taken to the head of its lane. A newer one under the same key stays as well."""
        if entry.life:
            self._lives[entry.life] = self._lives.get(entry.life, 0) + 1
        self.lanes[entry.lane].appendleft(entry)
        if self._droppable(entry):
            self._plain.appendleft(entry)

    def noticed(self, lane: int) -> bool:
        """Whether the lane has reached the alert level, which then doubles."""
        depth = len(self.lanes[lane])
        if depth < self.alert_at:
            return False
        while self.alert_at <= depth:
            self.alert_at *= 2
        return True

    # -- taking, with the cell's lock --------------------------------------------------------------------------------

    def pop(self) -> Item | None:
        """The next item, or None. Running empty arms the alert anew."""
        self.look()
        for lane in self.lanes:
            while lane:
                item = lane.popleft()
                if isinstance(item, tuple):
                    return item
                entry = self._entry(item)
                if entry is not None:
                    return entry
        self.alert_at = self._capacity
        return None

    def take(self) -> Entry | None:
        """As `pop`, a plain tell as an entry too."""
        item = self.pop()
        return None if item is None else as_entry(item)

    def remove_life(self, life: int) -> list[Entry]:
        """Take out, and return, what only that incarnation may have."""
        if not self._lives.get(life) and not self._keyed_lives(life):
            return []
        removed: list[Entry] = []
        for number, lane in enumerate(self.lanes):
            kept: list[Item | Place] = []
            for _ in range(len(lane)):  # tellers may add behind meanwhile
                item = lane.popleft()
                if isinstance(item, Place) and self._latest[number].get(item.key, (None, 0))[1] == life:
                    entry = self._entry(item)
                    removed += [] if entry is None else [entry]
                elif isinstance(item, Entry) and item.life == life:
                    self._settle_life(life)
                    removed.append(item)
                else:
                    kept.append(item)
            lane.extendleft(reversed(kept))
        return removed

    def clear(self) -> list[Entry]:
        """Take everything out, in the order it would have been taken."""
        entries = []
        while (entry := self.take()) is not None:
            entries.append(entry)
        return entries

    # -- looking, with the cell's lock -------------------------------------------------------------------------------

    @property
    def depths(self) -> tuple[int, int, int]:
        """Messages waiting, lane by lane."""
        control, event, data = map(len, self.lanes)
        return control, event, data - self._emptied

    @property
    def depth(self) -> int:
        """Messages waiting."""
        return sum(self.depths)

    @property
    def conflated(self) -> int:
        """Messages replaced by a newer one of the same key."""
        return self._conflated + self._outrun

    @property
    def high_water(self) -> int:
        """The most that ever waited, to within 64."""
        self.look()
        return self._high_water

    def oldest_ns(self) -> int | None:
        """The stamp of the message that has waited longest, or None."""
        stamps = [stamp for lane in self.lanes if (stamp := _first_stamp(lane)) is not None]
        return min(stamps, default=None)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _entry(self, item: Entry | Place) -> Entry | None:
        """What the item stands for, now that it is out of its lane; None if for nothing."""
        if isinstance(item, Place):
            return self.taken_at(item)
        if item.lane == _DROPPED:
            self._emptied -= 1
            return None
        if item.life:
            self._settle_life(item.life)
        if self._droppable(item):
            self._plain.popleft()
        return item

    def taken_at(self, place: Place) -> Entry | None:
        """The newest message of the key whose place, out of its lane already, this is; None if there is none."""
        lane, key = place.lane, place.key
        self._placed[lane].discard(key)
        found = self._latest[lane].pop(key, None)
        if found is None:
            # A second place: its message was taken at the first, and one before that was replaced uncounted.
            self._outrun += 1
            return None
        return Entry(found[0], None, lane, key, place.stamp_ns, found[1])

    def _droppable(self, entry: Entry) -> bool:
        return (
            self._bounded
            and entry.lane == Lane.DATA
            and entry.key is None
            and entry.reply_to is None
            and not entry.life
        )

    def _settle_life(self, life: int) -> None:
        left = self._lives[life] - 1
        if left:
            self._lives[life] = left
        else:
            del self._lives[life]

    def _keyed_lives(self, life: int) -> bool:
        return any(found[1] == life for latest in self._latest for found in tuple(latest.values()))

    def look(self) -> None:
        """Keep the high-water mark."""
        control, event, data = self.lanes
        depth = len(control) + len(event) + len(data) - self._emptied
        if depth > self._high_water:  # noqa: PLR1730 - once for nearly every message: a call costs more
            self._high_water = depth

    def _make_way(self) -> None:
        if not self._plain:
            return
        oldest = self._plain.popleft()
        oldest.lane = _DROPPED
        oldest.message = None
        self._emptied += 1
        self.dropped += 1
        # The emptied entries between keyed ones that nobody takes must not grow without bound.
        data = self.lanes[Lane.DATA]
        if len(data) > 2 * self._capacity + 2 and self._emptied > len(data) // 2:
            items = [data.popleft() for _ in range(len(data))]
            data.extendleft([i for i in reversed(items) if not (isinstance(i, Entry) and i.lane == _DROPPED)])
            self._emptied = 0


def as_entry(item: Item, deliveries: int = 0) -> Entry:
    """The item as an entry. deliveries: of a plain tell, which does not count them itself."""
    if isinstance(item, Entry):
        return item
    message, stamp_ns, lane = item
    return Entry(message, None, lane, None, stamp_ns, 0, deliveries)


def _first_stamp(lane: deque[Item | Place]) -> int | None:
    for index in range(len(lane)):
        item = lane[index]
        if isinstance(item, tuple):
            return item[1]
        if item.lane != _DROPPED:
            return item.stamp_ns
    return None
