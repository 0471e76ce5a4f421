"""Candles from files: Parquet or CSV with columns timestamp, open, high, low, close, volume; or what `download` wrote.

A timestamp without a zone is India's time. A file `NSE/INFY.minute.parquet`, `NSE_INFY.csv` or `INFY.parquet` is of
NSE:INFY; what its name does not say is NSE's. polars is imported
where a file is read that `kept` does not know.
"""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import numpy as np
from msgspec import Struct

from domain.errors import PatangError
from domain.market.buckets import INTERVAL_SECONDS
from domain.values import IST, Instrument, InstrumentKind, SessionClass, nanos
from research.data.adjust import Action, adjusted
from research.data.candles import Candles
from research.data.checked import Checked, Raw, checked, interval_of
from research.data.days import Days, days_of
from research.data.kept import raw_of

if TYPE_CHECKING:
    import polars as pl

    from domain.ports import Calendar

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")
EXCHANGES: Final = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX")
_NAME: Final = re.compile(r"(?:(?P<exchange>[A-Z]{3})[_:])?(?P<symbol>.+)")
_OUR_COLUMN: Final = "start"
_NOT_A_TIME: Final = np.iinfo(np.int64).min


class DataError(PatangError):
    """A file that cannot be used: which, what was found, what would be right."""


class Facts(Struct, frozen=True):
    """What files of candles do not say of their instruments; the same for all of them.

    session  None: by the exchange and the kind
    """

    tick_size: int = 500
    lot_size: int = 1
    multiplier: int = 1
    session: SessionClass | None = None


class Loaded(Struct, frozen=True):
    """One instrument's candles, the table of their days, and what was found in the file."""

    candles: Candles
    days: Days
    report: Checked
    path: Path


def find_files(path: Path) -> list[Path]:
    """The files of a folder (and the folders in it), or the file itself. Raises DataError."""
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.name.endswith(SUFFIXES) and not _hidden(each, path))
        if not found:
            raise DataError(f"--data: {path}: no Parquet or CSV file in this folder")
        return found
    if not path.exists():
        raise DataError(f"--data: {path}: there is no such file or folder")
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"--data: {path}: want {', '.join(SUFFIXES)}")
    return [path]


def load(
    path: Path,
    *,
    calendar: Calendar | None,
    facts: Facts = Facts(),  # noqa: B008 - frozen
    interval_seconds: int | None = None,
    days: tuple[dt.date | None, dt.date | None] = (None, None),
    actions: Mapping[str, Sequence[Action]] | None = None,
) -> tuple[Loaded, ...]:
    """Every file's candles, by the rules of `research.data.checked`. Raises DataError.

    days      first and last day, both inside; None for open
    actions   splits and bonuses by instrument
    interval_seconds  None: each file's own, the commonest distance of its rows
    """
    found = [_load(each, path, calendar, facts, interval_seconds, days, actions or {}) for each in find_files(path)]
    keys = [each.candles.instrument.key for each in found]
    for key in keys:
        if keys.count(key) > 1:
            raise DataError(f"--data: {path}: several files of {key}; give one interval and one file per instrument")
    return tuple(found)


def _load(
    path: Path,
    root: Path,
    calendar: Calendar | None,
    facts: Facts,
    interval_seconds: int | None,
    days: tuple[dt.date | None, dt.date | None],
    actions: Mapping[str, Sequence[Action]],
) -> Loaded:
    raw = between(raw_of(path, read_raw), days)
    if not len(raw.start):
        raise DataError(f"--data: {path}: no row in it (of the days asked for)")
    interval = interval_seconds or _named_interval(path) or interval_of(np.sort(raw.start[raw.start > 0]))
    if interval <= 0:
        raise DataError(f"--data: {path}: one time alone does not say how long a bar is; give --interval")
    instrument = instrument_of(path, root, facts)
    # Times of day mean nothing to bars of a day.
    own = calendar if interval < INTERVAL_SECONDS["day"] else None
    candles, report, table = checked(instrument, interval, raw, own)
    if not len(candles):
        raise DataError(
            f"--data: {path}: none of its {report.rows} rows is good "
            f"({report.bad} bad, {report.outside} outside the session of {instrument.session.value})"
        )
    mine = actions.get(instrument.key, ())
    if mine:
        candles = adjusted(candles, mine)
        table = days_of(candles.start, interval, instrument.session, own)
    return Loaded(candles, table, report, path)


def instrument_of(path: Path, root: Path, facts: Facts) -> Instrument:
    """What the file's name says: its folder or its first word is the exchange, the rest the symbol."""
    stem = unquote(_stem(path))
    known = _NAME.fullmatch(stem)
    exchange = known["exchange"] if known and known["exchange"] in EXCHANGES else ""
    symbol = known["symbol"] if known and exchange else stem
    if not exchange:
        exchange = path.parent.name if path.parent.name in EXCHANGES and path != root.parent else "NSE"
    kind = _kind(exchange, symbol)
    key = f"{exchange}:{symbol}"
    return Instrument(
        # No broker's number is needed here: one that follows from the name.
        token=zlib.crc32(key.encode()) + 1,
        exchange=exchange,
        symbol=symbol,
        kind=kind,
        tick_size=facts.tick_size,
        lot_size=facts.lot_size,
        multiplier=facts.multiplier,
        session=facts.session or _session(exchange, kind),
    )


