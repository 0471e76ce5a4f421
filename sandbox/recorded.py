"""Markets that happened: recorded ticks or bars drive the prices instead of the generator.

`replay:FILE` is a CSV of prints (`timestamp,instrument,price,quantity` and, if known, `bid,ask`); `bars:PATH` a CSV of
bars (`timestamp,open,high,low,close,volume`), or a folder of them. A file named `NSE_INFY.csv` is of that instrument; a
column `instrument` (`NSE:INFY`) says it row by row. Either may be compressed (`.gz`). Instruments without a recording
are generated as ever; a recorded instrument is silent on days that its recording does not have.
"""

import csv
import gzip
import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import numpy as np

from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE
from sandbox.prints import Prints
from sandbox.trading_days import IST, close_seconds, open_seconds

_PRICE_MAX = 200_000 * UNITS_PER_RUPEE
_QUANTITY_MAX = 2**31 - 1
_DAY_SECONDS = 86_400

Row = tuple[int, int, int, int, int]
"""(second of the session, price, quantity, bid, ask); 0 for an unknown bid or ask."""


class RecordingError(ValueError):
    """A recording that cannot be used: file, line, what was found and what would be right."""


class Recording:
    """Prints of days past, by instrument. Implements `tape.TapeSource`."""

    def __init__(self, days: dict[str, dict[date, list[Row]]]) -> None:
        self._prints: dict[str, dict[date, Prints]] = {}
        self._ticks: dict[str, dict[date, list[Row]]] = days
        self._days = {key: sorted(found) for key, found in days.items()}

    @property
    def keys(self) -> list[str]:
        """The recorded instruments."""
        return sorted(self._days)

    def last_day(self) -> date:
        """The latest day of any instrument."""
        return max(days[-1] for days in self._days.values())

    def prints(self, instrument: Instrument, day: date) -> Prints | None:
        """The prints of a day; none but not None on a day without, None for an instrument that was not recorded."""
        days = self._ticks.get(instrument.key)
        if days is None:
            return None
        made = self._prints.setdefault(instrument.key, {})
        if day not in made:
            made[day] = _prints_of(instrument, day, days.get(day, []))
        return made[day]

    def previous_close(self, instrument: Instrument, day: date) -> int | None:
        """The last price before a day; on the first recorded day its first price; None if it was not recorded."""
        days = self._days.get(instrument.key)
        if days is None:
            return None
        place = bisect_left(days, day)
        rows = self._ticks[instrument.key][days[max(place - 1, 0)]]
        return rows[-1][1] if place else rows[0][1]


def load(spec: str, known: Mapping[str, Instrument]) -> Recording:
    """A recording by its spec (`replay:FILE`, `bars:FILE`, `bars:FOLDER`). Raises RecordingError."""
    kind, _, where = spec.partition(":")
    if kind not in {"replay", "bars"} or not where:
        raise RecordingError(f"--market: generated, replay:FILE or bars:PATH, found {spec!r}")
    path = Path(where)
    files = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")]) if kind == "bars" and path.is_dir() else [path]
    if not files:
        raise RecordingError(f"{path}: no CSV file in this folder")
    days: dict[str, dict[date, list[Row]]] = {}
    for file in files:
        _read(file, kind == "bars", known, days)
    if not days:
        raise RecordingError(f"{path}: no row in it")
    for key, found in days.items():
        for day, rows in found.items():
            found[day] = _by_second(rows, close_seconds(known[key].session, day) - open_seconds(known[key].session))
        days[key] = {day: rows for day, rows in found.items() if rows}
    return Recording({key: found for key, found in days.items() if found})


