"""What a search looks for: metrics by name, constraints on them, and the figures of a run that they are read from."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from research.backtest import figures

if TYPE_CHECKING:
    from research.backtest import Backtest

FEWER_IS_BETTER: Final = frozenset(
    {"volatility", "ulcer_index", "longest_losing_run", "denied", "rejected", "cancelled"}
)
_COMPARE: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_CONSTRAINT: Final = re.compile(r"\s*([a-z_]+)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*")
WORST: Final = -1e9
"""Stands for a figure that a run does not have: no trades, no ratio."""


def measured(done: Backtest) -> dict[str, float]:
    """Every figure of the run that is a number, by name; money in rupees."""
    found: dict[str, float] = {
        "trades": len(done.trips),
        "orders": len(done.run.orders),
        "profit": (done.run.final_equity - done.opening_cash) / 10_000,
        "final_equity": done.run.final_equity / 10_000,
        "charges": done.run.charges / 10_000,
    }
    found.update({name: float(value) for name, value in figures(done).items() if value is not None})
    return found


class Objective(Struct, frozen=True):
    """One or several metrics, each to be made larger (or, where fewer is better, smaller).

    names        as in `measured`; `-name` turns the sense around
    constraints  (name, comparison, bound)
    """

    names: tuple[str, ...]
    constraints: tuple[tuple[str, str, float], ...] = ()

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """Optuna's words."""
        return ["minimize" if self._smaller(name) else "maximize" for name in self.names]

    def values(self, found: Mapping[str, float]) -> tuple[float, ...]:
        """What the search sees, in the order of the names."""
        return tuple(self._value(name, found) for name in self.names)

    def violations(self, found: Mapping[str, float]) -> tuple[float, ...]:
        """How far each constraint is missed; 0 or less where it holds."""
        missed = []
        for name, sign, bound in self.constraints:
            value = found.get(name, math.nan)
            away = bound - value if sign in {">=", ">"} else value - bound
            holds = not math.isnan(value) and _COMPARE[sign](value, bound)
            missed.append(0.0 if holds else max(away, 1e-9) if math.isfinite(away) else 1e9)
        return tuple(missed)

    def _smaller(self, name: str) -> bool:
        return (name.lstrip("-") in FEWER_IS_BETTER) != name.startswith("-")

    def _value(self, name: str, found: Mapping[str, float]) -> float:
        value = found.get(name.lstrip("-"), math.nan)
        if math.isfinite(value):
            return value
        return -WORST if self._smaller(name) else WORST


def objective_of(names: str, constraints: tuple[str, ...], known: frozenset[str]) -> Objective:
    """`sharpe` or `sharpe,max_drawdown`, and `trades>=30`. Raises ValueError with one line for an unknown name."""
    listed = tuple(part.strip() for part in names.split(",") if part.strip())
    read = []
    for text in constraints:
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            raise ValueError(f"constraint {text!r}: want NAME>=NUMBER, such as trades>=30")
        read.append((match[1], match[2], float(match[3])))
    for name in (*(each.lstrip("-") for each in listed), *(name for name, _, _ in read)):
        if name not in known:
            raise ValueError(f"no figure {name!r}; there are {', '.join(sorted(known))}")
    if not listed:
        raise ValueError("no objective; name one, such as sharpe")
    return Objective(listed, tuple(read))


KNOWN: Final = frozenset(
    {
        "trades", "orders", "profit", "final_equity", "charges", "total_return", "cagr", "volatility", "sharpe",
        "sortino", "calmar", "max_drawdown", "ulcer_index", "value_at_risk", "skew", "kurtosis", "win_rate",
        "profit_factor", "payoff_ratio", "average_win", "average_loss", "longest_losing_run", "days_exposed", "denied",
        "rejected", "cancelled",
    }
)  # fmt: skip
"""Every figure that can be sought."""