def read_raw(path: Path) -> Raw:
    """The rows of a file as they are. Raises DataError."""
    import polars as pl

    try:
        if path.name.endswith(".parquet"):
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"--data: {path}: cannot be read ({' '.join(str(error).split())[:160]})") from None
    frame = frame.rename({name: name.strip().lower() for name in frame.columns})
    exact = _OUR_COLUMN in frame.columns and "timestamp" not in frame.columns
    if exact:
        frame = frame.rename({_OUR_COLUMN: "timestamp"})
    lacking = [name for name in COLUMNS if name not in frame.columns]
    if lacking:
        raise DataError(
            f"--data: {path}: no column {lacking[0]!r}; want {', '.join(COLUMNS)}, found {', '.join(frame.columns)}"
        )
    start = _times(path, frame["timestamp"])
    columns = [_numbers(path, frame[name], exact) for name in COLUMNS[1:]]
    return Raw(start, columns[0], columns[1], columns[2], columns[3], columns[4], exact)


def _numbers(path: Path, column: pl.Series, exact: bool) -> np.ndarray:
    import polars as pl

    if not column.dtype.is_numeric():
        try:
            column = column.cast(pl.Float64)
        except pl.exceptions.PolarsError:
            raise DataError(f"--data: {path}: column {column.name!r} holds {column.dtype}, want numbers") from None
    if exact and column.dtype.is_integer() and not column.null_count():
        return column.cast(pl.Int64).to_numpy()
    if exact and column.dtype.is_integer():
        return column.fill_null(0).cast(pl.Int64).to_numpy()
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _times(path: Path, column: pl.Series) -> np.ndarray:
    import polars as pl

    if column.dtype == pl.String:
        column = _parsed(path, column)
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("ns"))
    if not isinstance(column.dtype, pl.Datetime):
        raise DataError(
            f"--data: {path}: column 'timestamp' holds {column.dtype}; want times such as 2026-11-02 09:15:00+05:30"
        )
    zoned = column if column.dtype.time_zone else column.dt.replace_time_zone("Asia/Kolkata")
    instants = zoned.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").to_physical()
    return instants.fill_null(_NOT_A_TIME).to_numpy()


def _parsed(path: Path, column: pl.Series) -> pl.Series:
    import polars as pl

    sample = next((text for text in column if text), "")
    zoned = bool(re.search(r"(Z|[+-]\d\d:?\d\d)$", sample))
    try:
        if zoned:
            return column.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)
        return column.str.to_datetime(time_unit="ns", strict=False)
    except pl.exceptions.PolarsError:
        raise DataError(
            f"--data: {path}: column 'timestamp' begins with {sample!r}; want times such as 2026-11-02 09:15:00"
        ) from None


def between(raw: Raw, days: tuple[dt.date | None, dt.date | None]) -> Raw:
    """The rows of these days, first and last one inside; None for open."""
    first, last = days
    if first is None and last is None:
        return raw
    inside = np.ones(len(raw.start), dtype=np.bool_)
    if first is not None:
        inside &= raw.start >= nanos(dt.datetime.combine(first, dt.time(), IST))
    if last is not None:
        inside &= raw.start < nanos(dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), IST))
    return Raw(
        raw.start[inside],
        raw.open[inside],
        raw.high[inside],
        raw.low[inside],
        raw.close[inside],
        raw.volume[inside],
        raw.exact,
    )


def _kind(exchange: str, symbol: str) -> InstrumentKind:
    if exchange in ("NSE", "BSE"):
        return InstrumentKind.EQUITY
    if symbol.endswith("CE"):
        return InstrumentKind.CALL
    if symbol.endswith("PE"):
        return InstrumentKind.PUT
    return InstrumentKind.FUTURE


def _session(exchange: str, kind: InstrumentKind) -> SessionClass:
    if kind is InstrumentKind.EQUITY:
        return SessionClass.EQUITY
    if exchange in ("NFO", "BFO"):
        return SessionClass.EQUITY_DERIVATIVE
    return SessionClass.COMMODITY if exchange == "MCX" else SessionClass.CURRENCY


def _stem(path: Path) -> str:
    name = path.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    for word in INTERVAL_SECONDS:
        name = name.removesuffix(f".{word}")
    return name


def _named_interval(path: Path) -> int | None:
    for suffix in SUFFIXES:
        for word, seconds in INTERVAL_SECONDS.items():
            if path.name.endswith(f".{word}{suffix}"):
                return seconds
    return None


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
