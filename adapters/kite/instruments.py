"""The day's instruments: Kite's CSV dump, read once a day and kept on disk in a form that loads in milliseconds."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import hashlib
import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.kite.http import Reply
from adapters.kite.money import exact
from adapters.kite.outcome import classify
from adapters.kite.reading import Reader, failure
from domain.errors import BrokerUnavailable
from domain.values import E4, Instrument, InstrumentKind, SessionClass

CLOSING_AUCTION_FROM: Final = dt.date(2026, 8, 3)
"""Shares with derivatives end continuous trading at 15:15 from this day (kite-facts 9.1)."""

DUMP_DEADLINE_SECONDS: Final = 60.0
"""The whole dump is about 10 MB, a megabyte and a half compressed."""

CURRENCY_UNITS: Final = 1000
"""Units per lot of a currency contract; Kite counts currency and commodity quantities in lots [not verified]."""

CACHES_KEPT: Final = 5
"""Files in the cache's folder: every day, and every start of a sandbox on another port, writes one."""

_FORMAT: Final = 1

_KINDS: Final = {
    "EQ": InstrumentKind.EQUITY,
    "FUT": InstrumentKind.FUTURE,
    "CE": InstrumentKind.CALL,
    "PE": InstrumentKind.PUT,
}
_DERIVATIVES: Final = {
    "NFO": SessionClass.EQUITY_DERIVATIVE,
    "BFO": SessionClass.EQUITY_DERIVATIVE,
    "CDS": SessionClass.CURRENCY,
    "BCD": SessionClass.CURRENCY,
    "MCX": SessionClass.COMMODITY,
}


class _Cached(Struct):
    """The cache file: which dump of which day from where."""

    format: int
    source: str
    day: dt.date
    skipped: int
    instruments: list[Instrument]


_cache: Final = msgspec.msgpack.Decoder(_Cached)


class KiteInstruments:
    """`domain.ports.InstrumentSource`. `skipped` counts rows of the last load that have no counterpart here."""

    def __init__(self, reader: Reader, cache_dir: Path) -> None:
        self._reader = reader
        self._folder = cache_dir
        self.skipped = 0

    def load(self, day: dt.date) -> Sequence[Instrument]:
        """All instruments of the day, from the cache where it is of that day and this broker address."""
        source = self._reader.http.root
        path = self._folder / f"instruments-{day.isoformat()}-{hashlib.sha256(source.encode()).hexdigest()[:8]}.bin"
        cached = _read(path, source, day)
        if cached is None:
            text = self._reader.fetch(
                "/instruments", self._text, prefixed=False, deadline_seconds=DUMP_DEADLINE_SECONDS
            )
            instruments, skipped = parse_dump(text, day)
            cached = _Cached(_FORMAT, source, day, skipped, instruments)
            _write(path, msgspec.msgpack.encode(cached))
        self.skipped = cached.skipped
        return cached.instruments

    def close(self) -> None:
        """Give the HTTP session back."""
        self._reader.close()

    def _text(self, reply: Reply) -> str:
        if reply.status == 200 and reply.body.startswith(b"instrument_token,"):
            return reply.body.decode("utf-8", "replace")
        outcome = classify(reply, self._reader.http.tokens)
        raise failure("GET /instruments", outcome, reply, self._reader.http)


def parse_dump(text: str, day: dt.date) -> tuple[list[Instrument], int]:
    """Kite's dump as instruments, with the count of rows that have no counterpart: they are left out, not fatal.

    Raises BrokerUnavailable where no row at all can be used: that is not a dump.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise BrokerUnavailable(f"GET /instruments: the dump is not CSV: {error}") from None
    with_futures = frozenset(
        row["name"] for row in rows if row.get("segment") == "NFO-FUT" and row.get("name") is not None
    )
    shares_with_auction = with_futures if day >= CLOSING_AUCTION_FROM else frozenset[str]()
    instruments: list[Instrument] = []
    for row in rows:
        try:
            instruments.append(_instrument(row, shares_with_auction))
        except (KeyError, ValueError, TypeError):
            continue
    if not instruments:
        raise BrokerUnavailable("GET /instruments: no row of the dump can be used")
    return instruments, len(rows) - len(instruments)


def _instrument(row: Mapping[str, str], shares_with_auction: frozenset[str]) -> Instrument:
    """One row. Raises KeyError or ValueError where it has no counterpart here."""
    exchange, segment, symbol = row["exchange"], row["segment"], row["tradingsymbol"]
    token = int(row["instrument_token"])
    if token <= 0 or not symbol:
        raise ValueError("neither token nor symbol may be missing")
    if segment == "INDICES":
        return Instrument(
            token,
            exchange,
            symbol,
            InstrumentKind.INDEX,
            _price(row["tick_size"]),
            1,
            1,
            row["name"],
            SessionClass.INDEX,
        )
    kind = _KINDS[row["instrument_type"]]
    lot = max(1, int(row["lot_size"] or 1))
    tick = _price(row["tick_size"])
    if tick <= 0:
        raise ValueError("a tradable instrument has a tick size")
    if exchange in ("NSE", "BSE"):
        if kind is not InstrumentKind.EQUITY or segment != exchange:
            raise ValueError("only shares trade in the cash segment")
        session = SessionClass.EQUITY_AUCTION if symbol in shares_with_auction else SessionClass.EQUITY
        return Instrument(token, exchange, symbol, kind, tick, lot, name=row["name"], session=session)
    session = _DERIVATIVES[exchange]
    multiplier = 1
    if session is SessionClass.COMMODITY:
        lot, multiplier = 1, lot
    elif session is SessionClass.CURRENCY:
        lot, multiplier = 1, lot if lot > 1 else CURRENCY_UNITS
    return Instrument(
        token=token,
        exchange=exchange,
        symbol=symbol,
        kind=kind,
        tick_size=tick,
        lot_size=lot,
        multiplier=multiplier,
        name=row["name"],
        session=session,
        expiry=dt.date.fromisoformat(row["expiry"]),
        strike=_price(row["strike"]),
    )


def _price(text: str) -> E4:
    return exact(float(text)) if text else 0


def _read(path: Path, source: str, day: dt.date) -> _Cached | None:
    try:
        cached = _cache.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None  # absent, torn or of an older form: the dump is read again
    if (cached.format, cached.source, cached.day) != (_FORMAT, source, day):
        return None
    return cached


def _write(path: Path, content: bytes) -> None:
    """Atomically, and best effort: without a cache the next start is slower, nothing else."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_bytes(content)
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)
        caches = sorted(path.parent.glob("instruments-*.bin"), key=lambda file: file.stat().st_mtime)
        for old in caches[:-CACHES_KEPT]:
            old.unlink(missing_ok=True)


class Catalog:
    """The day's instruments by token and by `EXCHANGE:SYMBOL`. Read-only."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.by_token: Mapping[int, Instrument] = {instrument.token: instrument for instrument in instruments}
        self.by_key: Mapping[str, Instrument] = {instrument.key: instrument for instrument in instruments}

    def __len__(self) -> int:
        """How many there are."""
        return len(self.by_token)

    def __iter__(self) -> Iterator[Instrument]:
        """Every instrument, in the dump's order."""
        return iter(self.by_token.values())
