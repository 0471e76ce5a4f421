"""200 random series of daily returns with a benchmark each: the same numbers on every machine.

Standard library alone, since the oracle's own environment reads it too. Nothing but sums, products and rounding to
six decimals, so that no mathematical library's last digit matters.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import NamedTuple

COUNT = 200


class Curve(NamedTuple):
    """Returns and a benchmark's returns of the same business days."""

    days: list[dt.date]
    returns: list[float]
    benchmark: list[float]


def curve(number: int) -> Curve:
    """The curve of this number, 0 to COUNT - 1: short and long, calm and wild, rising and ruined, with idle days."""
    rng = random.Random(number)
    length = rng.choice([5, 21, 60, 126, 250, 500])
    scale = rng.choice([0.0005, 0.004, 0.012, 0.05])
    drift = rng.choice([-0.2, -0.02, 0.0, 0.05, 0.3]) * scale
    idle = rng.choice([0.0, 0.0, 0.1, 0.6])
    coupling = rng.choice([-0.5, 0.0, 0.4, 1.1])
    market = [round(0.0003 + 0.011 * _bell(rng), 6) for _ in range(length)]
    own = [
        0.0 if rng.random() < idle else round(drift + scale * _bell(rng) + coupling * scale * 20 * each, 6)
        for each in market
    ]
    return Curve(_business_days(dt.date(2024, 10, 1), length), [max(each, -0.9) for each in own], market)


def _bell(rng: random.Random) -> float:
    """Nearly normal, mean 0 and deviation 1: twelve uniform numbers."""
    return sum(rng.random() for _ in range(12)) - 6.0


def _business_days(start: dt.date, count: int) -> list[dt.date]:
    days: list[dt.date] = []
    day = start
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += dt.timedelta(days=1)
    return days
