"""One instrument's position as booked trades have made it: open lots, first in first out, and what it was before."""

from __future__ import annotations

import bisect
from collections import deque
from typing import Final, NamedTuple

from domain.values import E4, Nanos


class Held(NamedTuple):
    """A position: signed units, average price of the open lots (1/10,000 rupee, 0 when flat), when it was opened."""

    quantity: int
    entry: float
    opened: Nanos


FLAT: Final = Held(0, 0.0, 0)
PAST_KEPT: Final = 5_000
"""Trades back to which a position of then is known."""


class Holding:
    """Signed quantity by booked trades, and what is seen beyond them.

    provisional  filled beyond what is booked, signed
    realised     without the multiplier
    lots         [signed units, price]
    """

    __slots__ = ("lots", "opened", "past", "provisional", "quantity", "realised")

    def __init__(self) -> None:
        self.quantity = 0
        self.provisional = 0
        self.realised: E4 = 0
        self.lots: deque[list[int]] = deque()
        self.opened: Nanos = 0
        self.past: list[tuple[Nanos, Held]] = []

    @property
    def entry(self) -> float:
        """Average price of the open lots; 0 where none is booked."""
        if not self.lots:
            return 0.0
        units = value = 0
        for lot in self.lots:
            units += lot[0]
            value += lot[0] * lot[1]
        return value / units

    def book(self, signed: int, price: E4, time: Nanos) -> None:
        """One trade."""
        if self.quantity == 0:
            self.opened = time
        self.quantity += signed
        left = signed
        while left and self.lots and (self.lots[0][0] > 0) != (left > 0):
            lot = self.lots[0]
            taken = min(abs(lot[0]), abs(left)) * (1 if left > 0 else -1)
            lot[0] += taken
            left -= taken
            self.realised -= taken * (price - lot[1])
            if lot[0] == 0:
                self.lots.popleft()
        if left:
            if not self.lots:
                self.opened = time
            self.lots.append([left, price])
        if self.quantity == 0:
            self.opened = 0
        # Trades may be read out of their order by a little; what was known by then is known since.
        since = max(time, self.past[-1][0]) if self.past else time
        self.past.append((since, Held(self.quantity, self.entry, self.opened)))
        if len(self.past) > 2 * PAST_KEPT:
            del self.past[:-PAST_KEPT]

    def at(self, instant: Nanos) -> Held:
        """The position as the trades had made it by then."""
        index = bisect.bisect_right(self.past, instant, key=lambda each: each[0])
        return self.past[index - 1][1] if index else FLAT
