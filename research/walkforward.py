"""Walk forward: chosen on one stretch of days, traded on the next one that the choice has not seen; again and again.

    anchored   |--- train ---|gap| test |          rolling   |--- train ---|gap| test |
               |------ train ------|gap| test |                 |--- train ---|gap| test |

`purge` days between train and test are in neither, so that a position or an indicator that spans them tells the choice
nothing. `embargo` days after each test are left out of all later training, since what follows a test still echoes it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from domain.values import IST, nanos
from research.backtest import backtest
from research.data.days import DAY_NS, IST_NS, date_of
from research.objective import measured
from research.optimise import SearchSettings, Task, search
from research.robust import sharpe
from research.variants import varied

if TYPE_CHECKING:
    from research.data.candles import Candles

Kind = Literal["anchored", "rolling"]


class Window(Struct, frozen=True):
    """Day numbers: trained on [train[0], train[1]) without `skipped`, tested on [test[0], test[1])."""

    train: tuple[int, int]
    test: tuple[int, int]
    skipped: tuple[int, ...] = ()


class Walked(Struct, frozen=True):
    """One window: what was chosen, what it did there and afterwards (Sharpe ratios a year)."""

    first: dt.date
    last: dt.date
    parameters: dict[str, int | float]
    inside: float
    outside: float
    profit: float
    trades: int
    returns: tuple[float, ...]


class WalkForward(Struct, frozen=True):
    """All windows. `returns` are those of the test days, stitched together.

    efficiency  Sharpe outside over Sharpe inside, of the windows' means; NaN where inside is not above 0
    stability   of each parameter: spread over the windows as a share of its range; 0: always the same
    """

    windows: tuple[Walked, ...]
    returns: tuple[float, ...]
    sharpe: float
    total_return: float
    efficiency: float
    stability: dict[str, float]


def windows(days: Sequence[int], train: int, test: int, kind: Kind, purge: int = 0, embargo: int = 0) -> list[Window]:
    """The windows over these trading days; the last test may be shorter. Raises ValueError where none fits."""
    if train < 1 or test < 1 or purge < 0 or embargo < 0:
        raise ValueError("train and test want 1 day or more, purge and embargo 0 or more")
    found: list[Window] = []
    at = train + purge
    banned: set[int] = set()
    while at < len(days):
        end = min(at + test, len(days))
        first = 0 if kind == "anchored" else at - purge - train
        span = days[first : at - purge]
        after = days[end] if end < len(days) else days[-1] + 1
        found.append(Window((span[0], span[-1] + 1), (days[at], after), tuple(each for each in span if each in banned)))
        banned.update(days[end : end + embargo])
        at = end
    if not found:
        raise ValueError(f"{len(days)} days do not hold a training of {train}, a purge of {purge} and a test")
    return found


def trading_days(series: Sequence[Candles]) -> list[int]:
    """Every day number on which any instrument has bars."""
    return sorted({int(each) for one in series for each in np.unique((one.start + IST_NS) // DAY_NS)})


def walk_forward(
    task: Task,
    how: SearchSettings,
    *,
    train: int,
    test: int,
    kind: Kind = "rolling",
    purge: int = 1,
    embargo: int = 0,
    told: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Search, test, go on. Raises ValueError as `windows` and `search` do.

    how   its storage is used under a name of each window's own
    told  called with (window, of how many)
    """
    listed = windows(trading_days(task.series), train, test, kind, purge, embargo)
    walked = []
    for number, window in enumerate(listed):
        if told is not None:
            told(number + 1, len(listed))
        walked.append(_walk(task, how, window))
    returns = tuple(value for each in walked for value in each.returns)
    inside = float(np.mean([each.inside for each in walked]))
    outside = float(np.mean([each.outside for each in walked]))
    return WalkForward(
        windows=tuple(walked),
        returns=returns,
        sharpe=_yearly(returns),
        total_return=float(np.prod([1 + value for value in returns]) - 1) if returns else 0.0,
        efficiency=outside / inside if inside > 0 else math.nan,
        stability={
            bound.name: _spread(
                [each.parameters[bound.name] for each in walked if each.parameters], bound.low, bound.high
            )
            for bound in task.space
        },
    )


def _walk(task: Task, how: SearchSettings, window: Window) -> Walked:
    known = tuple(_without(_until(each, window.train[1]), window.skipped) for each in task.series)
    first = max(date_of(window.train[0]), task.first_day or dt.date.min)
    trained = search(replace(task, series=known, first_day=first), replace(how, study=""))
    last = date_of(window.test[1] - 1)
    chosen = trained.best[0] if trained.best else None
    made = None if chosen is None else varied(task.strategy, dict(chosen.parameters))
    begin = date_of(window.test[0])
    if chosen is None or made is None:
        return Walked(begin, last, {}, 0.0, 0.0, 0.0, 0, ())
    seen = tuple(_until(each, window.test[1]) for each in task.series)
    done = backtest(made, seen, task.settings, task.calendar, first_day=begin)
    figures = measured(done)
    returns = tuple(value for row, value in zip(done.run.days, done.returns, strict=True) if row.day >= window.test[0])
    return Walked(
        begin, last, chosen.parameters, chosen.figures.get("sharpe", 0.0), _yearly(returns), figures["profit"],
        int(figures["trades"]), returns,
    )  # fmt: skip


def _until(candles: Candles, day: int) -> Candles:
    """The bars before that day."""
    return candles.cut(0, int(np.searchsorted(candles.start, nanos(dt.datetime.combine(date_of(day), dt.time(), IST)))))


def _without(candles: Candles, days: Sequence[int]) -> Candles:
    """Without the bars of those days."""
    if not days:
        return candles
    keep = ~np.isin((candles.start + IST_NS) // DAY_NS, np.array(days))
    names = ("start", "open", "high", "low", "close", "volume")
    return replace(candles, **{name: np.ascontiguousarray(getattr(candles, name)[keep]) for name in names})


def _yearly(returns: Sequence[float]) -> float:
    return sharpe(np.array(returns)) * math.sqrt(252) if len(returns) > 1 else 0.0


def _spread(values: Sequence[float], low: float | None, high: float | None) -> float:
    if len(values) < 2 or low is None or high is None or high <= low:
        return 0.0
    return float(np.std(values)) / (high - low)
