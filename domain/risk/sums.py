"""Worst-case exposure added up in every way that has a limit, with one more order on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from domain.risk.book import RiskBook
from domain.risk.exposure import NO_EXPOSURE, LineKey
from domain.values import E4, Instrument, InstrumentKind, Product

_EQUITY: Final = InstrumentKind.EQUITY
_INDEX: Final = InstrumentKind.INDEX


class Sums(Struct, frozen=True):
    """Values in 1/10,000 rupee. Lines are added up unsigned, but for `net_low` and `net_high`.

    net_low, net_high  longs less shorts when every sale and no purchase fills, and the reverse
    """

    gross: E4
    net_low: E4
    net_high: E4
    strategy: Mapping[str, E4]
    product: Mapping[Product, E4]
    segment: Mapping[str, E4]
    underlying: Mapping[str, E4]

    @property
    def net(self) -> E4:
        """The larger end, unsigned."""
        return max(abs(self.net_low), abs(self.net_high))


def underlying_of(instrument: Instrument | None, key: str) -> str:
    """What a position in it is a position in: a share's symbol, a contract's underlying."""
    if instrument is None:
        return key.partition(":")[2]
    if instrument.kind is _EQUITY or instrument.kind is _INDEX:
        return instrument.symbol
    return instrument.name or instrument.symbol


def add_up(book: RiskBook, key: LineKey, more: int, price: E4, instrument: Instrument | None) -> Sums:
    """All lines of the book at their newest prices, with `more` signed units in the line `key`.

    price  for the whole of the line's instrument: the worst that the order could mean
    """
    strategy: dict[str, E4] = {}
    product: dict[Product, E4] = {}
    segment: dict[str, E4] = {}
    underlying: dict[str, E4] = {}
    gross = net_low = net_high = 0
    lines = book.exposures()
    for each in (*lines, *(() if key in lines else (key,))):
        line = lines.get(each, NO_EXPOSURE)
        low, high = line.ends(more if each == key else 0)
        token = each[1]
        same = token == key[1]
        listed = instrument if same and instrument is not None else book.listed(token)
        name = listed.key if listed is not None else book.instrument(token)
        unit = (price if same else book.price(token)) * (1 if listed is None else listed.multiplier)
        value = max(high, -low) * unit
        gross += value
        net_low += low * unit
        net_high += high * unit
        on, of = name.partition(":")[0], underlying_of(listed, name)
        strategy[each[0]] = strategy.get(each[0], 0) + value
        product[each[2]] = product.get(each[2], 0) + value
        segment[on] = segment.get(on, 0) + value
        underlying[of] = underlying.get(of, 0) + value
    return Sums(gross, net_low, net_high, strategy, product, segment, underlying)
