"""Which contract of an underlying: by expiry, near or far, and when to roll into the next one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from domain.values import Instrument, InstrumentKind

OPTIONS: Final = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})
FUTURES: Final = frozenset({InstrumentKind.FUTURE})


class Roll(Enum):
    """Which of the expiries that are still to come. Monthly: the last one of its calendar month."""

    NEAREST = "nearest"
    NEXT = "next"
    MONTHLY = "monthly"


def contracts(
    instruments: Iterable[Instrument], exchange: str, name: str, kinds: frozenset[InstrumentKind]
) -> list[Instrument]:
    """The contracts of an underlying by name (`NIFTY`), by expiry, then strike."""
    found = [
        each
        for each in instruments
        if each.kind in kinds and each.name == name and each.exchange == exchange and each.expiry is not None
    ]
    return sorted(found, key=lambda each: (each.expiry or dt.date.max, each.strike, each.key))


def expiries(chosen: Iterable[Instrument]) -> tuple[dt.date, ...]:
    """Their expiries, each once, soonest first."""
    return tuple(sorted({each.expiry for each in chosen if each.expiry is not None}))


def pick(dates: Sequence[dt.date], roll: Roll, day: dt.date, days_before: int = 0) -> dt.date | None:
    """The expiry to trade on `day`; None where there is none so far ahead.

    days_before  roll so many calendar days ahead: an expiry nearer than that counts as gone (0: traded on its own day)
    """
    gone = day + dt.timedelta(days=days_before)
    if roll is Roll.MONTHLY:
        last = {(each.year, each.month): each for each in sorted(dates)}
        return next((each for each in last.values() if each >= gone), None)
    ahead = [each for each in sorted(dates) if each >= gone]
    place = 1 if roll is Roll.NEXT else 0
    return ahead[place] if len(ahead) > place else None


def future_of(
    instruments: Iterable[Instrument],
    exchange: str,
    name: str,
    day: dt.date,
    roll: Roll = Roll.NEAREST,
    days_before: int = 0,
) -> Instrument | None:
    """The future to trade on `day`; None where there is none."""
    found = contracts(instruments, exchange, name, FUTURES)
    expiry = pick(expiries(found), roll, day, days_before)
    return next((each for each in found if each.expiry == expiry), None)
