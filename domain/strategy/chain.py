"""An option chain among a strategy's own instruments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from msgspec import Struct

from domain.values import E4, Instrument, InstrumentKind


class Chain(Struct, frozen=True):
    """The options of one underlying and expiry, by strike (1/10,000 rupee), lowest first."""

    name: str
    expiry: dt.date
    calls: Mapping[E4, Instrument]
    puts: Mapping[E4, Instrument]

    @property
    def strikes(self) -> tuple[E4, ...]:
        """Strikes that have a call and a put, lowest first."""
        return tuple(strike for strike in self.calls if strike in self.puts)

    def nearest(self, price: E4) -> E4:
        """The strike nearest to that price, the lower of two. Raises ValueError for a chain without pairs."""
        return min(self.strikes, key=lambda strike: (abs(strike - price), strike))


def chain_of(instruments: Iterable[Instrument], name: str, expiry: dt.date | None = None) -> Chain | None:
    """The chain of an underlying by name (`NIFTY`), of the nearest expiry unless one is named; None without options."""
    options = [
        each
        for each in instruments
        if each.name == name and each.kind in {InstrumentKind.CALL, InstrumentKind.PUT} and each.expiry is not None
    ]
    expiries = sorted({each.expiry for each in options if each.expiry is not None})
    if not expiries or (expiry is not None and expiry not in expiries):
        return None
    chosen = expiries[0] if expiry is None else expiry
    found = sorted((each for each in options if each.expiry == chosen), key=lambda each: each.strike)
    return Chain(
        name,
        chosen,
        {each.strike: each for each in found if each.kind is InstrumentKind.CALL},
        {each.strike: each for each in found if each.kind is InstrumentKind.PUT},
    )