def _read(file: Path, bars: bool, known: Mapping[str, Instrument], days: dict[str, dict[date, list[Row]]]) -> None:
    named = file.name.removesuffix(".gz").removesuffix(".csv").replace("_", ":", 1)
    step: dict[str, int] = {}
    rows = list(_rows(file))
    if bars:
        step = _steps(file, rows, named)
    needed = ("timestamp", "open", "high", "low", "close") if bars else ("timestamp", "price")
    for line, row in rows:
        key = row.get("instrument") or named
        instrument = known.get(key)
        if instrument is None:
            raise RecordingError(f"{file}:{line}: unknown instrument {key!r}; name the file EXCHANGE_SYMBOL.csv")
        for name in needed:
            if not row.get(name):
                raise RecordingError(f"{file}:{line}: no {name}; columns are {', '.join(needed)}")
        moment = _moment(file, line, row["timestamp"])
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second - open_seconds(instrument.session)
        target = days.setdefault(key, {}).setdefault(moment.date(), [])
        if bars:
            target.extend(_bar(file, line, row, seconds, step.get(key, 60)))
        else:
            price = _units(file, line, row, "price")
            bid, ask = (_units(file, line, row, name) if row.get(name) else 0 for name in ("bid", "ask"))
            target.append((seconds, price, _quantity(file, line, row.get("quantity", "")), bid, ask))


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with gzip.open(file, "rt", newline="") if file.suffix == ".gz" else file.open(newline="") as text:
            for line, row in enumerate(csv.DictReader(text), start=2):
                yield line, {str(name).strip().lower(): str(value or "").strip() for name, value in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{file}: cannot be read: {error}") from None


def _steps(file: Path, rows: list[tuple[int, dict[str, str]]], named: str) -> dict[str, int]:
    """Seconds of a bar of each instrument: the least distance between two of its bars."""
    stamps: dict[str, set[float]] = {}
    for line, row in rows:
        if row.get("timestamp"):
            stamps.setdefault(row.get("instrument") or named, set()).add(
                _moment(file, line, row["timestamp"]).timestamp()
            )
    steps = {}
    for key, found in stamps.items():
        ordered = sorted(found)
        steps[key] = int(min((b - a for a, b in itertools.pairwise(ordered)), default=60))
    return steps


def _bar(file: Path, line: int, row: Mapping[str, str], start: int, step: int) -> list[Row]:
    """Four prints that aggregate to the bar again: open, the nearer extreme, the other, close."""
    open_, high, low, close = (_units(file, line, row, name) for name in ("open", "high", "low", "close"))
    if not low <= min(open_, close) <= max(open_, close) <= high:
        raise RecordingError(f"{file}:{line}: a bar's open and close lie between its low and high")
    volume = _quantity(file, line, row.get("volume", ""))
    step = min(step, _DAY_SECONDS)
    if step < 4:
        raise RecordingError(f"{file}:{line}: bars of four seconds or more, found {step}; use replay: for ticks")
    turns = (low, high) if close >= open_ else (high, low)
    part = volume // 4
    prices = (open_, *turns, close)
    places = (0, step // 3, 2 * step // 3, step - 1)
    quantities = (part, part, part, volume - 3 * part)
    return [(start + place, price, many, 0, 0) for place, price, many in zip(places, prices, quantities, strict=True)]


def _by_second(rows: list[Row], session: int) -> list[Row]:
    """At most one print a second: the last price, all the quantity. What is outside the session is left out."""
    found: dict[int, Row] = {}
    for second, price, quantity, bid, ask in rows:
        if 0 <= second < session:
            before = found.get(second)
            found[second] = (second, price, quantity + (before[2] if before else 0), bid, ask)
    return [found[second] for second in sorted(found)]


def _prints_of(instrument: Instrument, day: date, rows: list[Row]) -> Prints:
    del day
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    price, bid, ask = table[:, 1], table[:, 3], table[:, 4]
    at_ask = np.where(ask > 0, price >= ask, np.arange(len(table)) % 2 == 1)
    gap = np.where((bid > 0) & (ask > bid), (ask - bid) // instrument.tick, 1)
    return Prints(
        second=table[:, 0].astype(np.uint16),
        price=price.astype(np.int32),
        quantity=np.minimum(table[:, 2], _QUANTITY_MAX).astype(np.int32),
        spread=np.clip(gap, 1, 255).astype(np.uint8) if not instrument.is_index else np.zeros(len(table), np.uint8),
        at_ask=at_ask.astype(np.bool_),
        interest_step=np.zeros(len(table), dtype=np.int8) if instrument.is_derivative else None,
    )


def _moment(file: Path, line: int, text: str) -> datetime:
    """IST unless the text names another zone; nanoseconds since 1970 are taken too."""
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text) / 1e9, IST)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise RecordingError(
            f"{file}:{line}: timestamp: YYYY-MM-DD HH:MM:SS or nanoseconds since 1970, found {text!r}"
        ) from None
    return found.replace(tzinfo=IST) if found.tzinfo is None else found.astimezone(IST)


def _units(file: Path, line: int, row: Mapping[str, str], name: str) -> int:
    try:
        units = round(float(row[name]) * UNITS_PER_RUPEE)
    except (ValueError, OverflowError):
        units = 0
    if not 0 < units < _PRICE_MAX:
        raise RecordingError(f"{file}:{line}: {name}: a price in rupees, found {row[name]!r}")
    return units


def _quantity(file: Path, line: int, text: str) -> int:
    if not text:
        return 0
    try:
        quantity = int(float(text))
    except (ValueError, OverflowError):
        quantity = -1
    if not 0 <= quantity <= _QUANTITY_MAX:
        raise RecordingError(f"{file}:{line}: quantity: a whole number up to {_QUANTITY_MAX}, found {text!r}")
    return quantity
