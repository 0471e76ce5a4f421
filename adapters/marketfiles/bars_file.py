"""One Parquet file of candles: its place, its columns, and which days it covers.

Columns: `start` (India time, nanoseconds), `open`, `high`, `low`, `close` (1/10,000 rupee) and `volume` (units), sorted
by start, each start once. The covered days stand in the file's own metadata: a day without candles that was asked for
is covered too, and is not asked for again.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from domain.bars import Bar
from domain.errors import PatangError

if TYPE_CHECKING:
    import polars as pl

SUFFIX: Final = ".parquet"
_KEY: Final = "patang"
_FORMAT: Final = 1

Days = tuple[dt.date, dt.date]
"""First and last day, both inside."""


class About(Struct, frozen=True):
    """What the file says of itself.

    covered   stretches of days that were asked for whole, in order, apart from each other
    """

    instrument: str
    token: int
    interval_seconds: int
    covered: tuple[Days, ...] = ()
    format: int = _FORMAT


class UnreadableFile(PatangError):
    """The file is not one of ours, or is of another instrument."""


def path_of(folder: Path, key: str, interval: str) -> Path:
    """`<folder>/NSE/INFY.minute.parquet`: symbols may hold signs that file names may not."""
    exchange, _, symbol = key.partition(":")
    return folder / exchange / f"{quote(symbol, safe=' &-')}.{interval}{SUFFIX}"


def read_about(path: Path) -> About | None:
    """What the file covers; None where there is none. Raises UnreadableFile."""
    if not path.exists():
        return None
    import polars as pl

    try:
        about = msgspec.json.decode(pl.read_parquet_metadata(path)[_KEY], type=About)
    except (KeyError, msgspec.MsgspecError, pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableFile(f"{path}: not a file of candles ({type(error).__name__}); move it away") from None
    if about.format != _FORMAT:
        raise UnreadableFile(f"{path}: written by another version (format {about.format}); move it away")
    return about


def read_bars(path: Path) -> list[Bar]:
    """All candles of a file. Raises UnreadableFile."""
    about = read_about(path)
    if about is None:
        raise UnreadableFile(f"{path}: there is no such file")
    columns = [_frame(path)[name].to_list() for name in ("start", "open", "high", "low", "close", "volume")]
    return [
        Bar(about.token, about.interval_seconds, start, opening, high, low, close, volume, backfilled=True)
        for start, opening, high, low, close, volume in zip(*columns, strict=True)
    ]


def read_starts(path: Path) -> list[int]:
    """The candles' starts, nanoseconds UTC."""
    starts: list[int] = _frame(path)["start"].to_list()
    return starts


def write_bars(path: Path, about: About, bars: Sequence[Bar]) -> int:
    """Add candles to the file, newer ones in place of older ones of the same start; how many it holds then.

    The file changes whole or not at all, the days it covers together with its candles.
    """
    import polars as pl

    fresh = pl.DataFrame(
        {
            "start": [bar.start for bar in bars],
            "open": [bar.open for bar in bars],
            "high": [bar.high for bar in bars],
            "low": [bar.low for bar in bars],
            "close": [bar.close for bar in bars],
            "volume": [bar.volume for bar in bars],
        },
        schema=dict.fromkeys(("start", "open", "high", "low", "close", "volume"), pl.Int64),
    )
    frames = [_frame(path), fresh] if path.exists() else [fresh]
    whole = pl.concat(frames).unique("start", keep="last").sort("start")
    shown = whole.with_columns(pl.col("start").cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Kolkata"))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        shown.write_parquet(aside, compression="zstd", metadata={_KEY: msgspec.json.encode(about).decode()})
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return len(whole)


def merged(stretches: Iterable[Days]) -> tuple[Days, ...]:
    """The same days in as few stretches as possible."""
    found: list[Days] = []
    for first, last in sorted(stretches):
        if found and first <= found[-1][1] + dt.timedelta(days=1):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def missing(wanted: Days, covered: Iterable[Days]) -> list[Days]:
    """The wanted days that are not covered, in stretches."""
    first, last = wanted
    found: list[Days] = []
    for start, end in merged(covered):
        if end < first or start > last:
            continue
        if first < start:
            found.append((first, start - dt.timedelta(days=1)))
        first = max(first, end + dt.timedelta(days=1))
    if first <= last:
        found.append((first, last))
    return found


def _frame(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path).with_columns(pl.col("start").dt.convert_time_zone("UTC").cast(pl.Int64))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableFile(f"{path}: cannot be read ({type(error).__name__}); move it away") from None
