"""Folding the journal: each record once, in order, a gap never stepped over; and snapshots that only save time."""

from __future__ import annotations

from domain.errors import PatangError


class SequenceGap(PatangError):
    """Records are missing before this one: read (after, seq] from the journal and apply those instead.

    after  the last seq applied
    seq    the seq of the record that came too early
    """

    def __init__(self, after: int, seq: int) -> None:
        super().__init__(f"record {seq} came after {after}: read the journal from {after} on")
        self.after = after
        self.seq = seq


class SnapshotUnreadable(PatangError, ValueError):
    """A stored projection is not one that this program reads. Nothing is lost: fold the journal from the start."""


def is_next(last: int, seq: int) -> bool:
    """True for the next record, False for one that was applied already. Raises SequenceGap for a later one."""
    if seq <= last:
        return False
    if seq != last + 1:
        raise SequenceGap(last, seq)
    return True
