"""Splits and bonuses: prices and volumes before the day divided and multiplied, exactly, so that a series is of one kind.

A file of them is CSV with columns `instrument,day,factor`: `NSE:INFY,2026-06-01,2/1` for a split of one into two or a
bonus of one for one. The factor is how many shares one became.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from domain.errors import PatangError
from domain.values import IST, nanos
from research.data.candles import Candles

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ActionsUnreadable(PatangError):
    """A file of splits and bonuses that cannot be used."""


class Action(Struct, frozen=True):
    """From this day on one share is `factor` shares."""

    day: dt.date
    numerator: int
    denominator: int = 1


def read_actions(path: Path) -> dict[str, tuple[Action, ...]]:
    """The actions of a file by instrument, oldest first. Raises ActionsUnreadable with the line."""
    found: dict[str, list[Action]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ActionsUnreadable(f"--adjust: {path}: cannot be read ({error.strerror or error})") from None
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            factor = Fraction(row["factor"])
            day = dt.date.fromisoformat(row["day"])
            key = row["instrument"]
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            raise ActionsUnreadable(
                f"--adjust: {path}:{number}: want instrument,day,factor such as NSE:INFY,2026-06-01,2/1"
            ) from None
        if factor <= 0:
            raise ActionsUnreadable(f"--adjust: {path}:{number}: a factor of {factor}; want one above 0")
        found.setdefault(key, []).append(Action(day, factor.numerator, factor.denominator))
    return {key: tuple(sorted(each, key=lambda action: action.day)) for key, each in found.items()}


def adjusted(candles: Candles, actions: Sequence[Action]) -> Candles:
    """Bars before each day as if they had been of today's shares: prices rounded half up, volumes down."""
    factor = np.empty((2, len(candles)), dtype=np.int64)
    factor[:] = 1
    for action in actions:
        before = int(np.searchsorted(candles.start, nanos(dt.datetime.combine(action.day, dt.time(), IST))))
        factor[0, :before] *= action.numerator
        factor[1, :before] *= action.denominator
    up, down = factor

    def price(values: NDArray[np.int64]) -> NDArray[np.int64]:
        scaled: NDArray[np.int64] = np.maximum((2 * values * down + up) // (2 * up), 1)
        return scaled

    return Candles(
        candles.instrument,
        candles.interval_seconds,
        candles.start,
        price(candles.open),
        price(candles.high),
        price(candles.low),
        price(candles.close),
        candles.volume * up // down,
    )
