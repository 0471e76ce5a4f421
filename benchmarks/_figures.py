"""One way to say a figure, whatever was measured: ours beside a peer and a floor, its goal, and whether it is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

Value: TypeAlias = float | int | bool | str


class Spread(NamedTuple):
    """The middle half of the rounds, in the figure's own unit."""

    low: float
    high: float


class Goal(Struct, frozen=True):
    """A value or ratio that is wanted: at least, or at most; of a ratio, `×` is its unit."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether the value is within it."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def text(self, unit: str = "×") -> str:
        """For a table."""
        behind = unit if unit in ("", "×") else f" {unit}"
        return f"≥ {self.at_least:g}{behind}" if self.at_least is not None else f"≤ {self.at_most:g}{behind}"


class Figure(Struct, frozen=True):
    """One row.

    ours, peer, floor   in `unit`; a fact is true or false, and has no unit
    ratio               what the goal speaks of, where it speaks of a ratio
    spread              of ours
    goal, met           "" and None where a figure only informs
    note                what it was compared with, or why it is missing
    """

    ours: Value
    unit: str = ""
    peer: float | None = None
    floor: float | None = None
    ratio: float | None = None
    spread: Spread | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""


class Row(Struct, frozen=True):
    """A figure with its names, as `--json` prints it."""

    benchmark: str
    name: str
    figure: Figure


Found: TypeAlias = Mapping[str, object]
"""What a benchmark's `run` returns: Figures by name; a plain value there is a figure that only informs."""


def judged(value: float, unit: str, goal: Goal, *, note: str = "", spread: Spread | None = None) -> Figure:
    """A value that has a goal of its own, without a peer."""
    return Figure(_short(value), unit, goal=goal.text(unit), met=goal.is_met(value), note=note, spread=spread)


def fact(holds: bool, note: str = "") -> Figure:
    """Something that must be so."""
    return Figure(holds, goal="true", met=holds, note=note)


def plain(value: float, unit: str, note: str = "") -> Figure:
    """A value that only informs."""
    return Figure(_short(value), unit, note=note)


def missing(why: str) -> Figure:
    """What was not measured here, and why."""
    return Figure("not measured", note=why)


def rows(benchmark: str, found: Found) -> list[Row]:
    """Everything a benchmark found, said in the one way."""
    return [Row(benchmark, name, _as_figure(value)) for name, value in found.items()]


def _as_figure(value: object) -> Figure:
    if isinstance(value, Figure):
        return value
    if isinstance(value, bool):
        return fact(value)
    if isinstance(value, int | float | str):
        return Figure(value)
    if isinstance(value, Mapping):  # parts under names of their own
        known = {name: value[name] for name in Figure.__struct_fields__ if name in value}
        rest = ", ".join(f"{name} {part}" for name, part in value.items() if name not in known)
        return replace(Figure(known.pop("ours", rest)), **{"note": rest, **known})
    return Figure(str(value))


def percentile(samples: Sequence[float], percent: float) -> float:
    """By nearest rank; of at least one sample."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def quartiles(samples: Sequence[float]) -> tuple[float, Spread]:
    """The median, and the middle half around it."""
    ordered = sorted(samples)
    quarter = len(ordered) // 4
    return statistics.median(ordered), Spread(_short(ordered[quarter]), _short(ordered[-1 - quarter]))


_DIGITS: Final = 4


def _short(value: float) -> float:
    """Four digits say all that a measurement knows."""
    if isinstance(value, int) or value == 0 or not math.isfinite(value):
        return value
    return round(value, max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))))
