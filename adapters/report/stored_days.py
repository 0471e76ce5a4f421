"""What is kept of a day besides the journal, for the period report: read from its `eod.json`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from adapters.report.writer import read_json, report_paths
from domain.errors import PatangError
from domain.report.eod import EquityPoint
from domain.report.memory import DayMemory
from domain.report.period_days import StoredDay
from domain.report.period_trips import Samples
from domain.values import Nanos, e4, nanos


class StoredReportUnreadable(PatangError):
    """An end-of-day report on disk is not one of ours, or was cut short."""


class _Position(Struct):
    instrument: str
    last_price: Decimal


class _Eod(Struct):
    """The keys of the end-of-day report that are wanted; others are passed over.

    price_samples  (time, last price) by the minute of the instruments held, where the report keeps them
    """

    env: str
    equity_curve: list[tuple[str, Decimal]]
    open_positions: list[_Position]
    price_samples: dict[str, list[tuple[str, Decimal]]] = {}


class StoredDays:
    """Days of one environment by their date; the report that another one wrote of the same day says nothing here.

    memory  the reporter's of the day that is on, whose report is not written yet
    """

    def __init__(self, reports_dir: Path, env: str, memory: DayMemory | None = None) -> None:
        self._reports_dir = reports_dir
        self._env = env
        self._memory = memory

    def __call__(self, day: str) -> StoredDay | None:
        """What is kept of the day, or None. Raises StoredReportUnreadable."""
        body = read_json(self._reports_dir, day)
        found = None if body is None else self._read(day, body)
        if found is not None:
            return found
        if self._memory is not None and self._memory.day == day:
            prices = {name: tuple(points) for name, points in self._memory.price_samples.items()}
            return StoredDay(samples=Samples(curve=tuple(self._memory.equity_curve), prices=prices))
        return None

    def _read(self, day: str, body: bytes) -> StoredDay | None:
        try:
            eod = msgspec.json.decode(body, type=_Eod)
            if eod.env != self._env:
                return None
            return StoredDay(
                closes=tuple((each.instrument, e4(each.last_price)) for each in eod.open_positions),
                samples=Samples(
                    curve=tuple(EquityPoint(_instant(time), e4(equity)) for time, equity in eod.equity_curve),
                    prices={
                        instrument: tuple((_instant(time), e4(price)) for time, price in sampled)
                        for instrument, sampled in eod.price_samples.items()
                    },
                ),
            )
        except ValueError as error:  # msgspec's errors are ValueErrors too
            path = report_paths(self._reports_dir, day)[1]
            raise StoredReportUnreadable(
                f"{path}: is no end-of-day report ({error}); move it away and `report eod --date {day}` makes it again"
            ) from None


def _instant(text: str) -> Nanos:
    return nanos(dt.datetime.fromisoformat(text))
