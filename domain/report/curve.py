"""The result over time: points that a curve is drawn of, for the account and for each strategy."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot
from domain.values import E4, Nanos

ACCOUNT: Final = ""
"""The name under which the whole account has its curve; strategies have theirs under their own."""


class CurvePoint(Struct, frozen=True):
    """The result of one strategy (or of ACCOUNT) at one market time. Rupees are E4."""

    time: Nanos
    strategy: str
    realised: E4
    unrealised: E4
    charges: E4

    @property
    def net(self) -> E4:
        """What it comes to after charges."""
        return self.realised + self.unrealised - self.charges


def points_of(books: PortfolioSnapshot) -> list[CurvePoint]:
    """One point for the account and one for each strategy of a snapshot."""
    sums: dict[str, list[E4]] = {}
    for line in books.positions:
        of = sums.setdefault(line.strategy, [0, 0, 0])
        of[0] += line.realised
        of[1] += line.unrealised
        of[2] += line.charges
    account = CurvePoint(books.time, ACCOUNT, books.realised, books.unrealised, books.charges)
    return [account, *(CurvePoint(books.time, name, *of) for name, of in sorted(sums.items()) if name)]
