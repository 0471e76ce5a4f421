"""How much of each limit is used: what the risk gate tells of itself."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.values import Nanos, rupees


class Unit(Enum):
    """What a limit counts. RUPEES: 1/10,000 rupee."""

    RUPEES = "rupees"
    UNITS = "units"
    COUNT = "count"


class LimitUse(Struct, frozen=True):
    """One limit and how much of it is used; 0 at least.

    key      the limit's key in the configuration
    name     in words
    subject  the strategy, instrument, underlying, product, segment or order that it is used by; empty: the account
    """

    key: str
    name: str
    subject: str
    used: int
    limit: int
    unit: Unit

    @property
    def share(self) -> float:
        """Used part; 1 of a limit of 0 that something uses."""
        return self.used / self.limit if self.limit else float(self.used > 0)

    @property
    def title(self) -> str:
        """In words, with whose it is."""
        return f"{self.name} {self.subject}".rstrip()

    @property
    def figures(self) -> str:
        """`81.00 of 100.00 rupees (81 %)`."""
        if self.unit is Unit.RUPEES:
            return f"{rupees(self.used)} of {rupees(self.limit)} rupees ({self.share * 100:.0f} %)"
        return f"{self.used} of {self.limit} ({self.share * 100:.0f} %)"


class LimitsUsed(Struct, frozen=True, tag=True):
    """Event, risk gate to publisher: every limit as it stands at this market time."""

    time: Nanos
    uses: tuple[LimitUse, ...]
