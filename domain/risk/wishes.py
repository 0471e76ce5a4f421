"""Whom a person wants flat: each wish is tried until it is granted, or until it has been tried often enough."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.risk.book import RiskBook
from domain.risk.flatten import is_flat

LOOKS: Final = 600
"""With a look every half second, five minutes."""


class Wish(Struct, frozen=True):
    """One person's flatten. looks: how often it is still tried."""

    why: str
    looks: int = LOOKS


class Looked(Struct, frozen=True):
    """What became of the wishes at one look: strategies (empty: all of them) with their reasons."""

    granted: tuple[tuple[str, str], ...]
    given_up: tuple[tuple[str, str], ...]
    open: tuple[tuple[str, str], ...]


class Wishes:
    """By strategy; the empty name stands for all strategies."""

    def __init__(self, kept: dict[str, Wish] | None = None) -> None:
        self.kept = kept or {}

    def add(self, strategy: str, why: str) -> None:
        """From here on this strategy is to be flat, once."""
        self.kept[strategy] = Wish(why)

    def covers(self, strategy: str) -> bool:
        """Whether this strategy's entries would be closed again at once."""
        return "" in self.kept or strategy in self.kept

    def look(self, book: RiskBook) -> Looked:
        """Count one look; forget what is flat and what was tried in vain for too long."""
        granted, given_up, still = [], [], []
        for strategy, wish in tuple(self.kept.items()):
            if is_flat(book, strategy):
                granted.append((strategy, wish.why))
                del self.kept[strategy]
            elif wish.looks == 0:
                given_up.append((strategy, wish.why))
                del self.kept[strategy]
            else:
                still.append((strategy, wish.why))
                self.kept[strategy] = replace(wish, looks=wish.looks - 1)
        return Looked(tuple(granted), tuple(given_up), tuple(still))
